#!/usr/bin/env bash
# cargo-fw.sh SUBCOMMAND [ARGS...]: runs cargo for a bare-metal target, with whichever toolchain here can.
#
# Tried in this order:
#   1. rustc with the target's core installed         (rustup target add TARGET)
#   2. rustc, or Debian's, with the sources of core   (rustup component add rust-src, or apt: rustc-web rust-web-src):
#      cargo then builds core itself
# Exit status 77 when neither is there. FW_TARGET names another target.
set -euo pipefail
target=${FW_TARGET:-thumbv7em-none-eabihf}
[ $# -ge 1 ] || { echo "usage: cargo-fw.sh SUBCOMMAND [ARGS...]" >&2; exit 2; }
subcommand=$1
shift

has_core() {
  local libdir
  libdir=$("$1" --print target-libdir --target "$target" 2>/dev/null) && compgen -G "$libdir/libcore-*.rlib" >/dev/null
}

has_sources() {
  [ -f "$("$1" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ]
}

# Linking needs rust-lld: rustup's, or a link of that name to the system's lld.
find_linker() {
  command -v rust-lld >/dev/null && return
  local host dir lld
  host=$("$1" -vV | sed -n 's/^host: //p')
  for dir in "$("$1" --print sysroot)/lib/rustlib/$host/bin" "$HOME"/.rustup/toolchains/*/lib/rustlib/*/bin; do
    if [ -x "$dir/rust-lld" ]; then
      export PATH="$dir:$PATH"
      return
    fi
  done
  lld=$(compgen -G '/usr/bin/ld.lld*' | head -n 1) || { echo "no linker: install lld" >&2; exit 3; }
  dir=${CARGO_TARGET_DIR:-target}/fw-bin
  mkdir -p "$dir"
  ln -sf "$lld" "$dir/rust-lld"
  PATH=$(cd "$dir" && pwd):$PATH
  export PATH
}

rustc=${RUSTC:-rustc}
if has_core "$rustc"; then
  exec cargo "$subcommand" --target "$target" "$@"
fi
for rustc in "$rustc" /usr/bin/rustc; do
  if command -v "$rustc" >/dev/null && has_sources "$rustc"; then
    find_linker "$rustc"
    # core is built with the compiler that it belongs to; building it needs an unstable flag of cargo, our code needs none.
    RUSTC=$rustc RUSTC_BOOTSTRAP=1 exec cargo "$subcommand" -Zbuild-std=core --target "$target" "$@"
  fi
done
echo "no core for $target: rustup target add $target, or apt-get install rustc-web rust-web-src" >&2
exit 77
