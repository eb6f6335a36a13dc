"""How much the write-aware loss counts in the course of a training."""

from __future__ import annotations

import math


class Ramp:
    """A factor of the write-aware loss, from 0 to 1: the network first learns its task, then to be cheap to write.

        ramp = Ramp(total=10_000)
        loss = criterion(model(x), y) + 10 * ramp(step) * write_loss(model, "quantile", core="9x9")

    total: optimizer steps of the training. begin, full: parts of it, 0 to 1; the factor is 0 before `begin`, rises as half a cosine, and is 1 from
    `full` on. It depends on the step alone, so that a training that was stopped goes on without a state of its own; gradients never jump, which
    keeps momentum and adaptive optimizers meaningful.
    """

    def __init__(self, total: int, begin: float = 0.05, full: float = 0.4):
        if total < 1:
            raise ValueError(f"total={total}: expected the steps of the training, 1 or more")
        if not 0 <= begin <= full <= 1:
            raise ValueError(f"begin={begin}, full={full}: expected 0 <= begin <= full <= 1, parts of the training")
        self.total, self.begin, self.full = total, begin, full

    def __call__(self, step: int) -> float:
        """The factor at this step, counted from 0."""
        part = step / self.total
        if part >= self.full:
            return 1.0
        if part <= self.begin:
            return 0.0
        return (1 - math.cos(math.pi * (part - self.begin) / (self.full - self.begin))) / 2

    def __repr__(self) -> str:
        return f"Ramp(total={self.total}, begin={self.begin}, full={self.full})"
