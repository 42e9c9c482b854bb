import pytest
from support.report_facts import facts

from pipeline.report.facts import ReportFacts


@pytest.fixture(scope="session")
def refused() -> ReportFacts:
    """A run that the Evaluator refused, with a champion."""
    return facts()
