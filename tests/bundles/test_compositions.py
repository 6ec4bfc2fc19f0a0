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
"""The configurations of every bundle: ids MONAI asks for, names, and what overlays touch."""

from __future__ import annotations

import json
import re
import unittest
from itertools import product
from pathlib import Path

import monai
from monai.bundle.properties import InferProperties, TrainProperties
from monai.bundle.reference_resolver import ReferenceResolver
from monai.utils import BundleProperty, BundlePropertyConfig, optional_import
from parameterized import parameterized

from tests.bundles.setting import BUNDLES, CHEST, parser

# further ids the rules name, beyond those MONAI calls required
TRAIN_IDS = (
    *("network_def", "val_interval", "output_dir", "initialize", "run", "finalize", "train#dataset#data"),
    *(f"train#{part}" for part in ("handlers", "preprocessing", "postprocessing", "key_metric")),
    *(f"validate#{part}" for part in ("evaluator", "handlers", "dataset", "dataset#data", "inferer", "preprocessing")),
    *("validate#postprocessing", "validate#key_metric"),
)
INFER_IDS = ("output_dir", "dataset#data", "handlers", "preprocessing", "postprocessing", "initialize", "run")
ALWAYS_OVER = {
    **{"train": ("train",), "inference": ("inference",), "evaluate": ("train", "evaluate")},
    "explain": ("train", "evaluate", "explain"),
}
DEFAULT = {CHEST: "variant_baseline"}  # the others: variant_dual
FALLING = ("val_loss",)  # metrics of which the smallest value is the best
DISTRIBUTED = {
    "multi_gpu_train": ("train", "multi_gpu_train"),
    "multi_gpu_evaluate": ("train", "evaluate", "multi_gpu_evaluate"),
}


def _variants(root: Path) -> list[str]:
    return sorted(p.stem for p in (root / "configs").glob("variant_*.json"))


def _overlay(root: Path, variant: str) -> dict:
    return json.loads((root / "configs" / f"{variant}.json").read_text())


def _all(*groups) -> list[tuple]:
    return [(f"{root.name}_{'_'.join(map(str, rest))}", root, *rest) for root, *rest in groups]


EACH = _all(*((root,) for root in BUNDLES))
EACH_VARIANT = _all(*((root, v) for root in BUNDLES for v in _variants(root)))
REPLACING = [each for each in EACH_VARIANT if "network_def" in _overlay(*each[1:])]
COMPOSITIONS = _all(
    *((root, kind, v) for root in BUNDLES for kind, v in product(ALWAYS_OVER | DISTRIBUTED, ["", *_variants(root)]))
)


def _targets(config: object) -> list[str]:
    if isinstance(config, list):
        return [t for v in config for t in _targets(v)]
    if not isinstance(config, dict):
        return []
    return [*([config["_target_"]] if "_target_" in config else []), *(t for v in config.values() for t in _targets(v))]


def _unresolved(config) -> list[str]:
    config.parse(reset=True)
    resolver = config.ref_resolver
    items = {k: v for k, v in resolver.items.items() if not k.startswith("_meta_")}
    needed = {ref for k, v in items.items() for ref in ReferenceResolver.find_refs_in_config(v.get_config(), k)}
    return sorted(needed - set(resolver.items))


class TestIds(unittest.TestCase):
    @parameterized.expand(EACH)
    def test_train(self, _name, root):
        config = parser("train", root=root)
        required = [p[BundlePropertyConfig.ID] for p in TrainProperties.values() if p[BundleProperty.REQUIRED]]
        self.assertEqual([i for i in (*required, *TRAIN_IDS) if i not in config], [])
        for section in ("train#handlers", "validate#handlers"):
            for handler in config[section]:  # a reference string here ends MONAI's check_properties
                self.assertIsInstance(handler, dict, section)
                self.assertIn("_target_", handler)
        self._check_references(config, TrainProperties)
        self.assertEqual(config["validate#evaluator"]["key_val_metric"], "@validate#key_metric")

    @parameterized.expand(EACH)
    def test_inference(self, _name, root):
        config = parser("inference", root=root)
        required = [p[BundlePropertyConfig.ID] for p in InferProperties.values() if p[BundleProperty.REQUIRED]]
        self.assertEqual([i for i in (*required, *INFER_IDS) if i not in config], [])
        self._check_references(config, InferProperties)

    def _check_references(self, config, properties) -> None:
        for name, entry in properties.items():
            reference = entry.get(BundlePropertyConfig.REF_ID)
            if reference and "#" in reference and reference in config:
                self.assertEqual(config[reference], f"@{entry[BundlePropertyConfig.ID]}", name)

    @parameterized.expand(EACH)
    def test_metric_has_one_name(self, _name, root):
        config = parser("train", root=root)
        (metric,) = config["validate#key_metric"]
        self.assertEqual(config["best_saver#key_metric_name"], metric)
        if metric in FALLING:
            self.assertTrue(config["best_saver#key_metric_negative_sign"])
            self.assertEqual(config["validate#evaluator#metric_cmp_fn"], "$operator.lt")
        else:
            self.assertNotIn("key_metric_negative_sign", config["best_saver"])
            self.assertTrue(config["best_saver#key_metric_greater_or_equal"])
        self.assertIn(metric, (root / "docs" / "README.md").read_text())

    @parameterized.expand(EACH)
    def test_every_metric_is_documented(self, _name, root):
        """Under its own name, or under that of its family: "`val_pixel_ap_*` ... of `gradcam_fine`"."""
        text = (root / "docs" / "options.md").read_text()
        documented = set(re.findall(r"`([a-z_0-9]+)`", text))
        families = [f.removesuffix("*") for f in re.findall(r"`(val_[a-z_]+_\*)`", text)]
        for path in sorted((root / "configs").glob("*.json")):
            config = json.loads(path.read_text())
            metrics = {key.split("#")[-1] for key in config if key.startswith("validate#additional_metrics#")}
            validate = config.get("validate", {})
            metrics |= {*validate.get("key_metric", {}), *validate.get("additional_metrics", {})}
            for metric in metrics:
                member = any(metric.startswith(f) and metric.removeprefix(f) in documented for f in families)
                self.assertTrue(metric in documented or member, f"{path.name}: {metric}")

    @parameterized.expand(EACH)
    def test_train_and_inference_are_the_same_network_and_preprocessing(self, _name, root):
        train, inference = parser("train", root=root), parser("inference", root=root)
        parts = ("network_def", "network", "encoder", "embed_dim", "in_channels", "image_size")
        for section in (*parts, "class_names", "intensity", "memory_format"):
            self.assertEqual(train[section], inference[section], section)
        self.assertEqual(train["deterministic_transforms"], inference["preprocessing#transforms"])
        self.assertEqual(train["validate#postprocessing"], inference["postprocessing"])


