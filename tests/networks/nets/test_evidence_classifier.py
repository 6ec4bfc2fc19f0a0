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
"""The classifier whose attention is its evidence."""

from __future__ import annotations

import io
import unittest

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parameterized import parameterized

from monai_dd.networks.blocks import box_smooth
from monai_dd.networks.encoders import TopDownEncoder, UNetEncoder
from monai_dd.networks.layers import consistent_attention, marginalize
from monai_dd.networks.nets import AttentionClassifier, EvidenceClassifier
from monai_dd.utils.outputs import read_levels

LEVELS = ["block3", "block4"]
CASES = [
    (readout, classes, contrasted, dims)
    for readout in ("pool", "attention")
    for classes, contrasted in ((1, True), (2, True), (3, True), (2, False), (3, False))
    for dims in (2, 3)
]


def _build(dims=2, num_classes=2, **options):
    torch.manual_seed(0)
    network = EvidenceClassifier(UNetEncoder(dims, 1, features=2), num_classes, LEVELS, **options)
    for head in network.heads.values():
        torch.nn.init.normal_(head.weight, std=3.0)
        torch.nn.init.normal_(head.bias)
    return network.double().eval()


def _reference(network, image, scale, contrasted=True, smoothing=(0, 0)):
    """Evidence of every class and cell, and the attention of every class."""
    stages = network.encoder(image)
    evidences, potentials = [], []
    for v, head, times in zip(stages[2:4], network.heads.values(), smoothing, strict=True):
        e = box_smooth(torch.einsum("kc,bcn->bkn", head.weight, v.flatten(2)).reshape(len(v), -1, *v.shape[2:]), times)
        against = e.clone()
        classes = e.shape[1]
        if contrasted and classes > 1:
            for k in range(classes):
                others = [e[:, other] for other in range(classes) if other != k]
                against[:, k] = e[:, k] - sum(others) / len(others)
        evidences.append(e)
        potentials.append(scale * against)
    return evidences, [m.exp() for m in consistent_attention(potentials).log_mu]


