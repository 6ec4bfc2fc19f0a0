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
"""The examples that help shows run, one after the other, in one folder."""

from __future__ import annotations

import json
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from tests.commands.calls import COMMANDS, InFolder, call, example_of
from tests.commands.results import write_results
from tests.evaluation.test_runs import run_here

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
# a bundle that trains in no time, with the names of the real one
WRITE = (
    "$lambda folder, name, text: (pathlib.Path(folder).mkdir(parents=True, exist_ok=True),"
    " pathlib.Path(folder, name).write_text(text))"
)
TRAIN = {
    "imports": ["$import pathlib"],
    "ckpt_dir": "models",
    "output_dir": "eval",
    "model_name": "model.pt",
    "epochs": 1,
    "write": WRITE,
    "run": ["$@write(@ckpt_dir, @model_name, str(float(@epochs) / 10))"],
}
SCORE = "$@write(@output_dir, 'metrics.csv', 'val_auc,' + pathlib.Path(@ckpt_dir, @model_name).read_text())"
CONFIGS = {"train": TRAIN, "evaluate": {"run": [SCORE]}, "variant_baseline": {}, "variant_exact": {}, "demo": {}}


class TestExamples(InFolder):
    def run_example(self, command: str) -> str:
        status, out, err = call(*example_of(command))
        self.assertEqual(status, 0, err)
        return out

    def write_slices(self) -> None:
        """Ten blocks of three slices with a tumor on one side."""
        data = self.folder / "data" / "slices"
        for name in ("images", "masks"):
            (data / name).mkdir(parents=True)
        lines = ["slice,block,diagnosis"]
        for number in range(30):
            picture, mask = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
            picture[8:56, 8:56] = 128
            mask[20:36, 12:24] = 255
            Image.fromarray(picture).save(data / "images" / f"{number:04d}.jpg")
            Image.fromarray(mask).save(data / "masks" / f"{number:04d}.png")
            lines.append(f"{number},{number // 3},glioma")
        (data / "index.csv").write_text("\n".join(lines) + "\n")

    @pytest.mark.slow
    def test_data(self):
        self.write_slices()
        for command in ("phantoms pet", "phantoms brain", "phantoms chest"):
            self.run_example(command)
        for kind, folder in (("fdg", "pet"), ("brats", "brain"), ("slices", "slices"), ("chestxray14", "chest")):
            path = Path("data", folder, "datalist.json")
            self.assertTrue(self.run_example(f"datalist {kind}").endswith(f"written: {path}\n"))
            self.assertTrue({"training", "validation"} <= set(json.loads(path.read_text())))

    def test_results(self):
        write_results(self.folder / "runs" / "brats")
        write_results(self.folder / "runs" / "chest")
        for command in COMMANDS:
            if command.startswith(("figure ", "table explanations", "table localization")):
                target = self.run_example(command).strip()
                self.assertGreater(Path(target).stat().st_size, 100, command)

    def test_runs(self):
        configs = self.folder / "bundles" / "brats_mri_tumor_classification" / "configs"
        configs.mkdir(parents=True)
        for name, config in CONFIGS.items():
            self.assertTrue((BUNDLES / configs.parent.name / "configs" / f"{name}.json").is_file(), name)
            (configs / f"{name}.json").write_text(json.dumps(config))
        with mock.patch("monai_dd.evaluation.runs._execute", run_here):  # processes are tested there
            printed = self.run_example("runs")
        self.assertRegex(printed, r"\| exact +\| 2 +\| 20.0 ± 0.0")  # epochs 2, an option that is handed on
        self.assertEqual(self.run_example("table runs").splitlines()[:-1], printed.splitlines()[:-1])

    def test_compose(self):
        Path("bundles").symlink_to(BUNDLES)
        self.assertEqual(self.run_example("compose"), "fdg_exact\n")
        self.assertTrue(Path("fdg_exact", "configs", "inference.json").is_file())


if __name__ == "__main__":
    unittest.main()
