"""The error that means: a person can fix this, and here is how.

It lives in the lowest package because every layer raises it; only the command line catches it, prints it
without a stack trace and turns it into an exit code.
"""


class UserError(Exception):
    """A mistake in a configuration, a table or the surroundings, worded for the person who can fix it.

    The message names the field or file, what was expected and what was received; `hint` is the next step.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.hint}" if self.hint else self.message


class RefusedError(UserError):
    """A gate's no, where a step has to fail to say it: a result that was asked for, not a mistake."""
