"""Plans: options as the command line has them, and what comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import _elight
from .files import write_whole
from .networks import Network, load
from .options import LEVELS, READING, taken, threads_of, words
from .progress import Bar
from .schedules import Schedule
from .tables import framed, frame

Progress = "bool | Callable[[str, int, int], None]"


class Plan:
    """A finished plan. Made by `elight.plan`.

    In a notebook it shows the report's page: the verdict, the table and the pictures.
    """

    def __init__(self, native: _elight.Plan, network: Network, options: Mapping[str, Any]):
        self._native = native
        #: The network that was planned, an `elight.Network`.
        self.network = network
        #: The keyword arguments that it was planned with.
        self.options: dict[str, Any] = dict(options)
        #: The report as `elight-plan --json` prints it (docs/report.md), as dicts and lists.
        self.report_data: dict[str, Any] = json.loads(native.report())

    def _totals(self, order: str) -> dict[str, Any]:
        return self.report_data["orders"][order]

    @property
    def writes(self) -> int:
        """Level steps of PCM cells an inference, in steady state, of the order that the schedule holds."""
        return self._totals(self.report_data["order"])["per_inference"]["writes"]

    @property
    def bound(self) -> int:
        """Proven: no plan of the class that the report names needs fewer level steps an inference."""
        return self.report_data["lower_bound_writes"]

    @property
    def natural_writes(self) -> int:
        """Level steps an inference when weights are written in the order in which they are stored."""
        return self._totals("natural")["per_inference"]["writes"]

    @property
    def verified(self) -> bool:
        """Whether a replay on the firmware model has shown every write and every output; False with no_verify=True."""
        return self.report_data.get("verified") is not None

    @property
    def inference(self) -> dict[str, Any] | None:
        """Time (microseconds), energy (pJ) and life (inferences) of a whole inference on the system that was named; None without a system."""
        return self.report_data["inference"]

    @property
    def per_layer(self) -> Any:
        """One row a layer: a pandas DataFrame where pandas is installed, else a list of dicts. Units are in the names (docs/report.md)."""
        return frame([_flat(layer) for layer in self.report_data["layers"]])

    def to_json(self) -> str:
        """The report as one JSON object, as `elight-plan --json` prints it."""
        return self._native.report()

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as one page of HTML; returns its path."""
        return write_whole(path, self._native.page().encode())

    def schedule(self, path: str | os.PathLike[str]) -> Path:
        """Writes the schedule that the controller executes, named `path`; returns the path.

        Of several cores and of plans that take turns there is one each, named as the command line names them (`x.core0.elight`, `x.rot0.elight`);
        the first path is returned.
        """
        paths = [write_whole(at, part) for at, part in zip(self._native.paths(os.fspath(path)), self._native.schedules())]
        return paths[0]

    @property
    def schedules(self) -> list[Schedule]:
        """The schedules in memory: core by core, of each core all those that take turns."""
        return [Schedule(part) for part in self._native.schedules()]

    def __str__(self) -> str:
        return self._native.table(100)

    def __repr__(self) -> str:
        return f"<elight.Plan of {self.report_data['network']}: {self.writes:,} writes an inference, bound {self.bound:,}>"

    def _repr_html_(self) -> str:
        return framed(self._native.page(), str(self))


