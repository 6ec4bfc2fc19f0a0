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
"""Tests of training on perturbed images."""

from __future__ import annotations

import tempfile
import unittest
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.distributed as dist
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import IterationEvents, SupervisedTrainer
from monai.inferers import SimpleInferer
from parameterized import parameterized
from torch.nn.parallel import DistributedDataParallel

from monai_dd.engines import AdversarialUpdate, fgsm_perturb
from monai_dd.losses import BalancedBCELoss
from tests.engines.setting import EPSILON, LABELS, ROUNDING, Small, images, loss_of_each


class _Training:
    """A short training: what was fired, the images the network was given, and the trainer."""

    def __init__(self, update=None, network=None, size=4, batches=3, epochs=2, attach=(), meta=False, **options):
        self.network = network if network is not None else Small(dictionary=True)
        wrap = MetaTensor if meta else torch.Tensor.clone
        self.batches = [
            {"image": wrap(images(size, seed=i)), "label": LABELS.roll(i, 0)[:size]} for i in range(batches)
        ]
        options = {"decollate": False, "loss_function": BalancedBCELoss(), **options}
        self.trainer = SupervisedTrainer(
            device=torch.device("cpu"),
            max_epochs=epochs,
            train_data_loader=self.batches,
            network=self.network,
            optimizer=torch.optim.SGD(self.network.parameters(), lr=0.1, momentum=0.9),
            iteration_update=update,
            **options,
        )
        self.fired, self.images, self.losses = [], [], []
        for event in (*IterationEvents, Events.ITERATION_STARTED, Events.ITERATION_COMPLETED):
            self.trainer.add_event_handler(event, self._note, event.name)
        for event, handler in attach:
            self.trainer.add_event_handler(event, handler)

    def _note(self, engine, name):
        output = engine.state.output if isinstance(engine.state.output, dict) else {}
        gradients = any(p.grad is not None and bool(p.grad.any()) for p in self.network.parameters())
        self.fired.append((name, sorted(output), gradients, self.network.training))
        if name == "ITERATION_COMPLETED":
            self.images.append(output["image"].clone())
            self.losses.append(float(output["loss"]))

    def run(self):
        torch.manual_seed(5)
        self.trainer.run()
        return self

    def perturbed(self):
        """Numbers of the rows of each batch that are not as they were."""
        rows = []
        for i, image in enumerate(self.images):
            plain = self.batches[i % len(self.batches)]["image"]
            rows.append([k for k in range(len(plain)) if not torch.equal(image[k], plain[k])])
        return rows


def _same_weights(first, second):
    return all(torch.equal(w, second.state_dict()[k]) for k, w in first.state_dict().items())


