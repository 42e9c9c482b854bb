"""The spread over folds, on the page and beside another run's."""

import lxml.html
from support.report_facts import facts, too_wide

from pipeline.report.comparison import compare
from pipeline.report.facts import ReportFacts
from pipeline.report.page import render
from pipeline.report.trained import FoldFact, FoldsFacts


def with_folds() -> ReportFacts:
    made = facts()
    folds = FoldsFacts(
        folds=(
            FoldFact(number=1, train_rows=1090, held_out_rows=10, epochs=9, best_epoch=4, metrics={"auc": 0.5}),
            FoldFact(number=2, train_rows=1091, held_out_rows=9, epochs=7, best_epoch=2, metrics={"auc": None}),
        ),
        mean={"auc": 0.625},
        deviation={"auc": None},
        line="2 folds: auc 0.625",
        failures=("auc is 0.5 over 2 folds",),
    )
    assert made.training is not None
    return made.model_copy(update={"training": made.training.model_copy(update={"folds": folds})})


def test_each_fold_has_a_column_and_mean_and_deviation_stand_beside_them() -> None:
    tree = lxml.html.fromstring(render(with_folds()))
    [table] = tree.xpath("//table[@class='folds']")
    rows = [[cell.text_content() for cell in row] for row in table.iter("tr")]
    assert rows == [
        ["", "Fold 1", "Fold 2", "Mean", "± deviation"],
        ["rows trained on", "1,090", "1,091", "", ""],
        ["rows held out", "10", "9", "", ""],
        ["epochs", "9", "7", "", ""],
        ["best epoch", "4", "2", "", ""],
        ["auc", "0.5", "-", "0.625", "-"],
    ]
    assert too_wide(tree) == []
    assert "auc is 0.5 over 2 folds" in tree.text_content()
    assert not lxml.html.fromstring(render(facts())).xpath("//table[@class='folds']")


def test_a_comparison_has_the_means() -> None:
    pairs = {each.name: (each.now, each.other) for each in compare(with_folds(), facts()).metrics}
    assert pairs["auc over 2 folds"] == (0.625, None)
