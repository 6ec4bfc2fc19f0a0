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
"""Results of two runs, as evaluations write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.evaluation.files import write_case, write_csv, write_localization

__all__ = ["write_results"]


def write_results(folder: Path) -> Path:
    """Write ``folder/seed0`` and ``folder/seed1`` with explanations, a localization and a case of maps."""
    for seed in (0, 1):
        lines = []
        for image in ("a", "b"):
            lines.append((image, "network", "", "label", int(image == "b"), "dual", seed))
            lines.append((image, "network", "", "predicted", 0, "dual", seed))
            for fraction in ("0.00", "1.00"):
                lines.append((image, "attention", "fine", f"perturbation_{fraction}", seed, "dual", seed))
            lines.append((image, "attention", "fine", "pixel_ap", 0.5, "dual", seed))
            lines.append((image, "attention", "fine", "randomization_01_out", 0.5, "dual", seed))
        write_csv(folder / f"seed{seed}", lines)
    write_localization(folder / "seed0", [("cam", "Mass", 0.1, 0.5, 8, 0, "dual")])
    maps = {"attention_fine": np.ones((4, 4))}
    write_case(folder / "seed0" / "maps" / "case_0000", np.zeros((8, 8)), maps, variant="dual")
    return folder
