"""What differs between the parameters of two executions, in fields that a person knows."""

import json

from pipeline.results.changes import Change, changes, differing, leaves


def test_json_in_strings_of_json_is_taken_apart_down_to_its_fields():
    features = {"numeric": [{"columns": ["a", "b"], "scale": "z_score"}], "weight": None}
    parameter = {"custom_config": json.dumps({"features": json.dumps(features), "code_fingerprint": "1a"})}
    assert leaves(parameter) == {
        "custom_config.features.numeric.0.columns": ["a", "b"],
        "custom_config.features.numeric.0.scale": "z_score",
        "custom_config.features.weight": None,
        "custom_config.code_fingerprint": "1a",
    }
    assert leaves({"a": "{not json", "b": "[1]"}) == {"a": "{not json", "b": [1]}


def test_a_change_names_the_setting_that_made_it():
    old = {"eval_config": '{"metrics": [{"lower_bound": 0.9}, {"lower_bound": 0.8}]}', "rows": 3}
    new = {"eval_config": '{"metrics": [{"lower_bound": 0.95}, {"lower_bound": 0.8}]}', "rows": 4}
    settings = differing({"evaluate": {"min": 0.9}, "seed": 3}, {"evaluate": {"min": 0.95}, "seed": 4})
    assert settings == {"evaluate.min": (0.9, 0.95), "seed": (3, 4)}
    assert changes(old, new, settings) == [
        Change("parameter", "eval_config.metrics.0.lower_bound", "0.9", "0.95", setting="evaluate.min"),
        Change("parameter", "rows", "3", "4", setting="seed"),
    ]


def test_of_several_settings_that_changed_alike_the_one_of_the_same_path_is_named():
    settings = {"train.epochs": (3, 4), "tune.trials": (3, 4)}
    [change] = changes({"job": '{"train": {"epochs": 3}}'}, {"job": '{"train": {"epochs": 4}}'}, settings)
    assert change.text() == "train.epochs: 3 -> 4"
    [change] = changes({"other": 3}, {"other": 4}, settings)
    assert change.text() == "other: 3 -> 4"


def test_code_data_lists_and_texts_of_many_lines_are_told_in_short():
    [code] = changes({"code_fingerprint": "1a"}, {"code_fingerprint": "2b"}, {})
    assert code.text() == "code: 1a -> 2b"
    [columns] = changes({"c": '["a", "b", "c"]'}, {"c": '["a", "d", "c"]'}, {})
    assert columns.text() == 'c: "b" -> "d"'
    [schema] = changes({"schema_text": "one\ntwo\nthree"}, {"schema_text": "one\n2\nthree\nfour"}, {})
    assert schema.text() == 'schema_text: "two" -> "2" and 1 more'
    [gone] = changes({"a": 1}, {}, {})
    assert (gone.old, gone.new) == ("1", "nothing")


def test_files_are_told_by_their_number_and_size():
    line = "split:{},num_files:{},total_bytes:{},xor_checksum:{},sum_checksum:9"
    old = "\n".join([line.format("train", 2, 1500, 7), line.format("test", 1, 10, 7)])
    longer = "\n".join([line.format("train", 2, 1500, 7), line.format("test", 1, 11, 8)])
    [change] = changes({"input_fingerprint": old}, {"input_fingerprint": longer}, {})
    assert change == Change("data", "input_fingerprint.test", "1 file, 10 bytes", "1 file, 11 bytes")
    touched = old.replace("xor_checksum:7", "xor_checksum:6", 1)
    [change] = changes({"input_fingerprint": old}, {"input_fingerprint": touched}, {})
    assert change.new == "2 files, 1,500 bytes, written at another time"
    [change] = changes({"input_fingerprint": "split:sql,query:a"}, {"input_fingerprint": "split:sql,query:b"}, {})
    assert change.kind == "data"


def test_no_password_is_shown():
    [change] = changes({"url": "postgresql://me:secret@a/db"}, {"url": "postgresql://me:hidden@b/db"}, {})
    assert "secret" not in change.text()
    assert "hidden" not in change.text()
