"""The report's files in a run's folder: written once, and read again by the commands."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from components.artifacts.reports import PAGE_FILE, REPORT_FILE
from pipeline.files.whole_file import write_whole
from pipeline.report.comparison import compare
from pipeline.report.facts import ReportFacts
from pipeline.results.listing import CLEANED_FILE, read_json

MARKDOWN_FILE = "report.md"
CARD_FILE, CARD_MARKDOWN_FILE = "model_card.json", "model_card.md"


def write_report(folder: Path) -> Path:
    """Collects the facts of a run and writes `report.html`, `report.json`, `report.md` and the model card into its
    folder. Where a clean-up has removed artifacts, what was written before is all that there is.

    Args:
      folder: of the run, `<root>/runs/<id>`.

    Returns:
      The page.

    Raises:
      UserError: it is not the folder of a run, or a file of it is damaged.
      OSError: the folder can't be written.
    """
    from pipeline.report import card, markdown, page

    facts = facts_of(folder) if cleaned(folder) else _collected(folder)
    write_whole(folder / REPORT_FILE, facts.to_json())
    write_whole(folder / MARKDOWN_FILE, markdown.render(facts))
    if facts.card is not None:
        write_whole(folder / CARD_FILE, facts.card.model_dump_json(indent=1))
        write_whole(folder / CARD_MARKDOWN_FILE, card.markdown(facts.card))
    write_whole(folder / PAGE_FILE, page.render(facts))
    return folder / PAGE_FILE


def facts_of(folder: Path) -> ReportFacts:
    """The facts of a run as they were written at its end, or else collected now: after a kill, or of another version.

    Of a run that a clean-up has taken artifacts from they say so.

    Raises:
      UserError: it is not the folder of a run, or a file of it is damaged.
    """
    lost = cleaned(folder)
    try:
        facts = ReportFacts.model_validate_json((folder / REPORT_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        facts = _collected(folder)
        if lost:
            facts = facts.model_copy(update={"absent": dict.fromkeys(facts.absent, lost)})
    return facts.model_copy(update={"run": facts.run.model_copy(update={"cleaned": lost})}) if lost else facts


def cleaned(folder: Path) -> str:
    """What `lockgate gc` has removed of a run's artifacts, in words; "" for a run that still has all of them."""
    lost = read_json(folder / CLEANED_FILE)
    if not lost:
        return ""
    removed, whole = (lost.get(name) for name in ("removed", "of"))
    parts = ", ".join(lost.get("components", ()))
    return f"{removed} of the run's {whole} artifacts were removed by lockgate gc by {lost.get('at')} ({parts})"


def _collected(folder: Path) -> ReportFacts:
    from pipeline.report.collect import collect_facts

    return collect_facts(folder)


def write_comparison(folder: Path, other: Path) -> Path:
    """Writes the page of a run with another one beside it, `report-against-<id>.html`, into its folder.

    Raises:
      UserError: one of the two is not the folder of a run, or a file of it is damaged.
      OSError: the folder can't be written.
    """
    from pipeline.report import page

    facts, theirs = facts_of(folder), facts_of(other)
    beside = facts.model_copy(update={"against": compare(facts, theirs)})
    file = folder / f"report-against-{other.name}.html"
    write_whole(file, page.render(beside))
    return file
