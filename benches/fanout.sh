#!/usr/bin/env bash
# The tables of shared inputs in docs/ordering.md and docs/performance.md: [FANOUTS=...] bash benches/fanout.sh [EFFORT] [NETWORK...]
# Every network at 9x9, 16x16 and 64x64, for each fanout (or for some of: column root 2 cell) and reach; processor time of the whole program on one
# thread, without the replay. Figures are gathered in target/fanout-EFFORT.jsonl; the tables are of all that is there.
set -eu
cd "$(dirname "$0")/.."
effort=${1:-good}
shift || true
cargo build --release --quiet --bin elight-plan --example gaussian_vgg8
target/release/examples/gaussian_vgg8 target/vgg8.safetensors
networks=("$@")
if [ ${#networks[@]} -eq 0 ]; then
  networks=(vgg8 fixtures/mnist-cnn.safetensors)
  for network in ../shared/models/*.safetensors; do
    case $network in *f16.safetensors | *mnist-cnn*) ;; *) [ -f "$network" ] && networks+=("$network") ;; esac
  done
fi
python3 benches/fanout.py "$effort" "${networks[@]}"
