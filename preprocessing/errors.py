"""The error that means: a person can fix this, and here is how.

It lives in the lowest package because every layer raises it; only the command line catches it, prints it
without a stack trace and turns it into an exit code.
"""

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
      received: the value, as plain data; None for none.
    """
    text = "; ".join(part for part in (message, f"expected {expected}" if expected else "") if part)
    if received is not None:
        text += f", received {received!r}"
    return f"{dotted(field)}: {text}" if field else text


class UserError(Exception):
    """A mistake in a configuration, a table or the surroundings, worded for the person who can fix it.

    Whoever handles the error reads these attributes; the whole text is put together in `__str__` alone.

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
        super().__init__(message)
        self.message = message
        self.field = field
        self.expected = expected
        self.received = received
        self.hint = hint

    def __str__(self) -> str:
        text = sentence(self.message, field=self.field, expected=self.expected, received=self.received)
        return f"{text}\n  next: {self.hint}" if self.hint else text


class RefusedError(UserError):
    """A gate's refusal, where a step has to fail to say it: a result that was asked for, not a mistake."""
