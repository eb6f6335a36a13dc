"""Weights on their way through the quantizer of a PCM cell.

    t = tanh(w) or w                                what is quantized
    a = max |t| over the layer, or over each output row
    level = the nearest in transmission to |t| / a  (at equal distance the higher one)
    wq = sign(t) a unit(level)                      what the core multiplies with

Shapes: a weight `[out, in / groups, k...]` is the matrix `[out, in / groups * k...]`. The forward pass uses wq; the backward pass goes straight
through, `dw = dwq (1 - t^2)` (or `dwq`), with the scale as a constant.
"""

from __future__ import annotations

import torch

from .device import Cell


class _Levels(torch.autograd.Function):
    """t [rows, cols] and a [rows or 1, 1] to signed level / top; the gradient is that of the smooth level."""

    @staticmethod
    def forward(ctx, t, a, cell: Cell):
        x = (t.abs() / a.clamp_min(torch.finfo(t.dtype).tiny)).clamp_max(1)
        level = torch.bucketize(x.double(), cell.cuts(t), right=True)
        ctx.save_for_backward(t, a, x, level)
        ctx.cell = cell
        return level.to(t.dtype) * t.sign() / cell.top

    @staticmethod
    def backward(ctx, dy):
        t, a, x, level = ctx.saved_tensors
        dx = torch.where(a > 0, dy * ctx.cell.slope(x, level), 0)
        a = a.clamp_min(torch.finfo(t.dtype).tiny)
        return dx / a, -(dx * t / a / a).sum_to_size(a.shape), None


class WeightQuantizer(torch.nn.Module):
    """Quantizes the weights of one layer to the levels of a PCM cell.

    cell: the device's levels. scale: "row" (a scale for each output) or "layer". reparam: "none" or "tanh".
    """

    def __init__(self, cell: Cell, scale: str = "row", reparam: str = "none"):
        super().__init__()
        if scale not in ("row", "layer"):
            raise ValueError(f"scale={scale!r}: expected 'row' or 'layer'")
        if reparam not in ("none", "tanh"):
            raise ValueError(f"reparam={reparam!r}: expected 'none' or 'tanh'")
        self.cell, self.scale, self.reparam = cell, scale, reparam

    def extra_repr(self) -> str:
        return f"{self.cell.name}, bits={self.cell.bits}, scale={self.scale}, reparam={self.reparam}"

    def target(self, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is quantized as a matrix `[out, cols]`, and its scale `[out or 1, 1]`; float32 at least."""
        w = w.float() if w.dtype in (torch.float16, torch.bfloat16) else w
        t = (torch.tanh(w) if self.reparam == "tanh" else w).flatten(1)
        a = t.abs().amax(1, keepdim=True) if self.scale == "row" else t.abs().amax().reshape(1, 1)
        return t, a

    def levels(self, w: torch.Tensor) -> torch.Tensor:
        """Signed level / top, `[out, cols]`, differentiable: what the write-aware losses see."""
        return _Levels.apply(*self.target(w), self.cell)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        """The weights as the core holds them, in the shape and type of w."""
        t, a = self.target(w)
        with torch.no_grad():
            y = _Levels.apply(t, a, self.cell)
            level = (y.abs() * self.cell.top).round().long()
            held = self.cell.table(t)[level] * y.sign() * a
        return (t + (held - t).detach()).reshape(w.shape).to(w.dtype)
