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
"""Write the tables of the pages in this folder from their CSV files.

Between the lines '.. table: NAME' and '.. end' of PAGE.rst stands the table of PAGE/NAME.csv. The best mean of a column
is bold where there is a best: not for columns such as entropy, not in tables of two rows, and not where more than two
rows share it.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = re.compile(r"^\.\. table: (\w+)\n.*?^\.\. end$", re.MULTILINE | re.DOTALL)
HIGH = re.compile(
    r"(balanced )?accuracy|AUC|AUROC|(pixel )?mAP|IoU|T\(IoU\)|pointing|mass|insertion|perturbation|patch"
)
LOW = re.compile(r"deletion")
NUMBER = re.compile(r"-?\d+(\.\d+)?( ± \d+(\.\d+)?)?")
NO_BEST = re.compile(r"paper|masked out")  # of columns that would match HIGH


def read_rows(path: Path) -> list[list[str]]:
    """Lines of a CSV file, the first with the names of the columns.

    Raises:
        ValueError: when there is no such file, no row, a row of another length, or a measure that is no number.
    """
    if not path.is_file():
        raise ValueError(f"{path.relative_to(HERE)}: expected a CSV file, got none")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if len(rows) < 2:
        raise ValueError(f"{path.relative_to(HERE)}: expected names and rows, got {len(rows)} lines")
    for row in rows:
        if len(row) != len(rows[0]) or not row[0]:
            raise ValueError(f"{path.relative_to(HERE)}: expected {len(rows[0])} cells and a first one, got {row}")
    for name, *cells in zip(*rows):
        for cell in cells:
            if measured(name) and cell and not NUMBER.fullmatch(cell):
                raise ValueError(f"{path.relative_to(HERE)}: {name}: expected a number, got {cell}")
    return rows


def measured(name: str) -> bool:
    """Whether a column has a best value."""
    return bool(HIGH.match(name) or LOW.match(name)) and not NO_BEST.search(name)


def best(name: str, cells: list[str]) -> set[str]:
    """The cells of a column that are set in bold."""
    if not measured(name):
        return set()
    means = {cell: float(cell.split(" ± ")[0]) for cell in cells if cell}
    value = (min if LOW.match(name) else max)(means.values())
    found = {cell for cell, mean in means.items() if mean == value}
    return found if len(cells) > 2 and sum(cell in found for cell in cells) <= 2 else set()


def table(rows: list[list[str]]) -> str:
    """A simple table of reStructuredText."""
    columns = []
    for name, *cells in zip(*rows):
        bold = best(name, cells)
        columns.append([name] + [f"**{cell}**" if cell in bold else cell for cell in cells])
    widths = [max(len(cell) for cell in column) for column in columns]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in zip(*columns)]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def render(page: Path) -> str:
    """The text of a page with its tables made anew."""

    def place(match: re.Match[str]) -> str:
        rows = read_rows(page.with_suffix("") / f"{match.group(1)}.csv")
        return f".. table: {match.group(1)}\n\n{table(rows)}\n\n.. end"

    return PLACE.sub(place, page.read_text(encoding="utf-8"))


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is not up to date")
    args = parser.parse_args()
    try:
        pages = {page: render(page) for page in sorted(HERE.glob("*.rst"))}
    except ValueError as error:
        sys.exit(str(error))
    changed = [page for page, text in pages.items() if text != page.read_text(encoding="utf-8")]
    if args.check and changed:
        names = ", ".join(page.name for page in changed)
        sys.exit(f"not up to date: {names}; run python docs/results/make_tables.py")
    for page in changed:
        page.write_text(pages[page], encoding="utf-8")
        print(f"wrote {page.name}")


if __name__ == "__main__":
    main()
