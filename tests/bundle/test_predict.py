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
"""A bundle as a function: values by hand, errors by name."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import torch
from monai.transforms import Transform
from parameterized import parameterized

from monai_dd.bundle import BundleError, BundlePredictor

CONFIG = {
    "imports": ["$import torch"],
    "bundle_root": ".",
    "device": "$torch.device('cpu')",
    "class_names": ["no", "yes"],
    "network": {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2},
    "preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "ToTensord", "keys": "image"}]},
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [{"_target_": "Activationsd", "keys": "pred", "softmax": True}],
    },
    "evaluator": "$1 / 0",
}
WEIGHTS = {"weight": torch.tensor([[1.0, 0, 0], [0, 1, 0]]), "bias": torch.tensor([0.0, 0.5])}


class RefusedError(ValueError):
    """As a reader of a bundle raises it."""


class Refuse(Transform):
    """A transform that raises what it is told to."""

    def __init__(self, kind: str) -> None:
        self.kind = {"refused": RefusedError, "other": KeyError}[kind]

    def __call__(self, data):
        raise self.kind("expected another image")


class TwoOutputs(torch.nn.Linear):
    """A network that returns a dictionary, one row for each image."""

    def forward(self, x):
        return {"logits": super().forward(x), "twice": 2 * x}


class PredictorTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name) / "bundle"
        for name in ("configs", "models"):
            (self.root / name).mkdir(parents=True)
        self.write()
        (self.root / "configs" / "metadata.json").write_text('{"name": "small", "version": "1.2.3"}')
        torch.save(WEIGHTS, self.root / "models" / "model.pt")

    def write(self, **change):
        config = {k: v for k, v in {**CONFIG, **change}.items() if v is not None}
        (self.root / "configs" / "inference.json").write_text(json.dumps(config))


class TestPrediction(PredictorTest):
    def test_by_hand(self):
        # logits 1 and 2 + 0.5: softmax 1 / (1 + e^1.5) = 0.18243
        predictor = BundlePredictor(self.root)
        given = {"image": [1.0, 2.0, 3.0]}
        result = predictor(given)
        # 1e-5: the digits of the value above
        torch.testing.assert_close(result["pred"], torch.tensor([0.18243, 0.81757]), atol=1e-5, rtol=0)
        self.assertEqual(given, {"image": [1.0, 2.0, 3.0]})
        self.assertFalse(result["pred"].requires_grad)

    def test_what_it_knows(self):
        predictor = BundlePredictor(str(self.root), device="cpu")
        self.assertEqual(predictor.metadata["version"], "1.2.3")
        self.assertEqual(predictor.class_names, ["no", "yes"])
        self.assertEqual(predictor.device, torch.device("cpu"))
        self.assertFalse(predictor.network.training)

    def test_without_class_names(self):
        self.write(class_names=None)
        self.assertEqual(BundlePredictor(self.root).class_names, [])

    def test_root_is_that_of_the_bundle(self):
        self.write(
            preprocessing={
                "_target_": "Compose",
                "transforms": [
                    {"_target_": "Lambdad", "keys": "root", "func": "$lambda _: @bundle_root"},
                    {"_target_": "ToTensord", "keys": "image"},
                ],
            }
        )
        item = BundlePredictor(self.root)({"image": [0.0, 0.0, 0.0], "root": ""})
        self.assertEqual(item["root"], str(self.root))

    def test_network_with_named_outputs(self):
        flatten = {"_target_": "FlattenSubKeysd", "keys": "pred"}
        self.write(
            network={"_target_": f"{__name__}.TwoOutputs", "in_features": 3, "out_features": 2},
            postprocessing={"_target_": "Compose", "transforms": [flatten]},
        )
        result = BundlePredictor(self.root)({"image": [1.0, 2.0, 3.0]})
        torch.testing.assert_close(result["logits"], torch.tensor([1.0, 2.5]))
        torch.testing.assert_close(result["twice"], torch.tensor([2.0, 4.0, 6.0]))

    def test_one_after_another(self):
        predictor = BundlePredictor(self.root)
        first = predictor({"image": [1.0, 2.0, 3.0]})["pred"]
        predictor({"image": [9.0, 9.0, 9.0]})
        torch.testing.assert_close(predictor({"image": [1.0, 2.0, 3.0]})["pred"], first, atol=0, rtol=0)

    def refusing(self, kind):
        steps = [{"_target_": f"{__name__}.Refuse", "kind": kind}]
        self.write(preprocessing={"_target_": "Compose", "transforms": steps})
        return BundlePredictor(self.root)

    def test_a_refused_input_keeps_its_error(self):
        with self.assertRaisesRegex(RefusedError, "^expected another image$") as caught:
            self.refusing("refused")({"image": [0.0]})
        self.assertIs(type(caught.exception), RefusedError)

    def test_another_error_is_no_refusal(self):
        with self.assertRaises(Exception) as caught:
            self.refusing("other")({"image": [0.0]})
        self.assertNotIsInstance(caught.exception, ValueError)


class TestErrors(PredictorTest):
    def refuse(self, pattern):
        with self.assertRaisesRegex(BundleError, pattern) as caught:
            BundlePredictor(self.root)
        self.assertNotIn("\n", str(caught.exception))

    @parameterized.expand([("configs/inference.json",), ("configs/metadata.json",), ("models/model.pt",)])
    def test_file_missing(self, name):
        (self.root / name).unlink()
        self.refuse(f"^bundle_root: expected a folder with {name}, got none$")

    def test_folder_missing(self):
        self.root = self.root / "absent"
        self.refuse("a folder with configs/inference.json, got")

    @parameterized.expand([(part,) for part in ("device", "network", "preprocessing", "inferer", "postprocessing")])
    def test_part_missing(self, part):
        self.write(**{part: None})
        self.refuse(f"^configs/inference.json: expected a usable configuration, got .*{part}")

    @parameterized.expand([("configs/inference.json",), ("configs/metadata.json",)])
    def test_no_json(self, name):
        (self.root / name).write_text("{")
        self.refuse("expected a usable configuration, got ")

    def test_unknown_class(self):
        self.write(network={"_target_": "torch.nn.NoSuchNetwork"})
        self.refuse("expected a usable configuration, got .*NoSuchNetwork")

    @parameterized.expand(
        [
            ("missing", {"weight": WEIGHTS["weight"]}, "1 missing, 0 unknown, 0 of another shape, first bias"),
            ("unknown", {**WEIGHTS, "more": torch.zeros(1)}, "0 missing, 1 unknown, 0 of another shape, first more"),
            ("shape", {**WEIGHTS, "bias": torch.zeros(3)}, "0 missing, 0 unknown, 1 of another shape, first bias"),
            ("prefix", {f"module.{k}": v for k, v in WEIGHTS.items()}, "2 missing, 2 unknown"),
            (
                "nested",
                {"model": dict(WEIGHTS)},
                "^models/model.pt: expected a plain state dict of tensors saved by torch.save, got dict$",
            ),
            ("list", [1], "^models/model.pt: expected a plain state dict of tensors saved by torch.save, got list$"),
        ]
    )
    def test_weights(self, _, state, pattern):
        torch.save(state, self.root / "models" / "model.pt")
        self.refuse(pattern)

    @parameterized.expand([("empty", b""), ("text", b"version https://git-lfs.github.com/spec/v1\n")])
    def test_weights_are_no_weights(self, _, content):
        (self.root / "models" / "model.pt").write_bytes(content)
        self.refuse(r"^models/model.pt: expected a plain state dict of tensors saved by torch.save, got \w+Error$")


if __name__ == "__main__":
    unittest.main()
