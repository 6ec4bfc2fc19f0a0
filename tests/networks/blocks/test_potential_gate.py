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
"""Tests of the potential gate."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.blocks import PotentialGate
from tests.networks.blocks.reference import potential

SHAPES = [(2, (3, 4)), (3, (2, 3, 2))]
OPTIONS = [{}, {"init_scale": 10.0}, {"smoothing": 2}, {"init_scale": 3.0, "smoothing": 1, "embed_dim": 7}]
CASES = [(dims, size, options) for dims, size in SHAPES for options in OPTIONS]


def _gate(spatial_dims, **options):
    torch.manual_seed(0)
    gate = PotentialGate(spatial_dims, 5, **options).double()
    torch.nn.init.normal_(gate.bias)
    return gate


class TestPotentialGate(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_equals_loops(self, dims, size, options):
        gate = _gate(dims, **options)
        v = torch.randn(2, 5, *size, dtype=torch.float64, requires_grad=True)
        weights = torch.randn(2, 1, *size, dtype=torch.float64)
        wanted = [v, *gate.parameters()]
        fast, slow = gate(v), potential(gate, v)
        self.assertEqual(fast.dtype, torch.float64)
        # float64 rounding of a dozen operations; float32 anywhere inside would give 1e-8
        torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
        grads = zip(
            torch.autograd.grad((fast * weights).sum(), wanted),
            torch.autograd.grad((slow * weights).sum(), wanted),
            strict=True,
        )
        for got, expected in grads:
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-11)

    @parameterized.expand(SHAPES)
    def test_gradcheck(self, dims, size):
        gate = _gate(dims, init_scale=2.0, smoothing=1)
        v = torch.randn(1, 5, *size, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(gate, (v,)))

    def test_default_embedding_has_the_channels_of_the_features(self):
        gate = PotentialGate(2, 5)
        self.assertEqual(gate.embed.weight.shape, (5, 5, 1, 1))
        self.assertEqual(sum(p.numel() for p in gate.parameters()), 5 * 5 + 5 + 5 + 1)

    def test_bounded_by_the_norm_of_u(self):
        gate = _gate(2)
        phi = gate(1e3 * torch.randn(2, 5, 8, 8, dtype=torch.float64)) - gate.bias
        self.assertLessEqual(phi.abs().max().item(), gate.project.weight.norm().item())

    @parameterized.expand([(2.0**-16,), (1e-3,), (65536.0,)])
    def test_does_not_depend_on_the_scale_of_its_features(self, scale):
        gate = _gate(2)  # whose own bias is added to the potential, after the division by the norm
        torch.nn.init.zeros_(gate.embed.bias)
        v = torch.randn(2, 5, 8, 8, dtype=torch.float64)
        torch.testing.assert_close(gate(scale * v), gate(v), rtol=1e-12, atol=1e-12)

    def test_scale_starts_where_it_is_told_and_is_learned(self):
        plain, scaled = _gate(2), _gate(2, init_scale=10.0)
        scaled.load_state_dict(plain.state_dict(), strict=False)
        v = torch.randn(1, 5, 4, 4, dtype=torch.float64)
        # the scale is kept as a logarithm that was taken in float32
        torch.testing.assert_close(scaled(v), 10 * plain(v), rtol=1e-6, atol=0)
        self.assertTrue(scaled.log_scale.requires_grad)

    @parameterized.expand([(2, 3), (3, 3), (2, 1), (3, 1)])
    def test_smoothing_spreads_over_its_box_and_keeps_constants(self, dims, filters):
        gate = _gate(dims, smoothing=filters)
        v = torch.ones(1, 5, *[9] * dims, dtype=torch.float64)
        flat = gate(v)
        torch.testing.assert_close(flat, flat.flatten()[0].expand_as(flat))
        v[(0, slice(None), *[4] * dims)] = -1.0
        touched = ((gate(v) - flat).abs() > 1e-9).sum()
        self.assertEqual(int(touched), (2 * filters + 1) ** dims)

    def test_zero_features_have_finite_gradients(self):
        gate = _gate(2)
        torch.nn.init.zeros_(gate.embed.bias)
        v = torch.zeros(1, 5, 3, 3, dtype=torch.float64, requires_grad=True)
        gate(v).sum().backward()
        self.assertTrue(v.grad.isfinite().all())

    @parameterized.expand([(torch.bfloat16,), (torch.float16,)])
    def test_float32_from_half_precision(self, dtype):
        gate = PotentialGate(2, 5)
        v = torch.randn(2, 5, 8, 8)
        with torch.autocast("cpu", dtype=dtype):
            phi = gate(v)
        self.assertEqual(phi.dtype, torch.float32)
        # the embedding is computed in half precision (8 bits of mantissa in bfloat16), the rest is not
        torch.testing.assert_close(phi, gate(v), rtol=0, atol=2e-2)

    @parameterized.expand(CASES)
    def test_scripts(self, dims, size, options):
        gate = _gate(dims, **options)
        v = torch.randn(2, 5, *size, dtype=torch.float64)
        torch.testing.assert_close(torch.jit.script(gate)(v), gate(v), rtol=0, atol=0)

    @parameterized.expand(
        [
            ("spatial_dims", {"spatial_dims": 1}),
            ("in_channels", {"in_channels": 0}),
            ("embed_dim", {"embed_dim": 0}),
            ("init_scale", {"init_scale": 0.0}),
            ("smoothing", {"smoothing": -1}),
        ]
    )
    def test_bad_argument(self, name, change):
        with self.assertRaisesRegex(ValueError, f"^[^\n]*{name}[^\n]*expected[^\n]*got[^\n]*$"):
            PotentialGate(**{"spatial_dims": 2, "in_channels": 4, **change})


if __name__ == "__main__":
    unittest.main()
