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
"""Arrays of numbers from MATLAB files of version 5 to 7.2.

SciPy reads them too, but a broken file can end the whole process there (a segmentation fault for a type of data that
does not exist, SciPy 1.17); here it is an error like others.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from math import prod
from pathlib import Path

import numpy as np

from monai_dd.data.datasets.folders import one_line

__all__ = ["read_matlab_arrays"]

HEADER = 128
# codes of the format (MAT-File Format, MathWorks): data types of the elements, and classes of arrays
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = 0x800


def read_matlab_arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Read arrays of real numbers by their names.

    Args:
        path: the file.
        names: of the arrays; others in the file are passed over.

    Returns:
        those of the arrays that are there, each of the type and shape that it has in MATLAB.

    Raises:
        ValueError: for a broken file, one of another kind, or an array of anything but real numbers; one line with the
            name of the file.
    """
    content = path.read_bytes()
    try:
        order = {b"IM": "<", b"MI": ">"}.get(content[HEADER - 2 : HEADER])
        if order is None or struct.unpack(order + "H", content[HEADER - 4 : HEADER - 2])[0] != 0x0100:
            raise ValueError("another header")
        arrays: dict[str, np.ndarray] = {}
        for kind, data in _elements(memoryview(content)[HEADER:], order):
            if kind == COMPRESSED:
                kind, data = next(_elements(memoryview(zlib.decompress(data)), order))
            if kind == MATRIX:
                arrays |= _read_matrix(data, order, names)
        return arrays
    except (ValueError, StopIteration, struct.error, zlib.error, MemoryError) as error:
        raise ValueError(f"{path.name}: expected a MATLAB file of version 5 to 7.2, got {one_line(error)}") from None


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of one element after the other; small ones have both in eight bytes."""
    place = 0
    while place < len(data):
        (first,) = struct.unpack_from(order + "I", data, place)
        if first >> 16:
            kind, length, begin, end = first & 0xFFFF, first >> 16, place + 4, place + 8
        else:
            kind, (length,), begin = first, struct.unpack_from(order + "I", data, place + 4), place + 8
            end = begin + length if kind == COMPRESSED else begin + -(-length // 8) * 8
        if begin + length > min(end, len(data)):
            raise ValueError("an element that goes beyond the end")
        yield kind, data[begin : begin + length]
        place = end


def _read_matrix(data: memoryview, order: str, names: Collection[str]) -> dict[str, np.ndarray]:
    elements = _elements(data, order)
    flags = int(_numbers(*next(elements), order)[0])
    shape = _numbers(*next(elements), order).tolist()
    name = bytes(next(elements)[1]).decode("latin1")
    if name not in names:
        return {}
    if flags & 0xFF not in CLASSES or flags & COMPLEX:
        raise ValueError(f"an array {name} of anything but real numbers")
    values = _numbers(*next(elements), order)
    if any(length < 0 for length in shape) or prod(shape) != values.size:
        raise ValueError(f"an array {name} of {values.size} numbers for the shape {tuple(shape)}")
    return {name: values.astype(CLASSES[flags & 0xFF], copy=False).reshape(shape, order="F")}


def _numbers(kind: int, data: memoryview, order: str) -> np.ndarray:
    if kind not in NUMBERS or len(data) == 0:
        raise ValueError(f"an element of type {kind} with {len(data)} bytes")
    return np.frombuffer(data, dtype=np.dtype(NUMBERS[kind]).newbyteorder(order))
