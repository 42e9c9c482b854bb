"""Writes diamonds.parquet from the plotnine package: python data/diamonds/prepare.py."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

sys.path.append(str(Path(__file__).resolve().parents[1]))
import source

SHA256 = "9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4"


def prepare(folder: Path) -> list[Path]:
    """Writes `folder`/diamonds.parquet: the package's table, impossible sizes as null.

    A stone has a length, a width and a height: the zeros in x, y and z say that nobody measured it.

    Raises:
      UserError: the package or its file is not the expected one.
    """
    original = pyarrow.csv.read_csv(source.packaged_file("plotnine==0.15.9", "data/diamonds.csv", SHA256))
    stones = original
    for column in ("x", "y", "z"):
        size = original[column]
        measured = pc.if_else(pc.greater(size, 0.0), size, pa.scalar(None, pa.float64()))
        stones = stones.set_column(stones.column_names.index(column), column, measured)
    table = folder / "diamonds.parquet"
    with source.replacing(table) as temporary:
        pq.write_table(stones, temporary, compression="zstd", compression_level=19)
    return [table]


if __name__ == "__main__":
    source.main(prepare)
