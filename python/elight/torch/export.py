"""A model as a `.safetensors` file that says what network it is.

The description (metadata key `elight.network`, docs/weights.md) is recorded by hooks while the model runs once on an example: the order of the
layers, groups, orientation, tied weights, and how many input vectors an inference streams through each layer.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from .. import _elight, state_dict
from ..files import write_whole
from ..networks import Network
from .layers import pcm_layers
from .losses import core_size

KINDS = {
    torch.nn.Linear: ("linear", 0), torch.nn.Conv1d: ("conv1d", 1), torch.nn.Conv2d: ("conv2d", 2), torch.nn.Conv3d: ("conv3d", 3),
    torch.nn.ConvTranspose1d: ("transposed-conv1d", 1), torch.nn.ConvTranspose2d: ("transposed-conv2d", 2),
    torch.nn.ConvTranspose3d: ("transposed-conv3d", 3),
}


def describe(model: torch.nn.Module, *example: Any) -> dict[str, Any]:
    """The description of a network for the metadata key `elight.network` (docs/weights.md), as running it once on an example shows it: the
    order in which layers run, their groups and orientation, tied weights, and input vectors an inference (of an example with a batch of 1).
    """
    layers, seen, hooks = {}, {}, []
    tables = {id(m.weight): m for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    names = {id(parameter): name for name, parameter in model.named_parameters()}

    def add(name, tensor, kind, vectors, groups=1, axes=None):
        if name in layers:  # it runs once more
            layers[name]["vectors"] += vectors
            return
        layer = {"name": name, "kind": kind, "vectors": vectors}
        stored = names.get(id(tensor), name)
        if stored != name:
            layer["tensor"] = stored
        if id(tensor) in seen:
            layer["tied_to"] = seen[id(tensor)]
        elif id(tensor) in tables:
            layer["tied_to"] = stored
        if groups > 1:
            layer["groups"] = groups
        if axes:
            layer["axes"] = axes
        seen.setdefault(id(tensor), name)
        layers[name] = layer

    def hook(prefix):
        def ran(module, inputs, output):
            x = inputs[0]
            if type(module).__name__ == "Conv1D" and hasattr(module, "nf"):  # GPT-2's: stored the other way round
                add(prefix + "weight", module.weight, "linear", x.numel() // x.shape[-1], axes="in out")
                return
            if isinstance(module, (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)):
                steps = x.shape[1 if module.batch_first else 0] if x.dim() == 3 else x.shape[0]
                for name, parameter in module.named_parameters(recurse=False):
                    if name.startswith("weight"):
                        add(prefix + name, parameter, "linear", steps)
                return
            kind, dims = next(kind for of, kind in KINDS.items() if isinstance(module, of))
            if dims == 0:
                add(prefix + "weight", module.weight, kind, x.numel() // x.shape[-1])
                return
            space = x if kind.startswith("transposed") else output
            add(prefix + "weight", module.weight, kind, space.shape[-dims:].numel(), module.groups)

        return ran

    recurrent = (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)
    for name, module in model.named_modules():
        if isinstance(module, (*KINDS, *recurrent)) or (type(module).__name__ == "Conv1D" and hasattr(module, "nf")):
            hooks.append(module.register_forward_hook(hook(f"{name}." if name else "")))
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(*example)
    finally:
        model.train(was_training)
        for handle in hooks:
            handle.remove()
    stored = {layer.get("tensor", name) for name, layer in layers.items()}
    left_out = []
    for name, tensor in model.state_dict().items():
        if name in layers or name in stored:
            continue
        table = any(tensor.data_ptr() == m.weight.data_ptr() for m in tables.values()) and tensor.dim() == 2
        reason = "a lookup table" if table else f"{tensor.dim()}-dimensional" if tensor.dim() < 2 else "no layer that ran multiplies by it"
        left_out.append({"tensor": name, "reason": reason})
    return {"version": 1, "layer": list(layers.values()), "left_out": left_out}


def _image(model: torch.nn.Module, example: Any, core: str | tuple[int, int] | None) -> Any:
    """Weights and description as one `.safetensors` image in memory."""
    example = example if isinstance(example, tuple) else (example,)
    metadata = {"format": "pt", "elight.network": json.dumps(describe(model, *example))}
    if core is not None:
        metadata["elight.tile"] = "{}x{}".format(*core_size(core))
    quantizers = {(q.cell.name, q.cell.bits, q.scale, q.reparam) for q in (layer.quantizer for _, layer in pcm_layers(model))}
    if len(quantizers) > 1:
        raise ValueError("the layers on the core differ in device, bits, scale or reparametrization: a file says one of each")
    for device, bits, scale, reparam in quantizers:
        metadata |= {"elight.device": device, "elight.bits": str(bits), "elight.scale": scale, "elight.reparam": reparam}
    tensors, seen, parameters = {}, set(), dict(model.named_parameters())
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and place in seen and name not in parameters:
            continue
        seen.add(place)
        tensors[name] = tensor
    return state_dict.image(tensors, metadata)


def export(model: torch.nn.Module, example: Any, path: str | os.PathLike[str], *, core: str | tuple[int, int] | None = None) -> Path:
    """Writes the weights of a model and the description of its network; `elight.plan(path)` and `elight-plan` need no more.

    example: an input with a batch of 1 (or a tuple of inputs). core: rows and lanes, as in "9x9"; any other can be asked for when planning.
    A model that `convert` has put on the core also says its bits, device, scale and reparametrization. Tied weights are written once.
    """
    return write_whole(path, state_dict.view(_image(model, example, core)))


def network(model: torch.nn.Module, example: Any, *, core: str | tuple[int, int] | None = None) -> Network:
    """The model as `elight.load` would give it after `export`, without a file: each tensor is copied once, from whatever device it is on.

        plan = elight.plan(elight.torch.network(model, x[:1], core="9x9"))

    example, core: as `export` has them.
    """
    return Network(_elight.Network.from_buffer(type(model).__name__, _image(model, example, core), ()), ())
