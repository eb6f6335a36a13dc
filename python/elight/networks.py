"""What a network is taken for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _elight, state_dict


@dataclass(frozen=True)
class Layer:
    """One matrix that is written to the core.

    rows: outputs. cols: inputs of one row. groups: of a grouped convolution, 1 otherwise. dtype: as stored.
    certainty: "proved", "assumed" or "unknown": how sure it is that the layer is this (docs/weights.md).
    vectors: input vectors an inference (positions of a convolution, 1 of a linear layer); None where nobody says.
    """

    name: str
    kind: str
    rows: int
    cols: int
    groups: int
    dtype: str
    certainty: str | None = None
    vectors: int | None = None

    @property
    def weights(self) -> int:
        """rows * cols."""
        return self.rows * self.cols


class Network:
    """An opened network: its layers in the order in which they run. Made by `elight.load`."""

    def __init__(self, native: _elight.Network):
        self._native = native
        described = json.loads(native.describe())
        known = Layer.__dataclass_fields__
        #: Layers in the order in which they run.
        self.layers: list[Layer] = [Layer(**{k: v for k, v in layer.items() if k in known}) for layer in described["layers"]]
        #: Tensors that are no layers, with the reason.
        self.left_out: dict[str, str] = {tensor["name"]: tensor["reason"] for tensor in described["left_out"]}

    @property
    def path(self) -> str:
        """The file, or the name that stands for it."""
        return os.fspath(self._native.path)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        weights = sum(layer.weights for layer in self.layers)
        return f"<elight.Network {self.path}: {len(self)} layers, {weights:,} weights>"


def load(source: str | os.PathLike[str] | Mapping[str, Any], *, metadata: Mapping[str, str] | None = None, name: str = "state dict",
         **options: Any) -> Network:
    """Opens a network.

    source: a `.safetensors` file, a sharded set's index, a `.npz`, an ONNX model, a folder of Hugging Face; or a state dict of numpy arrays or torch
    tensors (half precision, on a GPU, not contiguous: each is copied once).
    metadata: what a file's metadata would say (`elight.bits`, `elight.network`, ...), for a state dict; `name` stands for its path in messages.
    options: those of the command line that say how weights are read: layout, include, exclude, network, assume.

    Raises ElightError when the file is damaged, or when it is not certain what the network is (the text names the layers, and what settles it).
    """
    arguments = _elight_arguments(options)
    if isinstance(source, Mapping):
        buffer = state_dict.image(source, metadata or {})
        return Network(_elight.Network.from_buffer(name, buffer, arguments))
    if metadata is not None:
        raise TypeError("metadata goes with a state dict; a file has its own")
    return Network(_elight.Network.open(os.fspath(source), arguments))


def _elight_arguments(options: Mapping[str, Any]) -> list[str]:
    """Keyword arguments as the command line's: `extra_steps="25%"` is `--extra-steps 25%`, True is a flag, a list repeats it."""
    arguments: list[str] = []
    for key, value in options.items():
        flag = "--" + key.rstrip("_").replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is None or one is False:
                continue
            # With `=`, so that a value may begin with a dash.
            arguments.append(flag if one is True else f"{flag}={os.fspath(one) if isinstance(one, os.PathLike) else one}")
    return arguments
