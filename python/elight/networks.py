"""What a network is taken for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _elight, state_dict
from .options import words


@dataclass(frozen=True)
class Layer:
    """One matrix that is written to the core.

    rows: outputs. cols: inputs of one row. groups: of a grouped convolution, 1 otherwise.
    certainty: "stated" (by a description), "proved", "assumed" or "unknown": how sure it is that the layer is this (docs/weights.md).
    vectors: input vectors an inference (positions of a convolution, 1 of a linear layer); None where nobody says.
    """

    name: str
    kind: str
    rows: int
    cols: int
    groups: int
    certainty: str | None = None
    vectors: int | None = None

    @property
    def weights(self) -> int:
        """rows * cols."""
        return self.rows * self.cols


class Network:
    """An opened network: its layers in the order in which they run. Made by `elight.load`."""

    def __init__(self, native: _elight.Network, reading: tuple | None = None):
        self._native = native
        self._reading = reading
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

    def _source(self) -> tuple:
        """What another process makes the same network of: a path, or the bytes in memory; and how it was read."""
        return (self.path, self._native.image(), self._reading)

    @staticmethod
    def _of(source: tuple) -> Network:
        path, image, reading = source
        if image is None:
            return Network(_elight.Network.open(path, reading), reading)
        buffer = _elight.Buffer(len(image))
        state_dict.view(buffer)[:] = image
        return Network(_elight.Network.from_buffer(path, buffer, reading), reading)

    def __reduce__(self) -> tuple:
        return Network._of, (self._source(),)

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself (docs/weights.md), or what `load(..., metadata=...)` was given."""
        return dict(self._native.metadata())

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        weights = sum(layer.weights for layer in self.layers)
        return f"<elight.Network {self.path}: {len(self)} layers, {weights:,} weights>"


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    layout: str = "auto",
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    network: str | os.PathLike[str] | None = None,
    graph: str | os.PathLike[str] | None = None,
    assume: bool = False,
    metadata: Mapping[str, str] | None = None,
    name: str = "state dict",
) -> Network:
    """Opens a network.

    source: a `.safetensors` file, a sharded set's index, an ONNX model, a folder of Hugging Face; or a state dict of numpy arrays or torch tensors
    (half precision, on a GPU, not contiguous: each is copied once).
    layout: "auto", "matrix" or "blocks". include, exclude: patterns of tensor names. network: a TOML file that describes the network, or graph: the ONNX graph
    of the same network. assume: take the most likely reading of layers that are unknown, too.
    metadata: what a file's metadata would say (`elight.bits`, `elight.network`, ...), for a state dict; `name` stands for its path in messages.

    Raises ElightError when the file is damaged, or when it is not certain what the network is (the text names the layers, and what settles it).
    """
    reading = _reading(layout=layout, include=include, exclude=exclude, network=network, graph=graph, assume=assume)
    if isinstance(source, Mapping):
        return Network(_elight.Network.from_buffer(name, state_dict.image(source, metadata or {}), reading), reading)
    if metadata is not None:
        raise TypeError("metadata goes with a state dict; a file has its own")
    return Network(_elight.Network.open(os.fspath(source), reading), reading)


def _reading(**options: Any) -> tuple:
    """How weights are read, in the words of the command line."""
    return tuple(words(options))
