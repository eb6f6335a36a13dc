#!/usr/bin/env python3
"""VGG8 training step in PyTorch and in elight, alternating in one run; prints the ratio.

usage: python3 benches/torch_vgg8.py [ROUNDS [THREADS]]     (needs torch; builds the benchmark with cargo)

The machine's mood changes from minute to minute, so only the ratio within a round counts. On
a machine that others use too, compare one thread with one thread: threads that wait for each other at every layer lose most.
"""
import os
import re
import statistics
import subprocess
import sys
import time

import torch
from torch import nn


def vgg8():
    layers, cin = [], 3
    for width in (64, 128, 256, 512, 512):
        layers += [nn.Conv2d(cin, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        cin = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


def torch_rate(model, optimizer, x, y, steps=7):
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return len(x) / statistics.median(times[1:])


def elight_rates():
    out = subprocess.run(["cargo", "bench", "-q", "-p", "elight-train", "--bench", "train_step", "--", "7", "plain", "l2-row", "quantile"],
                         check=True, capture_output=True, text=True).stdout
    return {name: float(rate) for name, rate in re.findall(r"^(\S+): ([\d.]+) samples/s", out, re.M)}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if len(sys.argv) > 2:
        torch.set_num_threads(int(sys.argv[2]))
        os.environ["RAYON_NUM_THREADS"] = sys.argv[2]
    torch.manual_seed(1)
    model = vgg8()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    x, y = torch.randn(64, 3, 32, 32), torch.arange(64) % 10
    elight_rates()  # builds
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; samples/s, and ratio to torch plain fp32")
    ratios = {}
    for _ in range(rounds):
        rate, ours = torch_rate(model, optimizer, x, y), elight_rates()
        text = ", ".join(f"{k} {v:.0f} ({v / rate:.2f})" for k, v in ours.items())
        print(f"torch plain {rate:.0f}; elight {text}", flush=True)
        for k, v in ours.items():
            ratios.setdefault(k, []).append(v / rate)
    for k, v in ratios.items():
        print(f"median ratio {k}: {statistics.median(v):.2f}")


if __name__ == "__main__":
    main()
