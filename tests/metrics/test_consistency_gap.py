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
"""Tests of the consistency gap."""

from __future__ import annotations

import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.metrics import ConsistencyGapMetric, compute_consistency_gap
from monai_dd.networks.layers import consistent_attention, log_marginalize, spatial_log_softmax
from tests import reference

SIZES = [((4, 6), (2, 3)), ((4, 2, 6), (2, 1, 3)), ((8, 6), (2, 3)), ((3, 3), (3, 3))]


def _maps(sizes, batch=5, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    phi = [scale * torch.randn(batch, 1, *size, generator=generator, dtype=torch.float64) for size in sizes]
    return [spatial_log_softmax(p) for p in phi]


class TestConsistencyGap(unittest.TestCase):
    @parameterized.expand(SIZES)
    def test_equals_loops(self, *sizes):
        fine, coarse = _maps(sizes)
        factor = [f // c for f, c in zip(*sizes, strict=True)]
        for sample, gap in enumerate(compute_consistency_gap(fine, coarse)):
            p = reference.marginalize(fine[sample : sample + 1].exp(), factor).flatten()
            q = coarse[sample].exp().flatten()
            self.assertAlmostEqual(gap.item(), sum(abs(a - b).item() for a, b in zip(p, q, strict=True)) / 2, places=12)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.0, 100.0))
    def test_between_zero_and_one_and_zero_at_the_optimum(self, seed, scale):
        fine, coarse = _maps(SIZES[0], seed=seed, scale=scale)
        gap = compute_consistency_gap(fine, coarse)
        self.assertTrue(((gap >= 0) & (gap <= 1 + 1e-12)).all())
        # rounding of float64
        self.assertLess(compute_consistency_gap(fine, log_marginalize(fine, 2)).max().item(), 1e-13)
        self.assertLess(compute_consistency_gap(*consistent_attention([fine, coarse]).log_mu).max().item(), 1e-12)

    def test_one_for_disjoint_maps(self):
        fine, coarse = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)
        fine[..., 0, 0] = coarse[..., 1, 1] = 1.0
        self.assertEqual(compute_consistency_gap(fine.log(), coarse.log()).item(), 1.0)

    @parameterized.expand([(False,), (True,)])
    def test_updates_accumulate(self, as_list):
        fine, coarse = _maps(SIZES[0])
        metric = ConsistencyGapMetric()
        for part in (slice(0, 2), slice(2, 5)):
            pair = (fine[part], coarse[part])
            metric(*[list(m) for m in pair] if as_list else pair)
        self.assertAlmostEqual(metric.aggregate(), compute_consistency_gap(fine, coarse).mean().item(), places=12)
        metric.reset()
        metric(fine[:1], coarse[:1])
        self.assertAlmostEqual(metric.aggregate(), compute_consistency_gap(fine[:1], coarse[:1]).item(), places=12)

    def test_direction(self):
        self.assertEqual(ConsistencyGapMetric.better, "lower")

    def test_grids_that_do_not_nest(self):
        with self.assertRaisesRegex(ValueError, "^expected nested grids [^\n]*got [^\n]*$"):
            compute_consistency_gap(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 2, 2))


if __name__ == "__main__":
    unittest.main()
