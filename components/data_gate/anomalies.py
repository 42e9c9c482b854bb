"""ExampleValidator's anomalies as findings: one for each reason, with what the schema says and what the data is."""

from collections.abc import Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.data_gate.columns import Columns
from components.data_gate.config import DataGateConfig
from components.data_gate.distance import l_infinity
from components.data_gate.kinds import UNEXPECTED_VALUES, about_values, hint
from components.data_gate.report import DataFinding
from components.data_gate.summary import Column, Summary
from components.findings import Severity
from preprocessing.text import listed, quoted

_MISSING = "SCHEMA_MISSING_COLUMN"
_LOW_FRACTION = "FEATURE_TYPE_LOW_FRACTION_PRESENT"
_ABSENT = ("FEATURE_TYPE_NOT_PRESENT", "FEATURE_TYPE_LOW_NUMBER_PRESENT")
_UNUSED = "the configuration does not use the column; "
_LEFT_OUT = "correct the values, or the column's type in the schema"
_SHOWN = 5
"""So many values of a domain stand in a finding."""


def schema_findings(
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
    schema: schema_pb2.Schema,
    summaries: Mapping[str, Summary],
    columns: Columns,
    config: DataGateConfig,
    left_out: Mapping[str, str] | None = None,
) -> list[DataFinding]:
    """The anomalies of every split, those that several splits share as one.

    Args:
      anomalies: by split, from ExampleValidator.
      schema: what the data was validated against.
      summaries: by split, the data.
      columns: those that the configuration uses: what only concerns another one's values warns.
      config: the severities.
      left_out: columns of the table that are not among the examples, and why.
    """
    found = [
        finding
        for split, each in anomalies.items()
        for finding in _of_split(split, each, schema, summaries, columns, config, left_out or {})
    ]
    return shared(found)


def absent_columns(
    train: Summary, columns: Columns, found: Sequence[DataFinding], config: DataGateConfig
) -> Iterator[DataFinding]:
    """Columns that the model needs and the training split lacks.

    TFDV misses only those whose presence the schema demands.

    Args:
      train: the training split, with rows.
      columns: the label and the inputs.
      found: what TFDV found; it is not said twice.
      config: the severities.
    """
    severity = config.severity_of(_MISSING)
    said = {finding.feature for finding in found if finding.check == _MISSING}
    for name in (columns.label, *columns.inputs):
        if name not in train.columns and name not in said and severity != "off":
            yield DataFinding(
                check=_MISSING,
                split="train",
                feature=name,
                expected=f"a column {name!r}: features: names it",
                received="no such column",
                severity=severity,
                hint=hint(_MISSING),
            )


def _of_split(
    split: str,
    anomalies: anomalies_pb2.Anomalies,
    schema: schema_pb2.Schema,
    summaries: Mapping[str, Summary],
    columns: Columns,
    config: DataGateConfig,
    left_out: Mapping[str, str],
) -> Iterator[DataFinding]:
    if anomalies.data_missing:
        severity = config.severity_of("NO_DATA_IN_SPAN")
        if severity != "off":
            yield DataFinding(
                check="NO_DATA_IN_SPAN", split=split, expected="rows", received="none", severity=severity,
                hint="check that the table is complete, and data.split",
            )  # fmt: skip
        return
    data, train = (summaries.get(each, Summary(0, {})) for each in (split, "train"))
    features = {feature.name: feature for feature in schema.feature}
    infos: list[tuple[str | None, anomalies_pb2.AnomalyInfo]] = [
        (".".join(info.path.step) or key, info) for key, info in anomalies.anomaly_info.items()
    ]
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append((None, anomalies.dataset_anomaly_info))
    for name, info in sorted(infos, key=lambda item: item[0] or ""):
        column = data.columns.get(name or "")
        feature = features.get(name or "")
        idle = name is not None and not columns.named(name) and not (feature is not None and feature.HasField("shape"))
        learnt = None if split == "train" else train.columns.get(name or "")
        for reason in info.reason:
            kind = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
            severity = _severity(kind, info, _unexpected(kind, feature, column, learnt, schema, config), config)
            if severity == "off":
                continue
            # In another split it is there: this one's rows have no value. Or it is in the table, and does not fit.
            why = left_out.get(name or "") if kind == _MISSING else None
            empty = kind == _MISSING and (why is not None or any(name in each.columns for each in summaries.values()))
            unused = idle and severity == "block" and kind not in config.anomalies and (empty or about_values(kind))
            yield DataFinding(
                check=kind,
                split=split,
                feature=name,
                expected=_expected(kind, feature, schema),
                received=f"left out: {why}" if why else _received(kind, reason, column, _domain(feature, schema)),
                severity="warn" if unused else severity,
                hint=f"{_UNUSED}{_LEFT_OUT if why else hint(kind)}" if unused else hint(kind),
            )


