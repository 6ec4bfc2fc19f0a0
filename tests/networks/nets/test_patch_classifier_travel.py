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
"""Tests of the patch classifier: precision, layouts, scripts, copies, checkpoints, training."""

from __future__ import annotations

import copy
import io
import pickle
import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.nets import PatchClassifier
from tests.networks.nets.patches import POOLINGS, build, image

EACH = [(pooling,) for pooling in POOLINGS]


class TestTravel(unittest.TestCase):
    @parameterized.expand([(p, dims, form) for p in POOLINGS for dims in (2, 3) for form in (False, True)])
    def test_script(self, pooling, dims, return_attention):
        network = build(pooling, dims, "resnet" if dims == 2 else "vgg", return_attention=return_attention, xi=0.5)
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(network), buffer)
        buffer.seek(0)
        with torch.no_grad():
            torch.testing.assert_close(torch.jit.load(buffer)(image(dims)), network(image(dims)))

    @parameterized.expand(EACH)
    def test_with_attention_shares_everything_and_changes_nothing(self, pooling):
        network, x = build(pooling), image()
        explained = network.with_attention()
        self.assertIsInstance(explained, PatchClassifier)
        self.assertIsInstance(network(x), torch.Tensor)
        for ours, theirs in zip(network.parameters(), explained.parameters(), strict=True):
            self.assertIs(ours, theirs)
        with torch.no_grad():
            next(network.parameters()).add_(1.0)
        self.assertTrue(torch.equal(explained(x)["logits"], network(x)))

    @parameterized.expand(EACH)
    def test_both_forms_load_the_same_checkpoint(self, pooling):
        logits, maps = build(pooling), build(pooling, return_attention=True)
        torch.nn.init.normal_(next(logits.head.parameters()))
        maps.load_state_dict(logits.state_dict(), strict=True)
        self.assertTrue(torch.equal(maps(image())["logits"], logits(image())))

    @parameterized.expand(EACH)
    def test_deepcopy_and_pickle(self, pooling):
        network = build(pooling)
        expected = network(image())
        for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            self.assertTrue(torch.equal(twin(image()), expected))
            torch.nn.init.zeros_(next(twin.parameters()))
        self.assertTrue(torch.equal(network(image()), expected))

    @parameterized.expand([(pooling, dtype) for pooling in POOLINGS for dtype in (torch.bfloat16, torch.float16)])
    def test_half_precision(self, pooling, dtype):
        network = build(pooling, return_attention=True)
        with torch.autocast("cpu", dtype=dtype), torch.no_grad():
            output = network(image())
        with torch.no_grad():
            halved = network.to(dtype)(image(dtype=dtype))
        for result in (output, halved):
            self.assertEqual({value.dtype for value in result.values()}, {torch.float32})
            self.assertTrue(all(value.isfinite().all() for value in result.values()))
            # in half precision 9 cells would not sum to one to 1e-5
            torch.testing.assert_close(result["patch_weights"].sum((2, 3)), torch.ones(2, 1), rtol=0, atol=1e-5)
            torch.testing.assert_close(result["log_mu_fine"].exp().sum((2, 3)), torch.ones(2, 1), rtol=0, atol=1e-5)

    @parameterized.expand([(pooling, dims) for pooling in POOLINGS for dims in (2, 3)])
    def test_channels_last(self, pooling, dims):
        layout = torch.channels_last if dims == 2 else torch.channels_last_3d
        network = build(pooling, dims, return_attention=True)
        expected = network(image(dims))
        got = network.to(memory_format=layout)(image(dims).contiguous(memory_format=layout))
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)  # other kernels sum in another order


class TestTraining(unittest.TestCase):
    @parameterized.expand([(pooling, form) for pooling in POOLINGS for form in (False, True)])
    def test_every_parameter_gets_a_gradient(self, pooling, return_attention):
        """Distributed training stops at parameters that get none; the maps have no part in the loss."""
        network = build(pooling, return_attention=return_attention).train()
        output = network(image())
        logits = output["logits"] if return_attention else output
        torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()
        for key, p in network.named_parameters():
            self.assertIsNotNone(p.grad, key)
            self.assertTrue(p.grad.isfinite().all(), key)

    def test_loss_attention_has_no_parameters_of_its_own(self):
        names = [{name for name, _ in build(pooling).named_parameters()} for pooling in ("mean", "loss_attention")]
        self.assertEqual(*names)
        self.assertEqual({name.split(".")[0] for name in names[0]}, {"encoder", "reduce", "head"})

    @parameterized.expand(EACH)
    def test_loss_falls(self, pooling):
        network, x = build(pooling).train(), image(batch=6)
        target = torch.tensor([0, 1, 2, 0, 1, 2])
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        values = []
        for _ in range(60):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(x), target)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        self.assertLess(values[-1], 0.6 * values[0])


if __name__ == "__main__":
    unittest.main()
