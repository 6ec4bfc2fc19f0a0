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
"""The example of patch attention on scikit-learn's digits, and on a few images in the published files of the others."""

from __future__ import annotations

import contextlib
import csv
import io
import runpy
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from ignite.engine import Engine
from parameterized import parameterized
from PIL import Image

from monai_dd.losses import LossAttentionLoss
from monai_dd.utils.enums import PatchPooling
from tests.data.datasets.published import BOX, write_cifar10, write_cifar100, write_svhn, write_tiny_imagenet

FOLDER = Path(__file__).resolve().parents[2] / "examples"
with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
    EXAMPLE = runpy.run_path(str(FOLDER / "patch_attention.py"), run_name="patch_attention")
    import image_sets
    import patch_training
KINDS = [kind.value for kind in PatchPooling]


def write_files(dataset: str, folder: Path) -> None:
    """A few images in the layout that ``dataset`` is published in."""
    if dataset == "svhn":
        write_svhn(folder, "train")
        write_svhn(folder, "test", compressed=True)
    else:
        writers = {"cifar10": write_cifar10, "cifar100": write_cifar100, "tiny_imagenet": write_tiny_imagenet}
        writers[dataset](folder)


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status and what was printed; the random state and the threads of the process stay as they were."""
    out, err, threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = EXAMPLE["main"](arguments)
        except SystemExit as stop:
            status = stop.code
        finally:
            torch.set_num_threads(threads)
    return status, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def watch() -> Iterator[tuple[list, list]]:
    """The networks that are built, and of each batch: in training or not, number of images, smallest, brightest."""
    networks, batches, build = [], [], patch_training.build_network

    def look(network, inputs):
        batches.append((network.training, len(inputs[0]), inputs[0].min().item(), inputs[0].max().item()))

    def keep(*arguments):
        networks.append(build(*arguments))
        networks[-1].register_forward_pre_hook(look)
        return networks[-1]

    with mock.patch.object(patch_training, "build_network", keep):
        yield networks, batches


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


class TestDigits(unittest.TestCase):
    def test_learns_and_writes_the_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            options = ("--pooling", "loss_attention", "--seeds", "0", "--epochs", "4", "--output_dir", f"{folder}/new")
            status, printed, _ = run(*options)
            with open(f"{folder}/new/digits.csv", newline="", encoding="utf-8") as stream:
                (row,) = csv.DictReader(stream)
        self.assertEqual(status, 0)
        ((pooling, optimizer, gamma, parameters, accuracy),) = rows_of(printed)
        self.assertEqual((pooling, optimizer, gamma), ("loss_attention", "SGD", "0.1"))
        self.assertEqual((row["dataset"], row["pooling"], row["seed"], row["epochs"]), ("digits", pooling, "0", "4"))
        self.assertEqual((row["optimizer"], row["gamma"]), ("SGD", "0.1"))
        network = patch_training.build_network("digits", PatchPooling.LOSS_ATTENTION, 4, 0)
        self.assertEqual(int(row["parameters"]), sum(p.numel() for p in network.parameters()))
        self.assertEqual(f"{int(row['parameters']):,}", parameters)
        self.assertEqual(f"{100 * float(row['accuracy']):.1f}", accuracy)
        self.assertGreater(float(accuracy), 50.0)  # ten classes: chance is 10 %

    @parameterized.expand([("default", ()), ("all", ("--pooling", "all"))])
    def test_a_row_for_each_pooling_and_a_deviation_over_seeds(self, _, pooling):
        options = ("--seeds", "3", "4", "--epochs", "1", "--features", "1", "--batch_size", "629", *pooling)
        status, table, _ = run(*options)
        self.assertEqual(status, 0)
        rows = rows_of(table)
        self.assertEqual([row[0] for row in rows], KINDS)
        self.assertEqual({row[0] for row in rows if row[1] == "Adam"}, {"mean", "capsule_dynamic_routing"})
        self.assertEqual({row[0] for row in rows if row[2] != "0"}, {"loss_attention", "capsule_loss_attention"})
        for row in rows:
            self.assertRegex(row[4], r"^\d+\.\d ± \d+\.\d$")

    def test_a_seed_gives_the_same_weights_whatever_ran_before(self):
        options = ("--pooling", "mean", "--epochs", "1", "--features", "1", "--batch_size", "629", "--device", "cpu")
        weights = []
        for seed in ("5", "5", "6"):
            torch.rand(3)
            with watch() as (networks, _):
                run(*options, "--seeds", seed)
            weights.append(torch.cat([p.detach().flatten() for p in networks[0].parameters()]))
        torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
        self.assertGreater((weights[0] - weights[2]).abs().max(), 0.01)

    def test_the_split_is_stratified_and_the_seed_draws_it(self):
        train, test = image_sets.load_image_set("digits", None, 0)
        self.assertEqual((len(train), len(test)), (1257, 540))
        shares = [torch.bincount(part.tensors[1], minlength=10) / len(part) for part in (train, test)]
        torch.testing.assert_close(*shares, rtol=0, atol=2 / 540)  # a stratified split differs by rounding only
        images = train.tensors[0]
        self.assertEqual((tuple(images.shape[1:]), images.min().item(), images.max().item()), ((1, 8, 8), 0, 16))
        torch.testing.assert_close(image_sets.load_image_set("digits", None, 0)[1].tensors, test.tensors)
        self.assertFalse(torch.equal(image_sets.load_image_set("digits", None, 1)[1].tensors[1], test.tensors[1]))


class TestPublishedFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    @parameterized.expand(["cifar10", "cifar100", "svhn", "tiny_imagenet"])
    def test_trains(self, dataset):
        write_files(dataset, self.root)
        options = ("--dataset", dataset, "--dataset_dir", str(self.root), "--pooling", "loss_attention")
        options += ("--seeds", "0", "1", "--epochs", "1", "--features", "2", "--output_dir", str(self.root / "out"))
        status, table, error = run(*options)
        self.assertEqual((status, len(rows_of(table))), (0, 1), error)
        with open(self.root / "out" / f"{dataset}.csv", newline="", encoding="utf-8") as stream:
            self.assertEqual(
                [(row["dataset"], row["seed"]) for row in csv.DictReader(stream)], [(dataset, "0"), (dataset, "1")]
            )

    @parameterized.expand(KINDS)
    def test_every_pooling(self, pooling):
        write_files("cifar10", self.root)
        options = ("--pooling", pooling, "--seeds", "0", "--epochs", "1", "--features", "1")
        status, table, error = run("--dataset", "cifar10", "--dataset_dir", str(self.root), *options)
        self.assertEqual((status, [row[0] for row in rows_of(table)]), (0, [pooling]), error)

    @parameterized.expand([("cifar10", 15, 3), ("cifar100", 4, 4), ("svhn", 5, 5), ("tiny_imagenet", 4, 3)])
    def test_images(self, dataset, train_count, test_count):
        write_files(dataset, self.root)
        train, test = image_sets.load_image_set(dataset, self.root, 0)
        self.assertEqual((len(train), len(test)), (train_count, test_count))
        size = 64 if dataset == "tiny_imagenet" else 32
        for part in (train, test):
            self.assertEqual((part.tensors[0].dtype, part.tensors[0].shape[1:]), (torch.uint8, (3, size, size)))
        if dataset == "tiny_imagenet":
            self.assertEqual(test.tensors[1].tolist(), [1, 0, 1])
            left, top, right, bottom = BOX
            bright = test.tensors[0][0, 0] > 127
            self.assertTrue(bright[top : bottom + 1, left : right + 1].all() and bright.sum() == 50 * 18)

    @parameterized.expand([("digits", 2 * 1257, 540), ("cifar10", 2 * 15, 3)])
    def test_trains_and_tests_on_images_from_0_to_1(self, dataset, trained, tested):
        folder = ()
        if dataset == "cifar10":
            write_files(dataset, self.root)
            folder = ("--dataset_dir", str(self.root))
        options = ("--pooling", "mean", "--seeds", "0", "--epochs", "2", "--features", "1", "--batch_size", "629")
        with watch() as (_, batches):
            run("--dataset", dataset, *folder, *options)
        self.assertEqual(sum(count for training, count, _, _ in batches if training), trained)
        self.assertEqual(sum(count for training, count, _, _ in batches if not training), tested)
        self.assertEqual((min(batch[2] for batch in batches), max(batch[3] for batch in batches)), (0.0, 1.0))

    def test_gray_image_and_one_of_another_size(self):
        write_files("tiny_imagenet", self.root)
        path = self.root / "val" / "images" / "val_1.JPEG"
        Image.fromarray(np.full((64, 64), 90, dtype=np.uint8)).save(path, "JPEG")
        image = image_sets.load_image_set("tiny_imagenet", self.root, 0)[1].tensors[0][1]
        self.assertEqual((image.min(), image.max()), (90, 90))
        image_sets._read.cache_clear()
        Image.fromarray(np.zeros((64, 60, 3), dtype=np.uint8)).save(path, "JPEG")
        with self.assertRaisesRegex(
            ValueError, r"^val/images/val_1.JPEG: expected an image of the shape \(3, 64, 64\)"
        ):
            image_sets.load_image_set("tiny_imagenet", self.root, 0)

    @parameterized.expand(
        [
            ("cifar10", lambda root: (root / "data_batch_3").unlink(), "expected data_batch_3 next to data_batch_1"),
            ("cifar100", lambda root: (root / "test").unlink(), "expected test or test.bin in the folder"),
            ("svhn", lambda root: (root / "train_32x32.mat").write_bytes(b"x"), "train_32x32.mat: expected a MATLAB"),
            ("tiny_imagenet", lambda root: (root / "wnids.txt").unlink(), "expected wnids.txt in the folder"),
            ("tiny_imagenet", lambda root: (root / "val/images/val_0.JPEG").write_text("x"), "cannot identify image"),
        ]
    )
    def test_missing_or_broken_file_is_one_line_and_status_2(self, dataset, damage, message):
        write_files(dataset, self.root)
        damage(self.root)
        status, printed, error = run("--dataset", dataset, "--dataset_dir", str(self.root))
        self.assertEqual((status, printed, error.count("\n")), (2, "", 1), error)
        self.assertIn(message, error)


class TestPaper(unittest.TestCase):
    """What the paper prints for 32x32 images: Table II, and the schedules of Section V."""

    @parameterized.expand([("loss_attention", 30.73), ("gated_attention", 30.86), ("capsule_dynamic_routing", 33.41)])
    def test_parameters(self, pooling, millions):
        with torch.device("meta"):
            network = patch_training.build_network("cifar10", PatchPooling(pooling), 64, 0)
        self.assertAlmostEqual(sum(p.numel() for p in network.parameters()) / 1e6, millions, delta=0.01)

    @parameterized.expand([("cifar10", 10, 4), ("cifar100", 100, 4), ("svhn", 10, 4), ("tiny_imagenet", 200, 8)])
    def test_settings(self, dataset, num_classes, patch_stride):
        kind = image_sets.IMAGE_SETS[dataset]
        self.assertEqual((kind.epochs, kind.features, kind.capsule_dims), (200, 64, (16, 128)))
        for pooling in (PatchPooling.LOSS_ATTENTION, PatchPooling.CAPSULE_LOSS_ATTENTION):
            with torch.device("meta"):
                network = patch_training.build_network(dataset, pooling, 64, 0)
                output = network(torch.zeros(2, 3, kind.img_size, kind.img_size))
            self.assertEqual(network.patch_stride, [patch_stride] * 2)
            self.assertEqual(output["patch_logits"].shape, (2, num_classes, 6, 6))

    def schedule(self, pooling: str) -> dict[int, tuple[float, float, float | None]]:
        """Rate, gamma and second beta in the first and last epochs of each part, counted from 0."""
        trainer, loss, seen = Engine(lambda engine, batch: None), LossAttentionLoss(0.1), {}
        optimizer = patch_training.build_optimizer(PatchPooling(pooling), torch.nn.Linear(1, 1))
        patch_training.attach_schedule(trainer, optimizer, loss, 200)

        def look(engine: Engine) -> None:
            group = optimizer.param_groups[0]
            seen[engine.state.epoch - 1] = (group["lr"], loss.gamma, group.get("betas", (0, None))[1])

        trainer._process_function = lambda engine, batch: look(engine)
        trainer.run([0], max_epochs=200)
        return seen

    def test_sgd(self):
        seen = self.schedule("loss_attention")
        for epochs, rate in (((0, 99), 0.1), ((100, 149), 0.01), ((150, 199), 0.001)):
            for epoch in epochs:
                self.assertAlmostEqual(seen[epoch][0] / rate, 1, places=9)
        self.assertAlmostEqual(seen[0][1], 0.1 * np.exp(-1), places=12)
        self.assertAlmostEqual(seen[40][1], 0.1 * np.exp(-0.25), places=12)
        self.assertLess(seen[79][1], 0.1)
        self.assertEqual((seen[80][1], seen[199][1]), (0.1, 0.1))

    def test_adam(self):
        seen = self.schedule("mean")
        rates = {0: 0.003 * np.exp(-1), 40: 0.003 * np.exp(-0.25), 80: 0.003, 119: 0.003, 120: 3e-4, 159: 3e-4}
        for epoch, rate in {**rates, 160: 3e-5, 199: 3e-5}.items():
            self.assertAlmostEqual(seen[epoch][0] / rate, 1, places=9)
        self.assertEqual([seen[epoch][2] for epoch in (0, 79, 80, 199)], [0.99, 0.99, 0.999, 0.999])


class TestBadInput(unittest.TestCase):
    @parameterized.expand(
        [
            ("epochs", ["--epochs", "0"], "--epochs: expected 1 or more, got 0"),
            ("seeds twice", ["--seeds", "1", "1"], "--seeds: expected different numbers"),
            ("negative seed", ["--seeds=-1"], "--seeds: expected different numbers"),
            ("no number", ["--batch_size", "many"], "--batch_size"),
            ("unknown pooling", ["--pooling", "maximum"], "--pooling"),
            ("unknown data set", ["--dataset", "mnist"], "--dataset"),
            ("no folder given", ["--dataset", "svhn"], "--dataset_dir: expected the folder of svhn, got none"),
            ("needless folder", ["--dataset_dir", "."], "--dataset_dir: expected none for digits, got ."),
            ("no folder", ["--dataset", "svhn", "--dataset_dir", "no/such"], "--dataset_dir: expected a folder"),
            ("device", ["--device", "abacus"], "--device: expected cpu"),
            ("output", ["--output_dir", f"{__file__}/x"], "--output_dir: expected a folder to write to"),
        ]
    )
    def test_is_one_line_and_status_2(self, _, arguments, message):
        status, printed, error = run(*arguments)
        self.assertEqual((status, printed, error.count("\n")), (2, "", 1))
        self.assertIn(message, error)


if __name__ == "__main__":
    unittest.main()
