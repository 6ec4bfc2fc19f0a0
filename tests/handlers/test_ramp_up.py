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
"""Tests of the Gaussian ramp-up."""

from __future__ import annotations

import math
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st
from ignite.engine import Engine, Events
from parameterized import parameterized

from monai_dd.handlers import GaussianRampUp, gaussian_ramp_up
from monai_dd.losses import LossAttentionLoss


def _run(loss, handler, epochs, state=None):
    """Values of gamma during each epoch, and the state of the engine afterwards."""
    seen = []
    engine = Engine(lambda _engine, _batch: None)
    handler.attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: seen.append(loss.gamma))
    if state is not None:
        engine.load_state_dict(state)
    engine.run([0], max_epochs=epochs)
    return seen, engine.state_dict()


class TestFunction(unittest.TestCase):
    def test_by_hand(self):
        # T = 0, 1/2, 1 and beyond: exp(-1), exp(-1/4), exp(0)
        for epoch, expected in ((0, 0.36787944), (40, 0.77880078), (80, 1.0), (199, 1.0)):
            self.assertAlmostEqual(gaussian_ramp_up(epoch, 80), expected, places=8)
        self.assertAlmostEqual(gaussian_ramp_up(0, 80, steepness=5.0), 0.00673795, places=8)

    @settings(max_examples=50, deadline=None)
    @given(st.floats(0, 500), st.floats(0, 500), st.integers(1, 300), st.floats(0, 10))
    def test_grows_and_stays_between_its_ends(self, a, b, epochs, steepness):
        low, high = (gaussian_ramp_up(e, epochs, steepness) for e in sorted((a, b)))
        self.assertLessEqual(low, high)
        self.assertLessEqual(high, 1.0)
        self.assertGreaterEqual(low, math.exp(-steepness) * (1 - 1e-12))

    @parameterized.expand([(-1, 80), (0, 0)])
    def test_bad_input(self, epoch, epochs):
        with self.assertRaisesRegex(ValueError, f"^expected epoch [^\n]*got {epoch} and {epochs}$"):
            gaussian_ramp_up(epoch, epochs)


class TestHandler(unittest.TestCase):
    def test_sets_gamma_in_each_epoch(self):
        loss = LossAttentionLoss(gamma=0.1)
        seen, _ = _run(loss, GaussianRampUp(loss, epochs=4), 7)
        expected = [0.1 * math.exp(-((1 - t) ** 2)) for t in (0, 0.25, 0.5, 0.75, 1, 1, 1)]
        for value, wanted in zip(seen, expected, strict=True):
            self.assertAlmostEqual(value, wanted, places=12)

    def test_a_training_that_goes_on_after_a_stop_has_the_same_values(self):
        whole, _ = _run(first := LossAttentionLoss(), GaussianRampUp(first, maximum=0.5, epochs=6), 8)
        begun, state = _run(second := LossAttentionLoss(), GaussianRampUp(second, maximum=0.5, epochs=6), 3)
        rest, _ = _run(third := LossAttentionLoss(), GaussianRampUp(third, maximum=0.5, epochs=6), 8, state)
        self.assertEqual(len(rest), 5)
        self.assertEqual([*begun, *rest], whole)

    def test_a_loss_without_the_term_stays_without(self):
        loss = LossAttentionLoss(gamma=0.0)
        self.assertEqual(_run(loss, GaussianRampUp(loss, epochs=2), 3)[0], [0.0, 0.0, 0.0])

    def test_bad_arguments(self):
        with self.assertRaisesRegex(ValueError, "^name: expected an attribute of LossAttentionLoss, got 'gama'$"):
            GaussianRampUp(LossAttentionLoss(), "gama")
        with self.assertRaisesRegex(ValueError, "^epochs: expected 1 or more, got 0$"):
            GaussianRampUp(LossAttentionLoss(), epochs=0)


if __name__ == "__main__":
    unittest.main()
