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

import contextlib
import errno
import json
import logging
import os
import tempfile
from pathlib import Path

__all__ = [
    "BAD_ARGUMENTS",
    "BUNDLE_REFUSED",
    "INPUT_REFUSED",
    "OK",
    "OUTPUT_FAILED",
    "UNEXPECTED",
    "publish",
    "refuse",
]

OK, UNEXPECTED, BAD_ARGUMENTS, INPUT_REFUSED, BUNDLE_REFUSED, OUTPUT_FAILED = range(6)
NAMES = ("ok", "unexpected error", "bad arguments", "input refused", "bundle refused", "output failed")

logger = logging.getLogger("fdg_biodistribution_app")


def publish(output: Path, files: dict[str, bytes], code: int, message: str) -> None:
    """Write files and, last, ``status.json`` under temporary names, then rename all: each is whole or not there.

    Args:
        output: folder, which must exist.
        files: name and content.
        code: exit code of the run.
        message: one line without patient data.

    Raises:
        OSError: when the folder cannot be written; earlier files are still there then.
    """
    status = {"exit_code": code, "status": NAMES[code], "message": message}
    files = {**files, "status.json": json.dumps(status, indent=2).encode() + b"\n"}
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=output) as partial:
        for name, content in files.items():
            if (output / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{name} is a folder")
            (Path(partial) / name).write_bytes(content)
        for name in files:
            os.replace(Path(partial) / name, output / name)


def refuse(output: Path, code: int, message: str) -> int:
    """Tell why there is no result, in ``status.json`` where it can be written and in one line of the log."""
    message = " ".join(message.split())
    with contextlib.suppress(OSError):
        publish(output, {}, code, message)
    logger.error("%s: %s", NAMES[code], message)
    return code
