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
"""Tests of the patch classifier: what it computes, and what it returns."""

from __future__ import annotations

import unittest

import torch
from parameterized import parameterized

from monai_dd.networks.encoders import ResNetEncoder, VGGEncoder
from monai_dd.networks.nets import PatchClassifier
from monai_dd.utils.outputs import PatchKeys
from tests.networks.blocks import reference_patches as reference
from tests.networks.nets.patches import POOLINGS, build, image

MAPS = {f"{prefix}_{level}" for prefix in ("phi", "log_tau", "log_mu") for level in ("fine", "coarse")}
KEYS = {"logits", *MAPS, *(str(key) for key in PatchKeys)}
SUMS = [pooling for pooling in POOLINGS if pooling != "capsule_dynamic_routing"]
LOSS = ["loss_attention", "capsule_loss_attention"]
EACH = [(pooling, dims) for pooling in POOLINGS for dims in (2, 3)]


class TestOutput(unittest.TestCase):
    @parameterized.expand([(p, d, e) for p, d in EACH for e in ("vgg", "resnet")])
    def test_shapes_and_keys(self, pooling, dims, encoder):
        network = build(pooling, dims, encoder, return_attention=True)
        output = network(image(dims))
        self.assertEqual(set(output), KEYS)
        self.assertEqual(output["logits"].shape, (2, 3))
        self.assertEqual(output["patch_logits"].shape, (2, 3, *[3] * dims))
        for key in MAPS | {"patch_weights"}:
            self.assertEqual((tuple(output[key].shape), output[key].dtype), ((2, 1, *[3] * dims), torch.float32))
            self.assertTrue(output[key].isfinite().all(), key)
        self.assertTrue(torch.equal(build(pooling, dims, encoder)(image(dims)), output["logits"]))
        self.assertEqual(network.attend, ())

    @parameterized.expand(EACH)
    def test_weights_and_their_logarithms(self, pooling, dims):
        output = build(pooling, dims, return_attention=True, xi=0.9)(image(dims))
        weights = output["patch_weights"]
        one = torch.ones(2, 1)
        torch.testing.assert_close(weights.flatten(2).sum(2), one)
        torch.testing.assert_close(output["log_tau_fine"].exp().flatten(2).sum(2), one)
        torch.testing.assert_close(output["log_mu_fine"].exp(), weights, rtol=1e-5, atol=1e-8)
        for prefix in ("phi", "log_tau", "log_mu"):
            self.assertTrue(torch.equal(output[f"{prefix}_fine"], output[f"{prefix}_coarse"]))
        removed = weights == 0
        if pooling in LOSS:
            self.assertTrue(removed.any())
            self.assertFalse(removed.all())
            self.assertTrue((output["log_mu_fine"][removed] < -85).all())
        else:  # no threshold, so before and after are the same
            self.assertFalse(removed.any())
            torch.testing.assert_close(output["log_tau_fine"], output["log_mu_fine"], rtol=1e-5, atol=1e-5)

    @parameterized.expand([(pooling, dims) for pooling in SUMS for dims in (2, 3)])
    def test_decision_is_the_weighted_sum_over_patches(self, pooling, dims):
        output = build(pooling, dims, return_attention=True)(image(dims))
        total = (output["patch_weights"] * output["patch_logits"]).flatten(2).sum(2)
        torch.testing.assert_close(output["logits"], total)

    @parameterized.expand([(2,), (3,)])
    def test_loss_attention_equals_the_paper(self, dims):
        """Eq. 5 to the letter on the patches' features: weigh the features, then classify their sum."""
        network = build("loss_attention", dims, return_attention=True, xi=0.5).double()
        x = image(dims, dtype=torch.float64)
        output, head = network(x), network.head
        features = head.layers(network.reduce(network.encoder(x)[-1])).flatten(2)
        theta, bias = head.classifier.weight.flatten(1), head.classifier.bias
        p = torch.einsum("kc,bcm->bkm", theta, features) + bias[:, None]
        alpha = reference.loss_attention(p, 0.5)
        self.assertTrue((alpha == 0).any())
        z = (alpha * features).sum(2) @ theta.T + bias
        torch.testing.assert_close(output["patch_weights"].flatten(2), alpha, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(output["logits"], z, rtol=1e-10, atol=1e-12)

    @parameterized.expand([(2,), (3,)])
    def test_capsule_loss_attention_equals_the_paper(self, dims):
        """Eq. 11 and 6 to the letter."""
        network = build("capsule_loss_attention", dims, return_attention=True, xi=0.8).double()
        x = image(dims, dtype=torch.float64)
        output, head = network(x), network.head
        h = reference.lengths_above(head.primary(network.reduce(network.encoder(x)[-1])), head.capsules.threshold)
        h = head.capsules.conv(h).unflatten(1, (4, 6)).flatten(3)
        theta, bias = head.classifier.weight.flatten(1), head.classifier.bias
        p = torch.einsum("kd,bcdm->bckm", theta, h) + bias[:, None]
        _, capsules, z = reference.capsule_loss_attention(p, 0.8)
        torch.testing.assert_close(output["logits"], z, rtol=1e-10, atol=1e-12)
        weights = capsules.sum(1, keepdim=True)
        self.assertTrue((weights == 0).any())
        torch.testing.assert_close(output["patch_weights"].flatten(2), weights, rtol=1e-10, atol=1e-12)

    @parameterized.expand(LOSS)
    def test_patches_without_logits_leave_finite_maps(self, pooling):
        network = build(pooling, return_attention=True).train()
        torch.nn.init.zeros_(network.head.classifier.weight)
        torch.nn.init.zeros_(network.head.classifier.bias)
        output = network(image())
        torch.testing.assert_close(output["patch_weights"], torch.full((2, 1, 3, 3), 1 / 9))
        self.assertTrue(all(value.isfinite().all() for value in output.values()))
        (output["logits"].sum() + sum(output[key].sum() for key in MAPS)).backward()
        self.assertTrue(all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None))

    @parameterized.expand([(pooling,) for pooling in POOLINGS])
    def test_batch_of_one_equals_row_of_four(self, pooling):
        network, x = build(pooling, return_attention=True), image(batch=4)
        batch = network(x)
        for row in range(4):
            for key, value in network(x[row : row + 1]).items():
                # convolutions may sum in another order for another batch size
                torch.testing.assert_close(value[0], batch[key][row], rtol=1e-4, atol=1e-5)


