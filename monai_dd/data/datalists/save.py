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
"""Writing a data list in one step, so that no reader ever sees a part of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["save_datalist"]


def save_datalist(datalist: dict[str, Any], path: str | Path) -> None:
    """Write a data list as JSON, one item in each line; a file of that name is replaced only when all is written.

    Args:
        datalist: splits, which are lists of items, and what else describes the data.
        path: file to write; its folder is there.

    Raises:
        OSError: when the folder cannot be written; no part of it is left.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_datalist({"seed": 0, "training": [{"image": "1.png", "label": 1}]}, f"{folder}/datalist.json")
        ...     print(Path(folder, "datalist.json").read_text(), end="")
        {
          "seed": 0,
          "training": [
            {"image": "1.png", "label": 1}
          ]
        }
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        text = ",\n".join(f"  {json.dumps(key)}: {_lines(value)}" for key, value in datalist.items())
        part.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _lines(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"
    return json.dumps(value)
