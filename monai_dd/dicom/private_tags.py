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
"""Vendor values of PET headers that live in private blocks, read also where the private creator was stripped."""

from __future__ import annotations

from pydicom.dataset import Dataset

__all__ = ["PRIVATE_ELEMENTS", "private_value"]

PRIVATE_ELEMENTS = {
    "PhilipsSUVScaleFactor": (0x7053, "Philips PET Private Group", 0x00),
    "PhilipsActivityScaleFactor": (0x7053, "Philips PET Private Group", 0x09),
    "GEScanDateTime": (0x0009, "GEMS_PETD_01", 0x0D),
    "SiemensDecayDateTime": (0x0071, "SIEMENS MED PT", 0x22),
}
"""Group, private creator and element offset by the name used in ``pet_header``."""

_DEFAULT_BLOCK = 0x10


def private_value(dataset: Dataset, name: str) -> str | None:
    """
    The text of a private element, or None.

    The block is found by its creator. Where de-identification removed the creator, the element is looked for in block
    0x10 (raw address, e.g. (7053,1000)), unless another creator owns that block.

    Args:
        dataset: an instance of a PET series.
        name: a key of ``PRIVATE_ELEMENTS``.
    """
    group, creator, offset = PRIVATE_ELEMENTS[name]
    element = None
    blocks = [tag for tag in dataset.group_dataset(group).keys() if 0x10 <= tag.element <= 0xFF]
    owners = {tag.element: str(dataset[tag].value or "").strip() for tag in blocks}
    own_blocks = [block for block, owner in owners.items() if owner == creator]
    for block in own_blocks or ([] if owners.get(_DEFAULT_BLOCK) else [_DEFAULT_BLOCK]):
        element = dataset.get((group, (block << 8) + offset), element)
    if element is None or element.value is None:
        return None
    value = element.value
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip(" \0") or None
