"""How the components grow with rows and columns: seconds of CPU and peak memory of each, in a process of its own.

    python tests/benchmarks/scale.py --rows 10000 --rows 100000 --columns 100
    python tests/benchmarks/scale.py --engine beam --rows 10000
    python tests/benchmarks/scale.py --stream 30000000
    python tests/benchmarks/scale.py --page

Rows are measured with 10 columns, columns with 10,000 rows. Each measurement is added to the results as soon as it is
there: what was killed goes on where it stopped. `--page` writes docs/scale.md's numbers from the results.
"""

import argparse
import sys
from pathlib import Path

# What carries the benchmark lies beside this file, as a package. The project before it: tests/ has folders of the names
# of its packages.
sys.path += [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]
from benchmarks.scale_parts import page, results, steps, stream
from benchmarks.scale_parts.process import ForkError
from benchmarks.scale_parts.table import Shape

COLUMNS, ROWS = 10, 10_000
"""How many columns the tables of different rows have, and how many rows those of different columns."""


def main() -> None:
    """Parses the command line, measures, or writes the page."""
    args = arguments(sys.argv[1:])
    if args.page:
        page.write(results.Results.read(args.results))
        return
    try:
        held = results.opened(args.results)
    except results.OtherMachineError as error:
        sys.exit(str(error))
    steps.import_all()
    shapes = [Shape(rows, COLUMNS) for rows in args.rows] + [Shape(ROWS, columns) for columns in args.columns]
    session = steps.Session(args.work, held, args.results, quiet=args.quiet, limit_s=args.limit)
    for shape in shapes:
        for engine in args.engine or ["auto"]:
            session.measure(shape, engine, say)
    try:
        for rows in args.stream:
            for measured in stream.measure(rows, args.work, quiet=args.quiet, limit_s=args.limit):
                held.add(measured, args.results)
                say(f"{rows:>14} {measured.component:17} {measured.cpu_s:8.1f} s {measured.peak_mib:6.0f} MiB")
    except ForkError as error:
        sys.exit(str(error))


def say(line: str) -> None:
    """Shows a line at once, also where the output is a file."""
    print(line, flush=True)


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line as attributes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", default=[], help="of a table of 10 columns; several times")
    parser.add_argument("--columns", type=int, action="append", default=[], help="of a table of 10,000 rows")
    parser.add_argument("--engine", choices=("auto", "beam"), action="append", help="default: auto")
    parser.add_argument("--stream", type=int, action="append", default=[], help="rows of a generated source")
    parser.add_argument("--quiet", action="store_true", help="nothing else works: seconds of wall clock count too")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for one component (default: 1800)")
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "output" / "scale", help="tables, roots")
    parser.add_argument("--results", type=Path, default=results.FILE, help="the JSON file (default: the committed one)")
    parser.add_argument("--page", action="store_true", help="only write docs/scale.md from it")
    args = parser.parse_args(words)
    if args.page and not args.results.exists():
        parser.error(f"{args.results.name}: there is no such file; measure first")
    return args


if __name__ == "__main__":
    main()
