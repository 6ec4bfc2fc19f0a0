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
"""Pictures of a folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PICTURES", "find_pictures"]

PICTURES = (".jpg", ".jpeg", ".png")


def find_pictures(dataset_dir: str | Path, pattern: str = "**/*") -> list[dict[str, str]]:
    """Every picture (JPEG, PNG) of a folder, an item ``{"image": path}`` each, sorted by path.

    Args:
        dataset_dir: folder with the pictures.
        pattern: which files, relative to it, with wildcards; all in it and below by default.

    Raises:
        ValueError: when the folder is absent or holds no pictures.
    """
    root = Path(dataset_dir)
    if not root.is_dir():
        raise ValueError(f"dataset_dir: expected a folder with pictures, {root.name!r} is not there")
    files = [p for p in sorted(root.glob(pattern)) if p.suffix.lower() in PICTURES and not p.name.startswith(".")]
    if not files:
        raise ValueError(f"dataset_dir: expected {', '.join(PICTURES)} files at {pattern} in {root.name!r}, found none")
    return [{"image": str(file)} for file in files]
