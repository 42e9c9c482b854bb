"""The Schema artifact: the raw columns as a text protobuf."""

SCHEMA_FILE = "schema.pbtxt"
"""The name that TFX's readers of a Schema artifact expect. A schema that is proposed, by the data gate or by `lockgate
init`, has the same name: it becomes the schema of the next run."""
