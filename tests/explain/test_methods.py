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
"""Tests of explainers made by their names."""

from __future__ import annotations

import unittest
import warnings

import torch
from parameterized import parameterized

from monai_dd.explain import (
    METHODS,
    CompletenessWarning,
    ConvexProgram,
    DeepLIFT,
    GradCAM,
    IntegratedGradients,
    UnsuitedError,
    make_explainers,
    make_randomized_explainers,
)
from monai_dd.networks.nets import ViTClassifier
from tests.networks.nets.patches import build as build_patches
from tests.networks.nets.variants import build

LEVELS = ("fine", "coarse")
CAMS = [f"{name}/{level}" for name in ("gradcam", "hirescam") for level in LEVELS]
GRADIENTS = [f"{name}/{level}" for name in ("gradient_x_input", "integrated_gradients") for level in LEVELS]
RULES = [f"{name}/{level}" for name in ("deeplift", "lrp") for level in LEVELS]
OTHERS = ["occlusion", "random", "gaussian", "smoothed_intensity"]
SIGNED = ["contribution_signed/fine", "contribution_signed/coarse", "contribution_sum_signed"]
PARTS = ["contribution/fine", "contribution/coarse", "contribution_sum", *SIGNED]
ATTENTION = [f"{name}/{level}" for name in ("attention", "consistent", "cvx") for level in LEVELS]


def _image(size=16):
    return torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(1))


def _vit():
    sizes = {"patch_size": 8, "hidden_size": 24, "mlp_dim": 24, "num_layers": 2, "num_heads": 3}
    return ViTClassifier(1, (32, 32), 2, **sizes)


def _explain(explainers, image, class_idx):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompletenessWarning)
        return {key: explainer(image, class_idx) for key, explainer in explainers.items()}


