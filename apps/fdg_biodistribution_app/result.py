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
"""The app's result files: what the bundle put out, as JSON and as DICOM."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data.utils import affine_to_spacing
from pydicom.dataset import Dataset

import monai_dd
from monai_dd.bundle import BundleError
from monai_dd.dicom.secondary_capture import attention_secondary_capture
from monai_dd.metrics import compute_consistency_gap
from monai_dd.visualize import report_picture

__all__ = ["RESEARCH_USE", "read_probabilities", "result_files"]

RESEARCH_USE = "Research use only. Not for diagnosis."
PICTURE = "attention.dcm"


def read_probabilities(outputs: dict[str, Any], class_names: Sequence[str]) -> dict[str, float]:
    """Probability of each class by name.

    Raises:
        BundleError: when ``pred`` is missing, is not a distribution, or has not one value for each class name.
    """
    if "pred" not in outputs:
        raise BundleError("bundle: expected postprocessing to leave the probabilities in 'pred', there is none")
    values = torch.as_tensor(outputs["pred"]).double().flatten()
    if class_names and len(class_names) != len(values):
        raise BundleError(
            f"bundle: expected as many probabilities as class_names, {len(class_names)}, got {len(values)}"
        )
    if not torch.isfinite(values).all() or (values < 0).any() or abs(values.sum().item() - 1) > 1e-3:
        raise BundleError("bundle: expected probabilities that sum to 1, got other values (are the weights finite?)")
    return dict(zip(class_names or map(str, range(len(values))), values.tolist()))


def footer_lines(model: dict[str, Any]) -> list[str]:
    """Lines below the picture: what it is not, and what made it."""
    source = model["data_source"]
    phantoms = source.lower().startswith("phantom")
    trained = "Weights trained on phantoms: not clinical." if phantoms else f"Training data: {source}"
    return [RESEARCH_USE, trained, f"{model['name']}, version {model['version']}"]


def result_files(
    outputs: dict[str, Any],
    headers: Sequence[Dataset],
    suv_warnings: Sequence[str],
    model: dict[str, Any],
    class_names: Sequence[str],
) -> dict[str, bytes]:
    """Contents of ``result.json`` and ``attention.dcm``.

    Args:
        outputs: ``image``, ``pred`` and attention maps, as the bundle's postprocessing leaves them.
        headers: of the series.
        suv_warnings: lines about the SUV of the series.
        model: facts about the bundle, of ``load_bundle``.
        class_names: of the bundle.

    Raises:
        BundleError: when the bundle's outputs cannot be a result.
    """
    probabilities = read_probabilities(outputs, class_names)
    best = max(probabilities, key=probabilities.__getitem__)
    maps = {key: torch.as_tensor(outputs[key]) for key in ("attention_fine", "attention_coarse") if key in outputs}
    if not all(torch.isfinite(m).all() and m.min() >= 0 for m in maps.values()):
        raise BundleError("bundle: expected attention maps of finite, non-negative values, got others")
    image = outputs["image"]
    picture = report_picture(
        torch.as_tensor(image)[0].numpy(),
        {f"{key.replace('_', ' ')} ({m.shape[-2]}x{m.shape[-1]})": m[0].numpy() for key, m in maps.items()},
        [float(s) for s in affine_to_spacing(image.affine)[:2]],
        headline=f"{best} ({', '.join(f'{name} {p:.2f}' for name, p in probabilities.items())})",
        footer=footer_lines(model),
    )
    capture = attention_secondary_capture(
        np.ascontiguousarray(picture),
        headers,
        "FDG biodistribution: class and attention (research)",
        model["name"],
        model["version"],
    )
    stream = io.BytesIO()
    capture.save_as(stream, enforce_file_format=True)
    result: dict[str, Any] = {
        "class": best,
        "probabilities": probabilities,
        "notice": RESEARCH_USE,
        "model": model,
        "software": f"monai_dd {monai_dd.__version__}",
        "input": {
            "series_instance_uid": str(headers[0].SeriesInstanceUID),
            "slices": len(headers),
            "units": str(headers[0].get("Units", "")),
            "intensity": str(image.meta.get("units", "")),
            "suv_reference_time": str(image.meta.get("suv_reference_time", "")),
            "warnings": list(suv_warnings),
        },
        "secondary_capture": {
            "file": PICTURE,
            "sop_instance_uid": str(capture.SOPInstanceUID),
            "series_instance_uid": str(capture.SeriesInstanceUID),
        },
    }
    if len(maps) == 2:
        fine, coarse = (m[None].log() for m in maps.values())
        result["consistency_gap"] = float(compute_consistency_gap(fine, coarse))
    return {PICTURE: stream.getvalue(), "result.json": json.dumps(result, indent=2, allow_nan=False).encode() + b"\n"}
