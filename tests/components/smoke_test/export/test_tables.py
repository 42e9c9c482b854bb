"""What becomes of the values of an input in a graph: how they are written, and which tables they are looked up in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.zoo.columns import save_module, save_tf1, table
from support.zoo.plain import SERVING
from support.zoo.tiny import Tensors

from components.smoke_test.export.graph import Graph, Place
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.export.tables import finds, tables, uses, written

WORDS = ("Aachen", "Bonn", "Celle")
NUMBERS = (0, -7, 12, 999_999, 1_234_567, 16_777_217, 1_700_000_000)


def as_string_node(dtype: Any, **options: Any) -> Any:
    """The node that tf.strings.as_string makes."""

    @tf.function(input_signature=[tf.TensorSpec([], dtype)])
    def function(number: tf.Tensor) -> tf.Tensor:
        return tf.strings.as_string(number, **options)

    nodes = function.get_concrete_function().graph.as_graph_def().node
    return next(each for each in nodes if each.op == "AsString")


def cast_node(dtype: Any) -> Any:
    """The node that tf.cast makes of an int64."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)])
    def function(number: tf.Tensor) -> tf.Tensor:
        return tf.cast(number, dtype)

    return next(each for each in function.get_concrete_function().graph.as_graph_def().node if each.op == "Cast")


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (tf.float32, {}),
        (tf.float32, {"shortest": True}),
        (tf.float64, {"scientific": True, "precision": 2}),
        (tf.float64, {"precision": 0}),
        (tf.float64, {"width": 14, "fill": "0"}),
        (tf.int32, {}),
        (tf.int64, {"width": 5, "fill": "-"}),
    ],
)
def test_numbers_are_written_as_tensorflow_writes_them(dtype: Any, options: dict[str, Any]) -> None:
    nodes = [cast_node(dtype)] if dtype != tf.int64 else []
    nodes.append(as_string_node(dtype, **options))
    expected = tf.strings.as_string(tf.cast(tf.constant(NUMBERS, tf.int64), dtype), **options).numpy().tolist()
    assert [written(number, nodes) for number in NUMBERS] == expected


def test_the_tables_of_an_input_and_what_is_done_before(tmp_path: Path) -> None:
    module = tf.Module()
    module.cities = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(list(WORDS), [1.0, 2.0, 3.0]), 0.0)
    known = tf.lookup.KeyValueTensorInitializer(["7", "8"], [0, 1], tf.string, tf.int64)
    module.years = tf.lookup.StaticHashTable(known, -1)

    def serve(raw: Tensors) -> Tensors:
        year = tf.strings.regex_replace(tf.strings.as_string(tf.cast(raw["year"], tf.float32)), r"\.0+$", "")
        return {
            "value": module.cities.lookup(tf.strings.upper(raw["city"])) + module.cities.lookup(raw["colour"]),
            "place": module.years.lookup(year),
        }

    save_module(tmp_path, table(city=True, colour=True, year=True, length=True), serve, module)
    found = uses(read_export(tmp_path / SERVING))
    [city], [colour], [year] = (found["serving_default", name].lookups for name in ("city", "colour", "year"))
    assert city.table.keys is not None
    assert city.table.keys.tolist() == [word.encode() for word in WORDS]
    assert city.converts is None
    assert colour.converts == ()
    assert colour.table.where == city.table.where
    assert year.table.where != city.table.where
    # What a regular expression does to a number's text is not known here.
    assert year.converts is None
    [texts] = found["serving_default", "year"].texts
    assert [node.op for node in texts] == ["Cast", "AsString"]
    assert ("serving_default", "length") not in found


def test_a_table_that_is_filled_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes("".join(f"{i},{word},{i + 0.5}\r\n" for i, word in enumerate(WORDS)).encode())

    def serve(raw: Tensors) -> Tensors:
        prices = tf.lookup.TextFileInitializer(str(path), tf.string, 1, tf.float32, 2, delimiter=",")
        return {"value": tf.lookup.StaticHashTable(prices, 9.0).lookup(raw["city"])}

    save_tf1(tmp_path, table(city=True), serve)
    [found] = uses(read_export(tmp_path / SERVING))["serving_default", "city"].lookups
    assert found.table.where == "the asset prices.csv"
    assert found.table.keys is not None
    assert found.table.values is not None
    assert found.table.keys.tolist() == [word.encode() for word in WORDS]
    assert np.array_equal(found.table.values, [0.5, 1.5, 2.5])


def test_the_lookups_of_many_tables_are_found_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lookup belongs to its own table, and is followed to it once, however many other tables there are."""
    module = tf.Module()
    module.tables = [
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([f"{place}", "x"], [1.0, 2.0]), 0.0)
        for place in range(12)
    ]

    def serve(raw: Tensors) -> Tensors:
        found = [each.lookup(raw["word"]) for each in module.tables]
        return {"value": tf.add_n([*found, module.tables[3].lookup(raw["word"])])}

    module.serve = tf.function(serve, input_signature=[{"word": tf.TensorSpec([None], tf.string, name="word")}])
    tf.saved_model.save(module, str(tmp_path / "export"), signatures={"serving_default": module.serve})
    export = read_export(tmp_path / "export")
    filled = tables(export)
    followed = []
    origins = Graph.origins

    def counted(graph: Graph, *place: Any, **options: Any) -> set[Place]:
        followed.append(place)
        return origins(graph, *place, **options)

    monkeypatch.setattr(Graph, "origins", counted)
    found = finds(export, filled)
    by_word = {
        table.keys[0]: len(places) for table, places in zip(filled, found, strict=True) if table.keys is not None
    }
    assert by_word == {str(place).encode(): 1 + (place == 3) for place in range(12)}
    assert len({place for places in found for place in places}) == 13
    assert len(followed) == 13
