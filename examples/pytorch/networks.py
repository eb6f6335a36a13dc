"""Networks and data for train.py: an MLP for the digits of the repository, ResNet-20 for CIFAR-10, or a function of your own."""

from __future__ import annotations

import gzip
import importlib
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"

Images = tuple[torch.Tensor, torch.Tensor]
"""Images, float32 `[n, channels, height, width]`, and labels, int64 `[n]`."""


class Block(nn.Module):
    """Two convolutions and a shortcut without weights: every second pixel, zeros in the new channels."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, (outputs - inputs) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return F.relu(x + y)


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2, with the names of the checkpoints by Y. Idelbayev."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def mlp() -> nn.Module:
    """64-128-64-10, for images of 8x8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def build(name: str) -> nn.Module:
    """`mlp`, `resnet20`, or `MODULE:FUNCTION`, a function of a module that can be imported and returns the network."""
    if name in (known := {"mlp": mlp, "resnet20": ResNet20}):
        return known[name]()
    module, _, function = name.partition(":")
    if not function:
        raise SystemExit(f"error: --model {name}: expected {', '.join(known)}, or MODULE:FUNCTION of your own")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise SystemExit(f"error: --model {name}: {error}") from None


def digits(test: bool) -> Images:
    """1,797 digits of 8x8 pixels, 0 to 1; every fifth is a test image, as in elight-train."""

    def idx(name: str, header: int) -> torch.Tensor:
        with gzip.open(FIXTURES / name) as file:
            return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)

    images = idx("digits-images-idx3-ubyte.gz", 16).reshape(-1, 1, 8, 8) / 16
    labels = idx("digits-labels-idx1-ubyte.gz", 8).long()
    chosen = (torch.arange(len(labels)) % 5 == 4) == test
    return images[chosen], labels[chosen]


def cifar10(folder: str, test: bool) -> Images:
    """CIFAR-10's binary version, scaled by the means and deviations that the published ResNet-20 was trained with."""
    files = ["test_batch.bin"] if test else [f"data_batch_{i}.bin" for i in range(1, 6)]
    try:
        raw = b"".join((pathlib.Path(folder) / name).read_bytes() for name in files)
    except OSError as error:
        raise SystemExit(f"error: --data {folder}: expected `digits`, or a folder with CIFAR-10's data_batch_1.bin and so on ({error})") from None
    data = torch.frombuffer(bytearray(raw), dtype=torch.uint8).reshape(-1, 3073)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (data[:, 1:].reshape(-1, 3, 32, 32) / 255 - mean[:, None, None]) / std[:, None, None]
    return images, data[:, 0].long()


def load(data: str, test: bool) -> Images:
    """The training or the test images of `digits`, or of a folder."""
    return digits(test) if data == "digits" else cifar10(data, test)


def moved(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image shifted by up to an eighth of its side, and half of them mirrored: for photographs."""
    n, _, height, width = images.shape
    by = height // 8
    padded = F.pad(images, (by, by, by, by))
    down, right = torch.randint(2 * by + 1, (2, n), generator=generator)
    mirrored = torch.rand(n, generator=generator) < 0.5
    rows = down[:, None] + torch.arange(height)
    cols = right[:, None] + torch.where(mirrored[:, None], torch.arange(width).flip(0), torch.arange(width))
    each = torch.arange(n)
    return padded[each[:, None, None], :, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)
