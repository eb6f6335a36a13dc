"""Noise of PCM cells in the forward pass, so that a network learns to live with it.

A cell's state x is its transmission above that of level 0, in units of the full range. After a write (docs/simulation.md):

    x_p = x + sigma(x) N,  sigma(x) = max(c0 + c1 x + c2 x^2, 0)
    x_t = x_p ((t + t0) / t0)^-nu,  nu = max(N(mean(x), deviation(x)), 0)          after t seconds

Both cells of a pair are drawn anew in each forward pass; the gradient goes straight through.
"""

from __future__ import annotations

import json

import torch

from .. import _elight


class Noise:
    """A noise model of elight-sim: the preset "electrical-pcm" or "optical-pcm", or a TOML file; `age` in seconds since the write."""

    def __init__(self, model: str = "optical-pcm", age: float = 0.0):
        if age < 0:
            raise ValueError(f"age={age}: seconds since the write, 0 or above")
        self.model, self.age = model, float(age)
        self._figures = json.loads(_elight.noise(str(model)))

    def __repr__(self) -> str:
        return f"Noise({self.model!r}, age={self.age})"

    def state(self, x: torch.Tensor) -> torch.Tensor:
        """Drawn states of cells that were written to states x in [0, 1]; any shape."""
        held = x
        if programming := self._figures.get("programming"):
            c0, c1, c2 = programming["sigma"]
            held = held + (c0 + x * (c1 + x * c2)).clamp_min(0) * torch.randn_like(x)
        drift = self._figures.get("drift")
        if drift and self.age > 0:
            nu = _line(drift["nu_mean"], x) + _line(drift["nu_deviation"], x) * torch.randn_like(x)
            held = held * ((self.age + drift["t0_seconds"]) / drift["t0_seconds"]) ** -nu.clamp_min(0)
        return held

    @torch.no_grad()
    def disturbance(self, unit: torch.Tensor) -> torch.Tensor:
        """What noise adds to weights of value `unit` in [-1, 1] (in units of their scale): both cells of each pair drawn."""
        plus, minus = unit.clamp_min(0), (-unit).clamp_min(0)
        held = self.state(plus) - self.state(minus)
        drift = self._figures.get("drift")
        if drift and drift.get("compensated") and self.age > 0:
            # Outputs are rescaled digitally by what all cells of the layer have lost together.
            lost = (held * unit.sign()).sum() / unit.abs().sum().clamp_min(torch.finfo(unit.dtype).tiny)
            held = held / lost.clamp_min(1e-3)
        return held - unit


def _line(line, x):
    """min(max(slope ln(x) + offset, min), max)."""
    x = x.clamp_min(torch.finfo(x.dtype).tiny)
    return (line["slope"] * x.log() + line["offset"]).clamp(line["min"], line["max"])
