"""ImportSchemaGen whose parameter is the schema itself, not a path: it runs where the file is not."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.schema_import.executor import Executor


class SchemaImportSpec(ComponentSpec):
    """The schema's text in, a Schema out."""

    PARAMETERS = {"schema_text": ExecutionParameter(type=str)}  # noqa: RUF012 - TFX reads plain class attributes
    INPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {"schema": ChannelParameter(type=standard_artifacts.Schema)}  # noqa: RUF012


class SchemaImport(BaseComponent):
    """Does what TFX's ImportSchemaGen does. The text in the parameter also makes the cache see every edit."""

    SPEC_CLASS = SchemaImportSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, schema_text: str) -> None:
        """Wires SchemaImport into a pipeline.

        Args:
          schema_text: a tensorflow_metadata Schema as text.
        """
        super().__init__(spec=SchemaImportSpec(schema_text=schema_text, schema=Channel(type=standard_artifacts.Schema)))
