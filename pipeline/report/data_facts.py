"""The data of a run: distributions by data set from TFDV's statistics, with the data gate's findings beside them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.artifacts.golden import GoldenContract
from components.artifacts.reports import DIFF_FILE
from components.artifacts.splits import SPLITS, STATISTICS_FILE, split_folder
from components.data_gate import report as data_report
from components.data_gate.comparisons import CATEGORIES, measure
from components.data_gate.config import DataGateConfig
from components.data_gate.report import DataFinding
from components.data_gate.summary import Column, Summary, from_statistics
from pipeline.report.facts import Bin, DataFacts, FeatureFact
from pipeline.results.store import StoredNode
from preprocessing.config import FeaturesConfig

LAST_PUSH = "last push"
BASELINE = "baseline_statistics"
"""The input of the data gate that has the statistics of the last push."""
_BINS, _FEWEST_BINS = 50, 8
_CATEGORIES = 30
_MOST_NAMED = 200
_TAIL = 0.005
"""So much of each data set lies outside the ranges that are drawn, on either side, in the first and last of them."""


def data_facts(
    nodes: Mapping[str, StoredNode],
    features: FeaturesConfig,
    gate_config: DataGateConfig,
    contract: GoldenContract | None,
) -> DataFacts | str:
    """What is known of the data, or why nothing is.

    Args:
      nodes: of the run.
      features, gate_config: sections of the run's configuration.
      contract: of the model, which says how much each column matters; None without a model.
    """
    statistics = next((node.output("statistics") for node in nodes.values() if "statistics" in node.outputs), None)
    if statistics is None:
        return "StatisticsGen did not run"
    gate = nodes.get("DataGate")
    folder = gate.output("verdict") if gate is not None else None
    verdict = _verdict(folder)
    known = _sets(statistics, gate, verdict)
    summaries = {name: from_statistics(each) for name, each in known.items()}
    findings = verdict.findings if verdict is not None else ()
    diff = folder / DIFF_FILE if folder is not None else None
    return DataFacts(
        rows={name: each.rows for name, each in summaries.items()},
        features=tuple(sorted(_columns(known, summaries, features, gate_config, contract, findings), key=_order)),
        findings=findings,
        checks=verdict.checks if verdict is not None else (),
        schema_diff=diff.read_text(encoding="utf-8") if diff is not None and diff.is_file() else "",
    )


def _sets(
    statistics: Path, gate: StoredNode | None, verdict: data_report.Verdict | None
) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    """The statistics of each data set that there is: the splits, and the last push."""
    sets = {split: _read(statistics / split_folder(split) / STATISTICS_FILE) for split in SPLITS}
    before = gate.input(BASELINE) if gate is not None else None
    compared = verdict is not None and any(each.name == "drift" and each.state == "ran" for each in verdict.checks)
    if compared and gate is not None and BASELINE not in gate.inputs:
        # The store notes an artifact once for each node: these are the statistics of the last push themselves.
        before = statistics
    if before is not None:
        sets[LAST_PUSH] = _read(before / split_folder("train") / STATISTICS_FILE)
    return {name: each for name, each in sets.items() if each is not None}


def _columns(
    known: Mapping[str, statistics_pb2.DatasetFeatureStatistics],
    summaries: Mapping[str, Summary],
    features: FeaturesConfig,
    gate_config: DataGateConfig,
    contract: GoldenContract | None,
    findings: Sequence[DataFinding],
) -> Iterator[FeatureFact]:
    """Each column of any data set."""
    importance = (contract.importance if contract is not None else None) or {}
    errors = (contract.importance_error if contract is not None else None) or {}
    uses = _uses(features)
    means = {name: _means(each) for name, each in known.items()}
    for name in sorted({name for each in summaries.values() for name in each.columns}):
        use = uses.get(name, "unused")
        distance, limit = _drift(name, summaries, use, gate_config)
        more = {
            "distance": distance,
            "limit": limit,
            "importance": importance.get(name),
            "importance_error": errors.get(name),
            "findings": tuple(each.line() for each in findings if each.feature == name),
        }
        yield _feature(name, summaries, means, use).model_copy(update=more)


def _verdict(folder: Path | None) -> data_report.Verdict | None:
    """The data gate's verdict; None where it did not end, or was of another version of Lockgate."""
    try:
        return None if folder is None else data_report.read(str(folder))
    except (FileNotFoundError, ValidationError):
        return None


def _order(feature: FeatureFact) -> tuple[bool, bool, float, float, str]:
    return (
        not feature.findings,
        feature.use != "label",
        -(feature.importance or 0.0),
        -(feature.distance or 0.0),
        feature.name,
    )


def _read(file: Path) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    if not file.is_file():
        return None
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())


