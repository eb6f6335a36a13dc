#!/usr/bin/env bash
# The tables of docs/trade.md, section 8: what each objective costs and gains. bash benches/objectives.sh [NETWORK...]
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet --bin elight-plan --example gaussian_vgg8
target/release/examples/gaussian_vgg8 "$work/vgg8.safetensors"
cat > "$work/reset.toml" <<'T'
# Made up, to compare objectives: a reset is dear, a set costs by the level.
name = "reset"
title = "Reset, then set"
source = "made up"
bits = 4
[transmission]
beta_per_level = 0.872
[write]
model = "reset-then-set"
energy_reset_pj = 100
energy_set_pj = 20
energy_set_pj_per_level = 5
time_reset_us = 0.05
time_set_us = 0.5
T
cat > "$work/pulse.toml" <<'T'
# Made up: a fall is dearer than a rise.
name = "pulse"
title = "One pulse"
source = "made up"
bits = 4
[transmission]
beta_per_level = 0.872
[write]
model = "single-shot"
energy_up_pj_per_pulse = 10
energy_down_pj_per_pulse = 30
time_up_us_per_pulse = 0.1
time_down_us_per_pulse = 0.5
T
networks=("$@")
if [ ${#networks[@]} -eq 0 ]; then
  networks=("$work/vgg8.safetensors")
  [ -f ../shared/models/resnet20-cifar10.safetensors ] && networks+=(../shared/models/resnet20-cifar10.safetensors)
fi
python3 - "$work" "${networks[@]}" <<'P'
import json, os, subprocess, sys

work, *networks = sys.argv[1:]
print("| network | core | device | reach | objective | writes | energy, uJ | time, ms | worst cell | gap of the objective |")
print("|---|---|---|---|---|---|---|---|---|---|")
for network in networks:
    name = os.path.basename(network).removesuffix(".safetensors")
    for core in "9x9", "64x64":
        for device in "elight", "pulse", "reset":
            for reach, objectives in ("row", ("writes", "energy", "latency", "wear")), ("lane", ("writes", "energy")):
                for objective in objectives:
                    if device == "elight" and objective == "energy":
                        continue  # the same plan as for writes
                    profile = device if device == "elight" else f"{work}/{device}.toml"
                    run = subprocess.run(
                        ["target/release/elight-plan", network, "--core", core, "--device", profile, "--reach", reach, "--objective", objective,
                         "--scale", "layer" if name == "vgg8" else "row", "--no-verify", "--json", "-o", f"{work}/x.elight"],
                        stdout=subprocess.PIPE, check=True)
                    r = json.loads(run.stdout)
                    c, gap = r["orders"]["optimal"]["per_inference"], r["objective"]["gap"]
                    gap = "-" if gap is None else f"{100 * gap:.1f} %"
                    print(f'| {name} | {core} | {device} | {reach} | {objective} | {c["writes"]:,} | {c["energy_pj"] / 1e6:.3f} | {c["time_us"] / 1e3:.3f} '
                          f'| {c["max_cell_wear"]:,} | {gap} |', flush=True)
P
