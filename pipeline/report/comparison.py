"""Two runs side by side: configuration, data, metrics, slices, seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from pipeline.report.facts import ChangeFact, ComparisonFacts, FeatureFact, PairFact, ReportFacts
from pipeline.report.quality import ScoreFacts
from pipeline.report.run_facts import flat


def compare(now: ReportFacts, other: ReportFacts) -> ComparisonFacts:
    """What differs between two runs.

    Args:
      now: the run that is looked at.
      other: the one that it is compared with.
    """
    return ComparisonFacts(
        run=now.run.id,
        other=other.run.id,
        lines=(now.run.line, other.run.line),
        config=tuple(_settings(now, other)),
        rows=tuple(_pairs(_rows(now), _rows(other))),
        missing=tuple(_features(now, other)),
        metrics=tuple(_with_intervals(_pairs(_metrics(now), _metrics(other)), now, other)),
        slices=tuple(_pairs(_slices(now), _slices(other))),
        seconds=tuple(_pairs(_seconds(now), _seconds(other))),
        curves=other.training.curves if other.training is not None else (),
        scores=tuple(_scores(now, other)),
    )


def _settings(now: ReportFacts, other: ReportFacts) -> Iterator[ChangeFact]:
    new, old = (dict(flat(yaml.safe_load(each.reproduce.config))) for each in (now, other))
    for name in dict.fromkeys([*new, *old]):
        if new.get(name) != old.get(name):
            yield ChangeFact(what=name, old=old.get(name, "not there"), new=new.get(name, "not there"))
    if now.reproduce.commit != other.reproduce.commit:
        yield ChangeFact(what="git commit", old=str(other.reproduce.commit), new=str(now.reproduce.commit))


def _pairs(now: Mapping[str, float | None], other: Mapping[str, float | None]) -> Iterator[PairFact]:
    """Every name that either has; a change where both have a number."""
    for name in dict.fromkeys([*now, *other]):
        one, two = now.get(name), other.get(name)
        yield PairFact(name=name, now=one, other=two, change=None if one is None or two is None else one - two)


def _rows(facts: ReportFacts) -> dict[str, float | None]:
    return {} if facts.data is None else {name: float(rows) for name, rows in facts.data.rows.items()}


def _metrics(facts: ReportFacts) -> dict[str, float | None]:
    found = {} if facts.evaluation is None else {each.name: each.candidate for each in facts.evaluation.metrics}
    folds = facts.training.folds if facts.training is not None else None
    if folds is None:
        return found
    return found | {f"{name} over {len(folds.folds)} folds": mean for name, mean in folds.mean.items()}


def _with_intervals(pairs: Iterator[PairFact], now: ReportFacts, other: ReportFacts) -> Iterator[PairFact]:
    new, old = (
        {} if each.evaluation is None else {metric.name: metric.interval for metric in each.evaluation.metrics}
        for each in (now, other)
    )
    for pair in pairs:
        found = {"now_interval": new.get(pair.name), "other_interval": old.get(pair.name)}
        yield pair.model_copy(update=found)


def _scores(now: ReportFacts, other: ReportFacts) -> Iterator[ScoreFacts]:
    """The other candidate's curves of the classes that this run has curves of; none where one has none."""
    if now.evaluation is None or other.evaluation is None:
        return
    known = {each.of for each in now.evaluation.scores if each.model == "candidate"}
    yield from (each for each in other.evaluation.scores if each.model == "candidate" and each.of in known)


def _slices(facts: ReportFacts) -> dict[str, float | None]:
    """Every metric that has a threshold, on every slice."""
    if facts.evaluation is None:
        return {}
    wanted = [each.name for each in facts.evaluation.metrics if each.threshold]
    return {
        f"{name} on {each.name}": each.metrics[name]
        for name in wanted
        for each in facts.evaluation.slices
        if name in each.metrics
    }


def _seconds(facts: ReportFacts) -> dict[str, float | None]:
    return {each.name: each.seconds for each in facts.run.nodes if each.state != "skipped"}


def _features(now: ReportFacts, other: ReportFacts) -> Iterator[PairFact]:
    """The share of missing values in the training split, where it differs, and columns that only one has."""
    new, old = (_missing(each) for each in (now, other))
    return (each for each in _pairs(new, old) if each.change is None or abs(each.change) > 1e-12)


def _missing(facts: ReportFacts) -> dict[str, float | None]:
    features: tuple[FeatureFact, ...] = () if facts.data is None else facts.data.features
    return {each.name: each.missing.get("train") for each in features}
