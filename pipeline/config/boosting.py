"""What the family `gbt` can't do, refused while the configuration is read."""

from components.trainer.tuning.values import Sections
from models.config import EnsembleModel, GbtModel, ModelConfig
from preprocessing.config import FeaturesConfig
from preprocessing.errors import FieldPath
from preprocessing.rules import broken_rule


def check_boosting(features: FeaturesConfig, sections: Sections) -> None:
    """Refuses settings that trees, alone or in an ensemble, can't follow; what means nothing `validate` mentions.

    Raises:
      PydanticCustomError: a broken rule, with its field from the top of the configuration.
    """
    if isinstance(sections.model, EnsembleModel):
        for at, member in enumerate(sections.model.params.models()):
            _check(features, sections, member, ("model", "params", "members", at))
    else:
        _check(features, sections, sections.model, ("model",))


def _check(features: FeaturesConfig, sections: Sections, model: ModelConfig, section: FieldPath) -> None:
    if not isinstance(model, GbtModel):
        return
    if sections.train.loss == "huber":
        raise broken_rule(
            "scikit-learn's trees have no Huber loss",
            field=("train", "loss"),
            received="huber",
            hint="use mae, which large errors pull as little, or mse, or another family",
        )
    if sections.train.warm_start:
        raise broken_rule(
            "a forest that went on from the champion's would grow by every run, and keep trees of rows that are gone",
            field=("train", "warm_start"),
            received=True,
            hint="set it to false: gbt grows a new forest in every run",
        )
    _check_monotone(features, tuple(model.params.monotone), (*section, "params", "monotone"))


def _check_monotone(features: FeaturesConfig, columns: tuple[str, ...], field: FieldPath) -> None:
    if columns and features.label.task == "multiclass":
        message = "a multiclass label has no order that an answer could rise in"
        raise broken_rule(message, field=field, hint="remove it")
    numbers = tuple(column for group in features.numeric if not group.bucketed for column in group.columns)
    for column in columns:
        if column not in numbers:
            raise broken_rule(
                "is not a column of features.numeric without buckets, whose order the trees could see",
                field=(*field, column),
                allowed=numbers,
                hint="remove it, or declare the column as a number",
            )
