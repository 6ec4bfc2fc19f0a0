# Copyright (c) monai_dd contributors
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#     http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Pickle files of nothing but numbers, texts and arrays of bytes, read without running what they may hold."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from monai_dd.data.datasets.folders import one_line

__all__ = ["read_byte_pickle"]

LATIN = ("latin1", b"latin1")


class _ByteType:
    """Stands for numpy's type of numbers while a file is read; knows unsigned bytes only."""

    def __init__(self, code: Any, *_: Any) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError("expected arrays of unsigned bytes")

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment say nothing about single bytes."""


class _ByteArray:
    """Stands for numpy's array while a file is read; ``array`` is the real one afterwards."""

    array: np.ndarray

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.array = _make_array(data, kind, shape, "F" if fortran else "C")


def _make_array(data: Any, kind: Any, shape: Any, order: str = "C") -> np.ndarray:
    if not isinstance(kind, _ByteType) or order not in ("C", "F"):
        raise pickle.UnpicklingError("expected arrays of unsigned bytes")
    values = np.frombuffer(data, dtype=np.uint8)
    if any(length < 0 for length in shape) or prod(shape) != values.size:
        raise pickle.UnpicklingError(f"expected an array of {shape}, got {values.size} bytes")
    return values.reshape(shape, order=order)


def _encode(text: str, encoding: Any) -> bytes:
    """Bytes, as Python 3 writes them for readers in Python 2."""
    if encoding not in LATIN:
        raise pickle.UnpicklingError("expected bytes")
    return text.encode("latin1")


# all that a file may name, for both names that numpy's module has had
CONSTRUCTORS: dict[tuple[str, str], Callable] = {
    ("numpy", "dtype"): _ByteType,
    ("numpy", "ndarray"): _ByteArray,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _ByteArray() for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _make_array for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable:
        if (module, name) not in CONSTRUCTORS:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return CONSTRUCTORS[module, name]


def read_byte_pickle(path: Path) -> dict[str, Any]:
    """Read a dictionary of numbers, texts, lists and arrays of unsigned bytes from a pickle file.

    Any other object in the file is refused before it is made: classes and functions that a file names are looked up in
    a table of stand-ins for numpy's constructors, and nowhere else.

    Args:
        path: file that Python 2 or 3 wrote.

    Returns:
        the dictionary, with texts as keys; texts in its values are bytes where Python 2 wrote them.

    Raises:
        ValueError: for a broken file, or one of other objects; one line with the name of the file.
    """
    try:
        with open(path, "rb") as file:
            content = _Unpickler(file, encoding="bytes").load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError("expected a dictionary")
        return {_text(key): getattr(value, "array", value) for key, value in content.items()}
    except Exception as error:  # a broken stream of opcodes ends in nearly any of them
        raise ValueError(
            f"{path.name}: expected a pickled dictionary of numbers, texts and arrays of bytes, got {one_line(error)}"
        ) from None


def _text(key: Any) -> str:
    return key.decode("ascii") if isinstance(key, bytes) else str(key)
