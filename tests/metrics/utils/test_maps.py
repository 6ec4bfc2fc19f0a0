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

import unittest

import torch
from monai.data import MetaTensor
from parameterized import parameterized

from monai_dd.metrics import (
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

    @parameterized.expand([(d,) for d in (torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64)])
    def test_any_type(self, dtype):
        relevance, mask = torch.tensor([[[[0, 1], [1, 0]]]]), torch.tensor([[[[0, 0, 1, 1]] * 4]])
        expected = pair_with_mask(relevance.float(), mask.float())
        values, inside = pair_with_mask(relevance.to(dtype), mask.to(dtype))
        self.assertTrue(values.is_floating_point())
        torch.testing.assert_close(values.float(), expected[0])
        torch.testing.assert_close(inside, expected[1])

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
