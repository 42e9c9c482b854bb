"""JSON to arrays and back, as TensorFlow Serving's json_tensor.cc has it."""

import json

import numpy as np
import pytest

from pipeline.operate.serve import answers, rest
from pipeline.operate.serve.errors import RefusalError

FLOAT, INT32, STRING, INT64, BOOL = 1, 3, 7, 9, 10
TYPES = {"city": STRING, "count": INT64, "x": FLOAT}


def tensors(text: str, types: dict[str, int] = TYPES):
    return rest.tensors(rest.parsed(text.encode("utf-8", "surrogateescape")), types)


def refused(text: str, types: dict[str, int] = TYPES) -> str:
    with pytest.raises(RefusalError) as caught:
        tensors(text, types)
    assert caught.value.code == "InvalidArgument"
    assert caught.value.status == 400
    return str(caught.value)


def test_rows_become_columns_of_the_types_of_the_signature():
    found, by_row = tensors(
        '{"instances": [{"x": 1, "count": 2, "city": "Rome"}, {"x": NaN, "count": -3, "city": {"b64": "/w=="}}]}'
    )
    assert by_row
    assert {name: array.dtype for name, array in found.items()} == {"city": object, "count": np.int64, "x": np.float32}
    np.testing.assert_array_equal(found["x"], [1.0, np.nan])
    assert found["count"].tolist() == [2, -3]
    assert found["city"].tolist() == [b"Rome", b"\xff"]


def test_columns_come_as_they_are_and_unknown_ones_are_not_looked_at():
    found, by_row = tensors('{"inputs": {"x": [[1, -Infinity]], "count": [7], "city": ["a"], "nobody": "knows"}}')
    assert not by_row
    np.testing.assert_array_equal(found["x"], [[1.0, -np.inf]])
    assert found.keys() == set(TYPES)


def test_a_signature_with_one_input_needs_no_name():
    for text in ('{"instances": ["a", {"b64": "AA=="}]}', '{"inputs": ["a", {"b64": "AA=="}]}'):
        assert tensors(text, {"examples": STRING})[0]["examples"].tolist() == [b"a", b"\x00"]


