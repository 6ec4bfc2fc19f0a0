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
"""A bundle as a function: one input in, what its configuration makes of it out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.transforms import Transform

from monai_dd.utils.weights import check_state_fits, drop_left_out, read_state_dict, short_name

__all__ = ["BundleError", "BundlePredictor"]


class BundleError(ValueError):
    """A bundle that cannot be used: a file is missing or broken, or the weights are those of another network."""


class BundlePredictor(Transform):
    """Run one item at a time through ``configs/inference.json`` of a bundle, which is all that is known of it.

    Used are its ids ``preprocessing``, ``network``, ``inferer``, ``postprocessing`` and ``device``, and the weights in
    ``models/model.pt``, which must fit the network exactly.

    Args:
        bundle_root: folder of the bundle.
        device: where to run; what the bundle says by default.

    Attributes:
        metadata: the bundle's ``metadata.json``.
        class_names: the bundle's ``class_names``, empty where it has none.

    Raises:
        BundleError: when a file is missing or unreadable, or the weights are those of another network.

    Example:
        >>> BundlePredictor("nowhere")
        Traceback (most recent call last):
        monai_dd.bundle.predict.BundleError: bundle_root: expected a folder with configs/inference.json, got none
    """

    def __init__(self, bundle_root: str | Path, device: str | torch.device | None = None) -> None:
        root = Path(bundle_root)
        config, metadata = root / "configs" / "inference.json", root / "configs" / "metadata.json"
        weights = root / "models" / "model.pt"
        for path in (config, metadata, weights):
            if not path.is_file():
                raise BundleError(f"bundle_root: expected a folder with {path.relative_to(root)}, got none")
        try:
            self.metadata = json.loads(metadata.read_text())
            parser = ConfigParser()
            parser.read_config(str(config))
            parser["bundle_root"] = str(root)
            if device is not None:
                parser["device"] = f"$torch.device('{device}')"
            parts = ("device", "network", "preprocessing", "inferer", "postprocessing")
            self.device, self.network, self.preprocessing, self.inferer, self.postprocessing = (
                parser.get_parsed_content(part) for part in parts
            )
            self.class_names = list(parser.get("class_names", None) or [])
        except Exception as error:  # a configuration can fail in as many ways as the code it names
            raise BundleError(
                f"configs/inference.json: expected a usable configuration, got {_one_line(error)}"
            ) from error
        self._load(weights)
        self.network.eval()

    def _load(self, weights: Path) -> None:
        try:
            state = drop_left_out(self.network, read_state_dict(weights, self.device))
            expected = "expected the weights of its network, got those of another"
            check_state_fits(self.network.state_dict(), state, f"{short_name(weights)}: {expected}")
        except ValueError as error:
            raise BundleError(str(error)) from None
        self.network.load_state_dict(state)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the item after preprocessing, network and postprocessing; network outputs are added to the inputs.

        Raises:
            ValueError: as the readers and transforms of the bundle raise it, without MONAI's wrapping.
        """
        try:
            item = self.preprocessing(dict(data))
        except RuntimeError as error:
            raise _cause(error) from None
        with torch.no_grad():
            output = self.inferer(torch.as_tensor(item["image"])[None].to(self.device), self.network)
        item["pred"] = {k: v[0].cpu() for k, v in output.items()} if isinstance(output, Mapping) else output[0].cpu()
        return dict(self.postprocessing(item))


def _cause(error: BaseException) -> BaseException:
    """The ValueError that MONAI's ``apply_transform`` has wrapped, or the error itself."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ValueError):
            return inner
        inner = inner.__cause__
    return error


def _one_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200] or type(error).__name__
