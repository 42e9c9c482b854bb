"""The `card:` section: what only people know of a model, for its card."""

from typing import Annotated

from pydantic import Field

from preprocessing.settings import Settings

Words = Annotated[str, Field(min_length=1)]


class CardConfig(Settings):
    """What a model card says besides what is measured. What is left out is marked there as not stated."""

    owners: tuple[Words, ...] = ()
    """Who answers for the model: people or teams, with a way to reach them."""
    license: Words | None = None
    """The license of the model, or of the data that it is made from."""
    intended_use: Words | None = None
    """What it is for, and for whom."""
    limitations: Words | None = None
    """Where it is known to be weak, and what it must not be used for."""
    ethics: Words | None = None
    """Whom its mistakes concern, and what was considered."""