def _flat(layer: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in layer.items():
        if isinstance(value, Mapping):
            row.update(_flat(value, f"{before}{key}."))
        elif not isinstance(value, list):
            row[before + key] = value
    return row


def opened(network: Network | str | os.PathLike[str] | Mapping[str, Any], options: dict[str, Any]) -> Network:
    """The network itself, or what `load` makes of it with the options that are for `load`, which are taken out."""
    reading = taken(options, READING)
    if isinstance(network, Network):
        if reading:
            raise TypeError(f"{', '.join(reading)}: how weights are read is said to elight.load, and this network is loaded already")
        return network
    return load(network, **reading)


def plan(network: Network | str | os.PathLike[str] | Mapping[str, Any], *, progress: bool | Callable[[str, int, int], None] = False,
         **options: Any) -> Plan:
    """Plans how a network's weights are written to a photonic core with the fewest writes.

    network: what `elight.load` returns, or takes.
    progress: True shows a bar (tqdm's where it is installed); or a function that is called with the phase, weights done, and weights in all.
    options: those of `elight-plan` (`elight-plan --help` has them all), with underscores for hyphens and the same defaults and refusals:

        core="9x9"              rows and lanes, also (9, 9); the one that the weights were trained for, if left out
        device="gst-optical"    a preset or a TOML file; bits=4, scale="row", reparam="none", endurance=1e6 (cycles), calibrate=True
        fanout="cell"           rows that share the input of a lane; reach="row", rows="stored", order="best", effort="good", seed=1
        objective="writes"      or energy, latency, wear; with a system inference-time, inference-energy, life
        extra_steps="25%"       steps beyond the fewest, for fewer writes; cores=1; from_="old.elight", what the core has run before
        faults="core.toml"      faulty cells; wear="core.toml", faults and wear as a controller exports them; of several cores a list
        rotate=1                plans that take turns; rotate_every=1000 (inferences)
        system="lightening"     what a whole inference runs on: then batch=64 or "auto", buffer=1 << 20 (bytes), vectors={"conv1*": 1024}
        no_compare, no_verify   leave out the other wiring, and the replay; threads=2: the same bytes for any number

    Raises ElightError with the text of the command line. Ctrl-C ends planning with KeyboardInterrupt.
    """
    network = opened(network, options)
    own = dict(options)
    threads = threads_of(own)
    with Bar(progress) as bar:
        return Plan(_elight.plan(network._native, words(own), threads, bar.called), network, options)


class Check:
    """What the independent checker has counted. Made by `elight.check`."""

    def __init__(self, findings: list[dict[str, Any]]):
        #: What `elight-plan check --json` tells of each core's schedule, one dict a core.
        self.findings = findings

    @property
    def writes(self) -> int:
        """Level steps of PCM cells an inference, as the checker counts them, over all cores."""
        return sum(found["per_inference"]["writes"] for found in self.findings)

    def __repr__(self) -> str:
        return f"<elight.Check: the schedule is of these weights; {self.writes:,} writes an inference>"


def check(schedule: str | os.PathLike[str] | Plan | Schedule | list, network: Network | str | os.PathLike[str] | None = None,
          **options: Any) -> Check:
    """Recounts a schedule against its weights, with code that shares nothing with the planner.

    schedule: a Plan (its network and options are known), a `.elight` file or a Schedule, or a list of them, one a core; the latter with their network and
    the options that say how weights become levels (bits, device, scale, reparam, calibrate) and what the cores were found like (from_, faults, wear).
    Raises ElightError where the schedule is not of these weights.
    """
    if isinstance(schedule, Plan):
        if schedule.options.get("rotate", 1) != 1:
            raise _elight.ElightError("plans that take turns are checked one by one: check(plan.schedules[0], plan.network)")
        parts = schedule._native.schedules()
        network, options = network or schedule.network, {**schedule.options, **options}
    else:
        each = schedule if isinstance(schedule, list) else [schedule]
        parts = [bytes(part) if isinstance(part, Schedule) else Path(part).read_bytes() for part in each]
    if network is None:
        raise TypeError("a schedule is checked against its network: check(schedule, network)")
    network = opened(network, options)
    core = "x".join(str(n) for n in Schedule(parts[0]).core)
    found = tuple(_paths(options.get(name) or options.get(f"{name}_")) for name in ("from", "faults", "wear"))
    levels = words({name: value for name, value in options.items() if name in LEVELS})
    return Check(json.loads(_elight.check(parts, network._native, levels, core, found)))


def _paths(value: Any) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return [os.fspath(path) for path in values]


class Comparison:
    """Two plans side by side. Made by `elight.compare`."""

    def __init__(self, native: _elight.Comparison):
        self._native = native
        #: What `elight-plan compare --json` prints, as dicts and lists.
        self.data: dict[str, Any] = json.loads(native.json())

    @property
    def verdict(self) -> str:
        """Which is better, and by how much."""
        return " ".join(self.data["verdict"])

    @property
    def figures(self) -> Any:
        """One row a figure, with the values of both and b / a: a pandas DataFrame where pandas is installed, else a list of dicts."""
        return frame([_side_by_side(pair) for pair in self.data["figures"]])

    @property
    def per_layer(self) -> Any:
        """The same for the writes an inference of each layer."""
        return frame([_side_by_side(pair) for pair in self.data["layers"]])

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the comparison as one page of HTML; returns its path."""
        return write_whole(path, self._native.page().encode())

    def __str__(self) -> str:
        return self._native.table(100)

    def __repr__(self) -> str:
        return f"<elight.Comparison: {self.verdict}>"

    def _repr_html_(self) -> str:
        return framed(self._native.page(), str(self))


def _side_by_side(pair: Mapping[str, Any]) -> dict[str, Any]:
    a, b = pair["exact"]
    return {"name": pair["name"], "a": a, "b": b, "ratio": b / a if a and b is not None else None}


def compare(a: Plan, b: Plan, names: tuple[str, str] = ("A", "B")) -> Comparison:
    """Two plans side by side, as `elight-plan compare` shows them; `names` is what they are called."""
    return Comparison(_elight.compare(a._native, b._native, list(names)))
