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
"""Tests of the figures written while an engine runs."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from ignite.engine import Engine
from matplotlib.image import imread
from monai.data import MetaTensor
from parameterized import parameterized

from monai_dd.handlers import AttentionFigureSaver, figure_saver
from monai_dd.transforms import MaximumIntensityProjection

CLASSES = ["normal", "mild", "severe"]


def _item(**more) -> dict:
    rng = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(1, 16, 8, generator=rng),
        "attention_fine": torch.rand(1, 8, 4, generator=rng),
        "attention_coarse": torch.rand(1, 4, 2, generator=rng),
        **more,
    }


class TestFigureSaver(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "new" / "figures"

    def _run(self, items: list[list[dict]], epochs: int = 1, **options) -> list[str]:
        engine = Engine(lambda _engine, batch: batch)
        AttentionFigureSaver(self.folder, class_names=CLASSES, **options).attach(engine)
        engine.run(items, max_epochs=epochs)
        return sorted(p.name for p in self.folder.iterdir()) if self.folder.is_dir() else []

    def _drawn(self, item: dict, **options) -> tuple[tuple, dict]:
        """What is handed to the drawing of the one figure."""
        with patch.object(figure_saver, "attention_figure", wraps=figure_saver.attention_figure) as draw:
            self.assertEqual(self._run([[item]], **options), ["case_0000.png"])
        return draw.call_args.args, draw.call_args.kwargs

    def test_several_labels(self):
        region = torch.zeros(3, 16, 8)
        region[2, 4:6, 2:4] = 1
        label, pred = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.625, 0.5, 0.75])
        _, options = self._drawn(_item(label=label, pred=pred, region=region), multi_label=True)
        self.assertEqual(options["title"], "label mild and severe\npredicted severe (0.75) and normal (0.62)")
        self.assertEqual(options["mask"].sum(), 4)  # a contour around the boxes of all classes
        _, options = self._drawn(_item(label=0 * label, pred=0 * pred), multi_label=True)
        self.assertEqual(options["title"], "label none\npredicted none")

    def test_one_file_an_item(self):
        names = self._run([[_item(), _item()], [_item()]])
        self.assertEqual(names, ["case_0000.png", "case_0001.png", "case_0002.png"])
        self.assertGreater(imread(self.folder / names[0])[..., :3].std(), 0.05)

    @parameterized.expand([(0, 0), (1, 1), (2, 2), (16, 3)])
    def test_at_most(self, most, count):
        self.assertEqual(len(self._run([[_item(), _item()], [_item()]], max_figures=most)), count)

    def test_every_run_begins_anew(self):
        engine = Engine(lambda _engine, batch: batch)
        AttentionFigureSaver(self.folder, max_figures=2).attach(engine)
        for _ in range(2):
            engine.run([[_item()]])
        self.assertEqual([p.name for p in self.folder.iterdir()], ["case_0000.png"])

    def test_values(self):
        item = _item(region=torch.ones(1, 16, 8), label=torch.tensor(2), pred=torch.tensor([0.1, 0.7, 0.2]))
        (image, maps), options = self._drawn(item)
        np.testing.assert_array_equal(image, item["image"][0])
        self.assertEqual(list(maps), ["attention fine", "attention coarse"])
        np.testing.assert_array_equal(maps["attention coarse"], item["attention_coarse"][0])
        np.testing.assert_array_equal(options["mask"], item["region"][0])
        self.assertEqual(options["title"], "label severe, predicted mild (0.70)")
        self.assertEqual(options["aspect"], 1)

    @parameterized.expand(
        [
            ("nothing", {}, ""),
            ("label", {"label": 0}, "label normal"),
            ("collated label", {"label": torch.tensor([1])}, "label mild"),
            ("pred", {"pred": torch.tensor([0.2, 0.1, 0.7])}, "predicted severe (0.70)"),
            ("class without a name", {"label": 3}, "label 3"),
        ]
    )
    def test_title(self, _name, more, title):
        _, options = self._drawn(_item(**more))
        self.assertEqual(options["title"], title)
        self.assertIsNone(options["mask"])

    def test_absent_maps_have_no_panel(self):
        item = _item()
        del item["attention_coarse"]
        (_, maps), _ = self._drawn(item)
        self.assertEqual(list(maps), ["attention fine"])

    def _contributions(self) -> dict[str, torch.Tensor]:
        rng = torch.Generator().manual_seed(2)
        return {
            "contribution_fine": torch.randn(3, 4, 2, generator=rng),
            "contribution_coarse": torch.randn(3, 2, 1, generator=rng),
            "pred": torch.tensor([0.1, 0.7, 0.2]),
        }

    def test_contribution_to_the_predicted_class(self):
        more = self._contributions()
        total = (
            more["contribution_fine"] + more["contribution_coarse"].repeat_interleave(2, 1).repeat_interleave(2, 2) / 4
        )
        _, options = self._drawn(_item(**more), multi_label=True)
        np.testing.assert_allclose(options["signed"]["contribution"], total[1], rtol=1e-5)
        self.assertEqual(options["class_name"], "mild")
        _, options = self._drawn(_item(**more))  # as softmax compares
        np.testing.assert_allclose(options["signed"]["contribution"], total[1] - (total[0] + total[2]) / 2, atol=1e-6)

    def test_a_single_map_counts_once(self):
        more = self._contributions()
        more["contribution_coarse"] = more["contribution_fine"].clone()
        _, options = self._drawn(_item(**more), multi_label=True)
        np.testing.assert_array_equal(options["signed"]["contribution"], more["contribution_fine"][1])

    def test_no_contributions(self):
        self.assertNotIn("signed", self._drawn(_item())[1])
        more = self._contributions()
        del more["pred"]  # of no class
        self.assertNotIn("signed", self._drawn(_item(**more))[1])

    def test_half_precision_and_gradients(self):
        item = _item(attention_fine=torch.rand(1, 8, 4, dtype=torch.bfloat16), image=torch.rand(1, 16, 8).half())
        item["attention_coarse"] = torch.rand(1, 4, 2, requires_grad=True)
        self._drawn(item)

    def test_aspect_of_a_plain_image(self):
        image = MetaTensor(torch.rand(1, 16, 8), affine=torch.diag(torch.tensor([3.0, 2.0, 1.0, 1.0])))
        self.assertEqual(self._drawn(_item(image=image))[1]["aspect"], 1.5)

    @parameterized.expand([("coronal", 5 / 2), ("sagittal", 5 / 3)])
    def test_aspect_of_a_projection(self, axis, expected):
        # voxels of 2 mm x 3 mm x 5 mm along x, y, z: rows of the projection run along z, columns along x or y
        volume = MetaTensor(torch.rand(1, 8, 6, 16), affine=torch.diag(torch.tensor([-2.0, -3.0, 5.0, 1.0])))
        projection = MaximumIntensityProjection(axis=axis)(volume)
        _, options = self._drawn(_item(image=projection))
        self.assertAlmostEqual(options["aspect"], expected, places=6)

    def test_channel_and_range(self):
        image = torch.randn(3, 16, 8, generator=torch.Generator().manual_seed(1))
        (drawn, _), _ = self._drawn(_item(image=image), channel=2, image_range=[-1, 3])
        self.assertEqual((drawn.min(), drawn.max() <= 1), (0, True))  # below the range is clipped
        np.testing.assert_allclose(drawn, np.clip((image[2].numpy() + 1) / 4, 0, 1), rtol=1e-6)

    def test_background_is_dark_whatever_the_range(self):
        image = torch.tensor([[[0.0, 0.0, 1.0]], [[0.0, 5.0, 0.0]]])  # only the first pixel is background
        (drawn, _), _ = self._drawn(_item(image=image), image_range=[-2, 2], background=0.0)
        np.testing.assert_array_equal(drawn[0], np.float32([0, 0.5, 0.75]))

    def test_beyond_the_default_range_is_clipped(self):
        (drawn, _), _ = self._drawn(_item(image=torch.tensor([-1.0, 0.25, 7.0]).expand(1, 4, 3)))
        np.testing.assert_array_equal(drawn[0], np.float32([0, 0.25, 1]))

    @parameterized.expand([((1, 1),), ((2, 1),), ((0, 1, 2),), ((0, float("nan")),)])
    def test_refuses_an_empty_range(self, image_range):
        with self.assertRaisesRegex(ValueError, "^image_range: expected [^\n]*, got [^\n]*$"):
            AttentionFigureSaver(self.folder, image_range=image_range)

    @parameterized.expand([(1,), (-1,)])
    def test_refuses_a_channel_that_is_not_there(self, channel):
        with self.assertRaisesRegex(ValueError, f"^channel: expected 0 to 0, got {channel}$"):
            self._run([[_item()]], channel=channel)

    def test_refuses_log_probabilities(self):
        with self.assertRaisesRegex(ValueError, "non-negative"):
            self._run([[_item(attention_fine=-torch.rand(1, 8, 4))]])
