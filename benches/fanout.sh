#!/usr/bin/env bash
# The tables of shared inputs in docs/performance.md: [FANOUTS=column] bash benches/fanout.sh [EFFORT] [NETWORK...]
# Every network at 9x9, 16x16 and 64x64, for each fanout and reach; processor time of the whole program on one thread, without the replay.
set -eu
cd "$(dirname "$0")/.."
effort=${1:-good}
shift || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet --bin elight-plan --example gaussian_vgg8
target/release/examples/gaussian_vgg8 "$work/vgg8.safetensors"
networks=("$@")
if [ ${#networks[@]} -eq 0 ]; then
  networks=("$work/vgg8.safetensors" fixtures/mnist-cnn.safetensors)
  for network in ../shared/models/*.safetensors; do
    case $network in *f16.safetensors | *mnist-cnn*) ;; *) [ -f "$network" ] && networks+=("$network") ;; esac
  done
fi
for i in "${!networks[@]}"; do
  case ${networks[$i]} in
    vgg8) networks[i]=$work/vgg8.safetensors ;;
  esac
done
python3 - "$work" "$effort" "${networks[@]}" <<'P'
import json, os, resource, subprocess, sys

work, effort, *networks = sys.argv[1:]
print("| network | core | fanout | reach | factor over natural | gap | us a weight | bits a weight |")
print("|---|---|---|---|---|---|---|---|")
for network in networks:
    name = os.path.basename(network).removesuffix(".safetensors")
    for core, fanouts in ("64x64", (64, 8, 2)), ("16x16", (16, 4, 2)), ("9x9", (9, 3)):
        for fanout in fanouts[:1] if os.environ.get("FANOUTS") == "column" else fanouts:
            for reach in "lane", "row":
                before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                run = subprocess.run(
                    ["target/release/elight-plan", network, "--core", core, "--fanout", str(fanout), "--reach", reach, "--effort", effort,
                     "--scale", "layer" if name == "vgg8" else "row", "--threads", "1", "--no-verify", "--json", "-o", f"{work}/x.elight"],
                    stdout=subprocess.PIPE, check=True)
                seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
                r = json.loads(run.stdout)
                natural, optimal = (r["orders"][o]["per_inference"]["writes"] for o in ("natural", "optimal"))
                gap = "-" if r["gap"] is None else f'{100 * r["gap"]:.2f} %'
                print(f'| {name} | {core} | {fanout} | {reach} | {natural / optimal:.2f} | {gap} | {1e6 * seconds / r["weights"]:.2f} '
                      f'| {r["schedule"]["bits_per_weight"]:.2f} |', flush=True)
P
