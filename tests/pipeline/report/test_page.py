"""The page: complete, well formed, alone, and safe whatever columns and models are called."""

import json
import re
from pathlib import Path
from typing import Any

import altair
import lxml.html
import pytest
from support.report_facts import HOSTILE, facts, too_wide

from pipeline.report import markdown
from pipeline.report import page as page_module
from pipeline.report.facts import Bin, FeatureFact, ReportFacts
from pipeline.report.page import libraries, render
from pipeline.report.quality import ThresholdPoint

VENDOR = Path(page_module.__file__).with_name("vendor")


def words(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


@pytest.fixture(scope="module")
def text(refused: ReportFacts) -> str:
    return render(refused)


@pytest.fixture(scope="module")
def tree(text: str) -> Any:
    return lxml.html.fromstring(text)


def test_the_verdict_comes_first_then_failures_then_sections(tree: Any) -> None:
    assert words(tree.find(".//header")).startswith(
        "penguins run 20261130T003350Z, binary ✗ Refused refused: Evaluator"
    )
    assert "Next: improve the model" in words(tree.find(".//header"))
    assert [words(each) for each in tree.iter("h2")] == [
        *("What failed", "Run", "Data", "Training", "Evaluation", "Smoke test", "Reproduce"),
    ]


def test_every_link_leads_to_a_section(tree: Any) -> None:
    links = [each.get("href") for each in tree.find(".//nav").iter("a")]
    assert links == ["#run", "#data", "#training", "#evaluation", "#smoke-test", "#reproduce"]
    assert all(tree.get_element_by_id(each[1:]) is not None for each in links)


def test_names_from_data_and_models_stay_text(tree: Any) -> None:
    scripts = [each.text or "" for each in tree.iter("script")]
    assert not any("alert(1)" in each for each in scripts if "vega" not in each and not each.startswith("{"))
    assert not list(tree.iter("b"))
    # What a chart calls its axis is data inside a JSON text.
    specs = [json.loads(each) for each in scripts if each.startswith("{")]
    assert any("</script>" in json.dumps(spec) for spec in specs)


def test_a_chart_has_its_numbers_below_it(tree: Any) -> None:
    figures = {words(each.find("figcaption")): each for each in tree.iter("figure")}
    cells = [[cell.text or "" for cell in row.iter("td")] for row in figures["age: distribution"].find(".//tbody")]
    assert cells == [["0.0", "1.0", "0.25", "1.0"], ["1.0", "2.0", "0.75", "0.0"]]
    curve = figures["loss by epoch"]
    assert [[cell.text for cell in row.iter("td")] for row in curve.find(".//tbody")] == [
        ["1", "0.7", "0.6"],
        ["2", "0.5", "0.65"],
    ]
    assert "The weights of epoch 1 were kept." in words(curve)


def test_no_table_makes_a_narrow_page_scroll(tree: Any) -> None:
    assert too_wide(tree) == []
    assert too_wide(lxml.html.fromstring("<div><table><tr><td>a<td>b<td>c<td>d</table></div>")) == ["abcd"]


def test_an_importance_has_its_spread(tree: Any) -> None:
    cells = [words(each) for each in tree.get_element_by_id("data").getparent().iter("td")]
    assert "0.1 ± 0.0196" in cells  # 1.96 standard errors of 0.01


def test_curves_confusion_and_errors_stand_below_their_charts(tree: Any) -> None:
    figures = {words(each.find("figcaption")): each for each in tree.iter("figure")}

    def cells(title: str) -> list[list[str | None]]:
        return [[cell.text for cell in row.iter("td")] for row in figures[title].find(".//tbody")]

    roc = [[row[1], *row[3:]] for row in cells("ROC curve")]
    assert roc[:3] == [["candidate", "1.0", "1.0"], ["candidate", "0.25", "1.0"], ["candidate", "0.0", "0.0"]]
    assert len(roc) == 6
    # Above the highest probability there are no rows, and so no precision.
    assert [row[3:] for row in cells("Precision-recall curve")[:2]] == [["1.0", "0.2"], ["1.0", "0.5"]]
    assert len(cells("Precision-recall curve")) == 4
    assert cells("Calibration")[:2] == [
        [HOSTILE, "candidate", "0.25", "0.0", "6.0"],
        [HOSTILE, "candidate", "0.75", "0.5", "4.0"],
    ]
    [separated] = [title for title in figures if title.startswith("Separation")]
    assert cells(separated) == [["0.0", "0.5", "0.0", "0.75"], ["0.5", "1.0", "1.0", "0.25"]]
    assert ["0.5", "0.4", "0.5", "1.0", "0.6667", "0.25"] in cells("What a threshold gives")
    assert cells("Confusion matrix at 0.5")[1] == ["no", HOSTILE, "2.0", "0.25"]
    assert cells("Quality by class")[0] == [HOSTILE, "2.0", "0.5", "1.0", "0.6667"]
    assert cells("Predicted against actual, candidate")[1] == ["1.0", "10.0", "10.0", "100.0", "0.25"]
    assert cells("Errors, champion") == [["-1.0", "0.0", "0.74"], ["0.0", "1.0", "0.24"]]
    assert cells("Quantiles of the errors, candidate")[1] == ["50 %", "-0.25"]


def test_where_errors_lie_is_drawn_for_columns_that_they_depend_on(tree: Any) -> None:
    figures = {words(each.find("figcaption")): each for each in tree.iter("figure")}
    assert [title for title in figures if title.startswith("Bias by")] == [f"Bias by {HOSTILE}"]
    bias = figures[f"Bias by {HOSTILE}"]
    # 1.96 standard errors to each side; one row has none.
    assert [[cell.text for cell in row.iter("td")] for row in bias.find(".//tbody")] == [
        ["0 to 1", "60", "-0.5", "-0.696", "-0.304"],
        [HOSTILE, "19", "1.5", "1.01", "1.99"],
        ["missing", "1", "3.0", None, None],
    ]
    assert "25 % of the errors' variance" in words(bias)
    tails = figures["What rows with the largest errors have in common"]
    assert [[cell.text for cell in row.iter("td")] for row in tails.find(".//tbody")] == [
        ["age", "median", "20.0", "30.0", "60.0", "1.5"],
        [HOSTILE, f"share of {HOSTILE}", "0.1", "0.2", "0.6", "0.4"],
    ]


def test_the_small_tree_and_the_intervals_are_told(tree: Any, refused: ReportFacts) -> None:
    assert "Warnings, which stop nothing" in words(tree.find(".//section"))
    assert "worse than a small tree: log_loss is 0.52" in words(tree.find(".//section"))
    shown = words(tree.get_element_by_id("evaluation").getparent())
    assert "The model 0.52 A decision tree of depth 5" in shown
    assert "The best answer without features 0.69" in shown
    assert "The model's loss is 4 % larger than the tree's." in shown
    assert "95 % interval" in words(tree.find(".//main"))
    assert "0.55 to 0.66" in words(tree.find(".//main"))
    told = markdown.render(refused)
    assert "| ❌ auc | 0.6 (0.55 to 0.66) | 0.7 | at least 0.65 |" in told
    assert "⚠️ worse than a small tree: log_loss" in told


def test_a_metric_without_a_value_says_why(tree: Any, refused: ReportFacts) -> None:
    [row] = [each for each in tree.iter("tr") if words(each).startswith("precision ")]
    assert words(row) == "precision undefined (no row was predicted positive) -"
    [cell] = [each for each in tree.iter("span") if each.get("title") == "no row was predicted positive"]
    assert words(cell) == "undefined"
    assert "| precision | undefined: no row was predicted positive |  |  |" in markdown.render(refused).splitlines()


def test_a_page_with_every_curve_of_many_classes_stays_small() -> None:
    base = facts().evaluation
    assert base is not None
    points = tuple(ThresholdPoint(threshold=i / 200, tp=i / 3, fp=i / 7, tn=i / 11, fn=i / 13) for i in range(200))
    curves = tuple(
        each.model_copy(update={"of": f"class number {i}", "points": points, "bins": each.bins * 25})
        for each in base.scores
        for i in range(10)
    )
    without, page = (
        len(render(facts(evaluation=base.model_copy(update={"scores": each}))).encode()) for each in ((), curves)
    )
    assert page - without < 400_000


def test_what_did_not_hold_what_warns_and_what_was_not_checked(tree: Any) -> None:
    shown = words(tree.find(".//section"))
    assert "is 0.6, expected at least 0.65" in shown
    assert "Warnings, which stop nothing drift" in shown
    assert "DataGate : 12 checks passed" in shown
    assert "data: serving_skew: no sample" in shown


def test_a_section_without_its_component_says_why() -> None:
    run = facts(evaluation=None, smoke_test=None, absent={"evaluation": "Evaluator did not run", "smoke_test": "x"})
    shown = words(lxml.html.fromstring(render(run)))
    assert "evaluation: Evaluator did not run" in shown
    assert "Not there: Evaluator did not run." in shown


def test_nothing_comes_from_elsewhere(text: str, tree: Any) -> None:
    assert not [each for each in tree.iter("script", "link", "img", "iframe") if each.get("src") or each.get("href")]
    assert "default-src 'none'" in text
    assert "connect-src" not in text


def test_the_libraries_hold_no_end_of_a_script() -> None:
    assert "</script" not in libraries().lower()


def test_the_library_is_the_one_that_the_charts_are_written_for() -> None:
    minor = altair.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    told = (VENDOR / "README.md").read_text(encoding="utf-8")
    assert f"Vega-Lite {minor}." in told
    assert re.search(rf'"{re.escape(minor)}\.\d+"', (VENDOR / "vega-lite.min.js").read_text(encoding="utf-8"))


def test_a_thousand_columns_fit_three_megabytes() -> None:
    """Every column drawn has the most bins that there can be."""
    base = facts()
    assert base.data is not None
    number = base.data.features[1]
    sets = ("train", "eval", "test", "last push")
    bins = tuple(
        number.bins[0].model_copy(
            update={
                "label": f"{i}",
                "low": i / 7,
                "high": (i + 1) / 7,
                "shares": {name: (i + j) / 1e4 / 7 for j, name in enumerate(sets)},
            }
        )
        for i in range(50)
    )
    columns = tuple(
        FeatureFact(
            name=f"column number {i}",
            kind="number",
            use="number",
            bins=bins,
            missing=dict.fromkeys(sets, 0.1),
            distance=0.1,
            importance=0.1,
        )
        for i in range(1000)
    )
    page = render(facts(data=base.data.model_copy(update={"features": columns})))
    assert len(page.encode()) < 3e6
    assert page.count("<figure") < 120


def test_a_column_of_almost_all_different_values_is_named_and_not_drawn(refused: ReportFacts) -> None:
    assert refused.data is not None
    bins = [Bin(label=f"t{i}", shares={"train": 0.001}) for i in range(9)]
    rare = FeatureFact(
        name="moment",
        kind="category",
        use="date",
        missing={"train": 0.0},
        bins=(*bins, Bin(label="all 991 others", shares={"train": 0.991})),
    )
    usual = rare.model_copy(
        update={"name": "place", "bins": (*bins, Bin(label="t9", shares={"train": 0.5}), rare.bins[-1])}
    )
    data = refused.data.model_copy(update={"features": (rare, usual)})
    tree = lxml.html.fromstring(render(refused.model_copy(update={"data": data})))
    titles = [each.text for each in tree.iter("figcaption")]
    assert "place: distribution" in titles
    assert "moment: distribution" not in titles
    assert "Not drawn, as almost every row has another value: moment." in tree.text_content()
