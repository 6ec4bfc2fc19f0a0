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
"""Radioactive decay: the three formulas SUV needs. Times in s, rates in 1/s."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["average_activity_time", "decay_constant", "frame_decay_factor"]


def decay_constant(half_life: float) -> float:
    """Decay constant ``l = ln 2 / half_life`` in 1/s of a half-life in s."""
    return math.log(2.0) / half_life


def frame_decay_factor(rate: float, duration: np.ndarray) -> np.ndarray:
    """
    How much higher the activity at the start of a frame is than its mean over the frame.

    The mean of ``exp(-l t)`` over ``0 <= t <= T`` is ``(1 - exp(-l T)) / (l T)``; this is its inverse
    (Cherry, Sorenson and Phelps, Physics in Nuclear Medicine, 2012, chapter 4: decay during the measurement).

    Args:
        rate: decay constant l in 1/s.
        duration: frame durations T in s, above 0, any shape.

    Returns:
        ``l T / (1 - exp(-l T))``, at least 1, in the shape of ``duration``, float64.
    """
    decay = rate * np.asarray(duration, dtype=np.float64)
    return decay / -np.expm1(-decay)


def average_activity_time(rate: float, duration: np.ndarray) -> np.ndarray:
    """
    Time from the start of a frame at which the activity equals its mean over the frame, in s.

    Solves ``exp(-l T_ave) = (1 - exp(-l T)) / (l T)``: ``T_ave = ln(l T / (1 - exp(-l T))) / l``, a little less than
    half the frame. FrameReferenceTime (0054,1300) is defined as this moment (DICOM PS3.3, PET Image Module).

    Args:
        rate: decay constant l in 1/s.
        duration: frame durations T in s, above 0, any shape.
    """
    return np.log(frame_decay_factor(rate, duration)) / rate
