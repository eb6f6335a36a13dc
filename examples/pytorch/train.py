#!/usr/bin/env python3
"""Trains a network for a photonic core, and logs how many writes an inference of it takes.

    python train.py --out runs/digits                                       one CPU, or one GPU where there is one
    torchrun --nproc-per-node 4 train.py --out runs/resnet20 --model resnet20 --data cifar10/
    sbatch ../cluster/train.sh                                              many nodes

The same command goes on where a run was stopped: OUT/last.pt holds all that it needs. The images of a step depend on seed and step alone,
however many processes share them. OUT/log.jsonl has a line every --every steps, OUT/model.safetensors the result, ready for elight-plan.
Needs the package elight (pip install ./python) with torch 2.2 or newer; docs/from-pytorch.md walks through it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import signal
import time

import torch
import torch.distributed as dist
from torch.nn import functional as F

import elight
import elight.torch as pcm
import networks

# What may differ between a run and its continuation.
FREE = ("run", "every", "until", "steps")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", dest="run", type=pathlib.Path, required=True, metavar="DIR", help="where log, state and result go")
    parser.add_argument("--data", default="digits", metavar="digits|FOLDER", help="the digits of the repository, or CIFAR-10's binary files")
    parser.add_argument("--model", default="mlp", metavar="mlp|resnet20|MODULE:FUNCTION")
    parser.add_argument("--init", metavar="FILE", help="weights to begin with: .safetensors, or a file of torch.save")
    parser.add_argument("--core", default="9x9", metavar="RxC")
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--device", default="elight", help="a preset of elight-plan, or a TOML file")
    parser.add_argument("--scale", choices=["row", "layer"], default="row")
    parser.add_argument("--input-bits", type=int, help="of the converters of inputs [default: inputs are not quantized]")
    parser.add_argument("--method", choices=pcm.METHODS, default="quantile", help="the write-aware loss")
    parser.add_argument("--weight", type=float, default=10.0, help="of the write-aware loss; 0: quantized training alone")
    parser.add_argument("--noise", help="train with the noise of a core: electrical-pcm, optical-pcm, or a TOML file")
    parser.add_argument("--age", type=float, default=0.0, metavar="SECONDS", help="from the writes to the reading, for the noise")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64, help="images a step, over all processes")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--augment", action="store_true", help="shift and mirror the training images")
    parser.add_argument("--every", type=int, default=100, metavar="STEPS", help="between tests, plans and saves")
    parser.add_argument("--until", type=int, metavar="STEP", help="stop there, as a job whose time is up; the same command goes on")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Processes:
    """This process among those that torchrun has started; one by itself without torchrun."""

    def __init__(self):
        gpu = torch.cuda.is_available()
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if gpu else torch.device("cpu")
        if gpu:
            torch.cuda.set_device(self.device)
        if self.count > 1:
            dist.init_process_group("nccl" if gpu else "gloo")
        self._stop = False
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_):
        self._stop = True

    def sum(self, *values: float) -> list[float]:
        """Each value summed over all processes."""
        total = torch.tensor(values, dtype=torch.float64, device=self.device if self.device.type == "cuda" else None)
        if self.count > 1:
            dist.all_reduce(total)
        return total.tolist()

    def stopped(self) -> bool:
        """Whether one of them has been asked to stop: all of them have to stop at the same step."""
        return self.sum(self._stop)[0] > 0

    def mine(self, part: torch.Tensor) -> torch.Tensor:
        """Every count-th element, from the rank-th on."""
        return part[self.rank :: self.count]

    def close(self):
        if self.count > 1:
            dist.destroy_process_group()


def chosen(step: int, args: argparse.Namespace, images: int) -> torch.Tensor:
    """The images of a step: the whole batch of all processes, from shuffled epochs."""
    batch = min(args.batch, images)
    epoch, place = divmod(step, images // batch)
    order = torch.randperm(images, generator=torch.Generator().manual_seed(args.seed * 1_000_003 + epoch))
    return order[place * batch : (place + 1) * batch]


def seed_step(step: int, args: argparse.Namespace, rank: int) -> torch.Generator:
    """Seeds what is random in a step, so that a run that goes on draws what it would have drawn; returns the generator of the images."""
    torch.manual_seed((args.seed * 1_000_003 + step) * 4099 + rank)
    return torch.Generator().manual_seed((args.seed + 1) * 1_000_003 + step)


@torch.no_grad()
def accuracy(model: torch.nn.Module, test: networks.Images, processes: Processes) -> float:
    """Top-1, percent: each process judges its part."""
    images, labels = (processes.mine(part) for part in test)
    model.eval()
    right = sum((model(x.to(processes.device)).argmax(1).cpu() == y).sum().item() for x, y in zip(images.split(250), labels.split(250)))
    model.train()
    right, total = processes.sum(right, len(labels))
    return 100 * right / total


def save(path: pathlib.Path, state: dict) -> None:
    """The file appears whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def resume(args: argparse.Namespace, model: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> int:
    """Takes up what OUT/last.pt holds; returns the steps done."""
    path = args.run / "last.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    now = {key: value for key, value in vars(args).items() if key not in FREE}
    changed = [f"--{key.replace('_', '-')} {state['options'].get(key)}" for key, value in now.items() if state["options"].get(key) != value]
    if changed:
        raise SystemExit(f"error: {path} is of a run with {', '.join(changed)}: go on with the same options, or name another --out")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def main() -> None:
    args = arguments()
    processes = Processes()
    first = processes.rank == 0
    if args.batch % processes.count:
        raise SystemExit(f"error: --batch {args.batch}: expected a multiple of the {processes.count} processes, so that each has as many images")
    args.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    model = networks.build(args.model)
    if args.init:
        import export

        model.load_state_dict(export.read(args.init), strict=True)
    noise = pcm.Noise(args.noise, age=args.age) if args.noise else None
    pcm.convert(model, args.bits, args.device, args.scale, input_bits=args.input_bits, noise=noise)
    model.to(processes.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    done = resume(args, model, optimizer, processes.device)
    wrapped = torch.nn.parallel.DistributedDataParallel(model) if processes.count > 1 else model
    images, labels = networks.load(args.data, test=False)
    test = networks.load(args.data, test=True)
    ramp = pcm.Ramp(args.steps)
    log = args.run / "log.jsonl"
    if first:
        # What a run that was killed has logged beyond its last state is done again.
        lines = log.read_text().splitlines() if log.exists() else []
        log.write_text("".join(f"{line}\n" for line in lines if json.loads(line)["step"] <= done))
        print(f"{processes.count} process(es) on {processes.device}, from step {done} of {args.steps}", flush=True)

    def keep(step: int) -> None:
        if first:
            options = {key: value for key, value in vars(args).items() if key not in FREE}
            save(args.run / "last.pt", {"step": step, "options": options, "model": model.state_dict(), "optimizer": optimizer.state_dict()})

    model.train()
    begun = time.time()
    last = args.steps if args.until is None else min(args.until, args.steps)
    for step in range(done, last):
        generator = seed_step(step, args, processes.rank)
        batch = chosen(step, args, len(labels))
        x = networks.moved(images[batch], generator) if args.augment else images[batch]
        x, y = (processes.mine(part).to(processes.device) for part in (x, labels[batch]))
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (1 + math.cos(math.pi * step / args.steps)) / 2
        task = F.cross_entropy(wrapped(x), y)
        writes = pcm.write_loss(model, args.method, args.core)
        optimizer.zero_grad()
        (task + args.weight * ramp(step) * writes).backward()
        optimizer.step()
        now = step + 1
        stop = now % 10 == 0 and processes.stopped()
        if now % args.every == 0 or now == last or stop:
            right = accuracy(model, test, processes)
            keep(now)
            if first:
                plan = elight.plan(pcm.network(model, test[0][:1].to(processes.device)), core=args.core, effort="fast", no_verify=True)
                line = {
                    "step": now, "loss": task.item(), "write_loss": writes.item(), "accuracy_percent": right,
                    "writes": plan.writes, "bound": plan.bound, "seconds": round(time.time() - begun, 1),
                }
                with log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(f"step {now}: loss {line['loss']:.3f}, {right:.2f} % right, {plan.writes:,} writes an inference", flush=True)
        if stop:
            break
    else:
        if first and last == args.steps:
            path = pcm.export(model, test[0][:1].to(processes.device), args.run / "model.safetensors", core=args.core)
            print(f"elight-plan {path}")
    processes.close()


if __name__ == "__main__":
    main()
