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
"""Pictures of explanations, and tables of runs and of explanations.

Command line: ``python -m monai_dd.visualize --help``.
"""

from __future__ import annotations

from .box_figure import box_figure
from .curves import perturbation_figure, randomization_figure
from .explanation_rows import explanation_rows, select_rows, summarize_explanations
from .explanation_tables import explanation_table
from .explanations import read_explanations
from .localization import LocalizationRun, read_localization
from .localization_figure import localization_figure
from .localization_table import localization_table
from .map_cases import read_cases
from .map_figure import map_figure
from .overlays import attention_figure, overlay_attention
from .published import published_method, published_number
from .report import report_picture
from .table_formats import to_csv, to_latex, to_markdown
from .tables import format_table, read_runs, summarize_runs

__all__ = [
    "LocalizationRun",
    "attention_figure",
    "box_figure",
    "explanation_rows",
    "explanation_table",
    "format_table",
    "localization_figure",
    "localization_table",
    "map_figure",
    "overlay_attention",
    "perturbation_figure",
    "published_method",
    "published_number",
    "randomization_figure",
    "read_cases",
    "read_explanations",
    "read_localization",
    "read_runs",
    "report_picture",
    "select_rows",
    "summarize_explanations",
    "summarize_runs",
    "to_csv",
    "to_latex",
    "to_markdown",
]
