"""One smoke test from end to end: files, process, real rows, harm, budgets, report."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from components import alongside
from components.smoke_test.bench.bench import Bench, Champion, Rows
from components.smoke_test.bench.fitting import fitted
from components.smoke_test.bench.rows import NoRowsError, choose_rows
from components.smoke_test.bench.search_time import WEIGHTS, SearchTime
from components.smoke_test.bench.second_opinion import SecondOpinion
from components.smoke_test.checks.answers import check_answers
from components.smoke_test.checks.batches import check_batches
from components.smoke_test.checks.budgets import NOT_MEASURED, check_budgets
from components.smoke_test.checks.contract import (
    check_champion_contract,
    check_schema,
    check_signatures,
    unheard_of,
)
from components.smoke_test.checks.defaults import check_defaults
from components.smoke_test.checks.effects import check_effects
from components.smoke_test.checks.endurance import check_endurance
from components.smoke_test.checks.every_row import check_every_row
from components.smoke_test.checks.harm import check_harm
from components.smoke_test.checks.integers import check_integers
from components.smoke_test.checks.lengths import check_lengths
from components.smoke_test.checks.missing import check_missing_words
from components.smoke_test.checks.parity import check_parity
from components.smoke_test.checks.process import check_process, ended, load_failed, loaded
from components.smoke_test.checks.rest import check_rest
from components.smoke_test.checks.safety import check_folder, check_safety
from components.smoke_test.checks.server import check_infra_validator, check_server
from components.smoke_test.checks.values import check_values
from components.smoke_test.checks.warmup import check_warmup
from components.smoke_test.checks.words import check_words
from components.smoke_test.config import Expect, SmokeTestConfig
from components.smoke_test.export import golden as golden_files
from components.smoke_test.export.constants import read_constants
from components.smoke_test.export.contract import Contract
from components.smoke_test.export.derive import derive_contract
from components.smoke_test.export.golden import Golden, GoldenError
from components.smoke_test.export.saved_model import Export, ExportError, read_export
from components.smoke_test.names import CheckName
from components.smoke_test.recorder import Recorder
from components.smoke_test.report import CheckResult, Report
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Answer, LoadError, Session

Family = Callable[[Bench], Iterator[CheckResult]]

FAMILIES: tuple[tuple[Family, tuple[CheckName, ...]], ...] = (
    (check_answers, ("answers", "outputs", "finite", "probabilities", "classes", "label", "range")),
    (check_warmup, ("loads",)),
    (check_rest, ("rest",)),
    # Early, so that a model that is much too slow is called that, and not stopped in the middle of another check.
    (check_budgets, ("load_time", "memory", "latency", "throughput", "champion_budget")),
    (check_parity, ("golden", "parity", "transform_parity", "signatures_agree")),
    (check_every_row, ("finite", "parity")),
    (check_missing_words, ("missing_words",)),
    (check_batches, ("batch_sizes", "row_order", "repeatable", "threads")),
    (check_effects, ("constant", "feature_effect", "ignored_features", "label_required", "label_ignored")),
    (check_values, ("values",)),
    (check_integers, ("integers",)),
    (check_words, ("words",)),
    (check_defaults, ("defaults",)),
    (check_lengths, ("lengths",)),
    (check_harm, ("harm", "recovery")),
    # Late: it takes what the other searches have left of their time.
    (check_endurance, ("endurance",)),
    (check_server, ("server_rest", "server_grpc")),
    (check_infra_validator, ("infra_validator",)),
)
"""What is done with the loaded model, in this order."""

_TIMED = frozenset({"latency", "endurance"})
"""The families with one of these measure time: nothing else may work meanwhile."""

_UNSAFE: tuple[CheckName, ...] = ("ops", "paths")
"""A model that fails one of these is not executed, not even in the sandbox."""


@dataclass(frozen=True)
class Subject:
    """What the gate tests.

    Attributes:
      saved_model: the export, a local folder.
      example_files: the split's raw examples; None when there are no examples to go by.
      schema: a schema_pb2.Schema of the raw examples, or None.
      model_uri: the Model artifact, which may hold golden files, local or remote; None for a bare SavedModel.
      transform_graph: the SavedModel of the transform graph, a local folder, or None.
      champion: the export that serves now, a local folder, or None.
      champion_uri: its Model artifact.
      infra_blessing: the verdict of TFX's InfraValidator, or None.
    """

    saved_model: Path
    example_files: Sequence[str] | None = None
    schema: Any | None = None
    model_uri: str | None = None
    transform_graph: Path | None = None
    champion: Path | None = None
    champion_uri: str | None = None
    infra_blessing: bool | None = None


def smoke_test(
    subject: Subject, config: SmokeTestConfig, *, cut_short: Callable[[Report], None] = lambda _: None
) -> Report:
    """Tests one export. Whatever is wrong with it is in the report.

    Args:
      subject: what is tested.
      config: the `smoke_test:` section.
      cut_short: gets what was found so far, never blessed, where an error or Ctrl-C ends the test itself.

    Raises:
      OSError: the examples or the temporary folder can't be used.
      UserError: TensorFlow is installed in a way that the model's process can't use.
    """
    started = time.perf_counter()
    recorder = Recorder(config)
    with ExitStack() as stack:
        # It imports TensorFlow while the files are looked at.
        session = stack.enter_context(Session(config.process))
        with _told_when_cut_short(recorder, cut_short):
            reason = _examine(subject, config, recorder, session, stack)
        checks = recorder.finish(reason)
        seconds = {"total": round(time.perf_counter() - started, 3), **session.seconds}
        return Report.of(checks, seconds=seconds, log_tail=session.log_tail())


@contextmanager
def _told_when_cut_short(recorder: Recorder, tell: Callable[[Report], None]) -> Iterator[None]:
    ended = False
    try:
        yield
        ended = True
    finally:
        if not ended:
            hint = "see the run's log for its error: it says nothing about the model"
            recorder.decide(CheckResult.fails("process", "a smoke test that ends", "it was cut short", hint=hint))
            tell(Report.of(recorder.finish("the smoke test was cut short"), seconds={}))


def _examine(subject: Subject, config: SmokeTestConfig, recorder: Recorder, session: Session, stack: ExitStack) -> str:
    """Records everything that can be found; gives the reason why checks without a result have none."""
    try:
        export = read_export(subject.saved_model)
    except ExportError as error:
        hint = "look at the step that exports the model: a server could not load this"
        recorder.decide(CheckResult.fails("loads", "a SavedModel", str(error), hint=hint))
        recorder.record(check_folder(subject.saved_model, config))
        return "the model can't be loaded"
    recorder.record(check_safety(export, config))
    if unsafe := recorder.blocking(_UNSAFE):
        return f"the model was not executed, because of {unsafe[0].check}"
    try:
        golden = _golden(subject, config)
    except GoldenError as error:
        recorder.decide(_golden_failed(error))
        return "the model was not executed, because of golden"
    contract = derive_contract(export, golden.contract if golden else None, subject.schema, config.expect)
    recorder.record(check_schema(contract, subject.schema))
    recorder.record(check_signatures(contract))
    if (unheard := unheard_of(contract)) is not None:
        recorder.decide(unheard)
        return "the model was not executed, because of signatures"
    champion = _start_champion(subject, config, stack)
    known = champion if isinstance(champion, str) else champion[1]
    recorder.record(check_champion_contract(contract, known, config))
    second = stack.enter_context(SecondOpinion(export.folder, config.process))
    try:
        return _run(subject, config, recorder, session, (export, contract, golden), champion, second)
    except ProcessEnded as error:
        recorder.decide(ended(error, session, config.process))
        return f"the model's process ended in phase {session.phase!r}"


def _run(
    subject: Subject,
    config: SmokeTestConfig,
    recorder: Recorder,
    session: Session,
    candidate: tuple[Export, Contract, Golden | None],
    champion: tuple[Export, Contract, Session] | str,
    second: SecondOpinion,
) -> str:
    """Loads the model and goes through the families.

    Raises:
      ProcessEnded: the model's process ended over it.
    """
    export, contract, golden = candidate
    session.wait_until_started()
    recorder.begin("loading the model")
    try:
        load_seconds = session.load(export.folder)
    except LoadError as error:
        recorder.record(check_process(session, config.process))
        recorder.decide(load_failed(error))
        return "the model can't be loaded"
    recorder.record([loaded(load_seconds)])
    asked = _rows_to_ask(subject, config, recorder, session, contract, golden)
    if asked is None:
        recorder.record(check_process(session, config.process))
        return "there are no rows to ask"
    rows, first = asked
    bench = Bench(
        config=config,
        export=export,
        contract=contract,
        session=session,
        rows=rows,
        load_seconds=load_seconds,
        search_time=SearchTime(config.search.seconds, [each for each in WEIGHTS if recorder.wants([each])]),
        transform_graph=subject.transform_graph,
        champion=champion if isinstance(champion, str) else _load_champion(champion),
        infra_blessing=subject.infra_blessing,
        constants=read_constants(export),
        first=first,
        second_opinion=second,
    )
    too_slow = _go_through(bench, recorder)
    recorder.record(check_process(session, config.process))
    if too_slow:
        return "the model is too slow to be tested further"
    if not bench.answering():
        hint = "look at the check `answers` for the model's own errors"
        recorder.decide(CheckResult.fails("answers", "a signature that answers real rows", "none does", hint=hint))
    return "no signature gave an answer to check"


def _rows_to_ask(
    subject: Subject,
    config: SmokeTestConfig,
    recorder: Recorder,
    session: Session,
    contract: Contract,
    golden: Golden | None,
) -> tuple[Rows, Mapping[str, Answer]] | None:
    """As many rows as fit, with each signature's answer to the first; None where there are none, which is recorded.

    Raises:
      ProcessEnded: the model's process ended over it.
    """
    try:
        rows = choose_rows(session, contract, golden, subject.example_files, subject.schema, config)
        return fitted(session, contract, rows, config)
    except NoRowsError as error:
        hint = "train again on these examples, or choose another smoke_test.split"
        recorder.decide(CheckResult.fails(error.check, error.expected, str(error), row=error.row, hint=hint))
        return None


def _go_through(bench: Bench, recorder: Recorder) -> bool:
    """Asks what every family asks; ends early, and says so, with a model that is much too slow.

    Raises:
      ProcessEnded: the model's process ended over it.
    """
    for family, checks in FAMILIES:
        if checks == ("endurance",) and (refused := recorder.blocking(get_args(CheckName))):
            recorder.record(
                [CheckResult.skips("endurance", f"the model is refused already, because of {refused[0].check}")]
            )
        elif recorder.wants(checks):
            with alongside.alone() if _TIMED.intersection(checks) else nullcontext():
                recorder.record(family(bench))
        if any(each.case != NOT_MEASURED for each in recorder.blocking(("latency", "throughput"))):
            return True
    return False


def _golden(subject: Subject, config: SmokeTestConfig) -> Golden | None:
    """What the trainer stored; None where that is optional and not there.

    Raises:
      GoldenError: it is required and missing, or there and broken.
    """
    if subject.model_uri is None:
        if config.golden == "required":
            raise GoldenError("a bare SavedModel, without a Model artifact around it")
        return None
    if config.golden == "optional" and not golden_files.exists(subject.model_uri):
        return None
    if config.severity_of("golden") == "off":
        return None
    return golden_files.load(subject.model_uri)


def _golden_failed(error: GoldenError) -> CheckResult:
    hint = "train again: the trainer writes these files; or say `smoke_test: {golden: optional}` for another trainer"
    return CheckResult.fails("golden", "the trainer's predictions and contract beside the model", str(error), hint=hint)


def _start_champion(
    subject: Subject, config: SmokeTestConfig, stack: ExitStack
) -> tuple[Export, Contract, Session] | str:
    """The champion with its process started, or why there is none to compare with."""
    if subject.champion is None:
        return "no champion was given"
    try:
        export = read_export(subject.champion)
        promise = (
            golden_files.load_contract(subject.champion_uri)
            if subject.champion_uri and golden_files.exists(subject.champion_uri)
            else None
        )
    except (ExportError, GoldenError) as error:
        return f"the champion can't be read: {error}"
    # What is expected of the candidate says nothing about a champion that has a promise of its own.
    expect = Expect() if promise else config.expect
    contract = derive_contract(export, promise, subject.schema, expect)
    return export, contract, stack.enter_context(Session(config.process))


def _load_champion(champion: tuple[Export, Contract, Session]) -> Champion | str:
    export, contract, session = champion
    try:
        session.wait_until_started()
        seconds = session.load(export.folder)
    except (ProcessEnded, LoadError) as error:
        return f"the champion does not load here: {error}"
    return Champion(export, contract, session, seconds)
