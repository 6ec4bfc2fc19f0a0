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
"""The bundle in a model folder, and the facts about it that go into the results."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from monai_dd.bundle import BundleError, BundlePredictor

__all__ = ["find_bundle", "load_bundle"]


def find_bundle(model: Path) -> Path:
    """The bundle in a model folder: the folder itself, or the only one below it with ``configs/inference.json``.

    Raises:
        BundleError: when there is none, or more than one.
    """
    found = [model] if (model / "configs").is_dir() else []
    found = found or sorted({path.parent.parent for path in model.glob("**/configs/inference.json")})
    if len(found) != 1:
        raise BundleError(f"model: expected one bundle (a folder with configs/inference.json), found {len(found)}")
    return found[0]


def load_bundle(model: Path) -> tuple[BundlePredictor, dict[str, Any]]:
    """The bundle in a model folder, ready to run, and its facts: name, version, network, weights, training data.

    Raises:
        BundleError: when there is not one bundle, or it cannot be used.
    """
    try:
        root = find_bundle(model)
        predictor = BundlePredictor(root)
        digest = hashlib.sha256((root / "models" / "model.pt").read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"bundle: a file of it could not be read: {error.strerror}") from error
    metadata = predictor.metadata
    facts = {
        "name": str(metadata.get("name", "unnamed")),
        "version": str(metadata.get("version", "unknown")),
        "network": type(predictor.network).__name__,
        "weights_sha256": digest,
        "data_source": str(metadata.get("data_source", "not stated")),
    }
    return predictor, facts
