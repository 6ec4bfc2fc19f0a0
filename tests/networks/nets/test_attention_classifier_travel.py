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
"""Tests of the attention classifier: precision, layouts, scripts, copies, checkpoints, training."""

from __future__ import annotations

import copy
import io
import pickle
import unittest

import torch
from parameterized import parameterized

from tests.networks.nets.variants import VARIANTS, build


def _assert_same(got, expected, rtol=1e-5, atol=1e-6):
    got = got if isinstance(got, dict) else {"logits": got}
    expected = expected if isinstance(expected, dict) else {"logits": expected}
    if set(got) != set(expected):
        raise AssertionError(f"{sorted(got)} != {sorted(expected)}")
    for key, value in expected.items():
        torch.testing.assert_close(got[key], value, rtol=rtol, atol=atol)


class TestScript(unittest.TestCase):
    @parameterized.expand([(n, a, d) for n in VARIANTS for a in (False, True) for d in (2, 3)])
    def test_equals_eager(self, name, return_attention, dims):
        torch.manual_seed(0)
        network, _ = build(name, dims, img_size=32, return_attention=return_attention)
        scripted = torch.jit.script(network.eval())
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer)
        buffer.seek(0)
        loaded = torch.jit.load(buffer)
        x = torch.randn(2, 1, *[32] * dims)
        with torch.no_grad():
            _assert_same(loaded(x), network(x))

    @parameterized.expand([("exact",), ("dual",)])
    def test_encoder_with_stages_that_are_not_read(self, name):
        network, _ = build(name, encoder="unet", return_attention=True)
        x = torch.randn(1, 1, 64, 64)
        _assert_same(torch.jit.script(network.eval())(x), network(x))


class TestPrecisionAndLayout(unittest.TestCase):
    @parameterized.expand([(name, dtype) for name in VARIANTS for dtype in (torch.bfloat16, torch.float16)])
    def test_autocast(self, name, dtype):
        torch.manual_seed(0)
        network, loss = build(name, return_attention=True)
        x = torch.randn(2, 1, 64, 64)
        with torch.autocast("cpu", dtype=dtype):
            output = network(x)
            value = loss(output, torch.tensor([0, 2]))
        self.assertEqual(value.dtype, torch.float32)
        self.assertTrue(value.isfinite())
        self.assertEqual({v.dtype for v in output.values()}, {torch.float32})
        for key, value in output.items():
            if key.startswith("log_"):
                torch.testing.assert_close(value.exp().flatten(1).sum(1), torch.ones(2), rtol=0, atol=1e-5)

    @parameterized.expand([(name, dims) for name in VARIANTS for dims in (2, 3)])
    def test_channels_last(self, name, dims):
        torch.manual_seed(0)
        layout = torch.channels_last if dims == 2 else torch.channels_last_3d
        network, _ = build(name, dims, img_size=32, return_attention=True)
        x = torch.randn(2, 1, *[32] * dims)
        expected = network.eval()(x)
        # other kernels sum in another order
        _assert_same(network.to(memory_format=layout)(x.contiguous(memory_format=layout)), expected, 1e-3, 1e-4)

    @parameterized.expand([(name,) for name in VARIANTS])
    def test_float64_throughout(self, name):
        network, _ = build(name)
        self.assertEqual(network.double()(torch.randn(2, 1, 64, 64, dtype=torch.float64)).dtype, torch.float64)


