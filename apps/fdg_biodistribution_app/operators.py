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
"""The app's operators: they receive, call the package, and emit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.deploy.core import Fragment, Operator, OperatorSpec
from result import result_files
from series import find_series_folder

from monai_dd.bundle import BundlePredictor
from monai_dd.dicom.errors import SUVWarning
from monai_dd.dicom.series_files import read_slice_headers

__all__ = ["BundleOperator", "FilesOperator", "SeriesOperator"]


class GuardedOperator(Operator):
    """Keeps an exception for the app, and emits nothing then, instead of a traceback amid the log."""

    def __init__(self, fragment: Fragment, *args: Any, **kwargs: Any) -> None:
        self.error: Exception | None = None
        super().__init__(fragment, *args, **kwargs)

    def work(self, received: Any) -> Any:
        """Return what the operator emits for what it received."""
        raise NotImplementedError

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Receive, work, emit."""
        try:
            emitted = self.work(op_input.receive("in") if "in" in self.spec.inputs else None)
        except Exception as error:  # the app tells what it was, by its exit code and in one line
            self.error = error
            return
        if "out" in self.spec.outputs:
            op_output.emit(emitted, "out")


class SeriesOperator(GuardedOperator):
    """Finds the one folder with DICOM files in the input and emits its path."""

    def __init__(self, fragment: Fragment, *args: Any, input_folder: Path, **kwargs: Any) -> None:
        self.input_folder = input_folder
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """One output: the path of the series folder."""
        spec.output("out")

    def work(self, received: None) -> Path:
        """Find the series."""
        return find_series_folder(self.input_folder)


class BundleOperator(GuardedOperator):
    """Runs the bundle on a series folder and emits its outputs, with the headers of the series."""

    def __init__(self, fragment: Fragment, *args: Any, predictor: BundlePredictor, **kwargs: Any) -> None:
        self.predictor = predictor
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """Series folder in; outputs of the bundle, headers and warnings out."""
        spec.input("in")
        spec.output("out")

    def work(self, received: Path) -> tuple[dict, list, list[str]]:
        """Predict."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", SUVWarning)
            outputs = self.predictor({"image": str(received)})
        headers = [header.dataset for header in read_slice_headers(received)]
        return outputs, headers, [str(warning.message) for warning in caught]


class FilesOperator(GuardedOperator):
    """Turns outputs into the contents of the result files, kept in ``files`` for the app to publish."""

    def __init__(
        self, fragment: Fragment, *args: Any, model: dict[str, Any], class_names: Sequence[str], **kwargs: Any
    ) -> None:
        self.model = model
        self.class_names = class_names
        self.files: dict[str, bytes] | None = None
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """Outputs of the bundle in; nothing out."""
        spec.input("in")

    def work(self, received: tuple[dict, list, list[str]]) -> None:
        """Make the files."""
        self.files = result_files(*received, model=self.model, class_names=self.class_names)
