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
"""The check of completeness, on attributions that are given."""

from __future__ import annotations

import unittest
import warnings

import pytest
import torch
from parameterized import parameterized
from torch import nn

from monai_dd.explain import CompletenessWarning
from monai_dd.explain.attribution import Attribution


class Given(Attribution):
    """The same attributions whatever the image."""

    complete = True

    def __init__(self, network, values, tolerance):
        super().__init__(network, tolerance=tolerance)
        self.baseline = 0.0
        self.values = torch.tensor(values)

    def _attribute(self, image, target):
        return self.values.reshape(image.shape)


def _network(weight, bias):
    """Logit ``weight`` times the sum of the image, plus ``bias``."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    nn.init.constant_(network[1].weight, weight)
    nn.init.constant_(network[1].bias, bias)
    return network


class TestCompleteness(unittest.TestCase):
    """The gap is the share of what is largest: the change of the logit, 1 % of the attributions, 0.1 % of the logit."""

    @parameterized.expand(
        [
            ("change", 0.5, 0.0, [1.0, 1.0, 0.5, 0.0], 0.25),
            ("attributions", 0.0, 0.0, [100.25, -99.75, 0.0, 0.0], 0.25),
            ("logit", 0.0, 1000.0, [0.25, 0.0, 0.0, 0.0], 0.25),
        ]
    )
    def test_gap(self, _name, weight, bias, values, gap):
        network, image = _network(weight, bias), torch.ones(1, 1, 2, 2)
        with pytest.warns(
            CompletenessWarning, match=f"of 1 of 1 images .* largest gap {gap:.1%}, expected up to 24.0%"
        ):
            Given(network, values, gap - 0.01)(image)
        with warnings.catch_warnings():
            warnings.simplefilter("error", CompletenessWarning)
            Given(network, values, gap + 0.01)(image)


if __name__ == "__main__":
    unittest.main()
