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
"""Keeps header values out of warnings and logs while DICOM files are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config

__all__ = ["no_value_warnings"]

_lock = threading.Lock()
_depth = 0
_saved: int | None = None


@contextmanager
def no_value_warnings() -> Iterator[None]:
    """
    Switch off pydicom's validation of values, whose messages quote them, dates and identifiers included.

    The setting belongs to the process, so the users of this context are counted: the first one switches it off, the
    last one puts it back, whichever threads they run in.
    """
    global _depth, _saved
    with _lock:
        if _depth == 0:
            _saved = config.settings.reading_validation_mode
            config.settings.reading_validation_mode = config.IGNORE
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                config.settings.reading_validation_mode = _saved
