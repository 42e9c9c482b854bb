"""What a manifest says of the data, from an artifact as Kubeflow's launcher hands it to a step."""

from pathlib import Path

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint_utils
from tfx.types import standard_artifacts

from components.artifacts.ingest import FileReport, IngestReport
from pipeline.report.provenance import of_inputs


def test_what_the_driver_noted_and_what_was_read(tmp_path: Path) -> None:
    files = tuple(
        FileReport(file=name, input="all", rows=rows, bad_rows=0, digest=digest)
        for name, rows, digest in (("a.csv", 2, "f" * 16), ("b.csv", 3, "0" * 15 + "3"))
    )
    report = IngestReport(rows={"train": 4, "eval": 1}, files=files, types={"x": "int64"})
    (tmp_path / "ingest.json").write_text(report.model_dump_json())
    noted = {"custom:span": 7, "custom:version": 2, "input_fingerprint": "split:all,num_files:2"}
    given = {
        "name": "projects/1/examples/1",
        "uri": str(tmp_path),
        "type": {"instanceSchema": "title: tfx.Examples\ntype: object\n"},
        "metadata": noted,
    }
    artifacts = pipeline_spec_pb2.ArtifactList()
    json_format.ParseDict({"artifacts": [given]}, artifacts)
    inputs = entrypoint_utils.parse_raw_artifact_dict({"examples": artifacts}, {})
    assert isinstance(inputs["examples"][0], standard_artifacts.Examples)
    told = of_inputs(inputs, {"pipeline": "birds", "image": "birds:1", "commit": "c0ffee"}, "job-1")
    assert (told.pipeline, told.run, told.commit, told.image) == ("birds", "job-1", "c0ffee", "birds:1")
    assert told.data is not None
    assert (told.data.span, told.data.version, told.data.fingerprint) == (7, 2, "split:all,num_files:2")
    # The sum of the digests, in 64 bits.
    assert (told.data.rows, told.data.digest, told.data.file_count) == ({"train": 4, "eval": 1}, "0" * 15 + "2", 2)
    assert told.gates == ()
