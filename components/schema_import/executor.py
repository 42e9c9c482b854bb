"""TFX's entry: the schema's text into a Schema artifact."""

import posixpath
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.artifacts.schema import SCHEMA_FILE


class Executor(BaseExecutor):
    """Writes the schema as it was given, comments and all."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the schema's text into the artifact `schema`.

        Args:
          input_dict: nothing.
          output_dict: `schema` (Schema) gets schema.pbtxt.
          exec_properties: `schema_text`.

        Raises:
          google.protobuf.text_format.ParseError: the text is not a schema; the configuration's check comes before.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        text = exec_properties["schema_text"]
        text_format.Parse(text, schema_pb2.Schema())
        uri = artifact_utils.get_single_uri(output_dict["schema"])
        fileio.makedirs(uri)
        io_utils.write_string_file(posixpath.join(uri, SCHEMA_FILE), text)
