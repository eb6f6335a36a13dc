#!/usr/bin/env bash
# Re-makes a row of docs/results.md: bash benches/paper.sh ROW [FOLDER]
#
#     digits-losses   write-aware losses on the digits: accuracy against writes, an input for each cell and shared inputs, three seeds
#     digits-noise    training that knows of the noise of the cells, on electrical cells: fresh and after a day, three seeds
#     digits-faults   stuck cells from 0.1 to 10 %: ignored, with the least error, planned around
#     all             every one of them
#
# Trains, plans and simulates with the programs in target/release (ELIGHT_BIN names another folder), keeps everything in FOLDER (target/paper),
# goes on where it was stopped, and writes the table between `<!-- paper: ROW -->` and `<!-- end -->` in docs/results.md.
set -euo pipefail
cd "$(dirname "$0")/.."
row=${1:?which row: digits-losses, digits-noise, digits-faults or all} out=${2:-target/paper}
if [ -z "${ELIGHT_BIN:-}" ]; then
  cargo build --release --quiet --workspace --bins
fi
exec python3 benches/paper.py "$row" "$out" "${ELIGHT_BIN:-target/release}"
