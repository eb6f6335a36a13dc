#!/usr/bin/env python3
"""Continues the training of a CIFAR-10 ResNet-20 with quantized weights and a write-aware loss, and saves it for elight-plan.

    python finetune_resnet20.py resnet20.safetensors cifar10/ -o tuned.safetensors --steps 200 --weight 1

The data is CIFAR-10's binary version. Needs torch and safetensors; see docs/from-pytorch.md.
"""

import argparse
import pathlib
import time

import torch
from torch import nn
from torch.nn import functional as F

import elight_torch
import export


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        # The shortcut without weights: every second pixel, zeros in the new channels.
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return F.relu(x + y)


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2, with the names of the checkpoints by Y. Idelbayev."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def cifar10(folder, test):
    """Normalised images and labels."""
    files = ["test_batch.bin"] if test else [f"data_batch_{i}.bin" for i in range(1, 6)]
    raw = b"".join((pathlib.Path(folder) / name).read_bytes() for name in files)
    data = torch.frombuffer(bytearray(raw), dtype=torch.uint8).reshape(-1, 3073)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (data[:, 1:].reshape(-1, 3, 32, 32) / 255 - mean[:, None, None]) / std[:, None, None]
    return images, data[:, 0].long()


@torch.no_grad()
def accuracy(model, images, labels):
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(250), labels.split(250)))
    return 100 * right / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("data", help="folder of data_batch_1.bin ... test_batch.bin")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--core", default="9x9")
    parser.add_argument("--method", choices=elight_torch.METHODS, default="quantile")
    parser.add_argument("--weight", type=float, default=1.0, help="of the write-aware loss; 0: quantized training alone")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    core = tuple(int(side) for side in args.core.split("x"))
    torch.manual_seed(args.seed)

    model = ResNet20()
    model.load_state_dict(export.read(args.checkpoint), strict=True)
    test = [part[: args.images] for part in cifar10(args.data, test=True)]
    print(f"float: {accuracy(model, *test):.2f} % of {len(test[0])} test images", flush=True)
    elight_torch.attach(model, bits=args.bits)
    write_loss = lambda: elight_torch.write_loss(model, args.method, core).item()
    print(f"{args.bits} bits: {accuracy(model, *test):.2f} %, {args.method} loss {write_loss():.4f}", flush=True)

    images, labels = cifar10(args.data, test=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    model.train()
    begun = time.time()
    for step in range(args.steps):
        pick = torch.randint(len(images), (args.batch,))
        x, y = F.pad(images[pick], (4, 4, 4, 4)), labels[pick]
        # One crop and one mirror a batch: enough for a few hundred steps.
        i, j = torch.randint(9, (2,)).tolist()
        x = x[:, :, i : i + 32, j : j + 32].flip(3) if torch.rand(()) < 0.5 else x[:, :, i : i + 32, j : j + 32]
        loss = F.cross_entropy(model(x), y)
        total = loss + args.weight * elight_torch.write_loss(model, args.method, core) if args.weight else loss
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 19:
            print(f"step {step + 1}: loss {loss.item():.3f}, {args.method} loss {write_loss():.4f}, {time.time() - begun:.0f} s", flush=True)
    print(f"after {args.steps} steps: {accuracy(model, *test):.2f} %, {args.method} loss {write_loss():.4f}")
    elight_torch.save(model, args.output, core)


if __name__ == "__main__":
    main()