def _severity(kind: str, info: anomalies_pb2.AnomalyInfo, unexpected: float | None, config: DataGateConfig) -> Severity:
    if kind in config.anomalies:
        return config.anomalies[kind]
    if unexpected is not None:
        return "block" if unexpected > config.unexpected_values.block_above else "warn"
    if info.severity == anomalies_pb2.AnomalyInfo.WARNING:
        return "warn"
    return config.severity_of(kind)


def _unexpected(
    kind: str,
    feature: schema_pb2.Feature | None,
    column: Column | None,
    train: Column | None,
    schema: schema_pb2.Schema,
    config: DataGateConfig,
) -> float | None:
    """The share of the values that break the schema, for kinds that are counted; 0 where chance explains them.

    Args:
      kind: the anomaly's.
      feature: what the schema says.
      column: the split's.
      train: the training split's, for another split: an inferred schema knows only what that one has.
      schema: holds the shared domains.
      config: how unlikely a chance is too unlikely.
    """
    if feature is None or column is None:
        return None
    domain, least = _domain(feature, schema), feature.presence.min_fraction
    absent = kind in _ABSENT and train is not None and train.present > 0
    if kind == UNEXPECTED_VALUES and column.shares is not None and domain is not None:
        share, rows, train_rows = _outside(column, domain), column.present, train.present if train else 0
        seen = share
        broken, expected = (_outside(train, domain), _only_once(train)) if train else (0.0, 0.0)
    elif kind == _LOW_FRACTION or absent:
        rows, train_rows = (each.present + each.missing if each else 0 for each in (column, train))
        most = 1 - train.missing_share if train and absent else least
        share, seen = most - (1 - column.missing_share), column.missing_share
        expected = train.missing_share if train else 0.0
        broken = most - (1 - train.missing_share) if train else 0.0
    else:
        return None
    # What the training split does too is no chance; and 0 blocks on the first one.
    if train_rows and broken <= 0 and config.unexpected_values.block_above > 0:
        noise = l_infinity({"": expected}, {"": seen}, (train_rows, rows), config.chance).chance
        if seen - expected <= noise:
            return 0.0
    return 1.0 if absent else share


def _outside(column: Column, domain: frozenset[str]) -> float:
    """The share of the values that a domain does not list."""
    return min(sum(share for value, share in (column.shares or {}).items() if value not in domain), 1.0)


def _only_once(column: Column) -> float:
    """The share of the values that one row alone has: as many of the next ones are new (Good, Turing)."""
    return min(sum(share for share in (column.shares or {}).values() if round(share * column.present) == 1), 1.0)


def _domain(feature: schema_pb2.Feature | None, schema: schema_pb2.Schema) -> frozenset[str] | None:
    """The values that a feature may have; None when they are not listed."""
    if feature is None:
        return None
    if feature.HasField("string_domain"):
        return frozenset(feature.string_domain.value)
    return next((frozenset(d.value) for d in schema.string_domain if d.name == feature.domain), None)


