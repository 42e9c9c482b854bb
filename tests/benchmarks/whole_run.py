"""Whole runs of stock TFX and of Lockgate on the same tables, side by side: `make bench`.

    python tests/benchmarks/whole_run.py --rows 15000 --wide --repeats 3
    python tests/benchmarks/whole_run.py --rows 3000000 --what first --repeats 1
    python tests/benchmarks/whole_run.py --page

Each measurement is a process of its own, and is added to the results as soon as it is there: a benchmark that was
killed goes on where it stopped, and each table can be measured on its own. It needs the flights table (`make data`).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

# What carries the benchmark lies beside this file, as a package.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from benchmarks.whole import figure, page, plan, results, sides, tables
from benchmarks.whole.measuring import Bench
from benchmarks.whole.process import ProcessError


def main() -> None:
    """Parses the command line, measures, prints the summary."""
    args = arguments(sys.argv[1:])
    if args.page:
        measured = results.Results.read(args.results)
        figure.write(measured)
        page.write(measured)
        return
    chosen = [tables.flights_table(rows) for rows in args.rows] + ([tables.wide_table()] if args.wide else [])
    if args.steps:
        chosen = [replace(table, steps=args.steps) for table in chosen]
    try:
        measured = results.opened(args.results)
        keys = plan.plan(chosen, args.what or plan.WHAT, args.repeats, args.only or sides.SIDES)
        named = {table.name: table for table in chosen}
        plan.carry_out(keys, named, measured, args.results, Bench(args.work), say)
    except (results.ResultsError, ProcessError, sides.NotPushedError) as error:
        sys.exit(str(error))
    print("\n".join(page.section(measured)))


def say(line: str) -> None:
    """Shows a line at once, also where the output is a file: whole runs take minutes."""
    print(line, flush=True)


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line as attributes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", default=[], help="of the flights table; several times")
    parser.add_argument("--wide", action="store_true", help="the table of 200 columns by 50,000 rows too")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--only", choices=sides.SIDES, action="append", help="one side (default: all)")
    parser.add_argument("--what", choices=plan.WHAT, action="append", help="one kind of measurement (default: all)")
    parser.add_argument("--steps", type=int, help="of each training; to try the benchmark out")
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "output", help="tables, roots, logs")
    parser.add_argument("--results", type=Path, default=results.FILE, help="the JSON file (default: the committed one)")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md and its figure from it")
    args = parser.parse_args(words)
    if args.steps and args.results == results.FILE:
        parser.error("--steps is for trying the benchmark out: name another file for it with --results")
    if args.page and not args.results.exists():
        parser.error(f"{args.results.name}: there is no such file; measure first (make bench)")
    return args


if __name__ == "__main__":
    main()
