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
"""What the tests of the app share: a small bundle, a phantom series, and runs in this process and in another."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from monai.bundle import ConfigParser

from monai_dd.bundle import compose_bundle
from monai_dd.data.phantoms import create_pet_phantom, write_pet_series

__all__ = [
    "APP",
    "PATIENT",
    "REAL_SERIES",
    "ROOT",
    "SECRETS",
    "AppTest",
    "app_module",
    "bundle",
    "run_process",
    "series",
]

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "fdg_biodistribution_app"
PATIENT = {"name": "Lastname^Firstname", "id": "MRN-5551212", "birth": "19610203", "date": "20230405"}
"""Identity of the patient in :func:`series`, to be looked for where it must not be."""

SECRETS = (*PATIENT.values(), "Secret", "SECRET", "2025", "1970", "1.2.826.0.1.3680043")
"""The same, with name, id, dates and root of the UIDs of the series that ``tests.dicom.builders`` makes."""

_real = os.environ.get("MONAI_DD_REAL_DATA")
REAL_SERIES = Path(_real) / "pet_sts001" / "image" if _real else None


def _temporary(prefix: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@lru_cache(maxsize=1)
def bundle() -> Path:
    """The Dual variant as a bundle of its own, made small, with random weights: fit for tests of the way, not more."""
    source = ROOT / "bundles" / "fdg_pet_biodistribution_classification"
    folder = compose_bundle(source, ["variant_dual", "demo"], _temporary("monai_dd_bundle_") / "bundle")
    path = folder / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["image_size"] = [64, 64]
    config["encoder"]["features"] = 4
    config["embed_dim"] = 8
    path.write_text(json.dumps(config, indent=4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parser = ConfigParser()
        parser.read_config(str(path))
        torch.save(parser.get_parsed_content("network").state_dict(), folder / "models" / "model.pt")
    return folder


@lru_cache(maxsize=1)
def series() -> Path:
    """A series of a whole-body phantom with the identity :data:`PATIENT`."""
    folder = _temporary("monai_dd_series_") / "series"
    fields = {
        "PatientName": PATIENT["name"],
        "PatientBirthDate": PATIENT["birth"],
        "StudyDate": PATIENT["date"],
        "SeriesDescription": f"PET of {PATIENT['name']}",
    }
    phantom = create_pet_phantom("mild", seed=3, voxel_size=12, coverage="head_to_thigh")
    write_pet_series(phantom, folder, PATIENT["id"], uid_seed="app", **fields)
    return folder


@lru_cache(maxsize=1)
def app_module() -> ModuleType:
    """The app's module ``app``, imported as ``python apps/fdg_biodistribution_app`` does it.

    Raises:
        unittest.SkipTest: when MONAI Deploy or Holoscan is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("monai.deploy", "holoscan")):
        raise unittest.SkipTest("MONAI Deploy App SDK is not installed: pip install monai-dd[deploy]")
    sys.path.insert(0, str(APP))
    try:
        return importlib.import_module("app")
    finally:
        sys.path.remove(str(APP))


def run_process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
    """``python apps/fdg_biodistribution_app`` with arguments, in a process and an environment of its own."""
    app_module()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOLOSCAN_")}
    return subprocess.run(
        [sys.executable, str(APP), *map(str, arguments)],
        env={**inherited, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


class AppTest(unittest.TestCase):
    """An output folder, and runs in this process whose outcome is checked.

    Attributes:
        folder: empty folder of the test.
        output: result folder of :meth:`run_app`, made by the app.
    """

    @classmethod
    def setUpClass(cls) -> None:
        cls.app = app_module()

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.output = self.folder / "output"

    def run_app(self, source: Path, model: Path | None = None, output: Path | None = None) -> tuple[int, list[str]]:
        """Exit code, and the lines that the log holds: the app's from WARNING, all others' from ERROR."""
        with mock.patch.dict(os.environ, {"HOLOSCAN_LOG_LEVEL": "OFF"}):
            with self.assertLogs(level=logging.INFO) as caught:
                logging.getLogger().info("assertLogs wants a line")
                code = self.app.run_app(source, output or self.output, model or bundle())
        own = "fdg_biodistribution_app"
        levels = [logging.WARNING if each.name == own else logging.ERROR for each in caught.records]
        records = [each for each, level in zip(caught.records, levels) if each.levelno >= level]
        return code, [record.getMessage() for record in records]

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the output."""
        return json.loads((self.output / name).read_text())

    def left_in_output(self) -> list[str]:
        """Names of everything in the output folder, hidden files too."""
        return sorted(path.name for path in self.output.iterdir())

    def assert_refused(self, code: int, name: str, pattern: str, source: Path, model: Path | None = None) -> str:
        """One line, in ``status.json`` and on the log alike, that matches ``pattern`` and names no patient."""
        got, lines = self.run_app(source, model)
        status = self.read("status.json")
        self.assertRegex(status["message"], pattern)
        self.assertEqual((got, status["exit_code"], status["status"]), (code, code, name))
        self.assertEqual(lines, [f"{name}: {status['message']}"])
        for secret in (*SECRETS, "\n"):
            self.assertNotIn(secret, status["message"])
        self.assertEqual(self.left_in_output(), ["status.json"])
        return status["message"]
