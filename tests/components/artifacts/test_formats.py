"""What is on disk in pushed versions and cached artifacts stays readable, and stays as it is."""

import pytest

from components.artifacts import pushed_version
from components.artifacts.golden import GoldenContract
from components.artifacts.ingest import IngestReport

CONTRACT = """{
 "task": "regression",
 "classes": null,
 "decision_threshold": 0.5,
 "row_key": "row_key_xf",
 "label": "Verspätung",
 "weight": null,
 "range": [
  -3.0,
  1e-07
 ],
 "trivial": {
  "answer": [
   11.5
  ],
  "class_weights": null,
  "transform": "log1p",
  "error": "absolute"
 },
 "inputs": {
  "size (cm)": {
   "argument": "size__cm_",
   "dtype": "float32",
   "several": false
  }
 },
 "transformed": {
  "size_xf": {
   "argument": "size_xf",
   "dtype": "float32",
   "shape": [
    1
   ]
  }
 },
 "columns": {
  "size (cm)": "float32",
  "Verspätung": "float32"
 },
 "missing_words": {
  "Größe": [
   "NA"
  ]
 },
 "importance": {
  "size (cm)": 0.25
 },
 "importance_error": {
  "size (cm)": 0.01
 }
}"""
INGEST = """{
 "rows": {
  "train": 2,
  "eval": 0,
  "test": 1
 },
 "files": [
  {
   "file": "a.csv",
   "input": "all",
   "rows": 3,
   "bad_rows": 1,
   "unlabeled_rows": 0,
   "digest": "00000000000000ff"
  }
 ],
 "bad_rows": [
  {
   "file": "a.csv",
   "place": 4,
   "reason": "'x': expected a number, received 'a'"
  }
 ],
 "types": {
  "x": "double"
 },
 "left_out": {},
 "collapsed": {
  "key": {
   "distinct": 9,
   "left": 1,
   "whole": true,
   "example": [
    "16777216",
    "16777217"
   ]
  }
 },
 "leading_zeros": [
  "code"
 ]
}"""


def test_a_contract_is_written_as_it_was_read() -> None:
    assert GoldenContract.model_validate_json(CONTRACT).to_json() == CONTRACT


def test_an_ingest_report_is_written_as_it_was_read() -> None:
    report = IngestReport.model_validate_json(INGEST)
    assert report.model_dump_json(indent=1) == INGEST
    assert (report.read, report.bad, report.unlabeled) == (4, 1, 0)


@pytest.mark.parametrize(
    ("place", "version", "artifact"),
    [
        (pushed_version.CONTRACT, "assets.extra/champion/contract.json", "golden/contract.json"),
        (pushed_version.TRAINING, "assets.extra/champion/training", "training"),
        (pushed_version.STATISTICS, "assets.extra/champion/FeatureStats.pb", "Split-train/FeatureStats.pb"),
    ],
)
def test_a_pushed_version_keeps_its_places(place: pushed_version.Place, version: str, artifact: str) -> None:
    assert place == (version, artifact)
