"""What a time budget cost, in the report."""

import lxml.html
from support.report_facts import facts

from components.artifacts.budget import BudgetReport
from pipeline.report.facts import ReportFacts
from pipeline.report.markdown import render as as_markdown
from pipeline.report.page import render

CUT = BudgetReport(
    minutes=2, seconds=118.4, out_of_time=True, epochs=7, most_epochs=20, trees=210, monitor="val_loss", value=0.25,
    best=0.24, best_epoch=6,
)  # fmt: skip


def with_budget() -> ReportFacts:
    made = facts()
    assert made.training is not None
    return made.model_copy(update={"training": made.training.model_copy(update={"budget": CUT.in_words()})})


def test_the_page_and_the_summary_say_what_it_cost() -> None:
    line = (
        "train.budget_minutes: 2 min ended the training in epoch 7 of 20 (210 trees) after 118 s: val_loss 0.25, the "
        "best 0.24 in epoch 6. More time may give a better model"
    )
    assert CUT.in_words() == line
    assert line in lxml.html.fromstring(render(with_budget())).text_content()
    assert "budget" not in lxml.html.fromstring(render(facts())).text_content()
    assert "min ended the training in epoch 7 of 20" in as_markdown(with_budget())
