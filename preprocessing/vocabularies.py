"""Values of text in vocabularies, which TensorFlow Transform writes one value a line.

It leaves out values with a line feed or a carriage return without a word, so they are written in another way: a
backslash, and a letter that says which. Backslashes are doubled, so that distinct values stay distinct.
"""

import re

import tensorflow as tf

_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
"""What stands in the file for a byte that a line can't have. The backslash comes first: the others bring their own."""
_BYTES = {escape: byte for byte, escape in _ESCAPES.items()}


def as_lines(values: tf.Tensor) -> tf.Tensor:
    """The values as a vocabulary has them: strings of any shape and any bytes, no two of which become one."""
    for byte, escape in _ESCAPES.items():
        # Both are patterns to TensorFlow, in which a backslash is written twice.
        values = tf.strings.regex_replace(values, re.escape(byte), escape.replace(b"\\", b"\\\\"))
    return values


def from_line(line: bytes) -> bytes:
    """The value behind a line of a vocabulary."""
    return re.sub(rb"\\[\\nr]", lambda found: _BYTES[found.group()], line)
