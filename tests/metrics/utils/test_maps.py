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
"""Tests of what the metrics of maps share."""

from __future__ import annotations

import math
import unittest

import torch
from monai.data import MetaTensor
from parameterized import parameterized

from monai_dd.metrics import (
    PixelAveragePrecisionMetric,
    PointingGameMetric,
    RelevanceMassAccuracyMetric,
    compute_localization,
    compute_pixel_average_precision,
    compute_pointing_game,
    compute_quantile_iou,
    compute_relevance_mass_accuracy,
    compute_relevance_rank_accuracy,
)
from monai_dd.metrics.utils.maps import pair_with_mask, rank_cells

METRICS = [
    (compute_pixel_average_precision,),
    (compute_pointing_game,),
    (compute_quantile_iou,),
    (compute_relevance_mass_accuracy,),
    (compute_relevance_rank_accuracy,),
]
SHAPES = [
    ("batches", (2, 1, 4, 4), (3, 1, 4, 4)),
    ("axes", (2, 1, 4, 4), (2, 1, 4, 4, 4)),
    ("channels", (2, 3, 4, 4), (2, 1, 4, 4)),
    ("channels of both", (2, 3, 4, 4), (2, 3, 4, 4)),
    ("no grid", (2, 1), (2, 1)),
]


class TestPair(unittest.TestCase):
    @parameterized.expand([((2, 2), (4, 6)), ((2, 1, 2), (4, 3, 2)), ((4, 4), (2, 2))])
    def test_cells_take_the_value_at_their_center(self, size, mask_size):
        relevance = torch.arange(float(torch.Size(size).numel())).reshape(1, 1, *size)
        values, inside = pair_with_mask(relevance, torch.ones(1, 1, *mask_size))
        values = values.reshape(mask_size)
        for at in torch.ones(mask_size).nonzero():
            place = [int((i + 0.5) * s / m) for i, s, m in zip(at.tolist(), size, mask_size, strict=True)]
            self.assertEqual(values[tuple(at)], relevance[(0, 0, *place)])
        self.assertTrue(inside.all())

    @parameterized.expand([((3,), (7,)), ((2, 3), (7, 6)), ((2, 1, 3), (4, 3, 5)), ((4, 4), (3, 2))])
    def test_linear_between_the_centers_of_cells(self, size, mask_size):
        """The mean of the cells around a pixel's center, weighted by nearness; outside of all centers the nearest."""
        relevance = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        values, _ = pair_with_mask(relevance, torch.ones(1, 1, *mask_size), "bilinear")
        values = values.reshape(mask_size)
        for at in torch.ones(mask_size).nonzero():
            expected = 0.0
            place = [
                min(max((i + 0.5) * s / m - 0.5, 0), s - 1)
                for i, s, m in zip(at.tolist(), size, mask_size, strict=True)
            ]
            for cell in torch.ones(size).nonzero():
                nearness = [max(0.0, 1 - abs(p - c)) for p, c in zip(place, cell.tolist(), strict=True)]
                expected += math.prod(nearness) * float(relevance[(0, 0, *cell)])
            self.assertAlmostEqual(float(values[tuple(at)]), expected, places=12)

    @parameterized.expand([(0.1,), (1 / 3,), (0.7,)])
    def test_equal_by_symmetry(self, height):
        """Around a single cell the map is symmetric; float32 would break its ties by rounding."""
        relevance = torch.zeros(1, 1, 5, 5)
        relevance[..., 2, 2] = height
        values = pair_with_mask(relevance, torch.ones(1, 1, 35, 35), "bilinear")[0].reshape(35, 35)
        self.assertTrue(torch.equal(values, values.T))
        self.assertTrue(torch.equal(values, values.flip(0)))

    @parameterized.expand([*METRICS, (compute_localization,)])
    def test_metrics_of_enlarged_maps(self, metric):
        """A metric that enlarges is the metric of the map that was enlarged before."""
        relevance = torch.rand(2, 1, 4, 2, generator=torch.Generator().manual_seed(0))
        done = torch.nn.functional.interpolate(
            relevance.double(), (16, 8), mode="bilinear", align_corners=False
        ).float()
        mask = (done > done.flatten(1).quantile(0.9, 1).reshape(2, 1, 1, 1)).float()
        found, expected, nearest = (
            metric(relevance, mask, enlarge="bilinear"),
            metric(done, mask),
            metric(relevance, mask),
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        with self.assertRaises(AssertionError):
            torch.testing.assert_close(found, nearest)
        with self.assertRaisesRegex(ValueError, r"^enlarge: expected one of \['nearest', 'bilinear'\], got 'cubic'$"):
            metric(relevance, mask, enlarge="cubic")

    @parameterized.expand([(PixelAveragePrecisionMetric,), (PointingGameMetric,), (RelevanceMassAccuracyMetric,)])
    def test_classes_enlarge(self, kind):
        relevance = torch.tensor([[[[4.0, 3.0, 0.0], [2.0, 5.0, 1.0]]]])
        mask = torch.zeros(1, 1, 8, 12)
        mask[..., 3:7, 2:5] = 1
        values = []
        for options in ({"enlarge": "bilinear"}, {}, {"enlarge": "nearest"}):
            metric = kind(**options)
            metric(relevance, mask)
            values.append(metric.aggregate())
        self.assertNotAlmostEqual(values[0], values[1])
        self.assertEqual(values[1], values[2])
        with self.assertRaisesRegex(ValueError, "^enlarge: expected one of "):
            kind(enlarge="linear")

    @parameterized.expand([(d,) for d in (torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64)])
    def test_any_type(self, dtype):
        relevance, mask = torch.tensor([[[[0, 1], [1, 0]]]]), torch.tensor([[[[0, 0, 1, 1]] * 4]])
        expected = pair_with_mask(relevance.float(), mask.float())
        values, inside = pair_with_mask(relevance.to(dtype), mask.to(dtype))
        self.assertTrue(values.is_floating_point())
        torch.testing.assert_close(values.float(), expected[0])
        torch.testing.assert_close(inside, expected[1])
        smooth = pair_with_mask(relevance.to(dtype), mask, "bilinear")[0].float()
        torch.testing.assert_close(smooth, pair_with_mask(relevance.float(), mask, "bilinear")[0])

    def test_metadata_is_left_behind(self):
        for x in pair_with_mask(MetaTensor(torch.rand(2, 1, 4, 4)), MetaTensor(torch.ones(2, 1, 8, 8))):
            self.assertIs(type(x), torch.Tensor)

    def test_negative_masks_are_outside(self):
        self.assertFalse(pair_with_mask(torch.rand(1, 1, 2, 2), -torch.ones(1, 1, 2, 2))[1].any())

    @parameterized.expand([(*metric, *shapes) for metric in METRICS for shapes in SHAPES])
    def test_bad_shapes(self, metric, _name, relevance, mask):
        with self.assertRaisesRegex(ValueError, "^relevance, mask: expected [^\n]*, got [^\n]*$"):
            metric(torch.ones(relevance), torch.ones(mask))

    @parameterized.expand(METRICS)
    def test_not_finite(self, metric):
        relevance = torch.rand(2, 1, 4, 4)
        relevance[1, 0, 2, 1:3] = torch.tensor([torch.nan, torch.inf])
        with self.assertRaisesRegex(ValueError, "^relevance: expected finite numbers, got 2 NaN or infinite$"):
            metric(relevance, torch.ones(2, 1, 8, 8))

    @parameterized.expand(METRICS)
    @unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
    def test_gpu_gives_what_the_cpu_gives(self, metric):
        relevance = torch.randint(4, (3, 1, 8, 8), generator=torch.Generator().manual_seed(0)).float()
        mask = (torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1)) > 0.8).float()
        expected = metric(relevance, mask)
        for place in ("cpu", "cuda"):  # in an evaluation the mask of a batch may still be on the CPU
            result = metric(relevance.cuda(), mask.to(place))
            torch.testing.assert_close(result.cpu(), expected, rtol=1e-6, atol=0)


class TestRankCells(unittest.TestCase):
    def test_highest_first(self):
        values = torch.rand(3, 50, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(rank_cells(values), values.argsort(1, descending=True))

    def test_equal_values_come_in_every_order(self):
        orders = {tuple(rank_cells(torch.tensor([[1.0, 0.0, 1.0, 2.0, 1.0]]), seed)[0].tolist()) for seed in range(60)}
        self.assertEqual({(o[0], o[4]) for o in orders}, {(3, 1)})
        self.assertEqual(len(orders), 6)

    def test_one_order_for_every_sample(self):
        order = rank_cells(torch.zeros(4, 30), seed=3)
        self.assertTrue((order == order[0]).all())
        self.assertFalse(torch.equal(order[0], torch.arange(30)))
        torch.testing.assert_close(rank_cells(torch.ones(1, 30), seed=3)[0], order[0])

    def test_leaves_the_global_random_state(self):
        before = torch.get_rng_state()
        rank_cells(torch.zeros(1, 9))
        self.assertTrue(torch.equal(torch.get_rng_state(), before))


if __name__ == "__main__":
    unittest.main()
