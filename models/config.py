"""The `model:` section: which architecture, and its options."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, JsonValue, Tag

from preprocessing.settings import DottedPath, Settings

Width = Annotated[int, Field(ge=1, le=65536)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "gelu", "silu", "elu", "selu", "tanh", "leaky_relu"]


class EncoderParams(Settings):
    """How categorical ids become numbers; shared by every family."""

    one_hot_max: Annotated[int, Field(ge=0)] = 16
    """Categorical inputs with at most this many ids are one-hot encoded, larger ones embedded."""
    embedding_dim: Annotated[int, Field(ge=1)] | None = None
    """Width of each embedding; none takes min(50, 1.6 * ids ** 0.56), rounded up (fast.ai's rule)."""


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


class CustomModel(Settings):
    """Your own family: `build_model(inputs, head, params) -> keras.Model`, uncompiled."""

    family: DottedPath
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """Passed to your function unchanged."""


def _family_tag(value: Any) -> str | None:
    family = value.get("family", "mlp") if isinstance(value, dict) else getattr(value, "family", None)
    if isinstance(family, str) and "." in family:
        return "custom"
    return family if isinstance(family, str) else None


ModelConfig = Annotated[
    Annotated[MlpModel, Tag("mlp")]
    | Annotated[WideDeepModel, Tag("wide_deep")]
    | Annotated[DcnModel, Tag("dcn")]
    | Annotated[CustomModel, Tag("custom")],
    Discriminator(_family_tag),
]
"""The `model:` section; `family` decides which options `params` may have."""

FAMILIES = ("mlp", "wide_deep", "dcn")
"""The built-in families."""
