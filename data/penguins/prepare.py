"""Writes penguins.csv from the palmerpenguins package: python data/penguins/prepare.py."""

import csv
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
import source

SHA256 = "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93"


def prepare(folder: Path) -> list[Path]:
    """Writes `folder`/penguins.csv: the package's table with missing cells empty.

    The package spells missing as NA. CsvExampleGen infers each column's type from its cells, so one NA would
    turn a column of numbers into text.

    Raises:
      UserError: the package or its file is not the expected one.
    """
    original = source.packaged_file("palmerpenguins==0.1.4", "data/penguins.csv", SHA256)
    table = folder / "penguins.csv"
    rows = csv.reader(original.read_text().splitlines())
    with source.replacing(table) as temporary, temporary.open("w", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerows(["" if cell == "NA" else cell for cell in row] for row in rows)
    return [table]


if __name__ == "__main__":
    source.main(prepare)
