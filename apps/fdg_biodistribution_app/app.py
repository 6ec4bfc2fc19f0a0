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
from pathlib import Path

import outcome
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application
from operators import BundleOperator, FilesOperator, GuardedOperator, SeriesOperator

from monai_dd.dicom import PETSeriesError
from monai_dd.zoo import BundleError, BundlePredictor

__all__ = ["FDGBiodistributionApp", "run_app"]

logger = logging.getLogger("fdg_biodistribution_app")


class FDGBiodistributionApp(Application):
    """Series folder -> bundle -> result files.

    Args:
        input_folder: folder of the series.
        predictor: the bundle.
    """

    def __init__(self, input_folder: Path, predictor: BundlePredictor) -> None:
        self.input_folder = input_folder
        self.predictor = predictor
        self.steps: list[GuardedOperator] = []
        super().__init__()

    def compose(self) -> None:
        """Lay out the operators in a line."""
        series = SeriesOperator(self, CountCondition(self, 1), input_folder=self.input_folder, name="series")
        bundle = BundleOperator(self, predictor=self.predictor, name="bundle")
        files = FilesOperator(self, predictor=self.predictor, name="files")
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


def find_bundle(model: Path) -> Path:
    """The bundle in a model folder: the folder itself, or the only one below it with ``configs/inference.json``.

    Raises:
        BundleError: when there is none, or more than one.
    """
    found = [model] if (model / "configs").is_dir() else []
    found = found or sorted({path.parent.parent for path in model.glob("**/configs/inference.json")})
    if len(found) != 1:
        raise BundleError(f"model: expected one bundle (a folder with configs/inference.json), found {len(found)}")
    return found[0]


def run_app(input_folder: Path, output_folder: Path, model_folder: Path) -> int:
    """Run the app; returns the exit code, which ``status.json`` in the output folder tells as well."""
    try:
        output_folder.mkdir(parents=True, exist_ok=True)
        outcome.write_status(output_folder, outcome.UNEXPECTED, "the run has not ended")
    except OSError as error:
        logger.error("output: expected a folder that can be written, %s", error.strerror)
        return outcome.OUTPUT_FAILED
    try:
        predictor = BundlePredictor(find_bundle(model_folder))
        application = FDGBiodistributionApp(input_folder, predictor)
        application.run()
        outcome.publish(output_folder, application.result())
        code, message = outcome.OK, "results written"
    except PETSeriesError as error:
        code, message = outcome.INPUT_REFUSED, str(error)
    except BundleError as error:
        code, message = outcome.BUNDLE_REFUSED, str(error)
    except OSError as error:
        code, message = outcome.OUTPUT_FAILED, f"a file could not be read or written: {error.strerror}"
    except Exception as error:  # its text may hold header values: only its kind is told
        code, message = outcome.UNEXPECTED, f"{type(error).__name__}, see the log at level DEBUG"
        logger.debug("unexpected error", exc_info=True)
    outcome.write_status(output_folder, code, message)
    if code != outcome.OK:
        logger.error("%s: %s", outcome.NAMES[code], message)
    return code
