"""ExampleGen's step as a container runs it: our driver goes first, and knows windows of spans."""

import json

import pytest
from support.bucket import use_folder_as_storage
from support.compiled_pipelines import REPOSITORY, compiled

from pipeline.runners.container_entrypoint import _kept_if_it_fails, main


def test_a_window_of_spans_is_read_where_no_driver_ran_before(tmp_path):
    table = (REPOSITORY / "data/penguins/penguins.csv").read_text().splitlines()
    for span, rows in ((1, table[1:100]), (2, table[100:200]), (3, table[200:])):
        (tmp_path / "data" / str(span)).mkdir(parents=True)
        (tmp_path / "data" / str(span) / "birds.csv").write_text("\n".join([table[0], *rows]) + "\n")
    own = ("targets.kubeflow.data_path=/serving/data/{SPAN}/birds.csv", "data.path=data/{SPAN}/birds.csv")
    pipeline = compiled("penguins", "kubeflow", *own, "data.spans={last: 2}")
    given = pipeline.tasks["ExampleGen"]["inputs"]["parameters"]
    values = {name: each["runtimeValue"]["constant"] for name, each in given.items() if "runtimeValue" in each}
    values |= {"data_path": f"{tmp_path}/data/{{SPAN}}/birds.csv", "span": ""}
    component = pipeline.spec["components"]["ExampleGen"]
    examples = {"name": "1", "uri": str(tmp_path / "examples")}
    examples["type"] = component["outputDefinitions"]["artifacts"]["examples"]["artifactType"]
    report = tmp_path / "task" / "report.json"
    invocation = {
        "inputs": {"parameterValues": values},
        "outputs": {"artifacts": {"examples": {"artifacts": [examples]}}, "outputFile": str(report)},
    }
    container = pipeline.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    filled = [each.replace("{{$}}", json.dumps(invocation)) for each in container["args"]]
    assert main(filled) == 0
    ingest = json.loads((tmp_path / "examples" / "ingest.json").read_text())
    # The newest two of three spans: 100 and 145 of the 344 birds.
    assert {each["file"].split("/")[-2]: each["rows"] for each in ingest["files"]} == {"2": 100, "3": 145}
    metadata = json.loads(report.read_text())["artifacts"]["examples"]["artifacts"][0]["metadata"]
    assert metadata["custom:span"] == 3


def test_what_a_failing_step_has_written_stays_and_its_log_says_where(tmp_path, monkeypatch, capsys):
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    places = {
        # As Kubeflow's launcher mounts Google Storage; what is on Vertex is there already; S3 goes with the pod.
        "model": (str(tmp_path / "gcs/bucket/model"), "gs://bucket/model"),
        "report": ("gs://bucket/report", "gs://bucket/report"),
        "lost": (str(tmp_path / "s3/bucket/lost"), "s3://bucket/lost"),
        "empty": (str(tmp_path / "gcs/bucket/empty"), "gs://bucket/empty"),
    }
    for folder in (tmp_path / "gcs/bucket/model/deep", tmp_path / "storage/bucket/report", tmp_path / "s3/bucket/lost"):
        folder.mkdir(parents=True)
        (folder / "half").write_text("a model")
    (tmp_path / "gcs/bucket/empty").mkdir()
    here, there = (
        {"outputs": {"artifacts": {name: {"artifacts": [{"uri": uris[side]}]} for name, uris in places.items()}}}
        for side in (0, 1)
    )
    with pytest.raises(ZeroDivisionError), _kept_if_it_fails(here, there):
        raise ZeroDivisionError
    assert capsys.readouterr().err.splitlines() == ["kept: gs://bucket/model", "kept: gs://bucket/report"]
    assert (tmp_path / "storage/bucket/model/deep/half").read_text() == "a model"
    with _kept_if_it_fails(here, there):
        pass
    assert capsys.readouterr().err == ""
