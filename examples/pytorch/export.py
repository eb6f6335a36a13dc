#!/usr/bin/env python3
"""A PyTorch or Hugging Face checkpoint to a `.safetensors` file that elight-plan understands.

    python export.py resnet20.th -o resnet20.safetensors --core 9x9 --bits 4
    python export.py path/to/hugging-face-model/ -o model.safetensors

Takes a file of `torch.save` (a state dict, or a dict that holds one), a `.safetensors` file, or the folder of a Hugging Face
model. Tensors keep the order in which the checkpoint has them, as layers are planned in the order of their data; what is said of
core, device and bits goes into the metadata (docs/weights.md, docs/from-pytorch.md), so that elight-plan needs no flags.
Needs the package elight (pip install ./python) with torch, and safetensors for `.safetensors` input. A model at hand says more about itself: elight.torch.export.
"""

import argparse
import pathlib
import pickle
import re
import sys

import torch

from elight import state_dict
from elight.files import write_whole


def read(path):
    """The tensors of a checkpoint, in its order."""
    path = pathlib.Path(path)
    if path.is_dir():
        shards = sorted(path.glob("*.safetensors")) or sorted(path.glob("pytorch_model*.bin"))
        if not shards:
            sys.exit(f"error: {path}: no *.safetensors and no pytorch_model*.bin in this folder")
        return {name: tensor for shard in shards for name, tensor in read(shard).items()}
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.offset_keys()}
    # Only tensors and plain containers are unpickled: a checkpoint cannot run code.
    found = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model_state_dict", "model", "net"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    found = {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not found:
        sys.exit(f"error: {path}: no tensors in it; expected a state dict, or a dict with `state_dict`")
    # DataParallel puts this before every name.
    strip = all(name.startswith("module.") for name in found)
    return {name.removeprefix("module.") if strip else name: value for name, value in found.items()}


def core(text):
    """`RxC`, as elight-plan takes it."""
    size = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if not size or not all(1 <= int(number) <= 1024 for number in size.groups()):
        raise argparse.ArgumentTypeError(f"`{text}`: expected ROWSxCOLUMNS, each 1 to 1024, as in 9x9")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint", help=".pt, .pth, .th, .bin, .safetensors, or a model's folder")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--core", type=core, metavar="RxC", help="as in 9x9: elight-plan needs no --core then")
    parser.add_argument("--bits", type=int, choices=range(1, 9))
    parser.add_argument("--device", help="a preset of elight-plan, or a TOML file")
    parser.add_argument("--scale", choices=["row", "layer"])
    parser.add_argument("--reparam", choices=["none", "tanh"])
    parser.add_argument("--groups", action="append", default=[], metavar="TENSOR=N", help="groups of a convolution")
    args = parser.parse_args()
    try:
        tensors = read(args.checkpoint)
    except pickle.UnpicklingError:
        sys.exit(f"error: {args.checkpoint}: cannot be read as a checkpoint: expected a file of torch.save with tensors and plain containers only")
    except Exception as error:  # whatever torch, pickle and safetensors make of a file that is none of theirs
        sys.exit(f"error: {args.checkpoint}: cannot be read as a checkpoint: {str(error).split(chr(10))[0] or type(error).__name__}")
    said = {"tile": args.core, "bits": args.bits, "device": args.device, "scale": args.scale, "reparam": args.reparam}
    metadata = {"format": "pt", **{f"elight.{key}": value for key, value in said.items() if value is not None}}
    for text in args.groups:
        name, _, number = text.rpartition("=")
        if name not in tensors or not number.isdigit():
            parser.error(f"--groups {text}: expected TENSOR=N with a tensor of the checkpoint, as in dw.weight=32")
        metadata[f"elight.groups.{name}"] = number
    try:
        write_whole(args.output, state_dict.view(state_dict.image(tensors, metadata)))
    except OSError as error:
        sys.exit(f"error: cannot write {args.output}: {error.strerror}")
    weights = sum(t.numel() for t in tensors.values() if t.dim() >= 2)
    print(f"{args.output}: {len(tensors)} tensors, {weights} weights in tensors of two or more dimensions")


if __name__ == "__main__":
    main()
