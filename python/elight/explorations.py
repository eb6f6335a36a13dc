"""Many plans of one network, here or over a cluster: which core, which wiring, which batch?"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import _elight
from .files import write_whole
from .networks import Network
from .options import threads_of, words
from .plans import opened
from .progress import Bar
from .tables import frame, framed

# Options that take several values, as the command line takes them with commas.
LISTS = ("core", "fanout", "bits", "device", "batch", "extra_steps")


class Exploration:
    """The points of an exploration. Made by `elight.explore` and `elight.merge`.

    In a notebook it shows the page of `elight-plan explore --report`.
    """

    def __init__(self, native: _elight.Points):
        self._native = native
        #: What `elight-plan explore --json` prints, as dicts and lists.
        self.data: dict[str, Any] = json.loads(native.json())

    @property
    def points(self) -> Any:
        """One row a plan and batch: a pandas DataFrame where pandas is installed, else a list of dicts. time_us in microseconds, energy_pj in pJ,
        life_inferences in inferences; `front`: no other point is at least as good in everything and better in something."""
        return frame(self.data["points"])

    @property
    def front(self) -> Any:
        """The points that no other beats, fastest first."""
        front = [point for point in self.data["points"] if point["front"]]
        return frame(sorted(front, key=lambda point: float("inf") if point["time_us"] is None else point["time_us"]))

    @property
    def refused(self) -> dict[str, str]:
        """Combinations that there is no plan for, with the reason."""
        return {refused["plan"]: refused["why"] for refused in self.data["refused"]}

    def to_json(self) -> str:
        """The points as one JSON object, as `elight-plan explore --json` prints it."""
        return self._native.json()

    def csv(self, path: str | os.PathLike[str]) -> Path:
        """Writes the points as CSV, as `--csv` does; returns the path."""
        return write_whole(path, self._native.csv().encode())

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the points as one page of HTML; returns its path."""
        return write_whole(path, self._native.page().encode())

    def __len__(self) -> int:
        return len(self.data["points"])

    def __str__(self) -> str:
        return self._native.table(100, False)

    def __repr__(self) -> str:
        points = self.data["points"]
        return f"<elight.Exploration of {self.data['network']}: {len(points)} points, {sum(p['front'] for p in points)} on the front>"

    def _repr_html_(self) -> str:
        return framed(self._native.page(), str(self))


def explore(network: Network | str | os.PathLike[str] | Mapping[str, Any], *, executor: Executor | None = None,
            state: str | os.PathLike[str] | None = None, progress: bool | Callable[[str, int, int], None] = False, **options: Any) -> Exploration:
    """Plans a network for every combination of cores, wirings, bits, devices and extra steps, and computes what each costs on a system.

    network: what `elight.load` returns, or takes.
    executor: anything with `submit` that returns futures (a process pool, Dask's `client.get_executor()`, Ray's, submitit's): each plan is a task, and a file
    is opened by each worker under the same path, a state dict travels with the task. None: here, one after the other. The points are the same, byte by byte.
    state: a folder that keeps what has been planned; the next call with it goes on there. None keeps nothing.
    progress: True shows a bar; or a function that is called with "plans", plans done, and plans in all.
    options: those of `elight-plan explore`, with underscores; lists where several values are tried:

        core=["9x9", "16x16"]        needed; fanout=["cell", "column"], bits=[4, 6], device=["elight"], extra_steps=["none", "25%", "fixed"]
        system="lightening"          needed: a preset or a TOML file (docs/system-model.md)
        batch=[1, 64, "auto"]        inferences that share a programming; buffer (bytes), vectors={"*": 1}, endurance (cycles)
        effort="fast", seed=1, reparam, scale

    Raises ElightError with the text of the command line. Ctrl-C ends it with KeyboardInterrupt; what was planned is in `state`.
    """
    network = opened(network, options)
    own = dict(options)
    threads = threads_of(own)
    text = words(own, lists=LISTS)
    grid = _elight.Exploration(network._native, text)
    with tempfile.TemporaryDirectory(prefix="elight-explore-") as temporary, Bar(progress) as bar:
        kept = grid.begin(os.fspath(state) if state is not None else temporary)
        missing, total = kept.missing(), len(grid.plans())
        done = total - len(missing)
        for record in _records(network, grid, text, missing, threads, executor):
            kept.put(record)
            done += 1
            bar.advance("plans", done, total)
        return Exploration(kept.points())


def _records(network: Network, grid: _elight.Exploration, text: list, missing: Sequence[int], threads: int | None, executor: Executor | None):
    """Records of the missing plans, as they are made."""
    if executor is None:
        for number in missing:
            yield grid.make(network._native, number, threads, None)
        return
    source = network._source()
    futures = [executor.submit(_make, source, text, number, threads) for number in missing]
    try:
        for future in as_completed(futures) if all(hasattr(future, "_waiters") for future in futures) else futures:
            yield future.result()
    except CancelledError:
        raise _elight.ElightError("the executor has cancelled plans: what was planned before is kept; run the exploration again") from None
    finally:
        for future in futures:
            future.cancel()


def _make(source: tuple, text: list, number: int, threads: int | None) -> str:
    """One plan, wherever this runs: the record as JSON."""
    network, grid = _begun(source, tuple(tuple(pair) for pair in text))
    return grid.make(network, number, threads, None)


@lru_cache(maxsize=1)
def _begun(source: tuple, text: tuple) -> tuple[_elight.Network, _elight.Exploration]:
    """The network and its exploration; a worker that makes several plans opens them once."""
    network = Network._of(source)
    return network._native, _elight.Exploration(network._native, list(text))


def merge(states: Sequence[str | os.PathLike[str]]) -> Exploration:
    """Puts the `--state` folders of an exploration's shards together (`elight-plan explore --shard I/N`, or `state`), as `elight-plan merge` does.

    Raises ElightError when the folders are of different explorations, or when plans are missing.
    """
    found = Exploration(_elight.merge([os.fspath(state) for state in states]))
    if missing := found.data["missing"]:
        raise _elight.ElightError(f"{len(missing)} plans are missing, the first is `{missing[0]}`: run the shards that were stopped again, with the same state")
    return found
