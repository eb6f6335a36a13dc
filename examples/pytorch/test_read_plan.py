#!/usr/bin/env python3
"""read_plan.py against the fixtures, and against the weights of every schedule given: python test_read_plan.py [NET.elight ...]

A schedule is written from docs/schedule-format.md and read from it here: both sides have nothing else in common.
"""

import json
import pathlib
import sys

import read_plan

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"

# The example of docs/schedule-format.md, byte by byte.
document = (FIXTURES.parent / "docs/schedule-format.md").read_text()
example = document.split("```hex")[1].split("```")[0]
data = bytes.fromhex("".join(line.split("#")[0] for line in example.splitlines()))
matrix = {}
for step in read_plan.steps(data):
    for row, (levels, inputs) in step["rows"].items():
        for level, column in zip(levels, inputs):
            if column is not None:
                matrix[step["outputs"][row], column] = level
# Rows (1, -1, 0, 1) and (0, 0, -1, -1); one product with weight zero is left out.
expected = {(0, 0): 1, (0, 1): -1, (0, 2): 0, (0, 3): 1, (1, 0): 0, (1, 1): 0, (1, 2): -1, (1, 3): -1}
assert len(matrix) == 7 and all(expected[place] == level for place, level in matrix.items()), matrix
found = read_plan.count(data)
assert all(found["counted"][key] == value for key, value in found["end"].items()), found
print("the example of the format: every weight and the totals")

for schedule in [FIXTURES / "mnist-cnn-9x9.elight", *map(pathlib.Path, sys.argv[1:])]:
    found = read_plan.count(schedule.read_bytes())
    assert all(found["counted"][key] == value for key, value in found["end"].items()), (schedule, found)
    report = schedule.with_suffix(".json")
    if report.exists():
        planned = json.loads(report.read_text())
        costs = planned["orders"][planned["order"]]
        assert costs["per_inference"]["writes"] == found["counted"]["writes"]
        assert costs["first_load"]["events"] == found["counted"]["first_events"]
        assert [layer["name"] for layer in planned["layers"]] == [layer["name"] for layer in found["layers"]]
    print(f"{schedule.name}: {found['counted']['writes']} writes an inference, as planned")

for at in range(8, len(data), 5):
    damaged = bytes([*data[:at], data[at] ^ 1, *data[at + 1 :]])
    try:
        read_plan.count(damaged)
    except ValueError:
        continue
    raise AssertionError(f"damage at byte {at} is not noticed")
print("read_plan: all passed")
