"""What a gate finds, in one vocabulary: the data gate and the smoke test share it, and one table shows both.

It lies beside the components because none of them may import another. No TensorFlow here: the command line reads
the reports of finished runs.
"""

from abc import abstractmethod
from typing import Literal

from pydantic import BaseModel, ConfigDict

from preprocessing.text import one_line

Severity = Literal["block", "warn", "off"]
"""What a check's failure means: it refuses the data or the model, or is only reported; `off`: it is not looked for."""


class Finding(BaseModel):
    """One thing that a check found. Each gate adds where it looked, and says so in `what`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    check: str
    """What was checked, by the check's name."""
    severity: Severity
    """What a failure means: `block` refuses the data or the model."""
    expected: str
    """What it should be, in words."""
    received: str
    """What it is."""
    hint: str = ""
    """What to do next."""

    @abstractmethod
    def what(self) -> str:
        """What was looked at, such as a column and its split, or a signature and a row; "" for all of it."""

    def more(self) -> str:
        """What else is known of it, in one line; "" for nothing."""
        return ""

    def head(self) -> str:
        """The check and what it looked at."""
        what = self.what()
        return f"{self.check} ({what})" if what else self.check

    def line(self) -> str:
        """The finding in one line: check, what, expected, received."""
        return one_line(f"{self.head()}: expected {self.expected}, received {self.received}")
