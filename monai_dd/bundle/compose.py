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
"""One variant of a bundle as a bundle of its own.

The overlays of a bundle go over its configurations at run time. Who is handed one trained variant, a hospital's
application above all, wants a folder in which ``inference.json`` says it all: this writes that folder.
Command line: ``monai-dd compose --help``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

__all__ = ["compose_bundle"]


def compose_bundle(
    bundle_root: str | Path,
    overlays: Sequence[str],
    output_dir: str | Path,
    model_file: str | Path | None = None,
    data_source: str | None = None,
) -> Path:
    """Write a bundle whose ``train.json`` and ``inference.json`` have the overlays in them.

    The folder appears whole or not at all.

    Args:
        bundle_root: the bundle to start from.
        overlays: names of configurations of it, in order, such as ``variant_exact``.
        output_dir: folder of the new bundle; must not exist.
        model_file: weights to take along as ``models/model.pt``.
        data_source: what the weights were trained on, for ``metadata.json``.

    Returns:
        path of the new bundle.

    Raises:
        ValueError: when the bundle, an overlay or the weights are absent, or ``output_dir`` exists.

    Example:
        >>> compose_bundle("nowhere", ["variant_exact"], "exact")
        Traceback (most recent call last):
        ValueError: bundle_root: expected the file inference.json for 'nowhere', got none
    """
    source, target = Path(bundle_root), Path(output_dir)
    files = [source / "configs" / f"{name}.json" for name in overlays]
    needed = [("bundle_root", source / "configs" / "inference.json"), *(("overlays", file) for file in files)]
    for argument, file in [*needed, *([("model_file", Path(model_file))] if model_file else [])]:
        if not file.is_file():
            raise ValueError(f"{argument}: expected the file {file.name} for {source.name!r}, got none")
    if target.exists():
        raise ValueError(f"output_dir: expected a folder that does not exist yet, got {target.name!r}")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    ignored = shutil.ignore_patterns("variant_*", "demo.json", "README.md", "options.md", "images")
    for name in ("configs", "docs"):  # nothing else: results of runs lie there too, pictures of patients among them
        if (source / name).is_dir():
            shutil.copytree(source / name, partial / name, ignore=ignored)
    if (source / "LICENSE").is_file():
        shutil.copyfile(source / "LICENSE", partial / "LICENSE")
    for name in ("train", "inference"):
        parser = ConfigParser()
        parser.read_config([str(source / "configs" / f"{name}.json"), *map(str, files)])
        config = {k: v for k, v in parser.get().items() if k != "_meta_"}
        (partial / "configs" / f"{name}.json").write_text(json.dumps(config, indent=4) + "\n")
    (partial / "models").mkdir()
    if model_file:
        shutil.copyfile(model_file, partial / "models" / "model.pt")
    origin = f"{source.resolve().name} with {', '.join(overlays) or 'no overlay'}"
    metadata = _describe(partial, config, origin, data_source, bool(model_file))
    (partial / "docs").mkdir(exist_ok=True)
    (partial / "docs" / "README.md").write_text(_readme(metadata, origin))
    partial.rename(target)
    return target


def _describe(
    bundle: Path, config: dict[str, Any], origin: str, data_source: str | None, has_weights: bool
) -> dict[str, Any]:
    """Make ``metadata.json`` that of the composed bundle, and return it."""
    path = bundle / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    network = config["network_def"]
    parts = [network, config["encoder"]] if network.get("encoder") == "@encoder" else [network]
    kind = " with ".join(part.get("_target_", "").rpartition(".")[2] for part in parts)
    weights = "with weights" if has_weights else "without weights"
    metadata["description"] = f"{metadata['task']}. {kind}, composed of {origin}. Research use only."
    metadata["changelog"][metadata["version"]] = f"composed of {origin}, {weights}"
    if "image_size" in config:
        metadata["network_data_format"]["inputs"]["image"]["spatial_shape"] = list(config["image_size"])
    channels = config.get("in_channels")
    image = metadata["network_data_format"]["inputs"]["image"]
    if channels is not None and channels != image["num_channels"]:
        image |= {"num_channels": channels, "channel_def": {str(i): f"channel {i}" for i in range(channels)}}
    names = config.get("class_names")
    pred = metadata["network_data_format"]["outputs"]["pred"]
    if names is not None and list(names) != list(pred["channel_def"].values()):
        pred |= {"num_channels": len(names), "spatial_shape": [1, len(names)]}
        pred["channel_def"] = {str(i): name for i, name in enumerate(names)}
        metadata["label_classes"] = metadata["pred_classes"] = f"in this order: {', '.join(names)}"
    if data_source is not None:
        metadata["data_source"] = data_source
    path.write_text(json.dumps(metadata, indent=4) + "\n")
    return metadata


def _readme(metadata: dict[str, Any], origin: str) -> str:
    return f"""# {metadata["name"]}

{metadata["description"]}

- Version: {metadata["version"]} ({metadata["changelog"][metadata["version"]]})
- Trained on: {metadata.get("data_source", "not stated")}
- Input size: {metadata["network_data_format"]["inputs"]["image"]["spatial_shape"]}

`configs/inference.json` and `configs/train.json` hold the overlays of {origin}. Every option is described in
`docs/options.md` of the bundle it was composed of.
"""
