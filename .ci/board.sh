#!/usr/bin/env bash
# board.sh [TEST FILTER]: builds the controller for a Cortex-M4F and tests it on an emulated board: the whole path from weights to products,
# power cuts, and a table of its sizes and speeds. Installs what is missing; never passes without having run.
#
# ELIGHT_CUT_STRIDE=N cuts the power after every N-th store of the sweeps (1: after each; without it: 11 and 199).
set -euo pipefail
cd "$(dirname "$0")/.."
unset CARGO_PROFILE_RELEASE_LTO CARGO_PROFILE_RELEASE_INCREMENTAL CARGO_PROFILE_RELEASE_DEBUG
target=thumbv7em-none-eabihf
out=$PWD/target/board/$target/release

install() {
  echo "board.sh: installing $*"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

build() {
  (cd firmware-model/board && ../../.ci/cargo-fw.sh build --release --locked --target-dir ../../target/board)
}

# setpriv ends the emulator with the test that started it.
command -v setpriv >/dev/null || install util-linux
command -v qemu-system-arm >/dev/null || install qemu-system-arm
command -v cc >/dev/null || install gcc libc6-dev

status=0
build || status=$?
if [ "$status" = 77 ]; then
  rustup target add "$target" || install rustc-web rust-web-src
  status=0
  build || status=$?
fi
if [ "$status" != 0 ]; then
  echo "board.sh: the controller was NOT built for $target (status $status)" >&2
  exit 1
fi
cc -shared -fPIC -O2 -Wall -Wextra -Wno-unused-parameter tests/board/power_cut.c -o "$out/power_cut.so"

ELIGHT_BOARD=$out cargo test --locked --features board-tests --test board -- --nocapture --test-threads=2 "$@"
echo "board.sh: the table for docs/performance-controller.md is in $out/figures.md"
