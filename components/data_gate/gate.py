"""All checks on the data of one run, in order, each with its time; what can't be checked is named with the reason."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.artifacts.ingest import IngestReport
from components.artifacts.splits import SPLITS
from components.data_gate.anomalies import absent_columns, schema_findings, shared
from components.data_gate.breach import Breach
from components.data_gate.columns import Columns
from components.data_gate.comparisons import Pair, absent, check_overrides, compare, compare_label
from components.data_gate.config import DataGateConfig
from components.data_gate.counting import by_split
from components.data_gate.duplicates import shared_rows
from components.data_gate.examples import Rows
from components.data_gate.files import duplicate_files
from components.data_gate.float32 import lost_values
from components.data_gate.kinds import UNEXPECTED_VALUES
from components.data_gate.labels import label_values, label_varies
from components.data_gate.leading_zeros import leading_zeros
from components.data_gate.leakage import Values, leaking
from components.data_gate.proposal import propose, proposed_features
from components.data_gate.report import CheckRun, DataFinding, Verdict
from components.data_gate.seen import Seen
from components.data_gate.similar_values import similar_values
from components.data_gate.sizes import few_rows
from components.data_gate.summary import Summary
from components.data_gate.text_in_numbers import text_in_numbers
from components.data_gate.unreadable import unreadable
from components.data_gate.weights import weights
from components.findings import Severity

_SKEW_HINT = "were the splits made from the same kind of rows? data_gate.split_skew has the limits"
_DRIFT_HINT = (
    "find out what changed in the source (a unit, a filter, a default); if the change is real, raise the limit in "
    "data_gate.drift, or the column's in data_gate.drift.features"
)
_SERVING_HINT = "requests hold other rows than those that the model learns from; data_gate.serving has the limits"
_LABEL_HINT = "check how the label is made and how the splits are cut; data_gate.label_shift has the limits"


@dataclass(frozen=True)
class Evidence:
    """What the gate judges.

    Attributes:
      schema: what the splits were validated against.
      schema_text: the same as it is written.
      statistics: by split, as TFDV made them.
      summaries: by split, their statistics in short.
      anomalies: by split.
      baseline: the training split of an earlier run; None when there is none.
      serving: the sample of serving data; None when none is given.
      ingest: the files that were read; None when ExampleGen did not note them.
      rows: reads all rows once, and hashes and samples them.
      decode: the sample of the training split as columns.
    """

    schema: schema_pb2.Schema
    schema_text: str
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
    summaries: Mapping[str, Summary]
    anomalies: Mapping[str, anomalies_pb2.Anomalies]
    baseline: Summary | None
    serving: Summary | None
    ingest: IngestReport | None
    rows: Callable[[], Rows]
    decode: Callable[[Sequence[bytes]], Mapping[str, Values]]


class _Log:
    """Findings and checks as they come."""

    def __init__(self) -> None:
        self.findings: list[DataFinding] = []
        self.checks: list[CheckRun] = []

    def run(self, name: str, check: Callable[[], Iterable[DataFinding]], *, off: bool, skip: str = "") -> None:
        """Runs a check, unless it is off or has nothing to work on."""
        if off or skip:
            self.checks.append(CheckRun(name=name, state="off" if off else "skipped", reason="" if off else skip))
            return
        started = time.perf_counter()
        self.findings += check()
        self.checks.append(CheckRun(name=name, state="ran", seconds=round(time.perf_counter() - started, 3)))


def judge(evidence: Evidence, columns: Columns, config: DataGateConfig) -> tuple[Verdict, str | None]:
    """Runs every check and gives the verdict.

    Args:
      evidence: the data.
      columns: the label and the model's inputs.
      config: severities and limits.

    Returns:
      The verdict, and the text of the schema that would accept the schema anomalies, if there are any.

    Raises:
      UserError: a limit names a column that the schema does not have.
    """
    started = time.perf_counter()
    known = {feature.name: feature for feature in evidence.schema.feature}
    for section in ("drift", "split_skew", "serving"):
        check_overrides(section, getattr(config, section), known)
    log = _Log()
    log.run(
        "anomalies",
        lambda: _against_schema(evidence, columns, config),
        off=False,
        skip="" if evidence.anomalies else "ExampleValidator wrote no anomalies",
    )
    accepted = proposed_features(log.findings)
    sizes = {split: evidence.summaries[split].rows if split in evidence.summaries else None for split in SPLITS}
    log.run("min_rows", lambda: few_rows(sizes, config.min_rows), off=False)
    rows = cache(evidence.rows)
    _look_at_values(log, evidence, rows, columns, config)
    _compare_all(log, evidence, columns, config)
    _look_at_rows(log, evidence, rows, columns, config)
    proposal = propose(evidence.schema_text, evidence.statistics.values(), accepted, columns) if accepted else None
    seconds = round(time.perf_counter() - started, 3)
    verdict = Verdict.of(log.findings, log.checks, seconds=seconds, proposal=proposal is not None)
    return verdict, proposal


def _against_schema(evidence: Evidence, columns: Columns, config: DataGateConfig) -> list[DataFinding]:
    left_out = evidence.ingest.left_out if evidence.ingest else {}
    found = [
        finding
        for finding in schema_findings(
            evidence.anomalies, evidence.schema, evidence.summaries, columns, config, left_out
        )
        if finding.check != UNEXPECTED_VALUES or finding.feature not in columns.divided_by
    ]
    train = evidence.summaries.get("train")
    return [*found, *(absent_columns(train, columns, found, config) if train and train.rows else ())]


def _compare_all(log: _Log, evidence: Evidence, columns: Columns, config: DataGateConfig) -> None:
    """Drift, skew and the label's balance."""
    train = evidence.summaries.get("train", Summary(0, {}))
    no_train = "" if train.rows else "the training split is empty"
    no_baseline = no_train or ("" if evidence.baseline else "no earlier run to compare with")
    drift_off = config.drift.baseline == "none"
    before = evidence.baseline or Summary(0, {})
    now = Pair("drift", before, "the baseline", train, "train", _DRIFT_HINT)
    log.run(
        "drift",
        lambda: compare(now, config.drift, columns, config.chance),
        off=drift_off or (config.drift.severity == "off" and not config.drift.features),
        skip=no_baseline,
    )
    others = [
        Pair("split_skew", train, "train", evidence.summaries[split], split, _SKEW_HINT)
        for split in SPLITS[1:]
        if split in evidence.summaries and evidence.summaries[split].rows
    ]
    log.run(
        "split_skew",
        lambda: [f for pair in others for f in compare(pair, config.split_skew, columns, config.chance)],
        off=config.split_skew.severity == "off" and not config.split_skew.features,
        skip=no_train,
    )
    serving = Pair("serving_skew", train, "train", evidence.serving or before, None, _SERVING_HINT)
    log.run(
        "serving_skew",
        lambda: [*absent(serving, config.serving, columns), *compare(serving, config.serving, columns, config.chance)],
        off=config.serving.severity == "off" and not config.serving.features,
        skip=no_train or ("" if evidence.serving else "no sample of serving data: data_gate.serving.sample"),
    )
    labels = config.label_shift
    log.run(
        "label_shift",
        lambda: [
            f
            for pair in others
            for f in compare_label(_renamed(pair, "label_shift"), labels.splits, columns, config.chance)
        ],
        off=labels.splits.severity == "off",
        skip=no_train,
    )
    log.run(
        "label_drift",
        lambda: compare_label(_renamed(now, "label_drift"), labels.baseline, columns, config.chance),
        off=drift_off or labels.baseline.severity == "off",
        skip=no_baseline,
    )


