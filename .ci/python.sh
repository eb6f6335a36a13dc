#!/usr/bin/env bash
# Python: the decoder of the examples, and the package of python/ as a wheel, installed and tested in an empty environment. The parts that need
# PyTorch are tested where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
if ! python3 -c 'import venv, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv
fi
(cd examples/pytorch && python3 test_read_plan.py)

work=$PWD/target/python
rm -rf "$work/wheels" "$work/build" "$work/clean"
python3 -m venv "$work/build"
"$work/build/bin/pip" install -q --disable-pip-version-check 'maturin>=1.9,<2'
cargo fmt --manifest-path python/Cargo.toml --check
CARGO_TARGET_DIR=$work/cargo PATH="$work/build/bin:$PATH" \
  "$work/build/bin/pip" wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w "$work/wheels" ./python
ls -l "$work/wheels"
python3 -m venv "$work/clean"
"$work/clean/bin/pip" install -q --disable-pip-version-check "$work"/wheels/*.whl pytest safetensors
# From elsewhere, so that the installed package is what is tested.
cp -r python/tests "$work/clean/tests"
ELIGHT_FIXTURES=$PWD/fixtures "$work/clean/bin/python" -m pytest -q -p no:cacheprovider "$work/clean/tests"

if python3 -c 'import torch, safetensors, pytest' 2>/dev/null; then
  rm -rf "$work/torch"
  python3 -m venv --system-site-packages "$work/torch"
  "$work/torch/bin/pip" install -q --disable-pip-version-check --no-deps "$work"/wheels/*.whl
  ELIGHT_FIXTURES=$PWD/fixtures "$work/torch/bin/python" -m pytest -q -p no:cacheprovider \
    "$work/clean/tests/test_torch.py" "$work/clean/tests/test_export.py" "$work/clean/tests/test_ramp.py" \
    "$work/clean/tests/test_plan.py::test_tensors_of_torch"
  (cd examples/pytorch && "$work/torch/bin/python" test_train.py)
else
  echo 'skipped: what needs PyTorch (pip install torch safetensors pytest)'
fi
