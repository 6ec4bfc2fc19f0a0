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
"""Pictures: those of a folder, and the gray values of one."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image

__all__ = ["PICTURES", "convert_to_gray", "convert_to_rgb", "find_pictures"]

PICTURES = (".jpg", ".jpeg", ".png")
_EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # PIL's modes of 8 bits a channel or fewer


def convert_to_gray(picture: Image) -> Image:
    """Gray values 0 to 255 of a picture with 8 bits a channel; the ``converter`` of MONAI's ``PILReader``.

    PIL would clip one of 16 bits to white.

    Raises:
        ValueError: for another depth, and for a file that is cut off.

    Example:
        >>> import PIL.Image
        >>> convert_to_gray(PIL.Image.new("RGB", (4, 4), (200, 200, 200))).getpixel((0, 0))
        200
    """
    if picture.mode not in _EIGHT_BITS:
        raise ValueError(f"{_name(picture)}: expected a picture of 8 bits a channel, got PIL's mode {picture.mode!r}")
    return _convert(picture, "L")


def convert_to_rgb(picture: Image) -> Image:
    """Red, green and blue, 0 to 255 each, of a picture that has them, such as three sequences of one slice in one file.

    The ``converter`` of MONAI's ``PILReader``. A gray picture is refused: it would pass for three equal sequences.

    Raises:
        ValueError: for a picture of other channels or another depth, and for a file that is cut off.

    Example:
        >>> import PIL.Image
        >>> convert_to_rgb(PIL.Image.new("RGB", (4, 4), (10, 20, 30))).getpixel((0, 0))
        (10, 20, 30)
    """
    if picture.mode != "RGB":
        raise ValueError(
            f"{_name(picture)}: expected a picture of red, green and blue with 8 bits each, "
            f"got PIL's mode {picture.mode!r}"
        )
    return _convert(picture, "RGB")


def _name(picture: Image) -> str:
    return Path(getattr(picture, "filename", "") or "picture").name


def _convert(picture: Image, mode: str) -> Image:
    try:
        picture.load()
        return picture.convert(mode)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{_name(picture)}: expected a picture, the file is truncated or none") from error


def find_pictures(dataset_dir: str | Path, pattern: str = "**/*") -> list[dict[str, str]]:
    """Every picture (JPEG, PNG) of a folder, an item ``{"image": path}`` each, sorted by path.

    Args:
        dataset_dir: folder with the pictures.
        pattern: which files, relative to it, with wildcards; all in it and below by default.

    Raises:
        ValueError: when the folder is absent or holds no pictures.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("2.png", "1.JPG", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [Path(item["image"]).name for item in find_pictures(folder)]
        ['1.JPG', '2.png']
    """
    root = Path(dataset_dir)
    if not root.is_dir():
        raise ValueError(f"dataset_dir: expected a folder with pictures, {root.name!r} is not there")
    files = [p for p in sorted(root.glob(pattern)) if p.suffix.lower() in PICTURES and not p.name.startswith(".")]
    if not files:
        raise ValueError(f"dataset_dir: expected {', '.join(PICTURES)} files at {pattern} in {root.name!r}, found none")
    return [{"image": str(file)} for file in files]
