"""Schedules, step by step, through the decoder of the firmware."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import _elight


@dataclass(frozen=True)
class Step:
    """One programming of the core.

    layer: the layer's name; index: the step's number in the layer, from 0.
    levels: int16 `[rows, lanes]`, signed levels of all cells in this step.
    inputs: int32 `[rows, lanes]`, the column of the output row whose input feeds each cell; -1 where the cell is dark.
    outputs: int32 `[rows]`, the output row to which each core row adds; -1: none.
    bases: uint32 `[rows]`, the first element of the layer's input vector that the output row reads.
    """

    layer: str
    index: int
    levels: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    bases: np.ndarray


class Schedule:
    """A schedule: a path, or the bytes of a `.elight` file."""

    def __init__(self, source: str | os.PathLike[str] | bytes):
        if isinstance(source, bytes):
            data = source
        else:
            with open(source, "rb") as file:
                data = file.read()
        self._native = _elight.Schedule(data)

    def __bytes__(self) -> bytes:
        return self._native.bytes()

    def inspect(self) -> dict:
        """Header, layers and totals, as `elight-plan inspect --json` tells them."""
        return json.loads(self._native.inspect())

    @property
    def core(self) -> tuple[int, int]:
        """Rows and lanes."""
        return self._native.core

    def steps(self) -> Iterator[Step]:
        """The steps in order, from erased cells, decoded as they are asked for. A damaged schedule raises ElightError where the damage is."""
        rows, cols = self.core
        for layer, index, levels, inputs, outputs, bases in self._native.steps():
            yield Step(
                layer,
                index,
                np.frombuffer(levels, "<i2").reshape(rows, cols),
                np.frombuffer(inputs, "<i4").reshape(rows, cols),
                np.frombuffer(outputs, "<i4"),
                np.frombuffer(bases, "<u4"),
            )
