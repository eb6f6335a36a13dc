#!/usr/bin/env bash
# No file imports, over whatever way, a file that imports it: .ci/imports.rs proves it, or names the circle.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p target/imports
rustc --edition 2024 --test .ci/imports.rs -o target/imports/tests
target/imports/tests --quiet >target/imports/log || { cat target/imports/log; exit 1; }
rustc --edition 2024 -O .ci/imports.rs -o target/imports/check
target/imports/check
