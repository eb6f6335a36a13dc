"""Plans: options as the command line has them, and what comes out."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import _elight
from .networks import Network, _elight_arguments, load
from .progress import Bar
from .schedules import Schedule


class Plan:
    """A finished plan. Made by `elight.plan`."""

    def __init__(self, native: _elight.Plan):
        self._native = native
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
        return _write(path, self._native.page().encode())

    def schedule(self, path: str | os.PathLike[str]) -> Path:
        """Writes the schedule that the controller executes; of several cores one each, as the command line names them. Returns the first path."""
        parts = self._native.schedules()
        if len(parts) == 1:
            return _write(path, parts[0])
        stem = Path(path)
        paths = [_write(stem.with_suffix(f".{number}{stem.suffix}"), part) for number, part in enumerate(parts)]
        return paths[0]

    @property
    def schedules(self) -> list[Schedule]:
        """The schedules in memory, one for each core."""
        return [Schedule(part) for part in self._native.schedules()]

    def __str__(self) -> str:
        return self._native.table(100)

    def __repr__(self) -> str:
        return f"<elight.Plan of {self.report_data['network']['file']}: {self.writes:,} writes an inference, bound {self.bound:,}>"

    def _repr_html_(self) -> str:
        return self._native.fragment()


def _flat(layer: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in layer.items():
        if isinstance(value, Mapping):
            row.update(_flat(value, f"{before}{key}."))
        elif not isinstance(value, list):
            row[before + key] = value
    return row


def _write(path: str | os.PathLike[str], data: bytes) -> Path:
    """Writes a file that appears whole or not at all."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def plan(network: Network | str | os.PathLike[str] | Mapping[str, Any], *, progress: bool | Callable[[str, int, int], None] = False,
         **options: Any) -> Plan:
    """Plans how a network's weights are written to a photonic core with the fewest writes.

    network: what `elight.load` returns, or takes.
    progress: True shows a bar (tqdm's where it is installed); or a function that is called with the phase, weights done, and weights in all.
    options: those of `elight-plan`, with underscores: core="9x9", device="gst-optical", bits=4, reach="row", fanout="cell", effort="good",
    extra_steps="25%", faults="faults.toml", threads=2, no_verify=True, ... A flag of the command line is True; a repeated one is a list.

    Raises ElightError with the text of the command line. Ctrl-C ends planning within two seconds with KeyboardInterrupt.
    """
    if not isinstance(network, Network):
        reading = {key: options.pop(key) for key in ("layout", "include", "exclude", "network", "assume") if key in options}
        network = load(network, **reading)
    for key in ("output", "json", "report", "svg", "quiet", "verbose"):
        if key in options:
            raise TypeError(f"{key} is for the command line: a Plan has schedule(), to_json() and report()")
    with Bar(progress) as bar:
        return Plan(_elight.plan(network._native, _elight_arguments(options), bar.advance))


class Check:
    """What the independent checker has found. Made by `elight.check`."""

    def __init__(self, native: str):
        #: What `elight-plan check --json` tells.
        self.data: dict[str, Any] = json.loads(native)

    def __bool__(self) -> bool:
        return bool(self.data["ok"])

    def __repr__(self) -> str:
        return f"<elight.Check: {'the schedule is of these weights' if self else self.data.get('error', 'something is wrong')}>"


def check(schedule: str | os.PathLike[str] | Plan, network: Network | str | os.PathLike[str], **options: Any) -> Check:
    """Recounts a schedule against its weights, with code that shares nothing with the planner."""
    if isinstance(schedule, Plan):
        parts = schedule._native.schedules()
    else:
        parts = [Path(schedule).read_bytes()]
    if not isinstance(network, Network):
        network = load(network)
    return Check(_elight.check(parts, network._native, _elight_arguments(options)))


def compare(a: Plan, b: Plan) -> dict[str, dict[str, float]]:
    """Figures of two plans side by side: for each the values and the ratio b / a."""
    figures: dict[str, dict[str, float]] = {}
    for key in ("writes", "bound"):
        left, right = getattr(a, key), getattr(b, key)
        figures[key] = {"a": left, "b": right, "ratio": right / left if left else float("nan")}
    return figures
