"""Uniform quantization of a layer's inputs: the modulators of a core have few bits.

    y = (clamp(round(x / scale + zero), 0, 2^bits - 1) - zero) scale       round half to even
    scale = max((hi - lo) / (2^bits - 1), eps),  zero = clamp(-round(lo / scale), 0, 2^bits - 1)
    lo = min(min, 0), hi = max(max, 0)                                     the range always contains zero
    min += 0.01 (batch's min - min), max likewise; the first batch sets them

In training the range follows before the same batch is quantized. The gradient passes unchanged.
"""

from __future__ import annotations

import torch

MOMENTUM = 0.01


class InputQuantizer(torch.nn.Module):
    """Quantizes activations of any shape.

    bits: 1 to 16. noise: the probability with which an element is quantized in training (1 quantizes all).
    Where torch.distributed runs, the range is that of the whole batch, over all processes.
    """

    def __init__(self, bits: int, noise: float = 1.0):
        super().__init__()
        if not 1 <= bits <= 16:
            raise ValueError(f"input_bits={bits}: expected 1 to 16")
        if not 0 <= noise <= 1:
            raise ValueError(f"quant_noise={noise}: expected a probability, 0 to 1")
        self.bits, self.noise, self.top = bits, noise, 2**bits - 1
        self.register_buffer("min_val", torch.tensor([float("inf")]))
        self.register_buffer("max_val", torch.tensor([float("-inf")]))

    def extra_repr(self) -> str:
        return f"bits={self.bits}, noise={self.noise}"

    @torch.no_grad()
    def _follow(self, x: torch.Tensor) -> None:
        if x.numel() == 0:
            return
        lo, hi = (v.reshape(1).float() for v in torch.aminmax(x))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(lo, torch.distributed.ReduceOp.MIN)
            torch.distributed.all_reduce(hi, torch.distributed.ReduceOp.MAX)
        fresh = self.min_val > self.max_val
        self.min_val.copy_(torch.where(fresh, lo, self.min_val + MOMENTUM * (lo - self.min_val)))
        self.max_val.copy_(torch.where(fresh, hi, self.max_val + MOMENTUM * (hi - self.max_val)))

    def scale_and_zero(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and zero point for the present range; 1 and 0 before the first batch."""
        fresh = self.min_val > self.max_val
        lo, hi = self.min_val.clamp_max(0), self.max_val.clamp_min(0)
        scale = ((hi - lo) / self.top).clamp_min(torch.finfo(torch.float32).eps)
        zero = (-(lo / scale).round()).clamp(0, self.top)
        return torch.where(fresh, 1.0, scale), torch.where(fresh, 0.0, zero)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self._follow(x.detach())
        scale, zero = self.scale_and_zero()
        with torch.no_grad():
            y = (((x * (1 / scale) + zero).round().clamp(0, self.top) - zero) * scale).to(x.dtype)
            if self.training and self.noise < 1:
                y = torch.where(torch.rand_like(x, dtype=torch.float32) < self.noise, y, x)
        return x + (y - x).detach()
