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
"""Sphinx configuration: ``make docs``, or ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

from __future__ import annotations

from importlib.util import find_spec

import monai_dd

project = "monai_dd"
author = "monai_dd contributors"
copyright = author
version = release = monai_dd.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"monai_dd {version}"

# The API pages are built from the docstrings of every package's __all__; packages of extras that are not installed
# stand in as mocks, so that the pages need neither a solver nor the deploy SDK.
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}
autodoc_member_order = "groupwise"
autodoc_mock_imports = [
    name
    for name in ("captum", "casadi", "highdicom", "holoscan", "ignite", "matplotlib", "pyomo")
    if find_spec(name) is None
]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
