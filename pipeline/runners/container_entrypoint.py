"""What runs in the container of every step: TFX's own entry point, with what our targets need around it.

- On Kubeflow the launcher copies artifacts between the object store and /gcs, /s3 and /minio; TFX is told these paths
  (`--mounted_stores`), and the URLs stand again in what is reported. The launcher's own output `executor-logs`, whose
  type TFX doesn't know, is left to it.
- The driver of ExampleGen runs here too where nothing ran it before: Kubeflow ignores `preCacheCheck`.
- Kubeflow's launcher leaves the types of input artifacts empty; they are filled in from the component's definition.
- A page, whose type is the consoles' own, is given to TFX by the type that it can import.
- Runtime parameters are put where the component looks, long parameters are unpacked, and an input that its producer
  marked as absent is left out, as a resolver that found nothing leaves it.
- Steps with which a run ends tell the webhook of `notify:`, which fails none of them.
- What the local runner settles for equal results is settled here as well: Beam's keys and the size of batches.
- A step that fails leaves a page about that, beside its outputs, and its log says where (`failure_page.py`).
- What a failing step has written stays, and its log says where. Kubeflow's launcher uploads the outputs of steps that
  succeed only: those on Google Storage are copied here, those on S3 and MinIO, which TensorFlow can't write, are lost
  with the pod.

A person's mistake ends in a message and exit code 1, a gate's refusal in exit code 3, a bug in a stack trace.
"""

import argparse
import base64
import contextlib
import json
import logging
import os
import sys
import threading
import traceback
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from components.artifacts.pushed_version import ABSENT
from components.artifacts.reports import HTML_TITLE, PAGE_TYPE
from pipeline.code.heavy_imports import uncollected
from pipeline.failures.mistakes import explain
from pipeline.runners.compile.parameters import applied
from preprocessing.errors import RefusedError, UserError

ExecutorInput = dict[str, Any]

EXIT_ERROR, EXIT_REFUSED, EXIT_TIMEOUT = 1, 3, 124
MOUNTS_VARIABLE = "LOCKGATE_MOUNTS"
"""Where the launcher mounts the stores; the file system's root unless this variable says otherwise."""
PACKED = "zlib:"
"""What a packed parameter begins with; base64 of its compressed text follows."""
_SCHEMES = ("gs", "s3", "minio")
_LAUNCHERS_OWN = "executor-logs"
_DATA_STOP = "DataStop"
_LONGER = "raise timeout_seconds of the step in targets.vertex, or give the step a larger machine"


def main(arguments: Sequence[str]) -> int:
    """Runs one step of a compiled pipeline.

    Args:
      arguments: as `pipeline.runners.compile.compiler` writes them; unknown ones are Beam's.

    Returns:
      The exit code.
    """
    options, beam_args = _parser().parse_known_args(list(arguments))
    _show_own_messages()
    if options.timeout_seconds is not None:
        _end_after(options.timeout_seconds, options)
    try:
        _run(options, beam_args)
        _tell_end(options)
    except RefusedError as refusal:
        _say(f"refused: {refusal}")
        _tell_refusal(options, refusal)
        return EXIT_REFUSED
    except Exception as error:  # noqa: BLE001 - the one place where every failure of a step ends
        message = explain(error)
        if message is None:
            traceback.print_exc()
        _say(f"error: {message or 'this is a bug; please report it with the trace above'}")
        _leave_page(options, error, EXIT_ERROR)
        return EXIT_ERROR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", help="the component's executor, package.module.Class")
    parser.add_argument("--driver_class_path", help="its driver, run when nothing ran it before")
    parser.add_argument("--driver_only", action="store_true", help="runs the driver and nothing else")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="the ExecutorInput")
    parser.add_argument("--json_serialized_inputs_spec_args", required=True, help="the component's input definitions")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which Beam leaves examples")
    parser.add_argument("--timeout_seconds", type=int, help="ends the step after so long")
    parser.add_argument("--notify", help="how the step tells a webhook how the run ended, as JSON")
    parser.add_argument("--page", help="which function writes the page of a step that fails, and what it is told")
    parser.add_argument("--mounted_stores", action="store_true", help="object stores are seen as folders")
    return parser


