"""Whether every signature answers real rows, what to do where it does not, and what its answers must be."""

import re
from collections.abc import Iterator
from typing import Any

from components.smoke_test.bench.altered import taken_features
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import MISSING
from components.smoke_test.checks.judges import JUDGES, Judge
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import OUT_OF_MEMORY, REFUSED, ModelError
from preprocessing.text import counted, listed, one_line

NO_SIGNATURE = "no signature gives predictions"
NO_ANSWER = "no signature answers the real rows: see the check `answers`"
_NAMED = 5
_IMAGE = re.compile(r"\b(JPEG|PNG|GIF|BMP)\b|Decode(AndCrop)?(Image|Jpeg|Png|Gif|Bmp|WebP)|image file format")
_GIVE_EXAMPLES = "give examples (`--examples`, or `examples=` in a pipeline)"
_BASE64 = (
    'over REST such bytes travel as {"b64": "..."}, and Vertex AI asks that the names of such inputs end in `_bytes`'
)


def check_answers(bench: Bench) -> Iterator[CheckResult]:
    """`answers`, and what they must be: `outputs`, `finite`, `probabilities`, `classes`, `label`, `range`.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    if not bench.contract.predicting():
        names = ", ".join(sorted(bench.contract.signatures))
        hint = "export a signature for clients: `signatures={'serving_default': ...}`"
        yield CheckResult.fails("answers", "a signature that gives predictions", f"only {names}", hint=hint)
    for signature in bench.contract.predicting():
        answer = bench.answers[signature.name]
        more: dict[str, Any] = {"signature": signature.name, "seconds": round(answer.seconds, 4)}
        slow = f" ({bench.rows.left_out} more left out, as the model is slow)" if bench.rows.left_out else ""
        expected = f"an answer to {counted(len(bench.rows), 'row')}{slow}"
        if answer.error is None:
            yield CheckResult.passes("answers", expected, **more)
        else:
            yield CheckResult.fails(
                "answers",
                expected,
                one_line(answer.error, LONGEST_MESSAGE),
                hint=_without_a_value(bench, signature) or what_to_do(answer.error, bench),
                **more,
            )
    for check, judge in JUDGES.items():
        yield from _judged(bench, check, judge)


def _judged(bench: Bench, check: CheckName, judge: Judge) -> Iterator[CheckResult]:
    """One check on every signature that answered, or one result that it was skipped."""
    reason = NO_ANSWER if bench.contract.predicting() else NO_SIGNATURE
    skipped = True
    for signature in bench.answering():
        result = judge(bench, signature, bench.answers[signature.name])
        if isinstance(result, str):
            reason = result
        else:
            skipped = False
            yield result.model_copy(update={"signature": signature.name})
    if skipped:
        yield CheckResult.skips(check, reason)


def _without_a_value(bench: Bench, signature: Signature) -> str:
    """What to do where rows lack a whole number that an input takes: no number says "missing" to another's model."""
    if signature.name in bench.contract.promised or bench.rows.made or signature.kind != "features":
        return ""
    lacking = [
        each.column
        for each in taken_features(signature, bench.contract)
        if each.dtype == "int64" and not each.optional and any(each.column not in row for row in bench.rows.rows)
    ]
    if not lacking:
        return ""
    return (
        f"rows without a value of {listed(lacking, _NAMED)} were sent {MISSING['int64']} there, as no whole number "
        "says that it is missing: give examples that have the value, or the input a default"
    )


def what_to_do(error: ModelError, bench: Bench) -> str:
    """What to do about an error."""
    message = error.message
    if bench.rows.made and _IMAGE.search(message):
        return f"made-up text is not an image: {_GIVE_EXAMPLES} with real ones; {_BASE64}"
    if error.code == OUT_OF_MEMORY:
        return "raise smoke_test.process.memory_mb if the model really needs more"
    if "Could not find variable" in message or "uninitialized" in message:
        return (
            "a server restores only the variables that the exported object tracks, and not those of a Keras model in a "
            "tf.Module (https://github.com/keras-team/keras/issues/20095): use model.export, or make a list of every "
            "`variable.value` of the model an attribute of the module"
        )
    if "able not initialized" in message:
        return (
            "a lookup table that the exported object does not track stays empty in a server: make the table, or the "
            "layer that has it, an attribute of the exported tf.Module"
        )
    if "required but could not be found" in message:
        found = re.search(r"Feature: (.+?) \(data type", message)
        name = f" ({found[1]})" if found is not None else ""
        return (
            f"a feature is required and not in the row{name}: if it is the label, parse requests without it; else give "
            "its FixedLenFeature a default value, or correct the rows"
        )
    if "Data types don't match" in message:
        return "the rows hold values of another type than the signature parses: are they of the model's own schema?"
    if error.code in ("NotFound", "Unimplemented") or "No OpKernel" in message:
        return "an operation of the graph has no kernel in a stock server on a CPU"
    if bench.rows.made and error.code == REFUSED:
        return f"the rows are made up from the signature, and may not be what the model takes: {_GIVE_EXAMPLES}"
    return "send the same request where the export was made: tf.saved_model.load(folder).signatures[name](...)"
