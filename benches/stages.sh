#!/usr/bin/env bash
# The table of stages in docs/performance.md: bash benches/stages.sh
# Runs the benchmark `stages` and prints its medians, per weight, on one thread.
set -eu
cd "$(dirname "$0")/.."
cargo bench --bench stages -- --noplot >&2
python3 - "${CARGO_TARGET_DIR:-target}/criterion/stages" <<'P'
import json, pathlib, sys
weights = 512 * 4608
print("| stage | ns a weight | from | to |\n|---|---|---|---|")
for stage in ["quantize", "order", "program and tally", "program and encode", "decode", "replay", "whole plan, written to disk"]:
    folder = pathlib.Path(sys.argv[1]) / stage.replace(",", "_")
    if not folder.is_dir():
        folder = pathlib.Path(sys.argv[1]) / stage
    median = json.load(open(folder / "new" / "estimates.json"))["median"]
    low, high = (median["confidence_interval"][end] / weights for end in ("lower_bound", "upper_bound"))
    print(f'| {stage} | {median["point_estimate"] / weights:.1f} | {low:.1f} | {high:.1f} |')
P