class TestTargets(unittest.TestCase):
    @parameterized.expand(EACH)
    def test_dotted_and_there(self, _name, root):
        for path in sorted((root / "configs").glob("*.json")):
            for target in _targets(json.loads(path.read_text())):
                if "." in target:
                    module, name = target.rsplit(".", 1)
                    self.assertTrue(optional_import(module, name=name)[1], f"{path.name}: {target}")
                else:  # a short name is MONAI's own, and no other class of MONAI bears it
                    self.assertIsNotNone(_find_in_monai(target), f"{path.name}: {target}")

    @parameterized.expand(EACH)
    def test_expressions_import_what_they_use(self, _name, root):
        for names in (("train",), ("inference",)):
            config = parser(*names, root=root)
            imported = set(re.findall(r"(?:import|as) (\w+)", " ".join(config["imports"]))) | {"monai"}
            text = json.dumps({k: v for k, v in config.get().items() if k != "imports"})
            used = set(re.findall(r"\b(os|glob|torch|idist|zipfile|numpy|np|json)\.\w", text))
            self.assertEqual(sorted(used - imported), [], names)


def _find_in_monai(name: str) -> object | None:
    places = (monai.transforms, monai.data, monai.handlers, monai.engines, monai.inferers)
    return next((getattr(place, name) for place in places if hasattr(place, name)), None)


class TestOverlays(unittest.TestCase):
    @parameterized.expand(EACH_VARIANT)
    def test_variant_touches_network_and_loss_only(self, _name, root, variant):
        config = _overlay(root, variant)
        more = {"iteration_update"} & set(parser("train", root=root).get())  # of a bundle that offers another one
        if variant == "variant_softcam":  # its loss reads the contributions
            more = more | {"contribution"}
        self.assertEqual({key.split("#")[0] for key in config}, {"network_def", "loss"} | more)
        known = parser("train", root=root)["network_def"]
        self.assertEqual([k for k in config if k.startswith("network_def#") and k.split("#")[1] not in known], [])

    @parameterized.expand(EACH_VARIANT)
    def test_variant_does_not_depend_on_what_came_before(self, _name, root, variant):
        # one that replaces the network leaves nothing for another to change
        others = [v for v in _variants(root) if v != variant and "network_def" not in _overlay(root, v)]
        alone = parser("train", variant, root=root)
        after = parser("train", *others, variant, root=root)
        self.assertEqual(alone["network_def"], after["network_def"])
        self.assertEqual(alone["loss"], after["loss"])

    @parameterized.expand(REPLACING)
    def test_variant_on_a_network_of_another_kind_is_refused(self, _name, root, variant):
        config = parser("train", variant, "variant_dual", "demo", root=root)
        with self.assertRaisesRegex(RuntimeError, config["network_def#_target_"].split(".")[-1]):
            config.get_parsed_content("network_def")

    @parameterized.expand(EACH)
    def test_default_is_its_own_overlay(self, _name, root):
        default = DEFAULT.get(root, "variant_dual")
        self.assertEqual(
            {k: parser("train", default, root=root)[k] for k in ("network_def", "loss")},
            {k: parser("train", root=root)[k] for k in ("network_def", "loss")},
        )

    @parameterized.expand(COMPOSITIONS)
    def test_composition_resolves(self, _name, root, kind, variant):
        names = [*(ALWAYS_OVER | DISTRIBUTED)[kind], *([variant] if variant else [])]
        for extra in ([], ["demo"]):
            self.assertEqual(_unresolved(parser(*names, *extra, root=root)), [], [*names, *extra])

    @parameterized.expand(EACH)
    def test_an_absent_reference_is_noticed(self, _name, root):
        config = parser("train", root=root, **{"train#trainer#optimizer": "@nowhere"})
        self.assertEqual(_unresolved(config), ["nowhere"])


class TestDistributed(unittest.TestCase):
    @parameterized.expand(_all(*((root, overlay) for root in BUNDLES for overlay in DISTRIBUTED)))
    def test_processes_part_together(self, _name, root, overlay):
        # without the barrier a process may be aborted at its exit while gloo still frees the last collective's tensors
        finalize = json.loads((root / "configs" / f"{overlay}.json").read_text())["finalize"]
        self.assertEqual(finalize[-2:], ["$idist.barrier()", "$idist.finalize()"])