class TestAdversarialUpdate(unittest.TestCase):
    @parameterized.expand([(acc, none, steps) for acc in (1, 2) for none in (False, True) for steps in (1, 2)])
    def test_a_change_of_zero_is_plain_training(self, accumulation, set_to_none, steps):
        """Same events, weights, statistics and draws of dropout as SupervisedTrainer's own iteration."""
        options = {"accumulation_steps": accumulation, "optim_set_to_none": set_to_none}
        plain = _Training(**options).run()
        ours = _Training(AdversarialUpdate(0.0, steps=steps), **options).run()
        self.assertEqual(ours.fired, plain.fired)
        self.assertEqual(ours.losses, plain.losses)
        self.assertTrue(_same_weights(ours.network, plain.network))
        self.assertFalse(_same_weights(ours.network, Small()), "it did train")

    @parameterized.expand([(steps, meta) for steps in (1, 3) for meta in (False, True)])
    def test_events(self, steps, meta):
        plain = _Training(meta=meta).run()
        ours = _Training(AdversarialUpdate(EPSILON, steps=steps), meta=meta).run()
        self.assertEqual(ours.fired, plain.fired)
        names = [name for name, *_ in ours.fired[1:6]]
        expected = ["FORWARD_COMPLETED", "LOSS_COMPLETED", "BACKWARD_COMPLETED", "MODEL_COMPLETED"]
        self.assertEqual(names, [*expected, "ITERATION_COMPLETED"])
        self.assertTrue(all(isinstance(image, MetaTensor) == meta for image in ours.images))
        self.assertEqual([len(rows) for rows in ours.perturbed()], [2] * 6)
        self.assertFalse(_same_weights(ours.network, plain.network))

    def test_equals_a_plain_loop(self):
        ours = _Training(AdversarialUpdate(EPSILON, seed=7)).run()
        self.assertGreater(len({tuple(rows) for rows in ours.perturbed()}), 1, "another half every time")
        network, loss = Small(), BalancedBCELoss()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        torch.manual_seed(5)
        for i, rows in enumerate(ours.perturbed()):
            image, label = (ours.batches[i % 3][key].clone() for key in ("image", "label"))
            network.eval()
            x = image[rows].requires_grad_()
            loss(network(x), label[rows]).backward()
            image[rows] = (image[rows] + EPSILON * x.grad.sign()).clamp(0, 1)
            torch.testing.assert_close(ours.images[i], image, rtol=0, atol=ROUNDING)
            network.train()
            optimizer.zero_grad()
            value = loss(network(image), label)
            value.backward()
            optimizer.step()
            self.assertAlmostEqual(value.item(), ours.losses[i], places=5)

    def test_seed(self):
        first, again, other = (_Training(AdversarialUpdate(EPSILON, steps=2, seed=s)).run() for s in (0, 0, 1))
        self.assertEqual(first.losses, again.losses)
        self.assertTrue(_same_weights(first.network, again.network))
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(first.images, again.images, strict=True)))
        self.assertNotEqual(first.perturbed(), other.perturbed())

    def test_resumed_run_perturbs_what_the_whole_run_does(self):
        whole = _Training(AdversarialUpdate(EPSILON), epochs=2).run()
        first = _Training(AdversarialUpdate(EPSILON), epochs=1).run()
        second = _Training(AdversarialUpdate(EPSILON), epochs=2)
        second.trainer.load_state_dict({"epoch": 1, "epoch_length": 3, "max_epochs": 2})
        second.run()
        self.assertEqual(first.perturbed() + second.perturbed(), whole.perturbed())

    @parameterized.expand([(0.0, 4, 0), (0.5, 4, 2), (0.75, 4, 3), (1.0, 4, 4), (1.0, 1, 1)])
    def test_fraction(self, fraction, size, count):
        run = _Training(AdversarialUpdate(EPSILON, fraction), size=size, network=Small(dictionary=True)).run()
        self.assertEqual([len(rows) for rows in run.perturbed()], [count] * 6)

    def test_fraction_that_is_no_whole_number_of_images(self):
        run = _Training(AdversarialUpdate(EPSILON), size=3, batches=10, epochs=10).run()
        counts = [len(rows) for rows in run.perturbed()]
        self.assertEqual(set(counts), {1, 2})
        self.assertAlmostEqual(np.mean(counts), 1.5, delta=4 * 0.5 / 10)  # four standard deviations of the mean

    def test_mixed_precision_of_the_trainer(self):
        """Network and loss of the attack run as those of the step do; CUDA's autocast is played by the CPU's."""
        seen, asked, autocast = [], [], torch.autocast

        class _Seeing(BalancedBCELoss):
            def forward(self, output, target):
                seen.append((output["logits"].dtype, len(target), torch.is_autocast_enabled("cpu")))
                return super().forward(output, target)

        def play(device, **options):
            asked.append((device, options))
            return autocast("cpu", torch.bfloat16)

        def set_scaler(engine):
            engine.scaler = torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=10**6)

        with patch("torch.autocast", play):
            with pytest.warns(UserWarning, match="CUDA"):  # of MONAI's own scaler, before it is replaced
                run = _Training(
                    AdversarialUpdate(EPSILON),
                    amp=True,
                    amp_kwargs={"cache_enabled": False},
                    loss_function=_Seeing(),
                    attach=[(Events.STARTED, set_scaler)],
                ).run()
        self.assertEqual(seen, [(torch.bfloat16, 2, True), (torch.bfloat16, 4, True)] * 6)
        self.assertEqual(asked, [("cuda", {"cache_enabled": False})] * 3 * 6)  # attacked network, its loss, the step
        self.assertEqual([len(rows) for rows in run.perturbed()], [2] * 6)

    def test_bfloat16_through_the_inferer(self):
        seen = []

        class _Seeing(BalancedBCELoss):
            def forward(self, output, target):
                seen.append((output["logits"].dtype, len(target)))
                return super().forward(output, target)

        inferer = torch.autocast("cpu", torch.bfloat16)(SimpleInferer())
        run = _Training(AdversarialUpdate(EPSILON), inferer=inferer, loss_function=_Seeing()).run()
        self.assertEqual(seen, [(torch.bfloat16, 2), (torch.bfloat16, 4)] * 6)  # the attack on half, then all
        self.assertTrue(np.isfinite(run.losses).all())
        self.assertEqual([len(rows) for rows in run.perturbed()], [2] * 6)

    @parameterized.expand([(2.0**24,), (1.0,)])
    def test_scaled_gradients(self, scale):
        """Gradients of 1e-9 are nothing in float16 unless scaled; the attack's scale is its own, not the trainer's."""

        class _Half(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.ones(1))

            def forward(self, x):
                return (self.weight * x).half()

        def set_scaler(engine):
            engine.scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10**6)

        def loss(output, _target):
            return 1e-9 * output.float().sum()

        run = _Training(
            AdversarialUpdate(EPSILON),
            network=_Half(),
            amp=True,
            loss_function=loss,
            attach=[(Events.STARTED, set_scaler)],
        )
        with pytest.warns(UserWarning, match="CUDA"):  # MONAI asks for CUDA's autocast, which is off here
            run.run()
        self.assertEqual([len(rows) for rows in run.perturbed()], [2] * 6)

    def test_distributed(self):
        """The attack sends nothing: one message for each step, as in plain training."""
        messages = []

        def note(_state, bucket):
            messages.append(bucket.index())
            future = torch.futures.Future()
            future.set_result(bucket.buffer())
            return future

        with tempfile.NamedTemporaryFile() as file:
            if dist.is_initialized():  # what another test of this process has left
                dist.destroy_process_group()
            dist.init_process_group("gloo", init_method=f"file://{file.name}", rank=0, world_size=1)
            self.addCleanup(lambda: dist.destroy_process_group() if dist.is_initialized() else None)
            network = DistributedDataParallel(Small())
            network.register_comm_hook(None, note)
            calls = []
            network.register_forward_pre_hook(lambda _module, inputs: calls.append(len(inputs[0])))
            run = _Training(AdversarialUpdate(EPSILON, steps=2), network=network).run()
            got = fgsm_perturb(network, images(), LABELS, loss_of_each, EPSILON)
            self.assertEqual(len(messages), 6)
            self.assertEqual(calls, [4] * 6, "only the step itself goes through the wrapper, which sends the buffers")
            plain = _Training(AdversarialUpdate(EPSILON, steps=2), network=Small()).run()
            self.assertTrue(torch.equal(got, fgsm_perturb(plain.network, images(), LABELS, loss_of_each, EPSILON)))
            self.assertEqual(run.losses, plain.losses)
            dist.destroy_process_group()

    @parameterized.expand([("epsilon", -1.0), ("steps", 0), ("step_size", -1.0), ("value_range", (1.0, 0.0))])
    def test_bad_attack(self, name, bad):
        with self.assertRaisesRegex(ValueError, f"^{name}: expected [^\n]*got [^\n]*$"):
            AdversarialUpdate(**{"epsilon": 0.1, name: bad})

    def test_bad_arguments(self):
        for bad in (-0.1, 1.1, float("nan")):
            with self.assertRaisesRegex(ValueError, f"^fraction: expected 0 to 1, got {bad}$"):
                AdversarialUpdate(EPSILON, fraction=bad)
        with self.assertRaisesRegex(ValueError, "^seed: expected 0 or more, got -1$"):
            AdversarialUpdate(EPSILON, seed=-1)

        def prepare(batch, *_args, **_kwargs):
            return batch["image"], batch["label"], (), {}

        run = _Training(AdversarialUpdate(EPSILON), prepare_batch=prepare)
        with self.assertRaisesRegex(ValueError, "^AdversarialUpdate: expected an image and a target [^\n]*'dict']$"):
            run.run()


if __name__ == "__main__":
    unittest.main()
