#!/usr/bin/env python3
"""train.py: a run that was stopped and goes on ends like one that never stopped, also with two processes."""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
OPTIONS = ["--steps", "40", "--every", "20", "--batch", "32", "--core", "9x9", "--input-bits", "4"]


def train(run, *more, processes=1):
    """Runs it; returns the last line of its log."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else [sys.executable]
    subprocess.run([*start, str(HERE / "train.py"), "--out", str(run), *OPTIONS, *more], check=True)
    return json.loads((run / "log.jsonl").read_text().splitlines()[-1])


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    whole = train(folder / "whole")
    assert whole["step"] == 40 and 0 < whole["bound"] <= whole["writes"]
    assert train(folder / "parts", "--until", "20")["step"] == 20
    assert not (folder / "parts" / "model.safetensors").exists()
    parts = train(folder / "parts")
    model = "model.safetensors"
    assert (folder / "whole" / model).read_bytes() == (folder / "parts" / model).read_bytes()
    assert {**whole, "seconds": 0} == {**parts, "seconds": 0}
    wrong = subprocess.run([sys.executable, str(HERE / "train.py"), "--out", str(folder / "whole"), *OPTIONS, "--bits", "3"], capture_output=True, text=True)
    assert wrong.returncode != 0 and "go on with the same options" in wrong.stderr
    two = train(folder / "two", processes=2)
    assert abs(two["loss"] - whole["loss"]) < 1 and two["step"] == 40
print("train.py: ok")
