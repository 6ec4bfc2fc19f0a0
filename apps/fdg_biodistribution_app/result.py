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
from monai_dd.dicom.secondary_capture import attention_secondary_capture
from monai_dd.metrics import compute_consistency_gap
from monai_dd.visualize import report_picture

__all__ = ["RESEARCH_USE", "result_files"]

RESEARCH_USE = "Research use only. Not for diagnosis."


def result_files(
    outputs: dict[str, Any],
    headers: Sequence[Dataset],
    suv_warnings: Sequence[str],
    metadata: dict[str, Any],
    class_names: Sequence[str],
) -> dict[str, bytes]:
    """Contents of ``result.json`` and ``attention.dcm``.

    Args:
        outputs: ``image``, ``pred`` and attention maps, as the bundle's postprocessing leaves them.
        headers: of the series.
        suv_warnings: lines about the SUV of the series.
        metadata: of the bundle.
        class_names: of the bundle.
    """
    pred = torch.as_tensor(outputs["pred"]).flatten().tolist()
    names = list(class_names) or [str(i) for i in range(len(pred))]
    best = int(np.argmax(pred))
    maps = {key: torch.as_tensor(outputs[key]) for key in ("attention_fine", "attention_coarse") if key in outputs}
    image = outputs["image"]
    spacing = [float(s) for s in affine_to_spacing(image.affine)[:2]]
    model = {"name": metadata["name"], "version": metadata["version"], "data_source": metadata.get("data_source", "")}
    probabilities = ", ".join(f"{name} {p:.2f}" for name, p in zip(names, pred))
    picture = report_picture(
        torch.as_tensor(image)[0].numpy(),
        {f"{k.replace('_', ' ')} ({m.shape[-2]}x{m.shape[-1]})": m[0].numpy() for k, m in maps.items()},
        spacing,
        headline=f"{names[best]} ({probabilities})",
        footer=[RESEARCH_USE, f"{model['name']}, version {model['version']}", f"trained on: {model['data_source']}"],
    )
    capture = attention_secondary_capture(
        picture, headers, "FDG biodistribution: class and attention (research)", model["name"], model["version"]
    )
    stream = io.BytesIO()
    capture.save_as(stream, enforce_file_format=True)
    result: dict[str, Any] = {
        "class": names[best],
        "probabilities": dict(zip(names, pred)),
        "notice": RESEARCH_USE,
        "model": model,
        "software": f"monai_dd {monai_dd.__version__}",
        "input": {
            "series_instance_uid": str(headers[0].SeriesInstanceUID),
            "slices": len(headers),
            "units": str(image.meta.get("units", "")),
            "suv_reference_time": str(image.meta.get("suv_reference_time", "")),
            "warnings": list(suv_warnings),
        },
        "secondary_capture": {"file": "attention.dcm", "sop_instance_uid": str(capture.SOPInstanceUID)},
    }
    if len(maps) == 2:
        fine, coarse = (m[None].log() for m in maps.values())
        result["consistency_gap"] = float(compute_consistency_gap(fine, coarse))
    return {"attention.dcm": stream.getvalue(), "result.json": json.dumps(result, indent=2).encode() + b"\n"}