class TestPatches(unittest.TestCase):
    @parameterized.expand([(pooling, encoder) for pooling in POOLINGS for encoder in ("vgg", "resnet")])
    def test_strides_of_the_encoder(self, pooling, encoder):
        strides = [1, 2, 1, 1] if encoder == "resnet" else [1, 1, 1, 2, 1, 1, 1, 1]
        network = build(pooling, 2, encoder, strides, img_size=(26, 18), return_attention=True)
        output = network(image(side=26)[..., :18])
        self.assertEqual(output["patch_weights"].shape, (2, 1, 3, 2))
        geometry = (network.patch_size, network.patch_stride, network.patch_padding)
        self.assertEqual(geometry, ([10, 10], [8, 8], [0, 0]))

    @parameterized.expand([(pooling,) for pooling in POOLINGS])
    def test_exact_tiling(self, pooling):
        options = {"kernel_size": [8, 8], "stride": [4, 4], "padding": 2, "img_size": 16, "return_attention": True}
        network = build(pooling, **options)
        self.assertEqual(network(image(side=16))["patch_weights"].shape, (2, 1, 4, 4))
        # the middle of the first patch is that of the first quarter of the image
        self.assertEqual(network.patch_size[0] / 2 - network.patch_padding[0], 16 / 4 / 2)

    def test_first_axis_of_the_image_is_the_first_of_the_map(self):
        """Only the patch with a bright corner differs; every pooling shares this path."""
        for pooling in POOLINGS:
            network = build(pooling, return_attention=True, stride=5, img_size=15).eval()
            for module in network.encoder.modules():  # an encoder that sees one pixel at a time
                if isinstance(module, torch.nn.Conv2d):
                    module.weight.data[..., [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
                    module.weight.data.abs_()
                    module.bias.data.fill_(1.0)
            x = torch.zeros(1, 2, 15, 15)
            before = network(x)["patch_logits"]
            x[..., 7, 12] = 50.0
            changed = (network(x)["patch_logits"] - before).abs().amax((0, 1)) > 1e-3
            if pooling == "capsule_dynamic_routing":  # couplings are each capsule's own, but votes decide them all
                changed = (network(x)["patch_logits"] - before).abs().amax((0, 1))
                changed = changed == changed.max()
            self.assertEqual(changed.nonzero().tolist(), [[1, 2]], pooling)

    @parameterized.expand([(pooling,) for pooling in POOLINGS])
    def test_image_too_small(self, pooling):
        for network in (build(pooling), torch.jit.script(build(pooling))):
            message = r"expected an image of at least a patch of \[5, 5\] pixels, got \[13, 4\]"
            with self.assertRaisesRegex(Exception, message):
                network(torch.zeros(1, 2, 13, 4))

    def test_routing_fits_one_size(self):
        network = build("capsule_dynamic_routing")
        with self.assertRaisesRegex(ValueError, r"^expected an image with \[3, 3\] patches, got \[3, 4\]$"):
            network(torch.zeros(1, 2, 13, 17))


SIZES = {"channels": 4, "kernel_size": 5}


class TestBadInput(unittest.TestCase):
    @parameterized.expand(
        [
            ("pooling", {"pooling": "max"}),
            ("num_classes", {"num_classes": 0}),
            ("xi", {"xi": 1.5}),
            ("xi", {"xi": -1, "pooling": "capsule_loss_attention"}),
            ("channels", {"channels": 0}),
            ("kernel_size", {"kernel_size": 0}),
            ("kernel_size", {"kernel_size": [3, 3, 3]}),
            ("stride", {"stride": 0}),
            ("padding", {"padding": -1}),
            ("embed_dim", {"embed_dim": 0, "pooling": "attention"}),
            ("capsule_channels", {"capsule_channels": [3]}),
            ("dim", {"capsule_dims": [0, 3], "pooling": "capsule_loss_attention"}),
            ("iterations", {"routing_iterations": 0, "pooling": "capsule_dynamic_routing", "img_size": 16}),
            ("img_size", {"pooling": "capsule_dynamic_routing"}),
            ("img_size", {"pooling": "capsule_dynamic_routing", "img_size": [16, 15]}),
            ("img_size", {"pooling": "capsule_dynamic_routing", "img_size": 8}),
        ]
    )
    def test_argument(self, name, change):
        encoder = ResNetEncoder(2, 1, 18, features=1, strides=[1, 2, 1, 1])
        with self.assertRaisesRegex(ValueError, f"^(?=[^\n]*{name})[^\n]*expected[^\n]*got[^\n]*$"):
            PatchClassifier(**{"encoder": encoder, "pooling": "loss_attention", "num_classes": 3, **SIZES, **change})

    def test_encoders_with_other_channels_are_reduced(self):
        wide = PatchClassifier(VGGEncoder(2, 1, features=2, strides=1), "mean", 3, channels=6, kernel_size=5)
        self.assertEqual(wide.head.layers[0].conv.in_channels, 6)
        self.assertEqual(wide(torch.zeros(2, 1, 9, 9)).shape, (2, 3))
        same = PatchClassifier(VGGEncoder(2, 1, features=2, strides=1), "mean", 3, channels=16, kernel_size=5)
        self.assertEqual(list(same.reduce.parameters()), [])


if __name__ == "__main__":
    unittest.main()
