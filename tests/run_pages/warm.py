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
"""A process that has imported torch, MONAI and this package, and runs each command in a copy of itself.

Imports take about ten seconds of each command, a small training takes one. The copy is a fork: it has the arguments,
the folder, the environment and the open files of the command, and ends as Python does.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["SOCKET", "ask", "main"]

SOCKET = "RUN_PAGES_SOCKET"  # name of the environment variable with its path
READY = (
    *(
        "torch",
        "monai.bundle",
        "monai.engines",
        "monai.handlers",
        "monai.transforms",
        "ignite.handlers",
        "sklearn.metrics",
    ),
    *("torch.utils.tensorboard", "matplotlib.pyplot", "captum.attr", "scipy.ndimage", "nibabel", "pydicom", "pandas"),
    *("monai_dd.networks.nets", "monai_dd.explain", "monai_dd.evaluation", "monai_dd.transforms", "monai_dd.metrics"),
    *("monai_dd.handlers", "monai_dd.data.phantoms", "monai_dd.data.datalists", "monai_dd.convex", "monai_dd.losses"),
)
FAILED = 70
SECONDS = 5


def ask(arguments: Sequence[str]) -> int:
    """Run ``python`` with these arguments in a copy of the warm process; returns the exit status."""
    request = {"arguments": list(arguments), "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ[SOCKET])
        content = json.dumps(request).encode()
        socket.send_fds(connection, [len(content).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(content)
        answer = connection.recv(4)
    return int.from_bytes(answer, "big") if answer else FAILED


def main(path: str) -> None:
    """Import everything, then run what is asked for, until the process or the one that started it is ended."""
    for name in READY:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:  # an extra that is not installed; who needs it will say so
            continue
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen()
    os.rename(f"{path}.new", path)  # who sees it can connect
    listener.settimeout(SECONDS)
    parent = os.getppid()
    while os.getppid() == parent:  # without the one who started it nobody would end it
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            break
        connection.close()
        _reap()
    else:
        return
    listener.close()
    size, files, *_ = socket.recv_fds(connection, 8, 3)
    content = b""
    while len(content) < int.from_bytes(size, "big"):
        content += connection.recv(65536)
    command = os.fork()
    if command != 0:
        _, status = os.waitpid(command, 0)
        code = os.waitstatus_to_exitcode(status)
        connection.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
        os._exit(0)
    connection.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    _run(**json.loads(content))


def _reap() -> None:
    """Forget the copies that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _run(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """What ``python`` does with these arguments."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = str(Path(environment["PATH"].split(os.pathsep)[0]) / "python")  # for the commands of commands
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = folder
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
