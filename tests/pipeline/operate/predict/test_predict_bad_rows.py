"""Rows that have no prediction: which they are, where they go, and that the others are not moved by them."""

import json
from pathlib import Path

import pyarrow.parquet as pq
from support.served import configured, species

from pipeline.operate.predict.prediction import Predicted, predict
from pipeline.operate.predict.request import Request, checked

HEADER = "id,bill length,mass,island,year\n"


def predicted(config: Path, place: Path, output: Path, **wishes: object) -> Predicted:
    loaded = configured(config)
    return predict(loaded, checked(loaded, Request(str(place), None, str(output), **wishes)))


def test_bad_rows_are_told_with_file_line_and_reason(config: Path, tmp_path: Path):
    rows = [
        "1,40.5,4000,Dream,2007",
        "2,wide,4000,Dream,2008",
        '3,41,4000,"Tor\ngersen",2009',
        "4,41",
        "5,42,4e3,Dream,9",
    ]
    (tmp_path / "rows.csv").write_bytes(
        (HEADER + "\n".join(rows)).encode() + b"\n6,42,1,caf\xe9,2009\n7,43,1,Dream,2008\n"
    )
    result = predicted(config, tmp_path / "rows.csv", tmp_path / "out.parquet", keep="id")
    assert (result.rows, result.bad_rows) == (3, 4)
    bad = [json.loads(line) for line in Path(result.bad_rows_file).read_text().splitlines()]
    assert result.bad_rows_file == str(tmp_path / "out.parquet.bad_rows.jsonl")
    assert [(row["file"], row["place"]) for row in bad] == [(str(tmp_path / "rows.csv"), n) for n in (3, 6, 7, 8)]
    reasons = [row["reason"] for row in bad]
    assert reasons[0] == "column 'bill length': expected a number (FLOAT in the schema), received 'wide'"
    assert reasons[1].startswith("expected 5 cells as in the header, received 2")
    assert reasons[2] == "column 'mass': expected an integer (INT in the schema), received '4e3'"
    assert reasons[3].startswith("the byte 0xe9 is not utf-8 text")
    assert bad[0]["row"] == "2,wide,4000,Dream,2008"
    assert bad[3]["row_latin1"] == "6,42,1,café,2009"
    assert result.first_bad[0].startswith(f"{tmp_path / 'rows.csv'}, line 3: column 'bill length'")
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    known = [
        {"bill length": 40.5, "mass": 4000, "island": "Dream", "year": 2007},
        {"bill length": 41, "mass": 4000, "year": 2009},
        {"bill length": 43, "mass": 1, "island": "Dream", "year": 2008},
    ]
    assert [(row["id"], row["predicted_species"]) for row in found] == list(zip("137", species(known), strict=True))


def test_a_row_of_json_that_is_none_and_two_objects_on_one_line_of_an_array(config: Path, tmp_path: Path):
    sound = {"bill length": 40.5, "mass": 4000, "island": "Dream", "year": 2007}
    # In an array places are lines, and several objects may stand on one: they must not be taken for each other.
    objects = [sound | {"id": 1}, sound | {"id": 2, "mass": "heavy"}, sound | {"id": 3, "year": 2009.0}]
    (tmp_path / "rows.json").write_text(json.dumps(objects))
    result = predicted(config, tmp_path / "rows.json", tmp_path / "out.jsonl", keep="id")
    assert (result.rows, result.bad_rows) == (2, 1)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in found] == [1, 3]
    (tmp_path / "rows.jsonl").write_text(f'{json.dumps(sound)}\n{{"mass": \n{json.dumps(sound)}\n')
    result = predicted(config, tmp_path / "rows.jsonl", tmp_path / "out.csv")
    assert (result.rows, result.bad_rows) == (2, 1)
    assert "line 2: invalid JSON" in result.first_bad[0]


def test_what_the_model_does_not_read_makes_no_row_bad_where_it_is_kept_as_it_stands(config: Path, tmp_path: Path):
    (tmp_path / "rows.csv").write_text("wing,bill length,mass,island,year\nlong,40,4000,Dream,2007\n")
    assert predicted(config, tmp_path / "rows.csv", tmp_path / "out.csv").bad_rows == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("long,40,4000,Dream")


def test_a_column_of_another_type_makes_every_row_bad(config: Path, tmp_path: Path):
    (tmp_path / "rows.csv").write_text(HEADER + "1,40,4000,Dream,soon\n2,40,4000,Dream,later\n")
    result = predicted(config, tmp_path / "rows.csv", tmp_path / "out.csv")
    assert (result.rows, result.bad_rows) == (0, 2)
    # Without bad rows the next time, the file with them goes too.
    (tmp_path / "rows.csv").write_text(HEADER + "1,40,4000,Dream,2007\n")
    assert predicted(config, tmp_path / "rows.csv", tmp_path / "out.csv", overwrite=True).bad_rows_file == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv", "rows.csv"]