class TestMakeExplainers(unittest.TestCase):
    def test_the_filter_of_the_intensity(self):
        network = build("baseline", 2, "unet", 16)[0]
        for options, expected in (({"mean_window": 5}, 5), ({}, None)):
            control = make_explainers(network, ["smoothed_intensity"], channel=0, **options)["smoothed_intensity"]
            self.assertEqual((control.window, control.sigma, control.channel), (expected, 3.0, 0))

    @parameterized.expand(["baseline", "unconstrained"])
    def test_the_batch_size_bounds_what_the_network_sees_at_once(self, name):
        network = build(name, 2, "unet", 16)[0].eval().with_attention()
        classes = torch.tensor([0, 1, 2, 1, 0])
        image = torch.randn(5, 1, 16, 16, generator=torch.Generator().manual_seed(1))
        seen = []
        network.register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
        whole, parts = ({**make_explainers(network, batch_size=size, window=8)} for size in (5, 2))
        for key, explainer in parts.items():
            seen.clear()
            maps = explainer(image, classes)
            # DeepLIFT has the baseline of each image beside it; some work on a copy of the network, where no hook is
            bound = {"deeplift": 4, "cvx": 5}.get(key.partition("/")[0], 2)
            self.assertLessEqual(max(seen, default=0), bound, key)
            torch.testing.assert_close(maps, whole[key](image, classes), rtol=1e-3, atol=1e-5, msg=key)
        for key in ("gradcam/fine", "random"):
            torch.testing.assert_close(parts[key](image, 1), whole[key](image, 1), rtol=1e-3, atol=1e-5)

    def test_the_noise_of_the_control_has_a_seed(self):
        network, image = build("baseline", 2, "unet", 16)[0].eval(), _image()
        first, same, other = (make_explainers(network, ["random"], seed=s)["random"](image) for s in (0, 0, 1))
        torch.testing.assert_close(first, same, rtol=0, atol=0)
        self.assertFalse(torch.equal(first, other))

    @parameterized.expand(
        [
            (
                "baseline",
                ["contribution", "contribution_signed", *CAMS, "cam", "saliency", *RULES, *GRADIENTS, *OTHERS],
            ),
            ("unconstrained", [*ATTENTION[:2], *PARTS, *ATTENTION[2:], *CAMS, "saliency", *GRADIENTS, *OTHERS]),
            (
                "tau_fine_gated",
                [*ATTENTION[:2], "contribution", "contribution_signed", *CAMS, "cam", "saliency", *GRADIENTS, *OTHERS],
            ),
            ("exact", [*ATTENTION[:2], *PARTS, *CAMS, "saliency", *GRADIENTS, *OTHERS]),
        ]
    )
    def test_all_that_serve_a_network(self, name, expected):
        network = build(name, 2, "unet", 16)[0].eval()
        explainers = make_explainers(network.with_attention(), batch_size=3, window=4)
        self.assertEqual(list(explainers), expected)
        maps = _explain(explainers, _image(), 1)
        for key, relevance in maps.items():
            self.assertEqual(relevance.shape[:2], (2, 1), key)
            if "_signed" in key:
                torch.testing.assert_close(relevance.relu(), maps[key.replace("_signed", "")], rtol=0, atol=0)
                relevance = relevance.relu()
            self.assertGreaterEqual(float(relevance.min()), 0, key)
            side = {"fine": 4, "coarse": 2}.get(key.partition("/")[2])
            if key.startswith("attention") and len(network.attend) == 1:
                side = 4  # the one map that it has, under both names
            side = side or {"occlusion": 8, "cam": 1, "contribution": 1, "contribution_sum": 4}.get(
                key.replace("_signed", ""), 16
            )
            self.assertEqual(relevance.shape[-1], side, key)

    @parameterized.expand(["baseline", "unconstrained"])
    def test_buffers_used_again(self, name):
        """What explainers keep of a call is no tensor of the caller's: neither image nor classes nor maps."""
        network = build(name, 2, "unet", 16)[0].eval()
        made = make_explainers(network, batch_size=3, window=4)
        image, classes = _image(), torch.tensor([0, 1])
        other = _image() * 0.5 + 1
        maps = _explain(made, image, classes)
        for change in (lambda: image.copy_(other), lambda: classes.copy_(torch.tensor([2, 0]))):
            change()
            maps = _explain(made, image, classes)
            expected = _explain(make_explainers(network, batch_size=3, window=4), image.clone(), classes.clone())
            torch.testing.assert_close(maps, expected)
        for relevance in maps.values():
            relevance.fill_(-1)
        torch.testing.assert_close(_explain(made, image, classes), expected)

    def test_a_vision_transformer(self):
        keys = list(make_explainers(_vit().with_attention()))
        self.assertEqual(keys, ["saliency", "occlusion", "vit_attention", "vit_rollout", *OTHERS[1:]])

    def test_the_second_grid_has_the_attributions_of_the_first(self):
        network = build("baseline", 2, "unet", 16)[0].eval()
        made = make_explainers(network, ["deeplift", "integrated_gradients", "gradcam"], coarse="block3", fine="block2")
        for name, kind in (("deeplift", DeepLIFT), ("integrated_gradients", IntegratedGradients), ("gradcam", GradCAM)):
            for level, layer in (("fine", "block2"), ("coarse", "block3")):
                for class_idx in (0, torch.tensor([1, 2])):
                    expected = kind(network, layer)(_image(), class_idx)
                    torch.testing.assert_close(made[f"{name}/{level}"](_image(), class_idx), expected)

    def test_programs_are_shared_between_levels(self):
        made = make_explainers(build("unconstrained", 2, "unet", 16)[0], ["cvx"])
        self.assertIsInstance(made["cvx/fine"], ConvexProgram)
        self.assertIs(made["cvx/fine"]._last, made["cvx/coarse"]._last)

    def test_says_what_is_left_out(self):
        with self.assertLogs("monai_dd.explain.methods", "INFO") as logs:
            make_explainers(build("baseline")[0], ["attention", "random"])
        self.assertEqual(len(logs.output), 1)
        self.assertRegex(logs.output[0], "not explained by attention: network: expected an AttentionClassifier with")

    def test_refusals(self):
        network = build("baseline")[0]
        with self.assertRaisesRegex(UnsuitedError, "^network: expected an AttentionClassifier with attended stages"):
            make_explainers(network, ["attention", "random"], skip_unsuited=False)
        message = r"^methods: none of \['attention'\] serves this network: attention: network: expected an Attention"
        with self.assertRaisesRegex(ValueError, message):
            make_explainers(network, ["attention"])
        with self.assertRaisesRegex(ValueError, r"^methods: expected one of \[.*\], got 'grad-cam'$"):
            make_explainers(network, ["grad-cam"])

    @parameterized.expand(
        [
            ("batch_size", 0, "^batch_size: expected 1 or more, got 0$"),
            ("fine", "blok3", "^layer: expected one of .*, got 'blok3'$"),
            ("coarse", "blok4", "^layer: expected one of .*, got 'blok4'$"),
            ("window", 0, "^window, stride: expected positive sizes of as many axes, got 0 and 0$"),
            ("sigma", 0, "^sigma: expected a positive number of pixels, got 0$"),
        ]
    )
    def test_a_wrong_argument_is_no_unsuited_network(self, argument, value, line):
        for network in (build("baseline", 2, "unet", 16)[0], build("exact", 2, "unet", 16)[0]):
            with self.assertRaisesRegex(ValueError, line) as caught:
                make_explainers(network, **{argument: value})
            self.assertNotIsInstance(caught.exception, UnsuitedError)

    @parameterized.expand([("fine",), ("coarse",)])
    def test_a_stage_that_captum_methods_do_not_find(self, argument):
        with self.assertRaisesRegex(ValueError, "^layer: expected None or one of the encoder's stages .*, got 'last'$"):
            make_explainers(build("baseline")[0], ["deeplift", "random"], **{argument: "last"})

    def test_every_name_serves_some_network(self):
        made = [*make_explainers(build("baseline")[0]), *make_explainers(build("unconstrained")[0])]
        made += [*make_explainers(_vit()), *make_explainers(build_patches("mean"))]
        self.assertEqual({key.partition("/")[0] for key in made}, set(METHODS))


class TestMakeRandomizedExplainers(unittest.TestCase):
    def test_explainers_of_the_cascade(self):
        network = build("unconstrained", 2, "unet", 16)[0]
        made = make_randomized_explainers(network, ["attention", "deeplift", "gradcam", "cvx", "random"])
        self.assertEqual([name for name, _ in made][:3], ["head", "attention_block4", "block4"])
        for _, explainers in made:
            self.assertEqual(list(explainers), [*ATTENTION[:2], *CAMS[:2]])
        before = make_explainers(network, ["attention"])["attention/fine"](_image())
        torch.testing.assert_close(made[0][1]["attention/fine"](_image()), before)  # the head does not matter to it
        self.assertGreater(float((made[-1][1]["attention/fine"](_image()) - before).abs().max()), 1e-4)

    def test_controls_look_at_no_network(self):
        self.assertEqual(make_randomized_explainers(build("baseline")[0], ["random", "attention"]), [])


if __name__ == "__main__":
    unittest.main()
