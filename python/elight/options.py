"""Keyword arguments as options of the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

Words = list[tuple[str, "str | None"]]


def words(options: Mapping[str, Any], *, lists: Iterable[str] = ()) -> Words:
    """Names and values as the command line has them, underscores for hyphens; the Rust side reads them as the command line would.

    None and False are as if they were not there, True is a flag, (9, 9) is "9x9", a list is an option given several times, or, for names in
    `lists`, one value with commas. A name may end in an underscore where Python keeps it for itself: from_="old.elight".
    """
    found: Words = []
    for name, value in options.items():
        name = name.rstrip("_")
        if value is None or value is False:
            continue
        if value is True:
            found.append((name, None))
        elif name in lists:
            values = value if _is_list(value) else [value]
            found.append((name, ",".join(_text(each) for each in values)))
        elif isinstance(value, Mapping):  # vectors={"fc*": 1}
            found += [(name, f"{key}={each}") for key, each in value.items()]
        elif _is_list(value):
            found += [(name, _text(each)) for each in value]
        else:
            found.append((name, _text(value)))
    return found


def _is_list(value: Any) -> bool:
    """A list of values; a tuple of numbers is a size."""
    return isinstance(value, (list, set, range)) or (isinstance(value, tuple) and not _is_size(value))


def _is_size(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(n, int) for n in value)


def _text(value: Any) -> str:
    if _is_size(value):
        return "x".join(str(n) for n in value)
    if value is None:
        return "none"
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def threads_of(options: dict[str, Any]) -> int | None:
    """Takes the number of threads out of the options."""
    from ._elight import ElightError

    threads = options.pop("threads", None)
    if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= 65535):
        raise ElightError(f"invalid value '{threads}' for '--threads <N>': expected 1 to 65535 threads")
    return threads


# What says how tensors are read, and goes to `elight.load`.
READING = ("layout", "include", "exclude", "network", "graph", "assume")
# What says how weights become levels: a check needs it again.
LEVELS = ("device", "bits", "endurance", "reparam", "scale", "calibrate")


def taken(options: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Takes these names out of the options."""
    return {name: options.pop(name) for name in names if name in options}
