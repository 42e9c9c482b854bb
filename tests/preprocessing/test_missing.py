"""One rule, in three forms that must never disagree: for one text, for Arrow and for TensorFlow."""

import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from preprocessing import raw_columns
from preprocessing.missing import MissingWords, is_missing, missing_cells, without_missing

DEFAULTS = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?")
NASTY = ["NA", " NA", "NA\u00a0", "N.A", "NxA", "nA", ".", "-", "?", "(", "[a]", "\\", "\\z", "a|b", "a", "é", "\u2003"]
BLANKS = [" ", "\t", "\n", "\r", "\x0b", "\x0c", "\xa0"]
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.sampled_from([*BLANKS, "N", "A", "/", "\x00", "\x1c", "\x85", "\u3000", "ß"]), max_size=5),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, min_size=1, max_size=12))
@example(["NA"], ["", " ", "NA ", "\u00a0NA", "NAN", "na", "N A"])
@example([], ["", "\xa0\t", "NA"])
@example(["a\nb", ""], ["a\nb", "\na\nb ", "a"])
def test_arrow_tensorflow_and_python_agree(words: list[str], cells: list[str]) -> None:
    of_column = MissingWords(table=tuple(words)).of("c")
    expected = [is_missing(cell, of_column) for cell in cells]
    assert missing_cells(pa.array(cells, pa.string()), of_column).to_pylist() == expected
    assert raw_columns.is_missing(tf.constant(cells), of_column).numpy().tolist() == expected


@pytest.mark.parametrize("cell", ["", " ", "\t ", "\r\n", "\xa0", "NA", " NA", "None\t", "?", "\xa0nan\xa0"])
def test_missing(cell: str) -> None:
    assert is_missing(cell, MissingWords(table=DEFAULTS).of("c"))


@pytest.mark.parametrize("cell", ["0", "na", "NAN", "N A", "None of them", "??", ".", "-", "\u2003", "\x1c", "\x00"])
def test_a_value(cell: str) -> None:
    assert not is_missing(cell, MissingWords(table=DEFAULTS).of("c"))


def test_words_of_a_column_replace_those_of_the_table_and_the_empty_text_is_always_missing() -> None:
    words = MissingWords(table=("NA",), columns={"country": ("",), "income": (" - ", "-")})
    assert words.of("plan") == ("NA",)
    assert words.of("country") == ()
    assert words.of("income") == ("-",)
    assert is_missing(" ", words.of("country"))
    assert not is_missing("NA", words.of("country"))
    assert words.without_table().of("plan") == ()
    assert words.without_table().of("income") == ("-",)
    assert MissingWords.from_json(words.to_json()) == words


def test_bytes_that_are_not_utf8_are_a_value_to_tensorflow() -> None:
    assert not raw_columns.is_missing(tf.constant([b"\xa0", b"\xff", b"NA\xff"]), ("NA",)).numpy().any()


def test_nothing_is_copied_where_nothing_is_missing() -> None:
    cells = pa.array(["a", None, "b"])
    assert without_missing(cells, ("NA",)) is cells
    assert without_missing(pa.array(["a", None, " NA "]), ("NA",)).to_pylist() == ["a", None, None]


class TestColumns:
    def test_dense(self) -> None:
        raw = tf.constant(["a", "NA", " ", ""])
        assert raw_columns.without_missing(raw, ("NA",)).numpy().tolist() == [b"a", b"", b"", b""]

    def test_of_several_values_the_others_move_up_as_in_the_examples(self) -> None:
        raw = tf.RaggedTensor.from_row_splits([b"NA", b"x", b" ", b"y", b"NA"], [0, 4, 4, 5]).to_sparse()
        found = raw_columns.without_missing(raw, ("NA",))
        assert found.dense_shape.numpy().tolist() == [3, 2]
        assert tf.sparse.to_dense(found).numpy().tolist() == [[b"x", b"y"], [b"", b""], [b"", b""]]

    def test_numbers_stay(self) -> None:
        raw = tf.constant([1.0, float("nan")])
        assert raw_columns.without_missing(raw, ("1",)) is raw
