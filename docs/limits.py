#!/usr/bin/env python3
"""What link, memory and decoding allow: prints the table of docs/bring-up.md from the figures of docs/performance.md (bits a weight, written
cells) and docs/performance-controller.md (instructions a weight and a written cell). Rates of lines and memories are those of LINES.

    python3 docs/limits.py
"""

import pathlib
import re

# Bytes a second. 115,200 baud: 10 bits a byte. USB full speed: 19 bulk packets of 64 bytes a millisecond at most (USB 2.0, 5.8.4).
# QSPI: four bits a clock at 50 MHz, commands and addresses not counted.
LINES = {"115,200 baud": 11_520, "USB full speed": 19 * 64 * 1000, "QSPI, 50 MHz": 25_000_000}
# Clocks in Hz, at one instruction a cycle.
CLOCKS = {"168 MHz": 168e6, "600 MHz": 600e6}

docs = pathlib.Path(__file__).resolve().parent
planning = (docs / "performance.md").read_text()
controller = (docs / "performance-controller.md").read_text()


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def number(text):
    return float(re.sub(r"[^0-9.]", "", text))


lines = planning.splitlines()
first = next(i for i, line in enumerate(lines) if line.startswith("| VGG8 shapes"))
weights = number(re.search(r"([0-9.]+) M", lines[first])[1]) * 1e6
plans = {"64x64": cells(lines[first]), "9x9": cells(lines[first + 1])}
instructions = {}
for line in controller.splitlines():
    for key in ("instructions a weight", "instructions a PCM cell written"):
        if line.startswith("| " + key):
            small, large = cells(line)[3:5]
            instructions[key] = {"9x9": number(small), "64x64": number(large)}


def seconds(s):
    return f"{s:.0f} s" if s >= 10 else f"{s:.1f} s" if s >= 1 else f"{s * 1000:.0f} ms"


print("| core | bytes an inference | " + " | ".join([*LINES, *(f"decoding, {c}" for c in CLOCKS)]) + " |")
print("|---|---:|" + "---:|" * (len(LINES) + len(CLOCKS)))
for core, plan in plans.items():
    size = weights * number(plan[8]) / 8
    work = weights * instructions["instructions a weight"][core]
    work += number(plan[5]) * instructions["instructions a PCM cell written"][core]
    times = [size / rate for rate in LINES.values()] + [work / clock for clock in CLOCKS.values()]
    print(f"| {core} | {size / 1e6:.1f} MB | " + " | ".join(map(seconds, times)) + " |")
