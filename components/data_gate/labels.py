"""The rules on the label: it varies, and every value of it is one that the task can learn."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from operator import contains

from components.data_gate.breach import WHOLE, Breach, share
from components.data_gate.columns import Columns
from components.data_gate.seen import MAX_CLASSES, Seen, is_infinite, number_of
from preprocessing.nearest import nearest
from preprocessing.text import counted, listed, quoted

_SHOWN = 5


def label_varies(seen: Mapping[str, Seen], columns: Columns) -> Iterator[Breach]:
    """The label has one value in a split, or more classes than the task has.

    Args:
      seen: the label by split; `WHOLE` for a table that is not divided yet.
      columns: the label and its task.
    """
    about = partial(Breach, "label_varies", columns.label, "label")
    if columns.task == "regression":
        for split in ("train", WHOLE):
            # A test split with one value is fine: errors can be measured on it.
            number = seen.get(split, Seen())
            if number.low is not None and number.low == number.high and not number.infinite:
                received = f"{number.low} in every row"
                yield about("numbers that differ", received, "choose a label that varies", split, rows=number.rows)
        return
    total = sum((each.counts for each in seen.values()), Counter[str]())
    if len(total) > MAX_CLASSES:
        received = f"more than {MAX_CLASSES} different values, too many for classes"
        hint = "set features.label.task to regression if it is a number, or choose another label"
        yield about(f"at most {MAX_CLASSES} classes", received, hint, joint=" has ")
        return
    for split, each in seen.items():
        if len(each.counts) == 1:
            received = f"{quoted(next(iter(each.counts)))} in every row"
            hint = "a model needs at least two classes; check the label, or how the table was split"
            yield about("at least two classes", received, hint, split, rows=each.rows)
    if columns.task == "binary" and columns.classes is None and len(total) > 2:
        received = f"{len(total)} values: {listed(sorted(total), 10, quoted)}"
        hint = "set features.label.task to multiclass, or correct the values"
        joint = " is binary by the configuration, and has "
        yield about("two classes, as features.label.task is binary", received, hint, joint=joint)


def label_values(seen: Mapping[str, Seen], columns: Columns) -> Iterator[Breach]:
    """Labels that are missing, that the configuration or the training split does not know, or that can't be learnt.

    Args:
      seen: the label by split; `WHOLE` for a table that is not divided yet.
      columns: the label, its classes or its transformation.
    """
    if not any(each.present for each in seen.values()):
        return  # a column that is not there at all is found elsewhere
    about = partial(Breach, "label_values", columns.label, "label")
    for split, each in seen.items():
        if each.missing:
            received = f"missing in {share(each.missing, each.rows)}"
            hint = "fill or remove these rows: they can't be evaluated"
            yield about("a label in every row", received, hint, split, wrong=partial(contains, ("",)))
        if columns.task == "regression":
            yield from _numbers(split, each, columns)
    if columns.task != "regression" and not (columns.classes is None and WHOLE in seen):
        yield from _classes(seen, columns)


def _numbers(split: str, each: Seen, columns: Columns) -> Iterator[Breach]:
    about = partial(Breach, "label_values", columns.label, "label")
    if each.infinite:
        received = f"infinite in {share(each.infinite, each.rows)}"
        hint = "correct or remove these rows; of CSV, data.csv.null_values can say that the word means no label"
        yield about("a finite number in every row", received, hint, split, wrong=is_infinite)
    floor = columns.floor(columns.label)
    if floor is not None and each.below:
        rows = share(each.below, each.rows)
        received = (
            f"{each.low:g} in {rows}, which has no logarithm"
            if each.below == 1
            else f"{each.low:g} at the lowest, and has no logarithm in {rows}"
        )
        expected = f"numbers above {floor.limit:g}, as features.label.transform is {columns.transform}"
        hint = "set features.label.transform to none" + (" or log1p" if columns.transform == "log" else "")
        yield about(expected, received, hint, split, wrong=lambda cell: floor.broken(number_of(cell)))


def _classes(seen: Mapping[str, Seen], columns: Columns) -> Iterator[Breach]:
    about = partial(Breach, "label_values", columns.label, "label")
    known = columns.classes or tuple(seen.get("train", Seen()).counts)
    for split, each in seen.items() if known else ():
        unknown = [value for value in each.counts if value not in known]
        if not unknown or len(each.counts) > MAX_CLASSES:
            continue
        rows = sum(each.counts[value] for value in unknown)
        if columns.classes is None:
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            received = f"{quoted(unknown[0])}, a class that no row of the training split has{more}, in "
            hint = "name all classes in features.label.classes, or give the training split rows of each (data.split)"
            yield about(
                f"classes of the training split: {listed(sorted(known), 10, quoted)}",
                received + share(rows, each.rows),
                hint,
                split,
                wrong=partial(contains, unknown),
            )
            continue
        counts = [f"{quoted(value)} in {counted(each.counts[value], 'row')}" for value in unknown]
        close = nearest(unknown[0], known)
        yield about(
            f"one of {listed(known, form=quoted)} (features.label.classes)",
            listed(counts, _SHOWN),
            (f"did the table mean {close!r}? " if close else "") + "add the values to classes, or correct the rows",
            split,
            joint=" has values that are not among features.label.classes: ",
            values=tuple(unknown),
        )