def _renamed(pair: Pair, check: str) -> Pair:
    return Pair(check, pair.base, pair.base_name, pair.other, pair.split, _LABEL_HINT)


def _look_at_values(
    log: _Log, evidence: Evidence, rows: Callable[[], Rows], columns: Columns, config: DataGateConfig
) -> None:
    """The rules that the preflight has too, for local files: what makes a wrong model whatever was there before."""
    empty = _empty(evidence)

    def seen(name: str) -> Mapping[str, Seen]:
        return by_split(rows().seen, name)

    def run(name: str, severity: Severity, rule: Callable[[], Iterable[Breach]]) -> None:
        log.run(name, lambda: _found(rule(), severity), off=severity == "off", skip=empty)

    run("text_in_numbers", "block", lambda: text_in_numbers(evidence.summaries, columns))
    run("label_varies", config.label_varies.severity, lambda: label_varies(seen(columns.label), columns))
    run("label_values", config.label_values.severity, lambda: label_values(seen(columns.label), columns))
    if (weight := columns.weight) is not None:
        run("weights", config.weights.severity, lambda: weights(seen(weight), weight))
    if columns.readings:
        most = config.unreadable.max_fraction
        run(
            "unreadable",
            config.unreadable.severity,
            lambda: (found for name in columns.readings for found in unreadable(seen(name), name, columns, most)),
        )


def _found(breaches: Iterable[Breach], severity: Severity) -> Sequence[DataFinding]:
    found = (breach.finding(severity) for breach in breaches)
    return shared([finding for finding in found if finding is not None])


def _empty(evidence: Evidence) -> str:
    return "" if any(summary.rows for summary in evidence.summaries.values()) else "there are no rows"


def _look_at_rows(
    log: _Log, evidence: Evidence, rows: Callable[[], Rows], columns: Columns, config: DataGateConfig
) -> None:
    """The checks that need more than the statistics."""
    files = evidence.ingest.files if evidence.ingest else ()
    collapsed = evidence.ingest.collapsed if evidence.ingest else {}
    padded = evidence.ingest.leading_zeros if evidence.ingest else ()
    unread = "" if evidence.ingest else "ExampleGen left no report on what it read (data.reader: tfx)"
    similar, float32 = config.similar_values, config.float32
    log.run("float32", lambda: lost_values(collapsed, columns, float32), off=float32.severity == "off", skip=unread)
    log.run(
        "leading_zeros",
        lambda: _found(leading_zeros(padded, columns), config.leading_zeros.severity),
        off=config.leading_zeros.severity == "off",
        skip=unread,
    )
    log.run(
        "similar_values",
        lambda: similar_values(evidence.summaries, columns, similar),
        off=similar.severity == "off",
    )
    log.run(
        "duplicate_files",
        lambda: duplicate_files(files, config.duplicate_files),
        off=config.duplicate_files.severity == "off",
        skip="" if evidence.ingest else "ExampleGen left no list of the files that it read (data.reader: tfx)",
    )
    off = config.duplicates.severity == "off", config.leakage.severity == "off"
    empty = _empty(evidence)

    def duplicates() -> Iterable[DataFinding]:
        return shared_rows(rows(), config.duplicates, config.chance)

    def leakage() -> Iterable[DataFinding]:
        sample = rows().sample
        return leaking(evidence.decode(sample), columns, config.leakage) if sample else ()

    log.run("duplicates", duplicates, off=off[0], skip=empty)
    log.run("leakage", leakage, off=off[1], skip=empty)
