#!/usr/bin/env bash
# Builds firmware-model for a Cortex-M4F, which has no operating system. Where cargo builds core itself, nothing but core is
# there, so a use of alloc fails too. Installs what is missing; never passes without having built.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${FW_TARGET:-thumbv7em-none-eabihf}

build() {
  .ci/cargo-fw.sh build -p firmware-model --release --target-dir target/no-std
}

status=0
build || status=$?
if [ "$status" = 77 ]; then
  echo "installing a core for $target"
  rustup target add "$target" || {
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rustc-web rust-web-src
  }
  status=0
  build || status=$?
fi
if [ "$status" != 0 ]; then
  echo "no-std.sh: firmware-model was NOT built for $target (status $status)" >&2
  exit 1
fi
echo "no-std.sh: firmware-model is built for $target"