class TestCopies(unittest.TestCase):
    @parameterized.expand([(name,) for name in VARIANTS])
    def test_deepcopy_and_pickle(self, name):
        torch.manual_seed(0)
        network, _ = build(name, return_attention=True)
        x = torch.randn(2, 1, 64, 64)
        expected = network.eval()(x)
        for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            _assert_same(twin(x), expected, 0, 0)
            with torch.no_grad():
                next(twin.parameters()).zero_()
            _assert_same(network(x), expected, 0, 0)

    @parameterized.expand([(name,) for name in VARIANTS])
    def test_with_attention_shares_everything_and_changes_nothing(self, name):
        network, _ = build(name)
        explained = network.eval().with_attention()
        x = torch.randn(2, 1, 64, 64)
        self.assertFalse(network.return_attention)
        self.assertIsInstance(network(x), torch.Tensor)
        self.assertTrue(torch.equal(explained(x)["logits"], network(x)))
        for ours, theirs in zip(network.parameters(), explained.parameters(), strict=True):
            self.assertIs(ours, theirs)
        with torch.no_grad():
            network.heads["block4"].weight.add_(1.0)
        self.assertTrue(torch.equal(explained(x)["logits"], network(x)))
        self.assertEqual(explained.training, network.training)
        self.assertIsInstance(torch.jit.script(explained)(x), dict)


class TestCheckpoints(unittest.TestCase):
    @parameterized.expand([(name,) for name in VARIANTS])
    def test_both_forms_load_the_same(self, name):
        logits, _ = build(name)
        maps, _ = build(name, return_attention=True)
        maps.load_state_dict(logits.state_dict(), strict=True)
        x = torch.randn(2, 1, 64, 64)
        self.assertTrue(torch.equal(maps.eval()(x)["logits"], logits.eval()(x)))

    @parameterized.expand([(name,) for name in VARIANTS])
    def test_baseline_loads_into_every_variant(self, name):
        baseline, _ = build("baseline")
        network, _ = build(name)
        result = network.load_state_dict(baseline.state_dict(), strict=False)
        self.assertEqual(result.unexpected_keys, [])
        for key in result.missing_keys:
            self.assertTrue(key.startswith(("units.", "witness.", "heads.block3.")), key)

    def test_only_the_head_is_left_over_when_the_last_stage_is_not_read(self):
        baseline, _ = build("baseline", encoder="unet")
        network, _ = build("exact", encoder="unet")
        result = network.load_state_dict(baseline.state_dict(), strict=False)
        self.assertEqual(result.unexpected_keys, ["heads.bottleneck.weight", "heads.bottleneck.bias"])


class TestTraining(unittest.TestCase):
    @parameterized.expand([(name, encoder) for name in VARIANTS for encoder in ("resnet", "unet")])
    def test_every_trained_parameter_gets_a_gradient(self, name, encoder):
        """Distributed training stops at parameters that get none."""
        torch.manual_seed(0)
        network, loss = build(name, encoder=encoder, return_attention=True)
        loss(network(torch.randn(2, 1, 64, 64)), torch.tensor([0, 2])).backward()
        for key, p in network.named_parameters():
            self.assertEqual(p.grad is not None, p.requires_grad, key)
            if p.grad is not None:
                self.assertTrue(p.grad.isfinite().all(), key)

    @parameterized.expand([("dual_gated",), ("dual",)])
    def test_witness_learns(self, name):
        torch.manual_seed(0)
        network, loss = build(name, return_attention=True)
        x, y = torch.randn(4, 1, 64, 64), torch.tensor([0, 1, 2, 0])
        loss(network(x), y).backward()
        self.assertGreater(network.witness[0].grid.grad.abs().max().item(), 0.0)

    @parameterized.expand([("dual",), ("exact",)])
    def test_loss_falls(self, name):
        torch.manual_seed(0)
        network, loss = build(name, return_attention=True)
        optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-2)
        x, y = torch.randn(6, 1, 64, 64), torch.tensor([0, 1, 2, 0, 1, 2])
        values = []
        for _ in range(15):
            optimizer.zero_grad()
            value = loss(network(x), y)
            value.backward()
            optimizer.step()
            values.append(value.item())
        self.assertLess(values[-1], 0.7 * values[0])

    def test_dropout_only_in_training(self):
        network, _ = build("exact", dropout=0.5)
        x = torch.randn(1, 1, 64, 64)
        self.assertTrue(torch.equal(network.eval()(x), network(x)))
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        torch.manual_seed(0)
        self.assertFalse(torch.equal(network(x), network(x)))


if __name__ == "__main__":
    unittest.main()
