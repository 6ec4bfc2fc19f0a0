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
"""What a run of the app came to: exit codes, and the files that tell of them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = [
    "BAD_ARGUMENTS",
    "BUNDLE_REFUSED",
    "INPUT_REFUSED",
    "OK",
    "OUTPUT_FAILED",
    "UNEXPECTED",
    "publish",
    "write_status",
]

OK, UNEXPECTED, BAD_ARGUMENTS, INPUT_REFUSED, BUNDLE_REFUSED, OUTPUT_FAILED = range(6)
NAMES = ("ok", "unexpected error", "bad arguments", "input refused", "bundle refused", "output failed")


def publish(output: Path, files: dict[str, bytes]) -> None:
    """Write files under temporary names, then rename all of them: each appears whole or not at all."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=output) as partial:
        for name, content in files.items():
            (Path(partial) / name).write_bytes(content)
        for name in files:
            os.replace(Path(partial) / name, output / name)


def write_status(output: Path, code: int, message: str, **facts: Any) -> None:
    """Write ``status.json``: exit code, its name, one line, and facts without patient data."""
    status = {"exit_code": code, "status": NAMES[code], "message": message, **facts}
    publish(output, {"status.json": json.dumps(status, indent=2).encode() + b"\n"})
