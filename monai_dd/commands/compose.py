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
"""``monai-dd compose``: write one variant of a bundle as a bundle of its own."""

from __future__ import annotations

import argparse

from monai_dd.commands.parser import Commands, add_command

__all__ = ["add_parser", "run"]

_EXAMPLE = (
    "compose --bundle_root bundles/fdg_pet_biodistribution_classification --overlays variant_exact demo "
    "--output_dir fdg_exact"
)


def run(args: argparse.Namespace) -> None:
    """Write the bundle and print its path."""
    from monai_dd.bundle.compose import compose_bundle

    print(compose_bundle(args.bundle_root, args.overlays, args.output_dir, args.model_file, args.data_source))


def add_parser(commands: Commands) -> None:
    """Add ``compose``."""
    parser = add_command(
        commands,
        "compose",
        run,
        _EXAMPLE,
        "write one variant of a bundle as a bundle of its own",
        "Its train.json and inference.json have the overlays in them.",
    )
    parser.add_argument("--bundle_root", required=True, metavar="DIR", help="bundle to start from")
    parser.add_argument("--overlays", nargs="*", default=[], help="configurations to put in, such as variant_exact")
    parser.add_argument("--output_dir", required=True, metavar="DIR", help="folder of the new bundle; must not exist")
    parser.add_argument("--model_file", metavar="FILE", help="weights to copy to models/model.pt")
    parser.add_argument("--data_source", metavar="TEXT", help="what the weights were trained on, for metadata.json")
