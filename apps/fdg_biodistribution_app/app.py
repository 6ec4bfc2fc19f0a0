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
"""The MONAI Deploy application: a PET series in, a class with its attention as DICOM out."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import outcome
from bundle import load_bundle
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application
from operators import BundleOperator, FilesOperator, GuardedOperator, SeriesOperator
from series import without_file_names

from monai_dd.bundle import BundleError, BundlePredictor
from monai_dd.dicom import PETSeriesError

__all__ = ["FDGBiodistributionApp", "run_app", "run_bundle"]

logger = logging.getLogger("fdg_biodistribution_app")


class FDGBiodistributionApp(Application):
    """Series folder -> bundle -> result files.

    Args:
        input_folder: folder of the series.
        predictor: the bundle.
        model: facts about the bundle for the results.
    """

    def __init__(self, input_folder: Path, predictor: BundlePredictor, model: dict[str, Any]) -> None:
        self.input_folder = input_folder
        self.predictor = predictor
        self.model = model
        self.steps: list[GuardedOperator] = []
        super().__init__([sys.executable, "fdg_biodistribution_app"])  # Holoscan's own arguments: none

    def compose(self) -> None:
        """Lay out the operators in a line."""
        series = SeriesOperator(self, CountCondition(self, 1), input_folder=self.input_folder, name="series")
        bundle = BundleOperator(self, predictor=self.predictor, name="bundle")
        files = FilesOperator(self, model=self.model, class_names=self.predictor.class_names, name="files")
        self.add_flow(series, bundle, {("out", "in")})
        self.add_flow(bundle, files, {("out", "in")})
        self.steps = [series, bundle, files]

    def result(self) -> dict[str, bytes]:
        """Result files of the run; raises what an operator raised."""
        for step in self.steps:
            if step.error is not None:
                raise step.error
        files = self.steps[-1].files
        if files is None:
            raise RuntimeError("the run ended without a result")
        return files


def run_bundle(input_folder: Path, model_folder: Path) -> tuple[int, str, dict[str, bytes]]:
    """Exit code, one line that says what came of it, and the result files, of which a refusal has none."""
    for name, folder in (("input", input_folder), ("model", model_folder)):
        if not folder.is_dir():
            return outcome.BAD_ARGUMENTS, f"--{name}: expected a folder, there is none of that name", {}
    try:
        application = FDGBiodistributionApp(input_folder, *load_bundle(model_folder))
        application.run()
        return outcome.OK, "results written", application.result()
    except PETSeriesError as error:
        return outcome.INPUT_REFUSED, without_file_names(str(error), input_folder), {}
    except BundleError as error:
        return outcome.BUNDLE_REFUSED, str(error), {}
    except OSError as error:
        return outcome.INPUT_REFUSED, f"a file could not be read: {error.strerror}", {}
    except Exception as error:  # its text may hold header values: only its kind and place are told
        logger.debug("unexpected error at\n%s", "".join(traceback.format_tb(error.__traceback__)))
        return outcome.UNEXPECTED, f"{type(error).__name__}, see the log at level DEBUG", {}


def run_app(input_folder: Path, output_folder: Path, model_folder: Path) -> int:
    """Run the app; returns the exit code, which ``status.json`` in the output folder tells as well."""
    try:
        output_folder.mkdir(parents=True, exist_ok=True)
        outcome.publish(output_folder, {}, outcome.UNEXPECTED, "the run has not ended")
        code, message, files = run_bundle(input_folder, model_folder)
        if code != outcome.OK:
            return outcome.refuse(output_folder, code, message)
        outcome.publish(output_folder, files, code, message)
    except OSError as error:
        message = f"--output: expected a folder that can be written, {error.strerror}"
        return outcome.refuse(output_folder, outcome.OUTPUT_FAILED, message)
    return outcome.OK