def _uses(features: FeaturesConfig) -> dict[str, str]:
    """What the configuration makes of each column, in words."""
    uses = dict.fromkeys(features.columns(), "own preprocessing")
    uses |= {column: "number" for each in features.numeric for column in each.columns}
    uses |= {column: "category" for each in features.categorical for column in each.columns}
    uses |= {column: "boolean" for each in features.boolean for column in each.columns}
    uses |= {column: "date" for each in features.datetime for column in each.columns}
    uses |= {column: "list" for each in features.lists for column in each.columns}
    uses |= {column: "text" for each in features.text for column in each.columns}
    uses[features.label.column] = "label"
    if features.weight:
        uses[features.weight] = "weight"
    return uses


def _means(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, float]:
    return {
        ".".join(each.path.step) or each.name: each.num_stats.mean
        for dataset in statistics.datasets
        for each in dataset.features
        if each.WhichOneof("stats") == "num_stats" and each.num_stats.common_stats.num_non_missing
    }


def _feature(
    name: str,
    sets: Mapping[str, Summary],
    means: Mapping[str, Mapping[str, float]],
    use: str,
) -> FeatureFact:
    columns = {key: each.columns[name] for key, each in sets.items() if name in each.columns}
    numeric = any(each.cdf is not None for each in columns.values())
    shared = all(each.shares is not None for each in columns.values() if each.present)
    bins = tuple(_categories(columns) if shared else _ranges(columns) if numeric else ())
    missing = {key: columns[key].missing_share if key in columns else 1.0 for key, each in sets.items() if each.rows}
    return FeatureFact(
        name=name,
        kind="number" if numeric else "category" if bins else "other",
        use=use,
        missing=missing,
        bins=bins,
        mean={key: each[name] for key, each in means.items() if name in each and np.isfinite(each[name])},
    )


def _categories(columns: Mapping[str, Column]) -> Iterator[Bin]:
    """The most frequent values of all data sets together, numbers in their order, and the rest as one."""
    shares = {key: each.shares or {} for key, each in columns.items()}
    total: dict[str, float] = {}
    for each in shares.values():
        for value, share in each.items():
            total[value] = total.get(value, 0.0) + share
    chosen = sorted(total, key=lambda value: (-total[value], value))[:_CATEGORIES]
    if all(each.type == "INT" for each in columns.values()):
        chosen.sort(key=int)
    for value in chosen:
        yield Bin(label=_named(value), shares={key: each.get(value, 0.0) for key, each in shares.items()})
    rest = {
        key: max(0.0, (1.0 if columns[key].present else 0.0) - sum(each.get(value, 0.0) for value in chosen))
        for key, each in shares.items()
    }
    if any(share > 1e-9 for share in rest.values()):
        yield Bin(label=f"all {max(len(total) - len(chosen), 1):,} others", shares=rest)


def _named(value: str) -> str:
    return value if len(value) <= _MOST_NAMED else f"{value[:_MOST_NAMED]}…"


def _ranges(columns: Mapping[str, Column]) -> Iterator[Bin]:
    """Ranges of equal width over the bulk of all data sets; the first and the last have what lies beyond them."""
    curves = {key: each.cdf for key, each in columns.items() if each.cdf is not None}
    lows = [float(np.interp(_TAIL, each.below, each.x)) for each in curves.values()]
    highs = [float(np.interp(1 - _TAIL, each.below, each.x)) for each in curves.values()]
    low, high = min(lows), max(highs)
    if not high > low:
        high = low + max(abs(low) * 1e-6, 1e-6)
    # Of few rows narrow ranges would show chance: about as many as the square root of the rows.
    count = int(np.clip(np.sqrt(max(each.present for each in columns.values())), _FEWEST_BINS, _BINS))
    edges = np.linspace(low, high, count + 1)
    below = {key: each.at(edges) for key, each in curves.items()}
    for key in below:
        below[key][0], below[key][-1] = 0.0, 1.0
    for i in range(count):
        yield Bin(
            label=f"{edges[i]:.6g} to {edges[i + 1]:.6g}",
            low=float(edges[i]),
            high=float(edges[i + 1]),
            shares={key: float(each[i + 1] - each[i]) for key, each in below.items()},
        )


def _drift(name: str, sets: Mapping[str, Summary], use: str, gate: DataGateConfig) -> tuple[float | None, float | None]:
    """The data gate's own distance and its limit: of train from the last push, or else of test from train.

    Returns:
      None where there is nothing to compare, and no limit where the gate compares nothing.
    """
    before, after, limits = ("train", "test", gate.split_skew)
    if LAST_PUSH in sets:
        before, after, limits = LAST_PUSH, "train", gate.drift
    columns = [sets[each].columns.get(name) if each in sets else None for each in (before, after)]
    if columns[0] is None or columns[1] is None or use == "text":
        return None, None
    measured = measure(columns[0], columns[1], as_category=use in ("category", "boolean"), chance=gate.chance)
    if measured is None:
        return None, None
    own = limits.features.get(name)
    if use in ("unused", "weight", "label") or ((own and own.severity) or limits.severity) == "off":
        return measured[0].value, None
    if own is not None and own.limit is not None:
        return measured[0].value, own.limit
    return measured[0].value, limits.categorical if measured[1] == CATEGORIES else limits.numeric
