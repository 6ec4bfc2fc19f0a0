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
"""Phantoms next to images of patients that you have: a PET series and a BraTS folder.

The picture on the page of commands shows data of The Cancer Imaging Archive, see there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure
from monai.transforms import Compose, LoadImaged
from numpy.typing import NDArray

from monai_dd.data.phantoms import BRAIN_MODALITIES, create_brain_phantom, create_pet_phantom
from monai_dd.transforms import ConvertToSUVd, MaximumIntensityProjectiond


def read_projection(series: Path) -> NDArray[np.float64]:
    """Coronal maximum intensity projection of a PET series in SUV, head first, in true proportions of the body."""
    read = Compose(
        [
            LoadImaged("image", reader="monai_dd.dicom.PETSeriesReader", ensure_channel_first=True),
            ConvertToSUVd("image"),
            MaximumIntensityProjectiond("image", axis="coronal"),
        ]
    )
    return np.asarray(read({"image": str(series)})["image"][0])


def read_slice(folder: Path) -> NDArray[np.float64]:
    """FLAIR slice with the most tumor of a patient in the layout of BraTS, anterior at the top.

    Raises:
        ValueError: when the folder has no FLAIR image or no segmentation.
    """
    files = {kind: sorted(folder.glob(f"*{kind}.nii*")) for kind in ("flair", "seg")}
    if not all(files.values()):
        raise ValueError(f"brain: expected a folder with *flair.nii.gz and *seg.nii.gz, got {folder.name}")
    flair, seg = (nib.as_closest_canonical(nib.load(found[0])).get_fdata() for found in files.values())
    index = int((seg > 0).sum((0, 1)).argmax())
    return crop(flair[:, :, index].T[::-1, ::-1])


def crop(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image without margins of zeros."""
    rows, columns = np.flatnonzero((image > 0).any(1)), np.flatnonzero((image > 0).any(0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def draw(series: Path, brain: Path, seed: int) -> Figure:
    """Four images in a row: PET of a phantom and of a patient, FLAIR of a phantom and of a patient."""
    projection, real = read_projection(series), read_slice(brain)
    phantom = create_brain_phantom(seed)
    index = int((phantom.mask > 0).sum((0, 1)).argmax())
    flair = crop(phantom.images[BRAIN_MODALITIES.index("flair")][:, :, index].T)
    body = create_pet_phantom("mild", seed=seed, voxel_size=4).suv.max(1).T
    images = {
        "phantom, SUV 0 to 7": body,
        "patient, SUV 0 to 7": projection,
        "phantom, FLAIR": flair,
        "patient, FLAIR": real,
    }
    shapes = [image.shape for image in images.values()]
    figure = Figure(figsize=(8.4, 3.9), dpi=100, layout="constrained", facecolor="white")
    panels = figure.subplots(1, 4, width_ratios=[max(0.45, width / height) for height, width in shapes])
    for axes, (title, image) in zip(panels, images.items(), strict=True):
        pet = "SUV" in title
        top = 7.0 if pet else float(np.quantile(image[image > 0], 0.995))
        axes.imshow(image, cmap="gray_r" if pet else "gray", vmin=0, vmax=top)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    return figure


def main(arguments: list[str] | None = None) -> int:
    """Draw the picture; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python examples/phantoms_and_patients.py --series PET --brain BRATS_PATIENT --output o.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--series", type=Path, required=True, metavar="DIR", help="folder of a PET series")
    parser.add_argument("--brain", type=Path, required=True, metavar="DIR", help="folder of a patient as in BraTS")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="PNG file to write")
    parser.add_argument("--seed", type=int, default=3, help="seed of the phantoms (default: 3)")
    args = parser.parse_args(arguments)
    try:
        figure = draw(args.series, args.brain, args.seed)
    except (RuntimeError, ValueError) as error:  # RuntimeError: a reader's error as MONAI wraps it
        print(f"phantoms_and_patients: {error.__cause__ or error}", file=sys.stderr)
        return 2
    args.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output, pil_kwargs={"optimize": True})
    return 0


if __name__ == "__main__":
    sys.exit(main())
