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
"""Comparing explanations: files of results with their writers and readers, runs over seeds, tables and figures."""

from __future__ import annotations

from .explanations.bootstrap import Bootstrap, Interval
from .explanations.measures import (
    ExplainedBatch,
    LocalizationMeasure,
    Measure,
    PerturbationMeasure,
    RandomizationMeasure,
)
from .explanations.reader import read_explanations
from .explanations.saver import ExplanationSaver
from .explanations.summary import explanation_rows, select_rows, summarize_explanations
from .explanations.writer import ExplanationWriter
from .figures.boxes import box_figure
from .figures.curves import perturbation_figure, randomization_figure
from .figures.localization import localization_figure
from .figures.maps import map_figure
from .localization.reader import LocalizationRun, read_localization
from .localization.saver import LocalizationSaver
from .maps.reader import read_cases
from .maps.writer import CaseMaps
from .published import published_method, published_number
from .runs import RunSpec, collect_runs, read_runs, run_variants
from .tables.explanations import explanation_table
from .tables.formats import to_csv, to_latex, to_markdown
from .tables.localization import localization_table
from .tables.runs import format_table, summarize_runs

__all__ = [
    "Bootstrap",
    "CaseMaps",
    "ExplainedBatch",
    "ExplanationSaver",
    "ExplanationWriter",
    "Interval",
    "LocalizationMeasure",
    "LocalizationRun",
    "LocalizationSaver",
    "Measure",
    "PerturbationMeasure",
    "RandomizationMeasure",
    "RunSpec",
    "box_figure",
    "collect_runs",
    "explanation_rows",
    "explanation_table",
    "format_table",
    "localization_figure",
    "localization_table",
    "map_figure",
    "perturbation_figure",
    "published_method",
    "published_number",
    "randomization_figure",
    "read_cases",
    "read_explanations",
    "read_localization",
    "read_runs",
    "run_variants",
    "select_rows",
    "summarize_explanations",
    "summarize_runs",
    "to_csv",
    "to_latex",
    "to_markdown",
]
