"""A state dict of numpy arrays or torch tensors as one `.safetensors` image in memory: each tensor is copied once."""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _elight

_NUMPY = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}
_TORCH = {
    "torch.float64": "F64", "torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16", "torch.int64": "I64",
    "torch.int32": "I32", "torch.int16": "I16", "torch.int8": "I8", "torch.uint8": "U8", "torch.bool": "BOOL",
    "torch.float8_e4m3fn": "F8_E4M3", "torch.float8_e5m2": "F8_E5M2",
}


def _described(name: str, value: Any) -> tuple[str, list[int], int]:
    """Type, shape and size in bytes of one tensor."""
    if not isinstance(name, str):
        raise TypeError(f"a state dict maps names to tensors; found the key {name!r}")
    if isinstance(value, np.ndarray):
        kind = _NUMPY.get(value.dtype.name)
        size = value.nbytes
    elif type(value).__module__.split(".")[0] == "torch" or hasattr(value, "element_size"):
        if value.device.type == "meta":
            raise _elight.ElightError(f"tensor `{name}` is on the meta device and has no values: load the weights first")
        if value.layout.__str__() != "torch.strided":
            raise _elight.ElightError(f"tensor `{name}` is stored as {value.layout}: expected a dense one, as .to_dense() makes it")
        kind = _TORCH.get(str(value.dtype))
        size = value.numel() * value.element_size()
    else:
        raise TypeError(f"`{name}` is a {type(value).__name__}: expected a numpy array or a torch tensor")
    if kind is None:
        raise _elight.ElightError(f"tensor `{name}` is of type {value.dtype}, which a .safetensors file does not hold")
    return kind, list(value.shape), size


def image(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> _elight.Buffer:
    """The bytes of a `.safetensors` file that holds `tensors` in the order of the mapping."""
    if not tensors:
        raise _elight.ElightError("the state dict is empty: expected names and tensors, as model.state_dict() gives them")
    header: dict[str, Any] = {"__metadata__": {key: str(value) for key, value in metadata.items()}}
    places, at = [], 0
    for name, value in tensors.items():
        kind, shape, size = _described(name, value)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        places.append((value, at, size))
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    start = 8 + len(text)
    buffer = _elight.Buffer(start + at)
    memory = (ctypes.c_uint8 * len(buffer)).from_address(buffer.address)
    memory[:start] = struct.pack("<Q", len(text)) + text
    for value, at, size in places:
        if size:
            _copy(value, memory, start + at, size)
    return buffer


def view(buffer: _elight.Buffer) -> memoryview:
    """The bytes of a buffer, without a copy. The buffer lives as long as they do; they are not valid any more once it is handed to a network."""
    array = (ctypes.c_uint8 * len(buffer)).from_address(buffer.address)
    array.buffer = buffer
    return memoryview(array).cast("B")


def _copy(value: Any, memory: Any, at: int, size: int) -> None:
    """One tensor into its place, whatever its strides and its device."""
    if isinstance(value, np.ndarray):
        place = np.frombuffer(memory, np.uint8, size, at).view(value.dtype.newbyteorder("=")).reshape(value.shape)
        np.copyto(place, value)
        return
    import torch

    place = torch.frombuffer(memory, dtype=torch.uint8, count=size, offset=at)
    # A view of another type needs its alignment, which a place behind odd tensors does not have: such tensors go byte by byte.
    width = value.element_size()
    if (ctypes.addressof(memory) + at) % width == 0:
        place.view(value.dtype).view(value.shape).copy_(value.detach())
    else:
        place.copy_(value.detach().cpu().contiguous().view(-1).view(torch.uint8))
