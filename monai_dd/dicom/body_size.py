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
"""Body measures by which scanners normalize SUV other than by weight: lean mass, ideal weight, surface."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["MASS_FORMULAS", "body_surface_area", "mass_for_sex"]


def body_surface_area(weight: float, height: float) -> float:
    """Body surface in cm2 by Du Bois and Du Bois (1916): ``71.84 W^0.425 H^0.725``, W in kg, H in cm."""
    return 71.84 * weight**0.425 * height**0.725


def _james(weight: float, height: float, sex: str, male_factor: float) -> float:
    linear, quadratic = (1.10, male_factor) if sex == "M" else (1.07, 148.0)
    return linear * weight - quadratic * (weight / height) ** 2


def lean_mass_james120(weight: float, height: float, sex: str) -> float:
    """Lean body mass in kg, James (1976) in the form of Morgan (1994), with 120 for men: SUV Type LBM."""
    return _james(weight, height, sex, 120.0)


def lean_mass_james128(weight: float, height: float, sex: str) -> float:
    """Lean body mass in kg, James (1976), with 128 for men: SUV Type LBMJAMES128."""
    return _james(weight, height, sex, 128.0)


def lean_mass_janmahasatian(weight: float, height: float, sex: str) -> float:
    """Lean body mass in kg, Janmahasatian (2005), from the body mass index: SUV Type LBMJANMA."""
    constant, slope = (6680.0, 216.0) if sex == "M" else (8780.0, 244.0)
    return 9270.0 * weight / (constant + slope * weight / (height / 100.0) ** 2)


def ideal_weight(weight: float, height: float, sex: str) -> float:
    """Ideal body weight in kg, Sugawara (1999), from the height alone: SUV Type IBW."""
    base, slope = (48.0, 1.06) if sex == "M" else (45.5, 0.91)
    return base + slope * (height - 152.0)


MASS_FORMULAS: dict[str, Callable[[float, float, str], float]] = {
    "LBM": lean_mass_james120,
    "LBMJAMES128": lean_mass_james128,
    "LBMJANMA": lean_mass_janmahasatian,
    "IBW": ideal_weight,
}
"""Mass in kg by SUV Type (0054,1006), from weight in kg, height in cm and sex ``"M"`` or ``"F"``."""


def mass_for_sex(suv_type: str, weight: float, height: float, sex: str) -> float:
    """Mass in kg for sex ``"M"``, ``"F"`` or ``"O"``; ``"O"`` (other) is the mean of both formulas."""
    formula = MASS_FORMULAS[suv_type]
    sexes = "MF" if sex == "O" else sex
    return sum(formula(weight, height, each) for each in sexes) / len(sexes)
