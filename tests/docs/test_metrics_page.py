import pytest

from pipeline.config.metric_reference import PAGE, update


def test_the_tables_of_metrics_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert update(text) == text, "run: python -m pipeline.config.metric_reference"


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"docs/metrics\.md: expected the markers"):
        update("# nothing here")
