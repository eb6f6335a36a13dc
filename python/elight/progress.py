"""A bar for long work: tqdm's where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class Bar:
    """Shows phases of work; as a context manager it closes what it has opened."""

    def __init__(self, progress: bool | Callable[[str, int, int], None]):
        self._told = progress if callable(progress) else None
        self._shown = progress is True
        self._bar: Any = None
        self._phase = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def called(self) -> Callable[[str, int, int], None] | None:
        """What long work calls; None where nobody looks."""
        return self.advance if self._shown or self._told is not None else None

    def advance(self, phase: str, done: int, total: int) -> None:
        """`done` of `total` of this phase: weights, or what the phase counts."""
        if self._told is not None:
            self._told(phase, done, total)
        elif self._shown:
            self._show(phase, done, total)

    def _show(self, phase: str, done: int, total: int) -> None:
        if phase != self._phase:
            self._close()
            self._phase = phase
            try:
                from tqdm.auto import tqdm

                self._bar = tqdm(total=total, desc=phase, unit="weights", unit_scale=True)
            except ImportError:
                print(f"{phase} ...", file=sys.stderr)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._phase = ""
