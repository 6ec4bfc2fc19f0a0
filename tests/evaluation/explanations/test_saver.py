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
"""Tests of explanations that are saved: what is written, and how it goes on."""

from __future__ import annotations

import csv
import json
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.transforms import Activationsd, Compose, CopyItemsd, FlattenSubKeysd
from parameterized import parameterized

from monai_dd.evaluation import (
    CaseMaps,
    ExplanationSaver,
    ExplanationWriter,
    LocalizationMeasure,
    PerturbationMeasure,
    RandomizationMeasure,
)
from monai_dd.explain import AttentionExplainer, HiResCAM, RandomControl, make_randomized_explainers
from monai_dd.metrics import (
    compute_deletion_auc,
    compute_localization,
    compute_pixel_average_precision,
    compute_rank_correlation,
    perturb_logits,
)
from tests.networks.nets.variants import build

AFFINE = torch.diag(torch.tensor([2.0, 3.0, 1.0, 1.0], dtype=torch.float64))


def _items(count=5, masks=True):
    generator = torch.Generator().manual_seed(0)
    items = []
    for i in range(count):
        mask = (torch.rand(1, 16, 16, generator=generator) > 0.7).float() * (i != 1)
        image = MetaTensor(torch.randn(1, 16, 16, generator=generator), affine=AFFINE)
        items.append({"image": image, "label": i % 2, "case": f"a, {i}", **({"mask": mask} if masks else {})})
    return items


def _network(name="unconstrained"):
    torch.manual_seed(0)
    return build(name, 2, "unet", 16)[0].with_attention()


class _Stop(Exception):
    pass