def _expected(kind: str, feature: schema_pb2.Feature | None, schema: schema_pb2.Schema) -> str:
    """What the schema says, as far as this kind of anomaly is about it."""
    if kind == "SCHEMA_NEW_COLUMN":
        return "only columns of the schema"
    if feature is None:
        return "what the schema says"
    domain = _domain(feature, schema)
    described = {
        "presence": _presence(feature),
        "type": f"type {schema_pb2.FeatureType.Name(feature.type)}",
        "domain": f"one of {listed(sorted(domain), _SHOWN, quoted)}" if domain is not None else "",
        "range": _range(feature),
    }
    if kind == _MISSING:
        return f"a column {feature.name!r} of type {schema_pb2.FeatureType.Name(feature.type)}"
    about: tuple[str, ...] = ("type",)
    if kind.startswith("FEATURE_TYPE_"):
        about = ("presence",)
    elif kind.endswith(("_BIG_INT", "_SMALL_INT", "_BIG_FLOAT", "_SMALL_FLOAT")):
        about = ("range", "type")
    elif kind == UNEXPECTED_VALUES:
        about = ("domain", "type")
    return next((described[part] for part in about if described[part]), "what the schema says")


def _presence(feature: schema_pb2.Feature) -> str:
    if feature.HasField("presence"):
        if feature.presence.min_fraction:
            return f"a value in at least {100 * feature.presence.min_fraction:g} % of the rows"
        return f"a value in at least {feature.presence.min_count} rows"
    return (
        f"{feature.value_count.min} to {feature.value_count.max} values a row"
        if feature.HasField("value_count")
        else ""
    )


def _range(feature: schema_pb2.Feature) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind not in ("int_domain", "float_domain"):
        return ""
    domain = getattr(feature, kind)
    low, high = (f"{getattr(domain, end):g}" if domain.HasField(end) else None for end in ("min", "max"))
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


def _received(
    kind: str, reason: anomalies_pb2.AnomalyInfo.Reason, column: Column | None, domain: frozenset[str] | None
) -> str:
    """What the data is, from the statistics where they say it better than TFDV does."""
    if column is not None:
        extremes = column.extremes()
        if kind.endswith(("_BIG_INT", "_SMALL_INT", "_BIG_FLOAT", "_SMALL_FLOAT")) and extremes:
            return f"{extremes[0]:g} to {extremes[1]:g}"
        if kind in (_LOW_FRACTION, "FEATURE_TYPE_LOW_NUMBER_PRESENT", "FEATURE_TYPE_NOT_PRESENT"):
            return f"a value in {column.present} rows, {100 * (1 - column.missing_share):.4g} %"
        if kind == UNEXPECTED_VALUES and column.shares is not None and domain is not None:
            unexpected = {value: share for value, share in column.shares.items() if value not in domain}
            ordered = sorted(unexpected, key=lambda value: (-unexpected[value], value))
            return f"{100 * sum(unexpected.values()):.3g} % of the values are others: {listed(ordered, _SHOWN, quoted)}"
        if kind == "SCHEMA_NEW_COLUMN":
            return f"a column of type {column.type}"
        if kind == "UNEXPECTED_DATA_TYPE" and column.shares and column.type == "BYTES":
            return f"type BYTES: {listed(sorted(column.shares, key=lambda v: -_text_first(v)), _SHOWN, quoted)}"
    return (reason.description or reason.short_description).strip().rstrip(".")


def _text_first(value: str) -> int:
    """Among the texts of a column that should be numbers, those that are none explain it."""
    try:
        float(value)
    except ValueError:
        return 1
    return 0


def shared(findings: Sequence[DataFinding]) -> list[DataFinding]:
    """Findings that differ in the split, and in what was seen there, as one."""
    alike: dict[DataFinding, dict[str, list[str]]] = {}
    for finding in findings:
        seen = alike.setdefault(finding.model_copy(update={"split": None, "received": ""}), {})
        seen.setdefault(finding.received, []).append(finding.split or "")
    return [
        finding.model_copy(
            update={
                "split": ", ".join(split for splits in seen.values() for split in splits),
                "received": next(iter(seen))
                if len(seen) == 1
                else "; ".join(f"{', '.join(splits)}: {text}" for text, splits in seen.items()),
            }
        )
        for finding, seen in alike.items()
    ]
