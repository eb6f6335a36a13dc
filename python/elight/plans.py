"""Plans: options as the command line has them, and what comes out."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import _elight
from .files import write_whole
from .networks import Network, load
from .progress import Bar
from .schedules import Schedule


class Plan:
    """A finished plan. Made by `elight.plan`."""

    def __init__(self, native: _elight.Plan, network: Network, options: Mapping[str, Any]):
        self._native = native
        #: What was planned, and how.
        self.network, self.options = network, dict(options)
        #: The report as `elight-plan --json` prints it (docs/report.md).
        self.report_data: dict[str, Any] = json.loads(native.report())

    def _totals(self, order: str) -> dict[str, Any]:
        return self.report_data["orders"][order]

    @property
    def writes(self) -> int:
        """Level steps of PCM cells an inference, in steady state, of the order that the schedule holds."""
        return self._totals(self.report_data["order"])["per_inference"]["writes"]

    @property
    def bound(self) -> int:
        """Proven: no plan of the class that the report names needs fewer writes an inference."""
        return self.report_data["lower_bound_writes"]

    @property
    def verified(self) -> bool:
        """Whether a replay on the firmware model has shown every write and every output."""
        return self.report_data.get("verified") is not None

    @property
    def per_layer(self) -> Any:
        """One row a layer: a pandas DataFrame where pandas is installed, else a list of dicts. Units are in the names (docs/report.md)."""
        rows = [_flat(layer) for layer in self.report_data["layers"]]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows)

    def to_json(self) -> str:
        """The report as one JSON object."""
        return self._native.report()

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as one page of HTML; returns its path."""
        return write_whole(path, self._native.page().encode())

    def schedule(self, path: str | os.PathLike[str]) -> Path:
        """Writes the schedule that the controller executes; of several cores one each, as the command line names them. Returns the first path."""
        parts = self._native.schedules()
        if len(parts) == 1:
            return write_whole(path, parts[0])
        stem = Path(path)
        paths = [write_whole(stem.with_suffix(f".{number}{stem.suffix}"), part) for number, part in enumerate(parts)]
        return paths[0]

    @property
    def schedules(self) -> list[Schedule]:
        """The schedules in memory, one for each core."""
        return [Schedule(part) for part in self._native.schedules()]

    def __str__(self) -> str:
        return self._native.table(100)

    def __repr__(self) -> str:
        return f"<elight.Plan of {self.report_data['network']}: {self.writes:,} writes an inference, bound {self.bound:,}>"

    def _repr_html_(self) -> str:
        page = self._native.page()
        # A notebook shows a page in a frame of its own, so that neither's styles touch the other.
        return f'<iframe srcdoc="{html.escape(page, quote=True)}" style="width: 100%; height: 60rem; border: 0"></iframe>'


def _flat(layer: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in layer.items():
        if isinstance(value, Mapping):
            row.update(_flat(value, f"{before}{key}."))
        elif not isinstance(value, list):
            row[before + key] = value
    return row


def plan(network: Network | str | os.PathLike[str] | Mapping[str, Any], *, progress: bool | Callable[[str, int, int], None] = False,
         **options: Any) -> Plan:
    """Plans how a network's weights are written to a photonic core with the fewest writes.

    network: what `elight.load` returns, or takes.
    progress: True shows a bar (tqdm's where it is installed); or a function that is called with the phase, weights done, and weights in all.
    options: those of `elight-plan`, with underscores: core="9x9" (what the weights were trained for, if left out), device="gst-optical", bits=4,
    scale="row", reparam="none", endurance=1e6, fanout="cell", reach="row", rows="stored", order="best", effort="good", objective="writes",
    extra_steps="25%", cores=1, seed=1, threads=2, no_verify=False.

    Raises ElightError with the text of the command line. Ctrl-C ends planning with KeyboardInterrupt.
    """
    if not isinstance(network, Network):
        reading = {key: options.pop(key) for key in ("layout", "include", "exclude", "network", "assume") if key in options}
        network = load(network, **reading)
    with Bar(progress) as bar:
        return Plan(_elight.plan(network._native, _texts(options), bar.advance), network, options)


def _texts(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as texts; None is as if it were not there, (9, 9) is "9x9"."""
    core = options.get("core")
    if isinstance(core, tuple):
        options = {**options, "core": "x".join(str(n) for n in core)}
    return {key: str(value) for key, value in options.items() if value is not None}


class Check:
    """What the independent checker has counted. Made by `elight.check`."""

    def __init__(self, findings: list[dict[str, Any]]):
        #: What `elight-plan check --json` tells of each core's schedule.
        self.findings = findings

    @property
    def writes(self) -> int:
        """Level steps of PCM cells an inference, as the checker counts them, over all cores."""
        return sum(found["per_inference"]["writes"] for found in self.findings)

    def __repr__(self) -> str:
        return f"<elight.Check: the schedule is of these weights; {self.writes:,} writes an inference>"


def check(schedule: str | os.PathLike[str] | Plan, network: Network | str | os.PathLike[str] | None = None, **options: Any) -> Check:
    """Recounts a schedule against its weights, with code that shares nothing with the planner.

    schedule: a Plan (its network and options are known), or a `.elight` file with its network and the options that say how weights become levels:
    bits, device, scale, reparam. Raises ElightError where the schedule is not of these weights.
    """
    if isinstance(schedule, Plan):
        parts = schedule._native.schedules()
        network, options = network or schedule.network, {**schedule.options, **options}
    else:
        parts = [Path(schedule).read_bytes()]
    if network is None:
        raise TypeError("a schedule is checked against its network: check(schedule, network)")
    if not isinstance(network, Network):
        network = load(network)
    options = {"core": Schedule(parts[0]).core, **options}
    return Check(json.loads(_elight.check(parts, network._native, _texts(options))))


def compare(a: Plan, b: Plan) -> dict[str, dict[str, float]]:
    """Figures of two plans side by side: the values and the ratio b / a of writes and bound an inference, and of the schedule's bytes."""
    figures = {
        "writes": (a.writes, b.writes),
        "bound": (a.bound, b.bound),
        "bytes": tuple(sum(len(part) for part in plan._native.schedules()) for plan in (a, b)),
    }
    return {name: {"a": x, "b": y, "ratio": y / x if x else float("nan")} for name, (x, y) in figures.items()}
