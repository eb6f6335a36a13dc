#!/usr/bin/env bash
# fuzz.sh [SECONDS]: fuzzes the decoder, from the committed seeds and whatever was found before. Default: 60 seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
# Sanitizers need a nightly compiler, or a stable one that is told to be one.
if cargo +nightly --version >/dev/null 2>&1; then toolchain=+nightly; else toolchain=; export RUSTC_BOOTSTRAP=1; fi
# New inputs go to the first folder; the seeds stay as they are.
mkdir -p fuzz/corpus/decoder
cargo $toolchain fuzz run decoder fuzz/corpus/decoder fuzz/seeds/decoder -- \
  -max_total_time="${1:-60}" -timeout=10 -max_len=8192 -print_final_stats=1
