"""What tf.Transform learns from the training split, worked out by hand on the toy table of conftest.py."""

import pytest

from preprocessing.features import model_inputs

pytestmark = pytest.mark.slow


def test_print(toy):
    for k, v in toy.values.items():
        print(k, v.tolist())
    print(model_inputs(toy.features, toy.output.vocabulary_size_by_name))
