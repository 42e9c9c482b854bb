"""Values as lines of a vocabulary, and back."""

import itertools

import tensorflow as tf

from preprocessing.vocabularies import as_lines, from_line


def test_every_value_is_a_line_of_its_own_and_comes_back() -> None:
    pieces = [b"", b"a", b"\\", b"\n", b"\r", b"n", b"r", b"\xff", b"\0", "é".encode()]
    values = sorted({b"".join(each) for each in itertools.product(pieces, repeat=4)})
    lines = as_lines(tf.constant(values)).numpy().tolist()
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert len(set(lines)) == len(values)
    assert [from_line(line) for line in lines] == values


def test_plain_text_stays_as_it_is() -> None:
    values = [b"", b"New York", b" a\tb ", "Tromsø".encode()]
    assert as_lines(tf.constant(values)).numpy().tolist() == values
