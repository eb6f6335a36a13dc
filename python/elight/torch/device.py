"""The levels of a PCM cell, as training needs them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .. import _elight


@dataclass(frozen=True)
class Cell:
    """What a PCM cell holds at each of its levels 0..top.

    units: (T[k] - T[0]) / (T[top] - T[0]) of each level k, from 0 to 1, no unit (T: transmission).
    beta: transmission per level where levels are geometric, `T = beta^(top - k)`; None for a measured table.
    """

    name: str
    bits: int
    units: tuple[float, ...]
    beta: float | None

    @property
    def top(self) -> int:
        """The highest level, 2^bits - 1."""
        return len(self.units) - 1

    @staticmethod
    def load(device: str | Cell = "elight", bits: int | None = None) -> Cell:
        """A preset of elight-plan or a TOML file (docs/device-model.md)."""
        if isinstance(device, Cell):
            if bits not in (None, device.bits):
                raise ValueError(f"bits={bits}, but the device has {device.bits}: leave bits out")
            return device
        name, bits, transmissions, beta = _elight.device(str(device), bits)
        low, high = transmissions[0], transmissions[-1]
        return Cell(name, bits, tuple((t - low) / (high - low) for t in transmissions), beta)

    def table(self, like: torch.Tensor) -> torch.Tensor:
        """`units` as a tensor on the same device and of the same type."""
        return torch.tensor(self.units, dtype=like.dtype, device=like.device)

    def cuts(self, like: torch.Tensor) -> torch.Tensor:
        """Half way between neighbouring levels in transmission: where rounding changes, in float64."""
        units = torch.tensor(self.units, dtype=torch.float64, device=like.device)
        return (units[1:] + units[:-1]) / 2

    def slope(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """d(level / top) / dx of the smooth level at x = |t| / a in [0, 1].

        Geometric levels: `s / (x s + r) / (-ln beta) / top` with `r = beta^top`, `s = 1 - r`. A table: the mean of the steps below
        and above the level.
        """
        if self.beta is not None:
            r = self.beta**self.top
            s = 1 - r
            return (s / -math.log(self.beta) / self.top) / (x * s + r)
        units = torch.tensor(self.units, dtype=x.dtype, device=x.device)
        steps = 1 / self.top / units.diff()
        padded = torch.cat([steps[:1], steps, steps[-1:]])
        return ((padded[1:] + padded[:-1]) / 2)[level]
