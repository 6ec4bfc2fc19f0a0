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
"""Tests of the entropy of attention."""

from __future__ import annotations

import math
import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized
from scipy.stats import entropy

from monai_dd.metrics import AttentionEntropyMetric, compute_attention_entropy
from monai_dd.networks.layers import spatial_log_softmax


def _draw(*size, batch=5, seed=0, scale=1.0):
    return spatial_log_softmax(scale * torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(seed)))


class TestAttentionEntropy(unittest.TestCase):
    @given(seed=st.integers(0, 999), scale=st.floats(0, 200), solid=st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_equals_scipy_within_bounds_for_every_sample_by_itself(self, seed, scale, solid):
        log_mu = _draw(*(2, 3, 4) if solid else (5, 6), seed=seed, scale=scale)
        result = compute_attention_entropy(log_mu)
        for value, row in zip(result, log_mu, strict=True):
            # sums of up to thirty float32 numbers
            self.assertAlmostEqual(value.item(), entropy(row.flatten().exp(), base=row.numel()), places=5)
            torch.testing.assert_close(compute_attention_entropy(row[None])[0], value)
            self.assertTrue(0 <= value <= 1 + 1e-6)

    @parameterized.expand([((4, 4),), ((64, 64),), ((2, 3, 4),)])
    def test_uniform_is_one_and_a_single_cell_zero(self, size):
        uniform = torch.full((1, 1, *size), -math.log(math.prod(size)))
        self.assertAlmostEqual(compute_attention_entropy(uniform).item(), 1, places=5)
        single = torch.full((1, 1, *size), -torch.inf)
        single.flatten()[1] = 0
        self.assertEqual(compute_attention_entropy(single).item(), 0)

    def test_half_of_the_cells(self):
        log_mu = torch.full((1, 1, 4, 4), -torch.inf)
        log_mu[..., :2] = -math.log(8)
        self.assertAlmostEqual(compute_attention_entropy(log_mu).item(), 3 / 4, places=6)

    @parameterized.expand([((2, 4, 4),), ((2, 3, 4, 4),), ((2, 1, 1, 1),), ((2, 1),)])
    def test_bad_shapes(self, shape):
        with self.assertRaisesRegex(ValueError, "^log_mu: expected [^\n]* two or more cells, got [^\n]*$"):
            compute_attention_entropy(torch.zeros(shape))

    @parameterized.expand([("probabilities", lambda x: x.exp()), ("nan", lambda x: x * torch.nan)])
    def test_not_log_probabilities(self, _name, change):
        with self.assertRaisesRegex(ValueError, "^log_mu: expected log-probabilities, got [^\n]*$"):
            compute_attention_entropy(change(_draw(4, 4)))

    def test_half_precision(self):
        log_mu = _draw(64, 64)
        # eight bits of precision in each of the logarithms, whose errors average out
        torch.testing.assert_close(
            compute_attention_entropy(log_mu.bfloat16()), compute_attention_entropy(log_mu), rtol=0, atol=5e-3
        )


class TestMetric(unittest.TestCase):
    @parameterized.expand([(False,), (True,)])
    def test_updates_accumulate(self, as_list):
        log_mu = _draw(4, 4)
        metric = AttentionEntropyMetric()
        for part in (slice(0, 2), slice(2, 5)):
            metric(list(log_mu[part]) if as_list else log_mu[part])
        self.assertAlmostEqual(metric.aggregate(), compute_attention_entropy(log_mu).mean().item(), places=6)

    def test_direction(self):
        self.assertEqual(AttentionEntropyMetric.better, "lower")


if __name__ == "__main__":
    unittest.main()
