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
"""What a user of the FDG bundle is told when something is missing: one line, and not an empty result."""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path

import torch
from parameterized import parameterized

from tests.bundles.setting import phantoms, run


def _root(error: BaseException) -> BaseException:
    """The reason behind the errors in which the configuration wraps it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


class TestBadInput(unittest.TestCase):
    def setUp(self):
        self.work = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        (self.work / "models").mkdir()

    def refused(self, *names: str, **override) -> str:
        with self.assertRaises(Exception) as caught:
            run(*names, work=self.work, **override)
        reason = _root(caught.exception)
        self.assertIsInstance(reason, ValueError)
        self.assertEqual(len(str(reason).splitlines()), 1)
        self.assertFalse(list((self.work / "eval").glob("*.csv")), "no result")
        return str(reason)

    @parameterized.expand([(("train", "evaluate"),), (("inference",),)])
    def test_no_weights(self, names):
        line = self.refused(*names, "variant_dual")
        self.assertRegex(line, r"^load_path: expected a file of weights, models/model\.pt is not there")

    @parameterized.expand([(("train", "evaluate"),), (("inference",),)])
    def test_weights_of_another_network(self, names):
        run("train", "variant_baseline", work=self.work)
        line = self.refused(*names, "variant_dual")
        self.assertRegex(
            line, r"^models/model\.pt: expected the weights of this AttentionClassifier .* another network: \d+ missing"
        )

    def test_weights_of_another_image_size(self):
        run("train", "variant_dual", work=self.work)
        line = self.refused("train", "evaluate", "variant_dual", image_size=[128, 128])
        self.assertIn("1 of another shape, first witness.0", line)  # the grid of the dual witness

    @parameterized.expand([("text", b"not weights"), ("empty", b""), ("cut", None)])
    def test_not_weights(self, _name, content):
        path = self.work / "models" / "model.pt"
        if content is None:
            run("train", "variant_dual", work=self.work)
            content = path.read_bytes()[:-200]
        path.write_bytes(content)
        self.assertRegex(
            self.refused("inference", "variant_dual"),
            r"^models/model\.pt: expected a plain state dict of tensors saved by",
        )

    def test_weights_of_a_whole_training_state(self):
        torch.save({"model": {"w": torch.zeros(1)}, "epoch": 3}, self.work / "models" / "model.pt")
        self.assertIn("expected a plain state dict", self.refused("inference", "variant_dual"))

    def test_no_data_list(self):
        line = self.refused("train", "variant_dual", datalist_file=str(self.work / "nothing.json"))
        self.assertIn("datalist_file: expected a file that monai-dd datalist makes", line)

    def test_no_series(self):
        (self.work / "empty").mkdir()
        line = self.refused("inference", "variant_dual", dataset_dir=str(self.work / "empty"))
        self.assertIn("found no DICOM files", line)

    def test_series_with_a_missing_slice(self):
        run("train", "variant_dual", work=self.work)
        shutil.rmtree(self.work / "eval")
        series = self.work / "data" / "series"
        shutil.copytree(phantoms() / "PHANTOM-0001" / "study-1", series)
        sorted(series.glob("*.dcm"))[20].unlink()
        self.assertTrue(self.refused("inference", "variant_dual", dataset_dir=str(self.work / "data")))