def test_bytes_that_are_no_utf_8_survive():
    assert tensors('{"inputs": "\udcff\udcfe"}', {"s": STRING})[0]["s"].tolist() == b"\xff\xfe"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON Parse error: The document is empty"),
        ("{", "JSON Parse error"),
        ("[" * 200_000, "JSON Parse error"),
        ("[1]", "JSON Value: [1] Is not object"),
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"inputs": {}, "instances": []}', "expecting only one of 'inputs' or 'instances'"),
        ('{"instances": {}}', "Excepting 'instances' to be an list/array"),
        ('{"instances": []}', "No values in 'instances' array"),
        ('{"instances": [1]}', "instances is a plain list, but expecting list of objects"),
        ('{"inputs": [1]}', "inputs is a plain value/list, but expecting an object"),
        ('{"inputs": {"x": [1], "count": [1]}}', "Missing named input: city in 'inputs' object."),
        ('{"instances": [{"x": 1, "count": 1, "city": ""}, 3]}', "Expecting object but got list at item 1 of input"),
        (
            '{"instances": [{"x": 1, "count": 1}]}',
            'Failed to process element: 0 of \'instances\' list. JSON object: {"x": 1, "count": 1} keys must be equal '
            "to: city,count,x",
        ),
        (
            '{"instances": [{"y": 1}]}',
            "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not "
            "have named input: y",
        ),
        (
            '{"instances": [{"x": "1", "count": 1, "city": ""}]}',
            'JSON Value: "1" Type: String is not of expected type: float',
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_request_is_said_as_tensorflow_serving_says_it(text: str, message: str):
    assert message in refused(text)


@pytest.mark.parametrize(
    ("value", "number", "message"),
    [
        ("1.0", INT64, "Type: Number is not of expected type: int64"),
        ("true", INT64, "Type: True is not of expected type: int64"),
        ("null", FLOAT, "Type: Null is not of expected type: float"),
        ("2147483648", INT32, "is not of expected type: int32"),
        ("1", BOOL, "is not of expected type: bool"),
        ("1", STRING, "is not of expected type: string"),
        ("16777216", FLOAT, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ("1e39", FLOAT, "without loss of precision"),
        ("1" + "0" * 400, FLOAT, "without loss of precision"),
        ('{"b64": "%"}', STRING, "Unable to base64 decode"),
        ('{"b65": ""}', STRING, "not formatted correctly for base64 data"),
        (r'"\ud800"', STRING, "The surrogate pair in string is invalid"),
        ("[1, [2]]", FLOAT, "Encountered list at unexpected level: 1 expected < 1"),
        ("[[1, 2], [3]]", FLOAT, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[1], 2]", FLOAT, "found at incorrect level: 2"),
    ],
)
def test_values_that_a_type_does_not_take(value: str, number: int, message: str):
    assert message in refused(f'{{"inputs": {{"value": {value}}}}}', {"value": number})


def test_whole_numbers_are_floats_up_to_the_last_exact_one():
    assert tensors('{"inputs": [16777215]}', {"x": FLOAT})[0]["x"].tolist() == [16777215.0]


def test_rows_of_different_shapes_are_refused():
    assert "Expecting shape [2] but got: [1]" in refused('{"instances": [[1, 2], [3]]}', {"x": FLOAT})


def test_a_type_that_rest_does_not_carry_is_not_implemented():
    with pytest.raises(RefusalError) as caught:
        tensors('{"inputs": [1]}', {"x": 8})  # complex64
    assert (caught.value.code, caught.value.status) == ("Unimplemented", 501)


def test_answers_by_column_keep_types_apart():
    outputs = {
        "p": np.array([[0.1, 1.0], [1e20, np.nan]], np.float32),
        "d": np.array([0.1, -np.inf]),
        "n": np.array([2**60, -1]),
        "b": np.array([True, False]),
        "s": np.array(["é".encode(), b'a"\x00'], object),
        "raw_bytes": np.array([b"\xfe", b""], object),
    }
    text = answers.by_column(outputs).decode()
    assert '"p": [[0.1, 1.0], [1e+20, NaN]]' in text
    read = json.loads(text)["outputs"]
    assert read["d"] == [0.1, -np.inf]
    assert read["n"] == [2**60, -1]
    assert read["b"] == [True, False]
    assert read["s"] == ["é", 'a"\x00']
    assert read["raw_bytes"] == [{"b64": "/g=="}, {"b64": ""}]


def test_a_string_is_written_as_its_bytes_are():
    assert answers.by_column({"s": np.array([b"\xff"], object)}) == b'{"outputs": ["\xff"]}'


def test_answers_by_row_hold_each_output_of_the_row():
    outputs = {"p": np.array([[0.5, 0.5], [1.0, 0.0]], np.float32), "label": np.array([b"a", b"b"], object)}
    assert json.loads(answers.by_row(outputs)) == {
        "predictions": [{"p": [0.5, 0.5], "label": "a"}, {"p": [1.0, 0.0], "label": "b"}]
    }
    assert json.loads(answers.by_row({"p": outputs["p"]})) == {"predictions": [[0.5, 0.5], [1.0, 0.0]]}


def test_outputs_without_common_rows_have_no_row_form():
    with pytest.raises(RefusalError, match="inconsistent batch size: 1 expecting: 2"):
        answers.by_row({"a": np.zeros(2), "b": np.zeros(1)})
    with pytest.raises(RefusalError, match="has no shape information"):
        answers.by_row({"a": np.array(1.0)})
    with pytest.raises(RefusalError, match="empty tensor map"):
        answers.by_column({})


def test_classes_and_numbers_as_classify_and_regress_give_them():
    labels = np.array([[b"no", b"yes"]], object)
    found = answers.classifications(labels, np.array([[0.25, 0.75]], np.float32), 1)
    assert json.loads(found) == {"results": [[["no", 0.25], ["yes", 0.75]]]}
    assert json.loads(answers.classifications(None, np.array([[0.5]]), 1)) == {"results": [[["", 0.5]]]}
    assert json.loads(answers.regressions(np.array([1.5, 2.0], np.float32))) == {"results": [1.5, 2.0]}