class TestExplanationSaver(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.network = _network()
        self.calls = 0

    def explainers(self):
        attention, cam = AttentionExplainer(self.network), HiResCAM(self.network, "block4")

        def counted(image, class_idx=None):
            self.calls += len(image)
            return cam(image, class_idx)

        return {"attention/fine": attention, "hirescam/coarse": counted, "random": RandomControl()}

    def run_saver(self, items=None, batch_size=2, folder="out", measures=None, **options):
        items = _items() if items is None else items
        measures = [LocalizationMeasure()] if measures is None else measures
        post = [FlattenSubKeysd("pred"), CopyItemsd("logits", names="pred"), Activationsd("pred", softmax=True)]
        if any("mask" in item for item in items):
            post.append(CopyItemsd("mask", names="region"))
        options = {"variant": "unconstrained", "seed": 3, **options}
        explainers = options.pop("explainers", self.explainers)
        saver = ExplanationSaver(self.root / folder, self.network, explainers, measures, **options)
        SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(items), batch_size=batch_size),
            network=self.network,
            postprocessing=Compose(post),
            val_handlers=[saver],
        ).run()
        return self.read(folder)

    def read(self, folder="out"):
        with open(self.root / folder / "explanations.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({(row["variant"], row["seed"]) for row in rows}, {("unconstrained", "3")})
        keys = [(row["image"], row["explainer"], row["level"], row["metric"]) for row in rows]
        self.assertEqual(len(keys), len(set(keys)))
        return {key: float(row["value"]) for key, row in zip(keys, rows)}

    def assert_same(self, values, others):
        """The same up to the rounding of convolutions, which depends on the size of the batch."""
        self.assertEqual(set(values), set(others))
        for key, value in values.items():
            np.testing.assert_allclose(others[key], value, atol=1e-4, err_msg=str(key))

    def test_every_explainer_and_metric_on_every_image(self):
        values = self.run_saver()
        items = _items()
        image, mask = (torch.stack([torch.as_tensor(i[key]) for i in items]) for key in ("image", "mask"))
        logits = self.network.eval()(image)["logits"]
        for key, explainer in self.explainers().items():
            name, _, level = key.partition("/")
            relevance = explainer(image, logits.argmax(1))
            expected = compute_localization(relevance, mask)
            smooth = compute_pixel_average_precision(relevance, mask, enlarge="bilinear")
            expected = {**expected, "pixel_ap_bilinear": smooth}
            for metric, numbers in expected.items():
                for i, number in enumerate(numbers.tolist()):
                    got = values.pop((f"a, {i}", name, level or "image", metric))
                    np.testing.assert_allclose(got, number, atol=1e-6)
                    self.assertEqual(np.isnan(got), i == 1)  # the one without a mask
        probabilities = logits.softmax(1)
        for i, item in enumerate(items):
            self.assertAlmostEqual(values.pop((f"a, {i}", "network", "", "area")), float(item["mask"].mean()), places=6)
            for k, expected in enumerate(probabilities[i].tolist()):
                self.assertAlmostEqual(values.pop((f"a, {i}", "network", "", f"probability_{k}")), expected, places=5)
            self.assertEqual(values.pop((f"a, {i}", "network", "", "label")), item["label"])
            self.assertEqual(values.pop((f"a, {i}", "network", "", "predicted")), int(logits[i].argmax()))
        parameters = sum(p.numel() for p in self.network.parameters())
        self.assertEqual(values, {("", "network", "", "parameters"): parameters})

    def test_the_size_of_batches_does_not_matter(self):
        self.assert_same(self.run_saver(batch_size=5), self.run_saver(batch_size=1, folder="single"))

    def test_a_stopped_evaluation_goes_on(self):
        whole = self.run_saver(folder="whole")
        explainers = self.explainers()

        def stop_at_the_second_batch():
            def stopping(image, class_idx=None):
                if len(image) and self.calls >= 4:
                    raise _Stop
                return RandomControl()(image)

            return {**explainers, "random": stopping}

        self.calls = 0
        with self.assertRaises(_Stop):
            self.run_saver(explainers=stop_at_the_second_batch)
        self.assertFalse((self.root / "out" / "explanations.csv").exists())
        (part,) = (self.root / "out").glob("explanations.part*.csv")
        part.write_text(part.read_text()[:-9])  # the process was killed while it wrote
        self.calls = 0
        self.assert_same(self.run_saver(), whole)
        self.assertEqual(self.calls, 2)  # of five images: the cut one, and the fifth
        self.assertFalse(list((self.root / "out").glob("explanations.part*.csv")))
        self.calls = 0
        self.assert_same(self.run_saver(), whole)
        self.assertEqual(self.calls, 0)

    @parameterized.expand(["a", "a,hi", "a,hirescam,coarse,mass"])
    def test_a_row_cut_anywhere_takes_its_map_along(self, cut):
        self.root.joinpath("explanations.part0.csv").write_text(
            "image,explainer,level,metric,value,variant,seed,group\na,random,image,mass,1,exact,0,p\n"
            "a,random,image,rank,1,exact,0,p\na,hirescam,coarse,rank,1,exact,0,p\n" + cut
        )
        results = ExplanationWriter(self.root, {"variant": "exact", "seed": 0})
        self.assertEqual(results.done - {("a", "random", "image")}, set())

    def test_another_split_is_refused(self):
        self.run_saver(settings={"split": "validation", "image_size": [16, 16]})
        self.run_saver(settings={"split": "validation", "image_size": [16, 16]})
        with self.assertRaisesRegex(
            ValueError, "expected explanations of split test or none in 'out', got those of validation$"
        ):
            self.run_saver(settings={"split": "test", "image_size": [16, 16]})

    def test_another_explainer_comes_to_the_same_file(self):
        self.run_saver(explainers=lambda: {"random": RandomControl()})
        self.assert_same(self.run_saver(), self.run_saver(folder="whole"))

    def test_other_weights_are_refused(self):
        self.run_saver()
        with torch.no_grad():
            next(self.network.parameters()).add_(1)
        with self.assertRaisesRegex(
            ValueError, "^output_dir: expected explanations of weights .* or none in 'out', got"
        ):
            self.run_saver()
        with self.assertRaisesRegex(ValueError, "^output_dir: expected explanations of seed .* or none in 'out', got"):
            self.run_saver(seed=4)

    def test_perturbation_deletion_insertion(self):
        classifier = _network("baseline")
        measure = PerturbationMeasure(classifier, self.network, num_fractions=5, batch_size=3)
        values = self.run_saver(measures=[measure], explain_class=1)
        items = _items()
        image = torch.stack([torch.as_tensor(item["image"]) for item in items])
        relevance = HiResCAM(self.network, "block4")(image, 1)
        fractions = [0, 0.25, 0.5, 0.75, 1]
        kept = perturb_logits(classifier, image, relevance, fractions)
        removed = perturb_logits(self.network, image, relevance, fractions, order="descending")
        deletion = compute_deletion_auc(removed, fractions, torch.ones(5, dtype=torch.long))
        for i, item in enumerate(items):
            key = (item["case"], "hirescam", "coarse")
            right = (kept[i].argmax(1) == item["label"]).float()
            for f, hit in zip(("0.00", "0.25", "0.50", "0.75", "1.00"), right.tolist()):
                self.assertEqual(values[(*key, f"perturbation_{f}")], hit)
            area = float((right[:-1] + right[1:]).sum() / 8)
            self.assertAlmostEqual(values[(*key, "perturbation_auc")], area, places=6)
            self.assertAlmostEqual(values[(*key, "deletion_auc")], float(deletion[i]), places=5)

    def test_randomization(self):
        def cascade():
            return make_randomized_explainers(self.network, ["hirescam", "random"])

        def explainers():
            return {"hirescam/coarse": HiResCAM(self.network, "block4"), "random": RandomControl()}

        values = self.run_saver(measures=[RandomizationMeasure(cascade)], explainers=explainers, explain_class=0)
        image = torch.as_tensor(_items()[0]["image"])[None]
        first, copies = HiResCAM(self.network, "block4")(image, 0), cascade()
        self.assertGreater(len(copies), 3)
        for k, (layer, made) in enumerate(copies, start=1):
            expected = float(compute_rank_correlation(first, made["hirescam/coarse"](image, 0)))
            got = values.get(("a, 0", "hirescam", "coarse", f"randomization_{k:02d}_{layer}"), float("nan"))
            np.testing.assert_allclose(got, expected, atol=1e-5)
        self.assertFalse([key for key in values if key[1] == "random" and "randomization" in key[3]])

    def test_maps_of_the_first_cases_with_a_mask(self):
        names = ["healthy", "ill"]
        self.run_saver(maps=CaseMaps(self.root / "maps", 3, names, image_range=(-1, 1)), explain_class=1)
        folders = sorted((self.root / "maps").iterdir())
        self.assertEqual([folder.name for folder in folders], ["case_0000", "case_0001", "case_0002"])
        said = [json.loads((folder / "case.json").read_text()) for folder in folders]
        self.assertEqual([info["image"] for info in said], ["a, 0", "a, 2", "a, 3"])  # the second has no mask
        self.assertEqual((said[1]["label"], said[1]["variant"], said[1]["seed"]), (0, "unconstrained", 3))
        self.assertEqual(said[1]["class_names"], names)
        item = _items()[2]
        image = nib.load(folders[1] / "image.nii.gz")
        np.testing.assert_allclose(image.get_fdata(), (item["image"][0].clamp(-1, 1) + 1) / 2, atol=1e-6)
        np.testing.assert_array_equal(image.affine, AFFINE)
        np.testing.assert_array_equal(nib.load(folders[1] / "mask.nii.gz").get_fdata(), item["mask"][0])
        fine = nib.load(folders[1] / "attention_fine.nii.gz")
        expected = AttentionExplainer(self.network)(torch.as_tensor(item["image"])[None])[0, 0]
        np.testing.assert_allclose(fine.get_fdata(), expected, atol=1e-6)
        # the middle of a cell of 4x4 pixels is 1.5 pixels from that of its first one
        np.testing.assert_allclose(fine.affine @ [0, 0, 0, 1], AFFINE.numpy() @ [1.5, 1.5, 0, 1])
        np.testing.assert_allclose(fine.affine @ [3, 3, 0, 1], AFFINE.numpy() @ [13.5, 13.5, 0, 1])

    def test_maps_with_a_sign_are_written_and_not_measured(self):
        network, classes = self.network, []

        def signed(image, class_idx):
            classes.extend(class_idx.tolist())
            return AttentionExplainer(network)(image, class_idx) - 1

        maps = CaseMaps(self.root / "maps", max_cases=2)
        made = {"attention/fine": AttentionExplainer(network), "any_signed/fine": signed}
        values = self.run_saver(explainers=lambda: made, maps=maps)
        self.assertEqual({key[1] for key in values}, {"network", "attention"})
        self.assertEqual(len(classes), 2)  # of the cases that are shown alone
        for number in range(2):
            files = [
                nib.load(self.root / "maps" / f"case_{number:04d}" / f"{n}_fine.nii.gz")
                for n in ("attention", "any_signed")
            ]
            attention, other = (file.get_fdata() for file in files)
            np.testing.assert_allclose(other, attention - 1, atol=1e-6)

    def test_channels_of_a_case(self):
        image = torch.rand(2, 8, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
        CaseMaps(self.root, channel=1, image_range=(-1, 1)).save(0, image, {})
        shown, *channels = (
            nib.load(self.root / "case_0000" / f"{n}.nii.gz") for n in ("image", "channel_0", "channel_1")
        )
        np.testing.assert_allclose(shown.get_fdata(), (image[1] + 1) / 2, atol=1e-6)
        for file, channel in zip(channels, image, strict=True):
            self.assertEqual(file.get_data_dtype(), np.uint8)
            np.testing.assert_allclose(file.get_fdata(), (channel + 1) / 2, atol=0.5 / 255 + 1e-6)
            np.testing.assert_array_equal(file.affine, shown.affine)

    def test_data_without_masks(self):
        values = self.run_saver(_items(masks=False), maps=CaseMaps(self.root / "maps", 1))
        probabilities = {f"probability_{k}" for k in range(3)}
        self.assertEqual({key[3] for key in values}, {"label", "predicted", "parameters", *probabilities})
        self.assertFalse((self.root / "maps" / "case_0000" / "mask.nii.gz").exists())

    def test_masks_none_of_which_is_positive(self):
        items = [{**item, "mask": torch.zeros(1, 16, 16)} for item in _items()]
        with self.assertRaisesRegex(ValueError, "^region: expected images with a positive mask, got none among 5$"):
            self.run_saver(items)

    def test_masks_of_another_size(self):
        items = [{**item, "mask": torch.ones(1, 8, 8)} for item in _items()]
        message = r"^region: expected masks of the image's size, \(16, 16\), got \(8, 8\)$"
        with self.assertRaisesRegex(ValueError, message):
            self.run_saver(items)

    def test_a_class_that_is_none(self):
        with self.assertRaisesRegex(ValueError, "^explain_class: expected 0 to 2, got 3$"):
            self.run_saver(explain_class=3)

    def test_each_image_is_explained_for_its_own_label(self):
        cam, asked = HiResCAM(self.network, "block4"), []

        def explainers():
            return {
                "hirescam/coarse": lambda image, class_idx: asked.extend(class_idx.tolist()) or cam(image, class_idx)
            }

        items = _items()
        values = self.run_saver(items, explainers=explainers, explain_class="label")
        self.assertEqual(asked, [0, 1, 0, 1, 0])
        predicted = [values[(item["case"], "network", "", "predicted")] for item in items]
        self.assertNotEqual(predicted, asked, "the prediction must be another to tell them apart")
        image, mask = (torch.stack([torch.as_tensor(item[key]) for item in items]) for key in ("image", "mask"))
        expected = compute_localization(cam(image, torch.tensor(asked)), mask)["pixel_ap"]
        for item, number in zip(items, expected.tolist(), strict=True):
            np.testing.assert_allclose(values[(item["case"], "hirescam", "coarse", "pixel_ap")], number, atol=1e-6)

    def test_of_several_labels_nothing_is_predicted(self):
        values = self.run_saver(multi_label=True, explain_class="label", maps=CaseMaps(self.root / "maps", 1))
        self.assertEqual({key[3] for key in values if key[1] == "network"}, {"label", "area", "parameters"})
        self.assertNotIn("predicted", json.loads((self.root / "maps" / "case_0000" / "case.json").read_text()))

    def test_groups_and_further_predictions(self):
        items = [{**item, "group": f"patient {i // 2}"} for i, item in enumerate(_items())]
        asked = []

        def halve(output):
            asked.extend(output)
            return [item["pred"][1:2] / 2 for item in output], [0] * len(output)

        self.run_saver(items[:3], predictions={"halved": halve}, batch_size=3)
        values = self.run_saver(items, predictions={"halved": halve}, batch_size=3)
        self.assertEqual(len(asked), 3 + 2)  # the first batch is in the file
        with open(self.root / "out" / "explanations.csv", newline="", encoding="utf-8") as file:
            groups = {(row["image"], row["group"]) for row in csv.DictReader(file)}
        self.assertEqual(groups, {("", ""), *((f"a, {i}", f"patient {i // 2}") for i in range(5))})
        for i in range(5):
            whole, half = (values[f"a, {i}", "network", "", f"{n}probability_1"] for n in ("", "halved_"))
            self.assertAlmostEqual(whole / 2, half, places=6)
        with self.assertRaisesRegex(ValueError, r"^predictions: expected \(K,\) for each of 5 images, got \(1, 1\) of"):
            some = {"some": lambda output: ([torch.ones(1)], [0])}
            self.run_saver(items, predictions=some, folder="some", batch_size=5)

    def test_labels_and_predictions_do_not_share_a_file(self):
        self.run_saver()
        with self.assertRaisesRegex(ValueError, "^output_dir: expected explanations of class .* or none in 'out', got"):
            self.run_saver(explain_class="label")

    def test_masks_of_several_channels_unite(self):
        together = _items()
        apart = [{**item, "mask": torch.cat([item["mask"], torch.zeros(2, 16, 16)])} for item in together]
        for item in apart:
            item["mask"][2, :8] = item["mask"][0, :8]  # a part of it moves to another channel
            item["mask"][0, :8] = 0
        self.assert_same(self.run_saver(apart), self.run_saver(together, folder="together"))

    @parameterized.expand(["labels", "true", ""])
    def test_a_class_by_another_word(self, word):
        message = rf"^explain_class: expected one of \['predicted', 'label'\], got '{word}'$"
        with self.assertRaisesRegex(ValueError, message):
            ExplanationSaver(self.root, self.network, self.explainers, [], "exact", explain_class=word)

    def test_a_map_with_not_a_number(self):
        def broken():
            return {"broken": lambda image, class_idx: torch.full((len(image), 1, 4, 4), torch.nan)}

        with self.assertRaisesRegex(ValueError, "^map of broken: expected finite numbers, got 32 NaN or infinite$"):
            self.run_saver(explainers=broken)

    @parameterized.expand(["case", "label"])
    def test_items_without_what_is_needed(self, key):
        items = [{k: v for k, v in item.items() if k != key} for item in _items()]
        with self.assertRaisesRegex(ValueError, f"^ExplanationSaver: expected '{key}' in every item"):
            self.run_saver(items)


if __name__ == "__main__":
    unittest.main()
