"""TFX's entry: the final status in, one line of JSON out, for log-based alerts and people."""

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact

from preprocessing.text import one_line

Artifacts = dict[str, list[Artifact]]

_LONGEST = 500
"""Characters of an error message; Vertex's own page of the run has all of it."""


class Executor(BaseExecutor):
    """Reports how a run ended."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes the line to the standard output: the object of `final_state`.

        Args:
          input_dict: empty.
          output_dict: empty.
          exec_properties: `pipeline`; `final_status`, see `final_state`.
        """
        del input_dict, output_dict
        line = final_state(exec_properties["pipeline"], exec_properties.get("final_status", ""))
        print(json.dumps(line, ensure_ascii=False), flush=True)


def final_state(pipeline: str, status: str | Struct) -> dict[str, str]:
    """The line, whatever the status looks like: a report that fails would hide what it reports.

    Args:
      pipeline: its name.
      status: a PipelineTaskFinalStatus as JSON; a Struct too, which is how TFX hands on an object.

    Returns:
      `lockgate`, always `final_state`; `pipeline`; `job`, the last part of the job's resource name; `state`:
      `SUCCEEDED`, `FAILED` or `CANCELLED`, or what else Vertex says, `UNKNOWN` where it says nothing; `error`, on one
      line, "" where there is none.
    """
    fields = _object(status)
    error = fields.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    if not fields:
        message = f"the status is not a JSON object: {status}"
    job = _text(fields.get("pipelineJobResourceName")).rpartition("/")[2]
    return {
        "lockgate": "final_state",
        "pipeline": pipeline,
        "job": job or _text(fields.get("pipelineJobName")) or _text(fields.get("pipelineJobUuid")),
        "state": _text(fields.get("state")) or "UNKNOWN",
        "error": one_line(_text(message), _LONGEST),
    }


def _object(status: str | Struct) -> dict[str, Any]:
    if isinstance(status, Struct):
        return json_format.MessageToDict(status)
    try:
        value = json.loads(status)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)
