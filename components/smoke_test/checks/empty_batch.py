"""An empty batch gets an empty answer, as far as that is the model's own doing."""

import numpy as np

from components.smoke_test.bench.asked import Asked, Fault
from components.smoke_test.bench.second_opinion import SWITCH, TENSORFLOW_ITSELF, ask_daring
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import REFUSED

_EMPTY = "an empty batch must get an empty answer: no division by the batch's size, no reduction over its rows"
_CLEAR = (
    "clients that send empty batches get this error; nobody promised them an answer, so it is a warning. To answer: no "
    "division by the batch's size, no reduction over its rows, no assertion that there are some"
)


def empty_batch(asked: Asked, case: str) -> CheckResult:
    """Asks for no rows at all.

    What TensorFlow does only with oneDNN, and a clear refusal by a model that promises nothing, are warnings.

    Raises:
      ProcessEnded: the model's process ended over it, and not because of oneDNN.
    """
    check: CheckName = "batch_sizes"
    nothing = np.arange(0)
    requests = [asked.request(nothing)]
    expected, second = "the same answers in a batch of 0", asked.bench.second_opinion
    [answer], failed = ask_daring(asked.bench, requests, phase="batches", kind=case)
    fault = asked.differs(check, nothing, answer)
    if fault is None and not failed:
        return asked.result(check, expected, None, "", case)
    result = asked.result(check, expected, fault or Fault("an answer", failed, None), _EMPTY, case)
    other = second.ask(requests, "batches") if fault is not None and second is not None else [answer]
    if other is not None and asked.differs(check, nothing, other[0]) is None:
        received = f"{result.received}; an empty answer with {SWITCH}"
        return result.model_copy(update={"severity": "warn", "received": received, "hint": TENSORFLOW_ITSELF})
    refused = answer.error is not None and answer.error.code == REFUSED
    if refused and asked.signature.name not in asked.bench.contract.promised:
        return result.model_copy(update={"severity": "warn", "hint": _CLEAR})
    return result
