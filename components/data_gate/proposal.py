"""The schema that would accept what the gate refuses: the smallest change that TFDV takes."""

from collections.abc import Collection, Iterable

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

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
    text: str, statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList], features: Collection[str]
) -> str | None:
    """The schema's text with these columns as they are now.

    A column that no split has is removed; one of another type gets it, and loses its domain; a domain, range or
    presence is widened as `tfdv.update_schema` does; a new column is declared as `tfdv.infer_schema` would.

    Args:
      text: the schema in protobuf's text format, comments and all.
      statistics: of every split.
      features: the columns to accept.

    Returns:
      The new text; None when nothing in it would change.
    """
    from tensorflow_data_validation import update_schema  # takes seconds, and is needed only now

    before = text_format.Parse(text, schema_pb2.Schema())
    tables = [each for each in statistics if each.datasets and each.datasets[0].num_examples]
    after = _retyped(before, [from_statistics(each) for each in tables], features)
    for each in tables:
        after = update_schema(after, each, infer_feature_shape=False)
    changes = _changes(before, after, features)
    return rewrite(text, changes) if changes else None


def _retyped(schema: schema_pb2.Schema, data: list[Summary], features: Collection[str]) -> schema_pb2.Schema:
    """The schema without the columns that are gone, and with the types that the others have now.

    `update_schema` would mark both as deprecated.
    """
    result = schema_pb2.Schema()
    result.CopyFrom(schema)
    del result.feature[:]
    for feature in schema.feature:
        types = {each.columns[feature.name].type for each in data if feature.name in each.columns}
        if feature.name not in features:
            result.feature.append(feature)
        elif types:
            kept = result.feature.add()
            kept.CopyFrom(feature)
            widest = next(name for name in ("BYTES", "FLOAT", "INT") if name in types)
            if schema_pb2.FeatureType.Name(feature.type) != widest:
                kept.type = schema_pb2.FeatureType.Value(widest)
                kept.ClearField(kept.WhichOneof("domain_info") or "domain")
    return result


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
