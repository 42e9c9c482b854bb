"""Editing a schema's text: what changes and, above all, what does not."""

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from support.gated import SCHEMA, schema_of
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.schema_text import diff, rewrite


def _feature(text: str) -> schema_pb2.Feature:
    return text_format.Parse(text, schema_pb2.Feature())


def test_nothing_to_change_changes_nothing() -> None:
    assert rewrite(SCHEMA, {}) == SCHEMA


def test_a_replaced_block_keeps_the_comment_above_it() -> None:
    new = _feature('name: "count" type: FLOAT')
    text = rewrite(SCHEMA, {("feature", "count"): new})
    assert '# How many of it.\nfeature {\n  name: "count"\n  type: FLOAT\n}\nfeature {\n  name: "country"' in text
    assert text.replace('feature {\n  name: "count"\n  type: FLOAT\n}', "X") == SCHEMA.replace(
        'feature { name: "count" type: INT int_domain { min: 0 max: 100 } }', "X"
    )


def test_a_removed_block_takes_its_comment_along() -> None:
    text = rewrite(SCHEMA, {("feature", "count"): None})
    assert "How many" not in text
    assert [feature.name for feature in schema_of(text).feature] == ["price", "country", "late"]


def test_new_blocks_stand_with_their_kind() -> None:
    domain = schema_pb2.StringDomain(name="size", value=["S", "M"])
    text = rewrite(SCHEMA, {("feature", "size"): _feature('name: "size"'), ("string_domain", "size"): domain})
    assert text.index('"late"') < text.index('"size"') < text.index("# Where we sell.")
    assert text.index('value: "fr"') < text.index('value: "S"') < text.index("# The end.")
    changed = [line for line in diff(SCHEMA, text).splitlines()[2:] if line[0] in "+-"]
    assert all(line.startswith("+") for line in changed)


@pytest.mark.parametrize(
    "text",
    [
        'feature: { name: "a}#" type: INT }  # odd } comment {\nfeature < name: "b" >\n',
        "feature {\n  name: 'a}#'\n  # a brace } in a comment\n}\n"
        'default_environment: "x" # and {\nfeature { name: "b" }',
        'default_environment: "TRAINING"\nfeature { name: "a}#" } feature { name: "b" }\n',
        'feature { name: "a}#" annotation { tag: ["x", "}"] } };\nfeature\n{ name: "b" }\n',
    ],
)
def test_odd_but_valid_texts(text: str) -> None:
    before = schema_of(text)
    after = schema_of(rewrite(text, {("feature", "a}#"): _feature('name: "a}#" type: BYTES')}))
    assert after.feature[0].type == schema_pb2.BYTES
    assert after.feature[1] == before.feature[1]
    assert after.default_environment == before.default_environment


@pytest.mark.parametrize(
    "text",
    [
        'feature: [{ name: "a" type: INT }, { name: "b" type: INT }]\n',
        'feature { name: "a" type: INT };\nfeature { name: "b" type: INT },\n',
    ],
)
def test_lists_and_separators(text: str) -> None:
    removed = schema_of(rewrite(text, {("feature", "a"): None}))
    assert [feature.name for feature in removed.feature] == ["b"]
    changed = schema_of(rewrite(text, {("feature", "a"): _feature('name: "a" type: BYTES')}))
    assert {feature.name: feature.type for feature in changed.feature} == {"a": schema_pb2.BYTES, "b": schema_pb2.INT}
    assert len(changed.feature) == 2


def test_an_empty_schema_gets_its_first_feature() -> None:
    assert rewrite("", {("feature", "a"): _feature('name: "a"')}) == 'feature {\n  name: "a"\n}\n'
    assert rewrite("# only this\n", {("feature", "a"): _feature('name: "a"')}).startswith("# only this\n")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=5, unique=True), st.data())
def test_any_names_survive(names: list[str], data: st.DataObject) -> None:
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name=name, type=schema_pb2.INT) for name in names])
    text = text_format.MessageToString(schema, as_utf8=data.draw(st.booleans()))
    assert rewrite(text, {}) == text
    chosen = data.draw(st.sampled_from(names))
    changed = schema_of(rewrite(text, {("feature", chosen): schema_pb2.Feature(name=chosen, type=schema_pb2.BYTES)}))
    expected = [schema_pb2.BYTES if name == chosen else schema_pb2.INT for name in names]
    assert [(feature.name, feature.type) for feature in changed.feature] == list(zip(names, expected, strict=True))
