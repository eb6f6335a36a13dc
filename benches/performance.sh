#!/usr/bin/env bash
# The tables of docs/performance.md: bash benches/performance.sh [RUNS]
# Each figure is the median of RUNS runs (default 5) of the whole program on one thread, without the replay.
set -eu
cd "$(dirname "$0")/.."
runs=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet --bin elight-plan --example gaussian_vgg8
plan=target/release/elight-plan
target/release/examples/gaussian_vgg8 "$work/vgg8.safetensors"

row() { # name, file, options...
  name=$1 file=$2; shift 2
  for _ in $(seq "$runs"); do
    "$plan" "$file" "$@" --no-verify --json -o "$work/x.elight" >"$work/report.json"
    python3 - "$work/report.json" <<'P'
import json, sys
r = json.load(open(sys.argv[1]))
o = r["orders"]
gap = "-" if r["gap"] is None else f'{100 * r["gap"]:.1f} %'
print(r["seconds"], 1e9 * r["seconds"] / r["weights"], o["natural"]["per_inference"]["writes"], o["sorted"]["per_inference"]["writes"],
      o["optimal"]["per_inference"]["writes"], r["lower_bound_writes"], gap.replace(" ", "~"), f'{r["schedule"]["bits_per_weight"]:.2f}',
      r["schedule"]["decoder_ram_bytes"])
P
  done | sort -g | sed -n "$(((runs + 1) / 2))p" | {
    read -r seconds ns natural sorted optimal bound gap bits ram
    printf '| %s | %s | %.0f | %s | %s | %s | %s | %s | %s | %s |\n' "$name" "$*" "$ns" "$natural" "$sorted" "$optimal" "$bound" "${gap//\~/ }" "$bits" "$ram"
  }
}

echo '| network | options | ns a weight | natural | sorted | optimal | bound | gap | bits a weight | decoder RAM |'
echo '|---|---|---|---|---|---|---|---|---|---|'
for core in 64x64 9x9; do
  row 'VGG8, Gaussian' "$work/vgg8.safetensors" --core $core --scale layer --threads 1
done
row 'VGG8, Gaussian' "$work/vgg8.safetensors" --core 64x64 --scale layer --threads 2
row 'VGG8, Gaussian' "$work/vgg8.safetensors" --core 64x64 --scale layer --reach lane --threads 1
for core in 64x64 9x9; do
  row 'mnist-cnn' fixtures/mnist-cnn.safetensors --core $core --threads 1
done
if [ -d ../shared/models ]; then
  for net in resnet20-cifar10 efficientnet-lite0; do
    for core in 64x64 9x9; do
      row $net ../shared/models/$net.safetensors --core $core --threads 1
    done
  done
fi
