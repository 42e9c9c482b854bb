"""The schema that would accept what the gate refuses: the smallest change that TFDV takes."""

from collections.abc import Collection, Iterable

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data_gate.columns import Columns
from components.data_gate.report import DataFinding
from components.data_gate.schema_text import Block, Key, rewrite
from components.data_gate.summary import Summary, from_statistics

_NEW = "SCHEMA_NEW_COLUMN"


def proposed_features(findings: Iterable[DataFinding]) -> frozenset[str]:
    """The columns that a proposal is about: those with a blocking schema anomaly, and new ones.

    A new column that only warns is declared too: a renamed one is a missing and a new one.
    """
    return frozenset(
        finding.feature
        for finding in findings
        if finding.feature is not None and (finding.severity == "block" or finding.check == _NEW)
    )


def propose(
    text: str,
    statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList],
    features: Collection[str],
    columns: Columns,
) -> str | None:
    """The schema's text with these columns as they are now.

    A column that no split has is removed, unless the model uses it; one with values of another type gets it, and
    loses its domain; one that a split has no value of may be missing; a domain, range or presence is widened as
    `tfdv.update_schema` does; a new column is declared as `tfdv.infer_schema` would. What the model takes for numbers
    is never declared as text: no run would begin with such a schema.

    Args:
      text: the schema in protobuf's text format, comments and all.
      statistics: of every split.
      features: the columns to accept.
      columns: what the model uses.

    Returns:
      The new text; None when nothing in it would change.
    """
    from tensorflow_data_validation import update_schema  # takes seconds, and is needed only now

    before = text_format.Parse(text, schema_pb2.Schema())
    tables = [each for each in statistics if each.datasets and each.datasets[0].num_examples]
    data = [from_statistics(each) for each in tables]
    accepted = [name for name in features if not (columns.is_number(name) and "BYTES" in _types(name, data))]
    adapted = after = _as_found(before, data, accepted, columns)
    for each in tables:
        after = update_schema(after, each, infer_feature_shape=False)
    after = _undeprecated(after, adapted)
    changes = _changes(before, after, accepted)
    return rewrite(text, changes) if changes else None


def _types(name: str, data: Iterable[Summary]) -> set[str]:
    """The types of a column's values. A split without any says nothing about them: TFDV calls it text."""
    return {each.columns[name].type for each in data if name in each.columns and each.columns[name].present}


def _as_found(
    schema: schema_pb2.Schema, data: list[Summary], features: Collection[str], columns: Columns
) -> schema_pb2.Schema:
    """The schema without the columns that are gone; the others with the types that they have now, and such that a split
    may have no value of them where one has none.

    `update_schema` would mark all of these as deprecated, and Transform leaves such columns out.
    """
    result = schema_pb2.Schema()
    result.CopyFrom(schema)
    del result.feature[:]
    known = {feature.name for feature in schema.feature}
    for feature in schema.feature:
        if feature.name not in features:
            result.feature.append(feature)
        elif columns.needs(feature.name) or any(feature.name in each.columns for each in data):
            result.feature.append(_adapted(feature, data))
    for name in (name for name in features if name not in known):
        new = _adapted(schema_pb2.Feature(name=name), data)
        # What is the same kind of column in every split is left to `update_schema`, which finds its domain too.
        if len(_types(name, data)) > 1 or any(
            name not in each.columns or not each.columns[name].present for each in data
        ):
            result.feature.append(new)
    return result


def _undeprecated(schema: schema_pb2.Schema, before: schema_pb2.Schema) -> schema_pb2.Schema:
    """The schema with the features that `update_schema` gave up as they were: integers in one split, say, and fractions
    in another, which ExampleGen writes as one type once the schema says so.

    Transform leaves a deprecated feature out.
    """
    old = {feature.name: feature for feature in before.feature}
    result = schema_pb2.Schema()
    result.CopyFrom(schema)
    for feature in result.feature:
        known = old.get(feature.name)
        if known is not None and feature.lifecycle_stage != known.lifecycle_stage:
            feature.CopyFrom(known)
    return result


def _adapted(feature: schema_pb2.Feature, data: list[Summary]) -> schema_pb2.Feature:
    """A feature with the type of its values, and without what forbids that a split has none."""
    kept = schema_pb2.Feature()
    kept.CopyFrom(feature)
    types = _types(feature.name, data)
    widest = next((name for name in ("BYTES", "FLOAT", "INT") if name in types), None)
    if widest is not None and schema_pb2.FeatureType.Name(feature.type) != widest:
        kept.type = schema_pb2.FeatureType.Value(widest)
        kept.ClearField(kept.WhichOneof("domain_info") or "domain")
    missing = [each.columns[feature.name].missing if feature.name in each.columns else each.rows for each in data]
    if any(missing):
        kept.ClearField("shape")  # of a value in every row
    if any(count == each.rows for count, each in zip(missing, data, strict=True)):
        kept.ClearField("presence")
    return kept


def _changes(before: schema_pb2.Schema, after: schema_pb2.Schema, features: Collection[str]) -> dict[Key, Block | None]:
    changes: dict[Key, Block | None] = {}
    old = {feature.name: feature for feature in before.feature}
    new = {feature.name: feature for feature in after.feature}
    domains = {feature.domain for feature in (*before.feature, *after.feature) if feature.name in features}
    for name in sorted(features):
        if old.get(name) != new.get(name):
            changes["feature", name] = new.get(name)
    old_domains = {domain.name: domain for domain in before.string_domain}
    new_domains = {domain.name: domain for domain in after.string_domain}
    used = {feature.domain for feature in after.feature}
    for name in sorted(domains - {""}):
        block = new_domains.get(name) if name in used else None
        if old_domains.get(name) != block:
            changes["string_domain", name] = block
    return changes
