"""PyTorch's layers with their weights on a photonic core."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from .device import Cell
from .inputs import InputQuantizer
from .noise import Noise
from .weights import WeightQuantizer


class _OnCore:
    """What all layers on a core have in common; the weights stay PyTorch's parameters, under PyTorch's names."""

    quantizer: WeightQuantizer
    input_quantizer: InputQuantizer | None
    noise: Noise | None

    def _held(self) -> torch.Tensor:
        """The weights that the core multiplies with, with noise in training."""
        held = self.quantizer(self.weight)
        if self.noise is not None and self.training:
            with torch.no_grad():
                scale = self.quantizer.target(self.weight)[1]
                unit = held.flatten(1).to(scale.dtype) / scale.clamp_min(torch.finfo(scale.dtype).tiny)
                added = (self.noise.disturbance(unit) * scale).reshape(held.shape).to(held.dtype)
            held = held + added
        return held

    def _lit(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.input_quantizer is None else self.input_quantizer(x)


class PcmLinear(_OnCore, torch.nn.Linear):
    """A linear layer, weight `[out, in]`, on a photonic core."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(self._lit(x), self._held(), self.bias)


class PcmConv1d(_OnCore, torch.nn.Conv1d):
    """A convolution, weight `[out, in / groups, k]`, on a photonic core."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(self._lit(x), self._held(), self.bias)


class PcmConv2d(_OnCore, torch.nn.Conv2d):
    """A convolution, weight `[out, in / groups, kh, kw]`, on a photonic core."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(self._lit(x), self._held(), self.bias)


class PcmConv3d(_OnCore, torch.nn.Conv3d):
    """A convolution, weight `[out, in / groups, kd, kh, kw]`, on a photonic core."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(self._lit(x), self._held(), self.bias)


ON_CORE = {
    torch.nn.Linear: PcmLinear,
    torch.nn.Conv1d: PcmConv1d,
    torch.nn.Conv2d: PcmConv2d,
    torch.nn.Conv3d: PcmConv3d,
}


def convert(
    model: torch.nn.Module,
    bits: int | None = None,
    device: str | Cell = "elight",
    scale: str = "row",
    *,
    reparam: str = "none",
    input_bits: int | None = None,
    quant_noise: float = 1.0,
    noise: Noise | None = None,
    skip: tuple[str, ...] = (),
) -> torch.nn.Module:
    """Puts every convolution and linear layer of `model` on the core, in place, and returns the model.

    bits, device: levels of a PCM cell, as in elight-plan. scale: "row" or "layer". reparam: "none" or "tanh".
    input_bits, quant_noise: quantization of the inputs; None leaves them as they are. noise: a Noise for noise-aware training.
    skip: names of layers that stay as they are.

    Parameters stay the same objects under the same names: optimisers, ties and checkpoints go on working. Layers of other types
    than PyTorch's own Linear and Conv1d to 3d (transposed ones, attention's packed projections) stay as they are.
    """
    cell = Cell.load(device, bits)
    unknown = set(skip) - {name for name, _ in model.named_modules()}
    if unknown:
        raise ValueError(f"skip: the model has no layer {', '.join(sorted(unknown))}")
    found = 0
    for name, layer in list(model.named_modules()):
        on_core = ON_CORE.get(type(layer))
        if on_core is None or name in skip or torch.nn.utils.parametrize.is_parametrized(layer):
            continue
        # The same object with another class: parameters, hooks and every reference to the layer stay.
        layer.__class__ = on_core
        layer.quantizer = WeightQuantizer(cell, scale, reparam)
        layer.input_quantizer = None if input_bits is None else InputQuantizer(input_bits, quant_noise)
        if layer.input_quantizer is not None:
            layer.input_quantizer.to(layer.weight.device)
        layer.noise = noise
        found += 1
    if not found:
        raise ValueError("the model has no Linear and no Conv1d, Conv2d or Conv3d to put on the core")
    return model


def pcm_layers(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Names and layers of the model that are on the core."""
    return ((name, layer) for name, layer in model.named_modules() if isinstance(layer, _OnCore))