class TestEvidenceClassifier(unittest.TestCase):
    @parameterized.expand(CASES)
    def test_equals_the_sums_over_cells(self, readout, classes, contrasted, dims):
        options = {"readout": readout, "contrasted": contrasted, "init_scale": 0.2, "smoothing": [2, 1]}
        network = _build(dims, classes, dropout=0.5, **options)
        image = torch.rand(2, 1, *[32] * dims, dtype=torch.float64)
        scale = network.gates[0].log_scale.exp()  # 0.2 as rounded by float32
        evidences, mu = _reference(network, image, scale, contrasted, smoothing=(2, 1))
        single = classes == 2 and contrasted
        mu = [m[:, 1:] for m in mu] if single else mu
        logits = sum(head.bias for head in network.heads.values())
        for e, m in zip(evidences, mu, strict=True):
            weight = m if readout == "attention" else torch.full_like(m, 1 / m[0, 0].numel())
            logits = logits + (e * weight).flatten(2).sum(2)
        torch.testing.assert_close(network(image), logits, rtol=0, atol=1e-12)

        described = network.with_attention(contribution=True)
        output = described(image)
        total = sum(c.flatten(2).sum(2) for c in read_levels(output, "contribution"))
        total = total + sum(head.bias for head in network.heads.values())
        torch.testing.assert_close(output["logits"], total, rtol=0, atol=1e-12)
        chosen = logits.argmax(1)
        for level, m in zip(read_levels(output, "log_mu"), mu, strict=True):
            expected = m if m.shape[1] == 1 else m[torch.arange(2), chosen][:, None]
            torch.testing.assert_close(level.exp(), expected, rtol=0, atol=1e-12)
        if single or classes == 1:
            self.assertNotIn("class_log_mu_fine", output)
        else:
            for level, m in zip(read_levels(output, "class_log_mu"), mu, strict=True):
                torch.testing.assert_close(level.exp(), m, rtol=0, atol=1e-12)
        scripted = torch.jit.script(described)(image)
        self.assertEqual(set(scripted), set(output))
        for key, value in output.items():
            torch.testing.assert_close(scripted[key], value, rtol=0, atol=1e-12)

    @settings(max_examples=25, deadline=None)
    @given(
        seed=st.integers(0, 1000),
        scale=st.floats(0.01, 3.0),
        smoothing=st.integers(0, 2),
        readout=st.sampled_from(["pool", "attention"]),
    )
    def test_levels_agree_and_contributions_add_up(self, seed, scale, smoothing, readout):
        network = _build(num_classes=3, readout=readout, init_scale=scale, smoothing=smoothing)
        torch.manual_seed(seed)
        output = network.with_attention(contribution=True)(torch.randn(2, 1, 32, 16, dtype=torch.float64))
        fine, coarse = (m.exp() for m in read_levels(output, "class_log_mu"))
        torch.testing.assert_close(marginalize(fine, 2), coarse, rtol=0, atol=1e-12)
        total = sum(c.flatten(2).sum(2) for c in read_levels(output, "contribution"))
        bias = sum(head.bias for head in network.heads.values())
        torch.testing.assert_close(total + bias, output["logits"], rtol=0, atol=1e-10)

    def test_pooled_it_is_the_plain_classifier_of_one_level(self):
        # the paper's baseline, global average pooling and a linear layer, with an explanation
        torch.manual_seed(0)
        plain = AttentionClassifier(UNetEncoder(2, 1, features=2), 2).eval()
        network = EvidenceClassifier(UNetEncoder(2, 1, features=2), 2, "bottleneck", consistency="none").eval()
        missing, unexpected = network.load_state_dict(plain.state_dict(), strict=False)
        self.assertEqual((missing, unexpected), (["gates.0.log_scale"], []))
        image = torch.rand(2, 1, 32, 32)
        torch.testing.assert_close(network(image), plain(image))

    def test_consistency_and_scale_change_the_maps_of_a_pooled_network_alone(self):
        image = torch.rand(2, 1, 32, 32, dtype=torch.float64)
        first = _build(init_scale=[0.2, 0.4]).with_attention()(image)
        second = _build(init_scale=2.0, consistency="none").with_attention()(image)
        torch.testing.assert_close(first["logits"], second["logits"], rtol=0, atol=0)
        self.assertGreater(float((first["log_mu_fine"] - second["log_mu_fine"]).abs().max()), 0.01)
        for level, scale in (("fine", 0.2), ("coarse", 0.4)):
            torch.testing.assert_close(
                first[f"phi_{level}"], scale / 2.0 * second[f"phi_{level}"], rtol=1e-6, atol=1e-6
            )

    def test_a_pooled_network_has_no_parameter_without_gradient(self):
        for readout in ("pool", "attention"):
            network = _build(readout=readout)
            network(torch.rand(2, 1, 32, 32, dtype=torch.float64)).square().sum().backward()
            self.assertEqual([name for name, p in network.named_parameters() if p.grad is None], [])

    def test_dropout_drops_channels(self):
        network = _build(readout="pool", dropout=0.5).train()
        network.encoder.eval()
        image = torch.rand(1, 1, 32, 32, dtype=torch.float64)
        stages, heads = network.encoder(image), list(network.heads.values())
        torch.manual_seed(3)
        got = network(image)
        torch.manual_seed(3)
        expected = sum(
            head(torch.nn.functional.dropout(stages[place].mean((2, 3)), 0.5)) for head, place in zip(heads, (2, 3))
        )
        torch.testing.assert_close(got, expected)

    def test_levels_of_a_top_down_path(self):
        encoder = TopDownEncoder(UNetEncoder(2, 1, features=2), ["block2", "block4"], ["block4"], channels=4)
        for network in (
            EvidenceClassifier(encoder, 2, ["block2", "block4"]),
            AttentionClassifier(encoder, 2, ["block2", "block4"], "attention", "dual", img_size=(64, 32)),
        ):
            output = network.with_attention()(torch.rand(2, 1, 64, 32))
            self.assertEqual(output["log_mu_fine"].shape, (2, 1, 32, 16))
            self.assertEqual(output["log_mu_coarse"].shape, (2, 1, 8, 4))
        with self.assertRaisesRegex(ValueError, "^readout: 'pool' expected an encoder that runs stage by stage"):
            AttentionClassifier(encoder, 2, ["block2", "block4"])

    def test_weights_travel(self):
        network = _build(readout="attention")
        file = io.BytesIO()
        torch.save(network.state_dict(), file)
        file.seek(0)
        other = _build(readout="attention", init_scale=2.0)
        other.load_state_dict(torch.load(file, weights_only=True))
        image = torch.rand(1, 1, 32, 32, dtype=torch.float64)
        torch.testing.assert_close(other(image), network(image), rtol=0, atol=0)

    @parameterized.expand(
        [
            ({"attend": []}, "attend: expected one stage or more, each once, got []"),
            ({"attend": "block9"}, "attend: expected one of"),
            ({"attend": "block3"}, "consistency: 'exact' expected two or more stages in attend, got ['block3']"),
            ({"attend": LEVELS, "consistency": "dual"}, "consistency: expected one of ['none', 'exact'], got 'dual'"),
            ({"attend": LEVELS, "init_scale": [1.0, 1.0, 1.0]}, "init_scale: expected one number or 2, got 3"),
            ({"attend": LEVELS, "smoothing": [1, 1, 1]}, "smoothing: expected one number or 2, got 3"),
            ({"attend": LEVELS, "smoothing": [1, -1]}, "smoothing: expected 0 or more box filters, got [1, -1]"),
        ]
    )
    def test_refused(self, options, message):
        with self.assertRaises(ValueError) as caught:
            EvidenceClassifier(UNetEncoder(2, 1, features=2), 2, **options)
        self.assertTrue(str(caught.exception).startswith(message), str(caught.exception))


if __name__ == "__main__":
    unittest.main()
