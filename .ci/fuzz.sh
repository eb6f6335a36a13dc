#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET...]]: fuzzes the targets of fuzz/, from the committed seeds and whatever was found before. Default: each
# for 20 seconds.
#
# It compiles with the flags of `cargo fuzz build --sanitizer none`, so neither cargo-fuzz nor a nightly compiler has to be installed;
# `cargo +nightly fuzz run TARGET` works as well. Without the address sanitizer: these targets have no unsafe code.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(decoder link journal device weights onnx)
host=$(rustc -vV | sed -n 's/^host: //p')

coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# A target of its own keeps these flags from build scripts and macros.
RUSTFLAGS="$coverage -Ccodegen-units=1 --cfg fuzzing" \
  cargo build --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --target "$host" --release --bins

for target in "${targets[@]}"; do
  echo "fuzz.sh: $target, $seconds seconds"
  # New inputs go to the first folder; the seeds stay as they are.
  mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
  dict=()
  [ ! -f "fuzz/$target.dict" ] || dict=(-dict="fuzz/$target.dict")
  "target/fuzz/$host/release/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -artifact_prefix="fuzz/artifacts/$target/" \
    -seed=1 -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 "${dict[@]}" \
    >"target/fuzz/$target.log" 2>&1 || { tail -n 60 "target/fuzz/$target.log" >&2; exit 1; }
  grep -E 'number_of_executed_units|new_units_added|peak_rss' "target/fuzz/$target.log"
done
