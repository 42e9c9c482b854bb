"""The error that means: a person can fix this, and here is how.

It lives in the lowest package because every layer raises it; only the command line catches it, prints it
without a stack trace and turns it into an exit code.
"""

from preprocessing.text import without_passwords

FieldPath = tuple[str | int, ...]
"""A field of the configuration by its keys and list positions."""


def dotted(field: FieldPath) -> str:
    """The path as a user writes it in `--set`."""
    return ".".join(str(key) for key in field)


def sentence(message: str, *, field: FieldPath = (), expected: str = "", received: object = None) -> str:
    """What is wrong, in words: `FIELD: MESSAGE; expected THIS, received THAT`, of which any part may be missing.

    Args:
      message: what is wrong.
      field: the field that is wrong.
      expected: what it may be, to be read after "expected".
      received: the value, as plain data; None for none. Passwords in it are hidden.
    """
    text = "; ".join(part for part in (message, f"expected {expected}" if expected else "") if part)
    if received is not None:
        text = ", ".join(part for part in (text, f"received {without_passwords(repr(received))}") if part)
    return f"{dotted(field)}: {text}" if field else text


class UserError(Exception):
    """A mistake in a configuration, a table or the surroundings, worded for the person who can fix it.

    Whoever handles the error reads these attributes. The whole text is the exception's only argument: Beam makes a new
    error of that alone, by which it says where in a pipeline the first one was raised.

    Attributes:
      message: what is wrong, and with which file. It names no field that `field` names.
      field: the field of pipeline.yaml, from its top; empty where the mistake is in something else.
      expected: what was expected, to be read after "expected"; empty where the message says it.
      received: the value, as plain data; None where the message says it.
      hint: the next step.
    """

    def __init__(
        self,
        message: str = "",
        *,
        field: FieldPath = (),
        expected: str = "",
        received: object = None,
        hint: str = "",
    ) -> None:
        text = sentence(message, field=field, expected=expected, received=received)
        super().__init__(f"{text}\n  next: {hint}" if hint else text)
        self.message = message
        self.field = field
        self.expected = expected
        self.received = received
        self.hint = hint


class RefusedError(UserError):
    """A gate's refusal, where a step has to fail to say it: a result that was asked for, not a mistake."""
