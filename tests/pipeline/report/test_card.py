"""The model card: what was measured, what people state, and what nobody has stated."""

from typing import Any

import lxml.html
from support.report_facts import HOSTILE, facts

from pipeline.config.card import CardConfig
from pipeline.report.card import card_facts, markdown
from pipeline.report.facts import CardFacts
from pipeline.report.page import render


def card(**stated: Any) -> CardFacts:
    run = facts()
    made = card_facts(run.run, {"train": 80}, run.training, run.evaluation, CardConfig(**stated))
    assert made is not None
    return made


def test_what_people_state_stands_beside_what_was_measured() -> None:
    text = markdown(card(owners=("team-birds", "b@example.com"), license="CC0-1.0", limitations="Adults only. " * 40))
    lines = text.splitlines()
    assert lines[0] == "# Model card: penguins"
    assert "- Version: not pushed" in lines
    assert "- Model: mlp, binary, 1,027 parameters" in lines
    assert "- Data: train 80 rows" in lines
    assert lines[lines.index("## Owners") + 2] == "team-birds, b@example.com"
    assert lines[lines.index("## Limitations") + 2] == ("Adults only. " * 40).strip()
    assert "| ❌ auc | 0.6 (0.55 to 0.66) | 0.7 | at least 0.65 |" in lines
    assert "| precision | undefined: no row was predicted positive |  |  |" in lines
    assert any(line.endswith(": 0.6, 4 rows") for line in lines)
    assert "- DataGate: 12 checks passed" in lines


def test_what_nobody_stated_is_named_with_its_field() -> None:
    text = markdown(card(owners=("a",)))
    assert "## Intended use\n\n*not stated: `card.intended_use` in the configuration*" in text
    assert "card.owners" not in text


def test_a_model_that_was_not_evaluated_has_no_card() -> None:
    run = facts()
    assert card_facts(run.run, {}, run.training, None, CardConfig()) is None


def test_the_card_is_a_section_of_the_page_and_stays_text() -> None:
    tree = lxml.html.fromstring(render(facts(card=card(ethics=HOSTILE))))
    shown = " ".join(tree.get_element_by_id("model-card").getparent().text_content().split())
    assert "not stated: card.owners in the configuration" in shown
    assert "alert(1)" in shown
    assert not list(tree.iter("b"))
    assert "#model-card" in [each.get("href") for each in tree.find(".//nav").iter("a")]