def _run(options: argparse.Namespace, beam_args: list[str]) -> None:
    original: ExecutorInput = json.loads(options.json_serialized_invocation_args)
    prepared = prepare(original, _mounts(options), json.loads(options.json_serialized_inputs_spec_args))
    with uncollected():
        # Here and not at the top: seconds of TFX that a mistyped argument need not pay.
        from pipeline.runners import step
        from pipeline.runners.settled import settled

    output_file = prepared["outputs"]["outputFile"]
    with settled(options.seed, beam_args):
        if options.driver_class_path and (options.driver_only or not step.exists(output_file)):
            step.drive(options.driver_class_path, prepared, options.json_serialized_inputs_spec_args)
        if not options.driver_only:
            with _kept_if_it_fails(prepared, original):
                step.execute(options.executor_class_path, prepared, options.json_serialized_inputs_spec_args, beam_args)
    if options.mounted_stores:
        step.rewrite(output_file, lambda report: with_urls(report, original))


def _mounts(options: argparse.Namespace) -> str | None:
    return os.environ.get(MOUNTS_VARIABLE, "/") if options.mounted_stores else None


def _leave_page(options: argparse.Namespace, error: Exception, exit_code: int) -> None:
    """Has the page of the failed step written; a step that ends well imports nothing for it."""
    if options.page is None:
        return
    from pipeline.runners import failure_page

    def look() -> failure_page.StepSeen:
        original = json.loads(options.json_serialized_invocation_args)
        return failure_page.seen(original, _translated(original, _mounts(options), {}))

    failure_page.leave(options.page, error, look, _say, exit_code)


@contextlib.contextmanager
def _kept_if_it_fails(prepared: ExecutorInput, original: ExecutorInput) -> Iterator[None]:
    """Says where the outputs of a step that fails are; what a launcher would leave in the container goes to its URL."""
    ended = False
    try:
        yield
        ended = True
    finally:
        if not ended:
            from pipeline.runners import step

            for name, listed in prepared["outputs"]["artifacts"].items():
                for here, there in zip(_listed(listed), _listed(original["outputs"]["artifacts"][name]), strict=True):
                    if place := step.kept(here["uri"], there["uri"]):
                        _say(f"kept: {place}")


def _tell_end(options: argparse.Namespace) -> None:
    """Tells the webhook of a push, or of a failure where the step is the exit handler."""
    if options.notify is None or options.driver_only:
        return
    # Here and not at the top: most steps tell nobody.
    from components.final_state.executor import final_state
    from pipeline.runners import step, step_notice

    notice = step_notice.StepNotice.from_json(options.notify)
    original: ExecutorInput = json.loads(options.json_serialized_invocation_args)
    properties = {name: _unpacked(each) for name, each in original["inputs"].get("parameterValues", {}).items()}
    if "final_status" in properties:
        line = final_state(notice.pipeline, properties["final_status"])
        step_notice.tell_end(notice, line, _DATA_STOP)
    else:
        step_notice.tell_push(notice, properties, step.report(original["outputs"]["outputFile"]))


def _tell_refusal(options: argparse.Namespace, refusal: RefusedError) -> None:
    if options.notify is not None:
        from pipeline.runners import step_notice

        properties = json.loads(options.json_serialized_invocation_args)["inputs"].get("parameterValues", {})
        step_notice.tell_refusal(step_notice.StepNotice.from_json(options.notify), properties, refusal.message)


def prepare(executor_input: ExecutorInput, mounts: str | None, inputs_spec: dict[str, Any]) -> ExecutorInput:
    """The inputs as TFX's entry point takes them.

    Args:
      executor_input: as the launcher gives it; it is not changed.
      mounts: the folder that has the object stores mounted; None where TFX is to use their URLs.
      inputs_spec: the component's input definitions, with the types of the artifacts.

    Raises:
      UserError: a runtime parameter can't be.
    """
    translated = _translated(executor_input, mounts, inputs_spec)
    inputs = translated["inputs"]
    return {**translated, "inputs": {**inputs, "parameterValues": applied(inputs["parameterValues"])}}


