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
"""Command line of the zoo: ``python -m monai_dd.zoo compose --help``."""

from __future__ import annotations

import argparse
import sys

from monai_dd.zoo.compose import compose_bundle

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m monai_dd.zoo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compose = commands.add_parser("compose", help="write one variant of a bundle as a bundle of its own")
    compose.add_argument("--bundle_root", required=True, help="bundle to start from")
    compose.add_argument("--overlays", nargs="*", default=[], help="configurations to put in, such as variant_exact")
    compose.add_argument("--output_dir", required=True, help="folder of the new bundle; must not exist")
    compose.add_argument("--model_file", help="weights to take along as models/model.pt")
    compose.add_argument("--data_source", help="what the weights were trained on, for metadata.json")
    args = parser.parse_args(argv)
    try:
        print(compose_bundle(args.bundle_root, args.overlays, args.output_dir, args.model_file, args.data_source))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
