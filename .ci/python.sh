#!/usr/bin/env bash
# The Python examples: the decoder in plain Python, and the PyTorch module where torch is installed.
set -euo pipefail
cd "$(dirname "$0")/../examples/pytorch"
export PYTHONDONTWRITEBYTECODE=1
if ! command -v python3 >/dev/null; then
  echo 'skipped: no python3; the Rust tests read the same schedules and vectors'
  exit
fi
python3 test_read_plan.py
if python3 -c 'import torch, safetensors' 2>/dev/null; then
  python3 test_elight_torch.py
else
  echo 'skipped: test_elight_torch.py needs torch and safetensors (pip install torch safetensors numpy)'
fi
