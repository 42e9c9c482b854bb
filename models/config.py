"""The `model:` section: which architecture, and its options."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, JsonValue, Tag, model_validator

from preprocessing.rules import broken_rule
from preprocessing.settings import ColumnName, DottedPath, Settings

Width = Annotated[int, Field(ge=1, le=65536)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "gelu", "silu", "elu", "selu", "tanh", "leaky_relu"]


class EncoderParams(Settings):
    """How categorical ids become numbers; shared by every family."""

    one_hot_max: Annotated[int, Field(ge=0)] = 16
    """Categorical inputs with at most this many ids are one-hot encoded, larger ones embedded."""
    embedding_dim: Annotated[int, Field(ge=1)] | None = None
    """Width of each embedding; none takes min(50, 1.6 * ids ** 0.56), rounded up (fast.ai's rule)."""
    number_width: Annotated[int, Field(ge=1, le=1024)] = 12
    """Width of each number that `embed` of its group spreads."""


class DeepParams(EncoderParams):
    """The dense layers that every family has."""

    hidden: tuple[Width, ...] = (64, 32)
    """Units of each hidden layer."""
    activation: Activation = "relu"
    dropout: Rate = 0.0
    """Share of units dropped after each hidden layer while training."""
    batch_norm: bool = False
    """Batch normalisation before each activation."""
    l2: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty on the weights of the hidden layers."""


class WideDeepParams(DeepParams):
    """Options of the family `wide_deep`."""

    wide_l2: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty on the weights of the linear part."""


class DcnParams(DeepParams):
    """Options of the family `dcn`."""

    cross_layers: Annotated[int, Field(ge=1, le=16)] = 2
    """Each layer raises the degree of the feature interactions by one."""
    low_rank: Annotated[int, Field(ge=1)] | None = None
    """Factorises each cross layer's matrix to this rank; none keeps the full matrix."""
    structure: Literal["parallel", "stacked"] = "parallel"
    """Whether the dense layers are beside the cross layers, or on top of them."""


class TabmParams(EncoderParams):
    """Options of the family `tabm`."""

    k: Annotated[int, Field(ge=1, le=256)] = 8
    """Members, whose answers are averaged."""
    blocks: Annotated[int, Field(ge=1, le=64)] = 2
    """Hidden layers that the members share."""
    width: Width = 128
    """Units of each of them."""
    activation: Activation = "relu"
    dropout: Rate = 0.1
    """Share of units dropped after each hidden layer while training."""
    clamp: bool = True
    """Keeps the answers of a regression within the range of the training labels."""
    one_hot_max: Annotated[int, Field(ge=0)] = 3
    """Categorical inputs with at most this many ids are one-hot encoded, larger ones embedded."""
    embedding_dim: Annotated[int, Field(ge=1)] | None = 4
    """Width of each embedding; none takes it from the number of ids, as in the other families."""


class GbtParams(Settings):
    """Options of the family `gbt`."""

    trees: Annotated[int, Field(ge=1, le=20_000)] = 600
    """The most trees (of a multiclass label, of each class). They are grown in `train.epochs` equal parts; the eval
    split decides after which part the forest is cut off."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.06
    """What each tree's answer is multiplied by. A lower rate needs more trees."""
    leaves: Annotated[int, Field(ge=2, le=4096)] = 31
    """The most leaves of a tree."""
    depth: Annotated[int, Field(ge=1, le=32)] = 8
    """The most questions between a tree's root and a leaf. Serving takes so many steps."""
    leaf_rows: Annotated[int, Field(ge=1)] = 20
    """The fewest training rows in a leaf."""
    leaf_l2: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty on the answers of the leaves. With `train.loss` mae, whose leaves answer medians, it has a say in the
    questions alone."""
    features_per_split: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of the inputs that each question is chosen from, drawn anew for each."""
    monotone: dict[ColumnName, Literal["increasing", "decreasing"]] = Field(default_factory=dict)
    """Numeric columns whose larger values must never lower (`increasing`) or raise (`decreasing`) the answer, the other
    columns being the same: the value, or the probability of the second class. Not for multiclass labels."""


class MlpModel(Settings):
    """`mlp`: a stack of dense layers (Keras Sequential)."""

    family: Literal["mlp"] = "mlp"
    params: DeepParams = DeepParams()


class WideDeepModel(Settings):
    """`wide_deep`: a linear part beside a deep part (Keras Functional)."""

    family: Literal["wide_deep"]
    params: WideDeepParams = WideDeepParams()


class DcnModel(Settings):
    """`dcn`: Deep & Cross Network v2 (subclassed Keras model)."""

    family: Literal["dcn"]
    params: DcnParams = DcnParams()


class GbtModel(Settings):
    """`gbt`: gradient boosted trees, trained by scikit-learn and served as TensorFlow operations (Keras Functional)."""

    family: Literal["gbt"]
    params: GbtParams = GbtParams()


class TabmModel(Settings):
    """`tabm`: several networks that share their layers, as one (subclassed Keras model)."""

    family: Literal["tabm"]
    params: TabmParams = TabmParams()


class CustomModel(Settings):
    """Your own family: `build_model(inputs, head, params) -> keras.Model`, uncompiled."""

    family: DottedPath
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """Passed to your function unchanged."""


def _family_tag(value: Any) -> str | None:
    return _tag(value.get("family", "mlp") if isinstance(value, dict) else getattr(value, "family", None))


def _member_tag(value: Any) -> str | None:
    """As `_family_tag`, where the name of a family may stand alone, and a section has to say its family."""
    if isinstance(value, str):
        return "name"
    return _tag(value.get("family") if isinstance(value, dict) else getattr(value, "family", None))


def _tag(family: Any) -> str | None:
    if isinstance(family, str) and "." in family:
        return "custom"
    return family if isinstance(family, str) else None


SingleModel = MlpModel | WideDeepModel | DcnModel | GbtModel | TabmModel | CustomModel
"""One model by itself."""
Member = Annotated[
    Annotated[Literal["mlp", "wide_deep", "dcn", "gbt", "tabm"], Tag("name")]
    | Annotated[MlpModel, Tag("mlp")]
    | Annotated[WideDeepModel, Tag("wide_deep")]
    | Annotated[DcnModel, Tag("dcn")]
    | Annotated[GbtModel, Tag("gbt")]
    | Annotated[TabmModel, Tag("tabm")]
    | Annotated[CustomModel, Tag("custom")],
    Discriminator(_member_tag),
]
"""A member of an ensemble: the name of a family, or `family` and `params`."""
Student = Annotated[
    Annotated[MlpModel, Tag("mlp")]
    | Annotated[WideDeepModel, Tag("wide_deep")]
    | Annotated[DcnModel, Tag("dcn")]
    | Annotated[TabmModel, Tag("tabm")],
    Discriminator(_family_tag),
]
"""A model that can learn from answers, not from labels alone; trees are grown on labels."""


class EnsembleParams(Settings):
    """Options of the family `ensemble`."""

    members: Annotated[tuple[Member, ...], Field(min_length=2, max_length=16)]
    """The families of the members, each by its name or as `{family: ..., params: {...}}`; a family may come twice. Each
    is trained as `train` says, and `train.members` for it alone, with a seed of its own."""
    weights: Literal["greedy", "equal"] = "greedy"
    """`greedy` makes the average of the answers on eval as good as it gets, by adding one member after the other, each
    as often as it helps (Caruana et al. 2004); at least two stay. `equal` keeps all, with equal weights."""
    rounds: Annotated[int, Field(ge=2, le=1000)] = 20
    """How many additions `greedy` makes; no weight is lower than 1 / rounds."""
    parallel: Annotated[int, Field(ge=1, le=16)] = 1
    """How many members are trained at the same time, each in a process of its own. It changes no answer."""
    distill: bool = False
    """Trains a `student` on the answers of the ensemble, and exports it alone: less good, and as fast as its family."""
    student: Student = MlpModel()
    """The family that learns from the ensemble."""
    soft: Annotated[float, Field(gt=0, le=1)] = 0.7
    """The share of the ensemble's answer in what the student learns; the rest is the true label."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        fields = type(self).model_fields
        for name in ("student", "soft"):
            if not self.distill and getattr(self, name) != fields[name].default:
                raise broken_rule("is for a student", field=(name,), hint="remove it, or set distill: true")
        if self.weights == "equal" and self.rounds != fields["rounds"].default:
            message = "equal weights are not chosen in rounds"
            raise broken_rule(message, field=("rounds",), received=self.rounds, hint="remove it")
        return self

    def models(self) -> tuple[SingleModel, ...]:
        """The sections of the members."""
        named: dict[str, SingleModel] = {
            "mlp": MlpModel(),
            "wide_deep": WideDeepModel(family="wide_deep"),
            "dcn": DcnModel(family="dcn"),
            "gbt": GbtModel(family="gbt"),
            "tabm": TabmModel(family="tabm"),
        }
        return tuple(named[each] if isinstance(each, str) else each for each in self.members)

    def names(self) -> tuple[str, ...]:
        """What the members are called: their families, the second of one family with a 2 behind it."""
        families = [each.family.rpartition(".")[2] for each in self.models()]
        counts = [families[: at + 1].count(family) for at, family in enumerate(families)]
        return tuple(
            f"{family}-{count}" if count > 1 else family for family, count in zip(families, counts, strict=True)
        )


class EnsembleModel(Settings):
    """`ensemble`: several models whose answers are averaged in one graph (subclassed Keras model)."""

    family: Literal["ensemble"]
    params: EnsembleParams


ModelConfig = Annotated[
    Annotated[MlpModel, Tag("mlp")]
    | Annotated[WideDeepModel, Tag("wide_deep")]
    | Annotated[DcnModel, Tag("dcn")]
    | Annotated[GbtModel, Tag("gbt")]
    | Annotated[TabmModel, Tag("tabm")]
    | Annotated[EnsembleModel, Tag("ensemble")]
    | Annotated[CustomModel, Tag("custom")],
    Discriminator(_family_tag),
]
"""The `model:` section; `family` decides which options `params` may have."""

FAMILIES = ("mlp", "wide_deep", "dcn", "gbt", "tabm", "ensemble")
"""The built-in families."""
BOOSTED = "gbt"
"""The family that no gradient descent trains."""
ENSEMBLE = "ensemble"
"""The family whose members are models of the others."""
