"""What a training and its workers say to each other: a line of JSON each."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from components.trainer.distribution.cluster import Worker
from components.trainer.task import TrainingTask
from preprocessing.errors import FieldPath, UserError


class Order(BaseModel):
    """What a worker is to train."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    worker: Worker
    task: TrainingTask
    speaks: bool
    """Whether its log goes on in that of the process that started it."""


class Alive(BaseModel):
    """The worker has come further: it has joined the others, or trained a little."""

    kind: Literal["alive"] = "alive"


class Said(BaseModel):
    """A line of its log."""

    kind: Literal["said"] = "said"
    logger: str
    level: int
    text: str
    component: str | None = None
    """As `components.progress` marks its records."""


class Ended(BaseModel):
    """It has trained to the end, or can't."""

    kind: Literal["ended"] = "ended"
    how: Literal["trained", "mistake", "lost", "bug"]
    """`mistake` is one that a person can fix, `lost` that another worker doesn't answer."""
    message: str = ""
    field: FieldPath = ()
    expected: str = ""
    received: Any = None
    hint: str = ""

    @classmethod
    def by_mistake(cls, error: UserError) -> "Ended":
        """What becomes of an error that a person can fix."""
        return cls(
            how="mistake",
            message=error.message,
            field=error.field,
            expected=error.expected,
            received=error.received,
            hint=error.hint,
        )

    def mistake(self) -> UserError:
        """The error again."""
        return UserError(self.message, field=self.field, expected=self.expected, received=self.received, hint=self.hint)


Message: TypeAlias = Alive | Said | Ended
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
