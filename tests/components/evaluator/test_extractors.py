"""The Evaluator on a table with a column that is called like the signatures' input."""

import numpy as np
import tensorflow_model_analysis as tfma

from components.evaluator.extractors import put_aside, put_back


def test_the_column_is_out_of_sight_while_signatures_are_called() -> None:
    column, other, rows = np.array([1, 3]), np.array([0.5, 0.25]), np.array([b"x", b"y"])
    batch = {tfma.INPUT_KEY: rows, tfma.FEATURES_KEY: {"examples": column, "score": other}}
    aside = put_aside(batch)
    assert aside[tfma.FEATURES_KEY].keys() == {"score"}
    assert aside[tfma.INPUT_KEY] is rows
    assert batch[tfma.FEATURES_KEY].keys() == {"examples", "score"}  # Beam forbids to change what it gives
    back = put_back({**aside, tfma.PREDICTIONS_KEY: other})
    assert back[tfma.FEATURES_KEY].keys() == {"examples", "score"}
    assert back[tfma.FEATURES_KEY]["examples"] is column
    assert back.keys() == {tfma.INPUT_KEY, tfma.FEATURES_KEY, tfma.PREDICTIONS_KEY}


def test_other_tables_pass_as_they_are() -> None:
    batch = {tfma.INPUT_KEY: np.array([b"x"]), tfma.FEATURES_KEY: {"score": np.array([0.5])}}
    assert put_aside(batch) is batch
    assert put_back(batch) is batch
