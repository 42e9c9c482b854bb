"""One run of the stock pipeline, as the template's local_runner.py does it: the peer of `lockgate run`.

python tests/benchmarks/stock_run.py --data FOLDER --root FOLDER --table flights --steps 1000 --batch 40
"""

import argparse
from pathlib import Path

from absl import logging
from stock.features import COLUMNS
from stock.pipeline import create_pipeline
from tfx import v1 as tfx


def main() -> None:
    """Parses the command line and runs the pipeline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of CSV files")
    parser.add_argument("--root", type=Path, required=True, help="where everything is written")
    parser.add_argument("--table", choices=COLUMNS, required=True, help="whose columns these are")
    parser.add_argument("--steps", type=int, required=True, help="of training")
    parser.add_argument("--batch", type=int, required=True, help="rows in a step")
    parser.add_argument("--cache", action="store_true", help="take what ran before from the metadata")
    args = parser.parse_args()
    logging.set_verbosity(logging.INFO)
    pipeline = create_pipeline(args.data, args.root, args.table, args.steps, args.batch, cache=args.cache)
    tfx.orchestration.LocalDagRunner().run(pipeline)


if __name__ == "__main__":
    main()