def _translated(executor_input: ExecutorInput, mounts: str | None, inputs_spec: dict[str, Any]) -> ExecutorInput:
    """The same with the runtime parameters as they were given."""
    types = {name: each["artifactType"] for name, each in inputs_spec.get("artifacts", {}).items()}
    inputs = dict(executor_input.get("inputs", {}))
    outputs = dict(executor_input["outputs"])
    inputs["parameterValues"] = {name: _unpacked(value) for name, value in inputs.get("parameterValues", {}).items()}
    inputs["artifacts"] = {
        name: _typed(_known_to_tfx(listed), types.get(name))
        for name, listed in _local(inputs.get("artifacts", {}), mounts).items()
        if not _is_absent(listed)
    }
    outputs["artifacts"] = {
        name: _known_to_tfx(listed)
        for name, listed in _local(outputs.get("artifacts", {}), mounts).items()
        if name != _LAUNCHERS_OWN
    }
    return {**executor_input, "inputs": inputs, "outputs": outputs}


def with_urls(report: dict[str, Any], original: ExecutorInput) -> dict[str, Any]:
    """What the step reports, with the artifacts at the URLs that the launcher knows."""
    known = original["outputs"].get("artifacts", {})
    artifacts = {
        name: {
            "artifacts": [
                {**artifact, "uri": named["uri"]}
                for artifact, named in zip(_listed(listed), _listed(known[name]), strict=True)
            ]
        }
        for name, listed in report.get("artifacts", {}).items()
    }
    return {**report, "artifacts": artifacts}


def _listed(artifacts: dict[str, Any]) -> list[dict[str, Any]]:
    """The artifacts of an ArtifactList, whose JSON is `{}` where it is empty."""
    found: list[dict[str, Any]] = artifacts.get("artifacts", [])
    return found


def _local(artifacts: dict[str, Any], mounts: str | None) -> dict[str, Any]:
    return {
        name: {"artifacts": [{**artifact, "uri": _path(artifact["uri"], mounts)} for artifact in _listed(listed)]}
        for name, listed in artifacts.items()
    }


def _path(uri: str, mounts: str | None) -> str:
    """gs://bucket/key as /gcs/bucket/key, the others likewise; anything else stays."""
    scheme, separator, rest = uri.partition("://")
    if mounts is None or not separator or scheme not in _SCHEMES:
        return uri
    return str(Path(mounts) / ("gcs" if scheme == "gs" else scheme) / rest)


def _typed(listed: dict[str, Any], declared: dict[str, str] | None) -> dict[str, Any]:
    """The artifacts with the declared type where they have none."""
    if declared is None:
        return listed
    artifacts = [
        artifact if any(artifact.get("type", {}).values()) else {**artifact, "type": declared}
        for artifact in _listed(listed)
    ]
    return {"artifacts": artifacts}


def _known_to_tfx(listed: dict[str, Any]) -> dict[str, Any]:
    """A page by the type that TFX can import."""
    artifacts = [
        {**artifact, "type": {"schemaTitle": PAGE_TYPE}}
        if artifact.get("type", {}).get("schemaTitle") == HTML_TITLE
        else artifact
        for artifact in _listed(listed)
    ]
    return {"artifacts": artifacts}


def _is_absent(listed: dict[str, Any]) -> bool:
    return any(artifact.get("metadata", {}).get(ABSENT) == 1 for artifact in _listed(listed))


def _unpacked(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(PACKED):
        return zlib.decompress(base64.b64decode(value.removeprefix(PACKED))).decode()
    return value


def _end_after(seconds: int, options: argparse.Namespace) -> None:
    """Ends the process, whatever it is doing, when the time is up: Vertex has no limit for a step."""

    def end() -> None:
        error = UserError(f"the step took longer than timeout_seconds: {seconds}", hint=_LONGER)
        _say(f"error: {error.message}")
        try:
            _leave_page(options, error, EXIT_TIMEOUT)
        finally:
            os._exit(EXIT_TIMEOUT)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _show_own_messages() -> None:
    """What Lockgate's components have to say goes into the step's log, whatever the libraries' loggers are set to."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    own = logging.getLogger("lockgate")
    own.handlers = [handler]
    own.setLevel(logging.INFO)
    own.propagate = False


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
