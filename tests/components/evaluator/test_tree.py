"""The small tree: what it makes of columns, beside scikit-learn's own, and what it answers."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from components.artifacts.golden import TrivialAnswer
from components.evaluator.config import TreeConfig
from components.evaluator.slices import Values
from components.evaluator.tree import LearningRows, NothingToLearnError, Tree

SETTINGS = TreeConfig(depth=3, leaf=5)
HALVES = TrivialAnswer(answer=(0.5, 0.5), error="log_loss")


def column(cells: list[object]) -> Values:
    """A column; None is a cell that is empty."""
    present = [cell for cell in cells if cell is not None]
    kind = object if isinstance(present[0], bytes) else np.float32 if isinstance(present[0], float) else np.int64
    splits = np.concatenate([[0], np.cumsum([cell is not None for cell in cells])]).astype(np.int64)
    return Values(np.array(present, kind), splits)


def test_numbers_go_as_they_are_with_missing_ones_and_weights() -> None:
    random = np.random.default_rng(1)
    x, z = random.normal(size=400), random.integers(5, size=400)
    gone = random.random(400) < 0.2
    label = ((x + z / 4 > 0.5) ^ (random.random(400) < 0.1)).astype(float)
    weight = random.choice([0.0, 1.0, 4.0], 400)
    raw = {"x": column([None if g else float(v) for v, g in zip(x, gone, strict=True)]), "z": column(list(map(int, z)))}
    tree = Tree(LearningRows(raw, label, weight), SETTINGS, "binary", HALVES)
    matrix = np.stack([np.where(gone, np.nan, x), z], axis=1).astype(np.float32)
    peer = DecisionTreeClassifier(max_depth=3, min_samples_leaf=5, random_state=0)
    kept = weight > 0
    peer.fit(matrix[kept], label[kept], sample_weight=weight[kept])
    answers = tree.answers(raw)
    assert tree.rows == kept.sum()
    assert (tree.depth, tree.leaves) == (peer.get_depth(), peer.get_n_leaves())
    assert answers.sum(axis=1) == pytest.approx(1)
    # With the weight of one row of the shares of all rows in each leaf.
    total = np.average(label[kept], weights=weight[kept])
    for leaf in set(peer.apply(matrix)):
        inside = (peer.apply(matrix) == leaf) & kept
        one = weight[kept].mean()
        share = ((weight * label)[inside].sum() + one * total) / (weight[inside].sum() + one)
        assert answers[peer.apply(matrix) == leaf, 1] == pytest.approx(share)
    assert list(tree.columns) == ["x", "z"] if peer.feature_importances_[0] > 0.5 else ["z", "x"]
    assert sum(tree.columns.values()) == pytest.approx(1)


def test_categories_are_split_by_what_their_rows_are_like() -> None:
    """One split tells the two kinds apart, in whatever order the texts come."""
    words = [b"d", b"a", b"c", b"b"] * 30
    label = np.array([float(word in (b"d", b"c")) for word in words])
    raw = {"word": column(list(words))}
    tree = Tree(LearningRows(raw, label, np.ones(120)), TreeConfig(depth=1, leaf=5), "binary", HALVES)
    assert tree.leaves == 2
    answers = tree.answers({"word": column([b"a", b"b", b"c", b"d"])})[:, 1]
    assert (answers > 0.5).tolist() == [False, False, True, True]


def test_of_several_classes_categories_that_are_alike_lie_together() -> None:
    words = [b"p", b"q", b"r", b"s", b"t", b"u"] * 20
    of_word = {b"p": 2.0, b"s": 2.0, b"q": 0.0, b"t": 0.0, b"r": 1.0, b"u": 1.0}
    label = np.array([of_word[word] for word in words])
    trivial = TrivialAnswer(answer=(1 / 3, 1 / 3, 1 / 3), error="log_loss")
    tree = Tree(
        LearningRows({"w": column(list(words))}, label, np.ones(120)), TreeConfig(depth=2), "multiclass", trivial
    )
    assert tree.leaves == 3
    assert tree.answers({"w": column(list(of_word))}).argmax(axis=1).tolist() == list(of_word.values())


def test_rare_and_unknown_texts_are_as_good_as_missing() -> None:
    words: list[object] = [b"yes", b"no"] * 40 + [b"rare%d" % i for i in range(10)]
    label = np.array([1.0, 0.0] * 40 + [1.0] * 10)
    tree = Tree(LearningRows({"w": column(words)}, label, np.ones(90)), SETTINGS, "binary", HALVES)
    rare, unknown, missing = tree.answers({"w": column([b"rare3", b"never seen", None])})[:, 1]
    assert rare == unknown == missing > 0.5


def test_a_regression_learns_on_the_scale_of_its_errors() -> None:
    random = np.random.default_rng(2)
    x = random.integers(4, size=300)
    label = np.exp(x + random.normal(0, 0.5, 300))
    label[:3] = [0.0, -1.0, np.nan]  # they have no logarithm
    trivial = TrivialAnswer(answer=(3.0,), transform="log", error="squared")
    raw = {"x": column(list(map(int, x)))}
    tree = Tree(LearningRows(raw, label, np.ones(300)), SETTINGS, "regression", trivial)
    peer = DecisionTreeRegressor(max_depth=3, min_samples_leaf=5, random_state=0)
    peer.fit(x[3:, np.newaxis], np.log(label[3:]))
    assert tree.answers(raw) == pytest.approx(np.exp(peer.predict(x[:, np.newaxis])), rel=1e-6)


def test_an_absolute_loss_is_answered_with_medians() -> None:
    label = np.array([1.0, 2.0, 50.0] * 10 + [100.0, 300.0, 310.0] * 10)
    raw = {"x": column([0] * 30 + [1] * 30)}
    trivial = TrivialAnswer(answer=(50.0,), error="absolute")
    tree = Tree(LearningRows(raw, label, np.ones(60)), TreeConfig(depth=1), "regression", trivial)
    assert tree.answers({"x": column([0, 1])}).tolist() == [2.0, 300.0]


def test_class_weights_are_those_of_the_training() -> None:
    label = np.array([0.0] * 30 + [1.0] * 10)
    raw = {"x": column([0, 1] * 20)}
    trivial = TrivialAnswer(answer=(0.5, 0.5), class_weights=(1.0, 3.0), error="log_loss")
    tree = Tree(LearningRows(raw, label, np.ones(40)), SETTINGS, "binary", trivial)
    assert tree.answers({"x": column([0])})[0] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("raw", "label", "weight"),
    [
        ({"x": column([1, 2])}, [-1.0, 1.0], [1.0, 0.0]),
        ({"x": column([1, 1])}, [0.0, 1.0], [1.0, 1.0]),
        ({"w": column([b"a", b"b"])}, [0.0, 1.0], [1.0, 1.0]),
        ({}, [0.0, 1.0], [1.0, 1.0]),
    ],
)
def test_where_there_is_nothing_to_learn_it_says_so(
    raw: dict[str, Values], label: list[float], weight: list[float]
) -> None:
    with pytest.raises(NothingToLearnError, match=r"label and a weight|no column"):
        Tree(LearningRows(raw, np.array(label), np.array(weight)), SETTINGS, "binary", HALVES)
