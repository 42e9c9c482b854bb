"""The whole gate on real artifact folders: what it lets through, what it stops, and what it says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from support.gated import COLUMNS, Run, orders, schema_of, serialized, sound, statistics_of, write_records
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.columns import Columns
from components.data_gate.report import DataFinding, Verdict, read
from preprocessing.errors import UserError
from preprocessing.readable import Dates, Words


def _found(verdict: Verdict, rule: str, feature: str | None = None) -> list[DataFinding]:
    return [each for each in verdict.findings if each.check == rule and feature in (None, each.feature)]


def test_sound_data_pass_without_a_word(sound_run: Run) -> None:
    verdict = sound_run.judge()

    assert verdict.findings == ()
    assert verdict.blessed
    assert sound_run.verdict.get_int_custom_property("blessed") == 1
    assert {check.name: check.state for check in verdict.checks} == {
        "anomalies": "ran",
        "min_rows": "ran",
        "text_in_numbers": "ran",
        "label_varies": "ran",
        "label_values": "ran",
        "drift": "skipped",
        "split_skew": "ran",
        "serving_skew": "skipped",
        "label_shift": "ran",
        "label_drift": "skipped",
        "float32": "skipped",
        "leading_zeros": "skipped",
        "similar_values": "ran",
        "duplicate_files": "skipped",
        "duplicates": "ran",
        "leakage": "ran",
    }
    assert all(check.reason for check in verdict.checks if check.state == "skipped")
    assert verdict.reason() == "10 checks passed"


def test_sound_data_pass_against_a_baseline(sound_run: Run, tmp_path: Path) -> None:
    earlier = Run(tmp_path, {"train": orders(900, 11), "eval": orders(300, 12), "test": orders(300, 13)})
    assert sound_run.judge(baseline=earlier).findings == ()


def test_renamed_column(tmp_path: Path) -> None:
    run = Run(tmp_path, {split: frame.rename(columns={"price": "Price"}) for split, frame in sound().items()})
    verdict = run.judge()

    missing, new = _found(verdict, "SCHEMA_MISSING_COLUMN"), _found(verdict, "SCHEMA_NEW_COLUMN")
    assert [(each.feature, each.severity, each.split) for each in missing + new] == [
        ("price", "block", "train, eval, test"),
        ("Price", "warn", "train, eval, test"),
    ]
    assert missing[0].expected == "a column 'price' of type FLOAT"
    assert not verdict.blessed
    assert run.verdict.get_int_custom_property("blessed") == 0
    assert "renamed" in missing[0].hint


def test_numbers_turned_to_text(tmp_path: Path) -> None:
    frames = sound()
    for frame in frames.values():
        frame["price"] = [f"{price:.2f}" for price in frame["price"][:-1]] + ["eleven"]
    verdict = Run(tmp_path, frames).judge()
    (finding, *_) = _found(verdict, "UNEXPECTED_DATA_TYPE")
    assert (finding.feature, finding.expected, finding.severity) == ("price", "type FLOAT", "block")
    assert finding.received.startswith("train: type BYTES: 'eleven'")


def _with_new_country(share: float) -> dict[str, pd.DataFrame]:
    frames = sound()
    for frame in frames.values():
        frame.loc[: int(share * len(frame)) - 1, "country"] = "nl"
    return frames


def test_new_category_in_many_rows_is_seen_by_the_domain_and_by_drift(sound_run: Run, tmp_path: Path) -> None:
    verdict = Run(tmp_path, _with_new_country(0.4)).judge(baseline=sound_run)

    (finding,) = _found(verdict, "ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    assert finding.severity == "block"
    assert finding.expected == "one of 'be', 'de', 'fr'"
    assert finding.received == "40 % of the values are others: 'nl'"
    (drift,) = _found(verdict, "drift", "country")
    assert drift.severity == "block"
    assert "'nl', never seen before, is 40 % of the rows" in drift.received
    assert drift.received.startswith("0.4:")


def test_new_category_in_few_rows_warns_only(tmp_path: Path) -> None:
    run = Run(tmp_path, _with_new_country(0.02))
    verdict = run.judge()
    (finding,) = _found(verdict, "ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    assert finding.severity == "warn"
    assert verdict.blessed
    refused = run.judge({"unexpected_values": {"block_above": 0.0}})
    assert not refused.blessed
    assert not read(run.verdict.uri).blessed
    kind = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert run.judge({"anomalies": {kind: "off"}}).findings == ()


@pytest.mark.parametrize(("missing", "severity"), [(4, "warn"), (200, "block")])
def test_missing_values_beyond_the_presence(tmp_path: Path, missing: int, severity: str) -> None:
    frames = sound()
    frames["test"].loc[: missing - 1, "country"] = None
    (finding,) = _found(Run(tmp_path, frames).judge(), "FEATURE_TYPE_LOW_FRACTION_PRESENT")
    assert (finding.feature, finding.split, finding.severity) == ("country", "test", severity)
    assert finding.expected == "a value in at least 100 % of the rows"
    assert finding.received == f"a value in {400 - missing} rows, {100 - missing / 4:g} %"


def _using(*columns: str) -> Columns:
    """The columns of the orders, and others that the configuration names."""
    return COLUMNS.model_copy(update={"keys": columns})


def _inferred(train: pd.DataFrame) -> str:
    """As SchemaGen does it."""
    return text_format.MessageToString(tfdv.infer_schema(statistics_of(train), infer_feature_shape=False))


def test_what_an_inferred_schema_misses_by_chance_does_not_block(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = orders(120, 5).assign(
        name=[f"order {i}" for i in range(120)],  # each a value of its own
        shop=rng.choice([f"shop {i}" for i in range(60)], 120),  # new ones in every split
        note=[1.5, *[None] * 119],  # in one row of all
        weight=[*rng.random(110), *[None] * 2, *rng.random(8)],  # missing in two rows of the test split
    )
    frames = {"train": frame[:72], "eval": frame[72:96], "test": frame[96:]}
    run = Run(tmp_path, frames, _inferred(frames["train"]))
    used = _using("name", "note", "shop", "weight")
    verdict = run.judge({"min_rows": {"eval": 10, "test": 10}}, columns=used)

    assert {(each.check, each.feature, each.severity) for each in verdict.findings} >= {
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "name", "warn"),
        ("FEATURE_TYPE_NOT_PRESENT", "note", "warn"),
        ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "weight", "warn"),
    }
    assert verdict.blessed

    limits = {"min_rows": {"eval": 10, "test": 10}, "unexpected_values": {"block_above": 0}}
    strict = run.judge(limits, columns=used)
    assert {each.feature for each in strict.blocking()} == {"name", "shop", "note", "weight"}


def test_a_value_that_is_rare_in_training_may_lack_in_a_small_split(tmp_path: Path) -> None:
    frames = {split: frame.assign(gust=20.0) for split, frame in sound().items()}
    for frame in frames.values():
        frame.loc[frame.index % 20 != 0, "gust"] = None
    frames["eval"] = frames["eval"][1:13]  # twelve rows without a gust; 54 % of all such samples have none
    schema = _inferred(frames["train"])
    verdict = Run(tmp_path, frames, schema).judge()
    assert {(each.check, each.feature, each.severity) for each in verdict.findings} >= {
        ("FEATURE_TYPE_NOT_PRESENT", "gust", "warn")
    }
    assert verdict.blessed


def test_what_chance_does_not_explain_blocks_with_an_inferred_schema_too(tmp_path: Path) -> None:
    frames = {split: frame.assign(note=1.5) for split, frame in sound().items()}
    schema = _inferred(frames["train"].assign(note=[None, *[1.5] * 1199]))
    frames["train"].loc[0, "note"] = None
    frames["eval"].loc[frames["eval"].index % 10 < 4, "country"] = "xx"
    frames["test"]["note"] = None
    blocking = Run(tmp_path, frames, schema).judge(columns=_using("note")).blocking()
    assert {(each.check, each.feature, each.split) for each in blocking} == {
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "country", "eval"),
        ("FEATURE_TYPE_NOT_PRESENT", "note", "test"),
    }


@pytest.mark.parametrize("outlier", [False, True])
def test_prices_in_cents(sound_run: Run, tmp_path: Path, outlier: bool) -> None:
    frames = sound()
    baseline = sound()
    for frame in frames.values():
        frame["price"] *= 100
    if outlier:  # equal-width histograms see nothing beside one
        for each in (frames, baseline):
            each["train"].loc[0, "price"] = 1e7
    verdict = Run(tmp_path / "now", frames).judge(baseline=Run(tmp_path / "before", baseline) if outlier else sound_run)

    (drift,) = _found(verdict, "drift", "price")
    assert drift.severity == "block"
    assert float(drift.received.partition(":")[0]) > 0.85
    (range_,) = _found(verdict, "FLOAT_TYPE_BIG_FLOAT", "price")[:1]
    assert range_.expected == "between 0 and 1000"
    assert float(range_.received.split()[-1]) > 9000


def test_missing_values_drift_although_the_schema_allows_them(sound_run: Run, tmp_path: Path) -> None:
    frames = sound()
    for frame in frames.values():
        frame.loc[frame.index % 2 == 0, "count"] = None
        frame["count"] = frame["count"].astype("Int64").astype(object).where(frame["count"].notna(), None)
    verdict = Run(tmp_path, frames).judge(baseline=sound_run)
    (drift,) = _found(verdict, "drift", "count")
    assert drift.received == "0.5: 50 % missing, was 0 %"


def test_columns_that_the_model_does_not_use_and_dates_may_drift(sound_run: Run, tmp_path: Path) -> None:
    frames = sound()
    for frame in frames.values():
        frame["count"] += 40
    run = Run(tmp_path, frames)
    assert _found(run.judge(baseline=sound_run), "drift", "count")
    for inputs in ({"price": "number"}, {"price": "number", "count": "datetime"}):
        columns = Columns.model_validate({"label": "late", "task": "binary", "inputs": inputs})
        assert not _found(run.judge(baseline=sound_run, columns=columns), "drift")


def test_overrides_for_one_column(sound_run: Run, tmp_path: Path) -> None:
    run = Run(tmp_path, _with_new_country(0.4))

    def drift(override: dict[str, object]) -> list[str]:
        verdict = run.judge({"drift": {"features": {"country": override}}}, baseline=sound_run)
        return [each.severity for each in _found(verdict, "drift")]

    assert drift({"limit": 0.5}) == []
    assert drift({"severity": "warn"}) == ["warn"]
    assert drift({"severity": "off"}) == []
    message = r"^data_gate\.drift\.features: the schema has no such column, received 'contry'"
    with pytest.raises(UserError, match=message) as error:
        run.judge({"drift": {"features": {"contry": {"limit": 0.5}}}})
    assert "did you mean 'country'?" in error.value.hint


def test_skew_between_splits_warns(tmp_path: Path) -> None:
    frames = sound()
    frames["test"]["price"] += 30
    verdict = Run(tmp_path, frames).judge()
    assert [(f.feature, f.split, f.severity) for f in _found(verdict, "split_skew")] == [("price", "test", "warn")]
    assert verdict.blessed


def _label_change() -> float:
    share = sound()["train"]["late"].mean()
    return abs(1 - 2 * float(share))


def test_label_balance(sound_run: Run, tmp_path: Path) -> None:
    frames = sound()
    frames["test"]["late"] = (np.arange(400) % 4 != 0).astype(int)  # 75 % instead of about 30 %
    run = Run(tmp_path / "split", frames)
    (finding,) = _found(run.judge(), "label_shift")
    assert (finding.feature, finding.split, finding.severity) == ("late", "test", "warn")
    frames = {split: frame.assign(late=1 - frame["late"]) for split, frame in sound().items()}
    (finding,) = _found(Run(tmp_path / "drift", frames).judge(baseline=sound_run), "label_drift")
    assert finding.severity == "block"
    assert float(finding.received.partition(":")[0]) == pytest.approx(_label_change(), abs=1e-3)


def test_an_input_that_is_gone_although_the_schema_does_not_demand_it(tmp_path: Path) -> None:
    run = Run(tmp_path, {split: frame.drop(columns="count") for split, frame in sound().items()})
    (finding,) = run.judge().findings
    assert (finding.check, finding.feature, finding.severity) == ("SCHEMA_MISSING_COLUMN", "count", "block")


def test_few_rows_and_a_missing_split(tmp_path: Path) -> None:
    frames = sound()
    verdict = Run(tmp_path, {"train": frames["train"][:29], "eval": frames["eval"]}).judge()
    assert [(f.split, f.received, f.severity) for f in _found(verdict, "min_rows")] == [
        ("train", "29 rows", "block"),
        ("test", "0 rows", "block"),
    ]


def test_rows_copied_from_train_to_test(tmp_path: Path) -> None:
    frames = sound()
    frames["test"] = pd.concat([frames["test"], frames["train"][:40]], ignore_index=True)
    verdict = Run(tmp_path, frames).judge()
    (finding,) = _found(verdict, "duplicates")
    assert (finding.split, finding.severity) == ("test", "block")
    assert finding.received == "9.09 %, 40 rows"


def test_a_file_twice(tmp_path: Path) -> None:
    run = Run(tmp_path, sound())
    one = {"input": "train", "rows": 500, "bad_rows": 0, "digest": "ab"}
    run.ingest({"file": "a.csv", **one}, {"file": "b.csv", **one, "digest": "cd"}, {"file": "c.csv", **one})
    (finding,) = _found(run.judge(), "duplicate_files")
    assert finding.severity == "block"
    assert finding.received == "the same 500 rows in a.csv, c.csv"
    run.ingest({"file": "a.csv", **one, "rows": 1}, {"file": "c.csv", **one, "rows": 1})
    assert run.judge().blessed
    run.ingest({"file": "a.csv"})
    with pytest.raises(UserError, match=r"ingest\.json: not what ExampleGen writes"):
        run.judge()


def test_an_input_that_is_the_label_in_disguise(tmp_path: Path) -> None:
    frames = sound()
    for frame in frames.values():
        frame["price"] = frame["price"].where(frame["late"] == 1, 1000 - frame["price"])
    verdict = Run(tmp_path, frames).judge()
    (finding,) = _found(verdict, "leakage")
    assert (finding.feature, finding.severity) == ("price", "warn")
    assert verdict.blessed


def test_refusal_ends_the_component_where_it_must(tmp_path: Path) -> None:
    run = Run(tmp_path, _with_new_country(0.4))
    with pytest.raises(UserError, match="the data gate refuses the data: ENUM_TYPE_UNEXPECTED_STRING_VALUES") as error:
        run.judge(on_refusal="fail")
    assert "report.json" in error.value.hint
    assert not read(run.verdict.uri).blessed  # written all the same
    assert not list(Path(run.verdict.uri).glob("*.part"))


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".tfrecord", ".tfrecord.gz"])
def test_serving_sample(sound_run: Run, tmp_path: Path, suffix: str) -> None:
    sample = orders(500, 9).drop(columns="late")

    def judged(frame: pd.DataFrame, name: str) -> Verdict:
        path = tmp_path / f"{name}{suffix}"
        if ".csv" in suffix:
            frame.to_csv(path, index=False)
        elif suffix == ".parquet":
            frame.to_parquet(path)
        else:
            write_records(path, serialized(frame))
        return sound_run.judge(serving=str(path))

    assert judged(sample, "sound").findings == ()
    (finding,) = judged(sample.assign(price=sample["price"] * 100), "cents").findings
    assert (finding.check, finding.feature, finding.severity) == ("serving_skew", "price", "block")
    (finding,) = judged(sample.drop(columns="country"), "absent").findings
    assert (finding.feature, finding.received) == ("country", "no such column")


def test_a_folder_of_parquet_files_is_one_sample(sound_run: Run, tmp_path: Path) -> None:
    sample = orders(500, 9).drop(columns="late")
    sample.iloc[:300].assign(price=lambda rows: rows["price"] * 100).to_parquet(tmp_path / "a.parquet")
    # One file may lack a column, and hold another type of number.
    sample.iloc[300:].assign(count=1.5, more="x").to_parquet(tmp_path / "b.parquet")
    (tmp_path / ".c.parquet").write_bytes(b"half written")
    (tmp_path / "notes.txt").write_text("not read", encoding="utf-8")
    found = {finding.feature: finding for finding in sound_run.judge(serving=str(tmp_path)).findings}
    assert found.keys() == {"price", "count"}
    assert {finding.severity for finding in found.values()} == {"block"}


def test_an_empty_folder_is_no_sample(sound_run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no \.parquet file"):
        sound_run.judge(serving=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", None, "no such file"),
        ("a.xlsx", b"x", r"expected a \.csv, \.parquet or \.tfrecord file"),
        ("a.parquet", b"PAR1 cut", "can't be read"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00cut", "can't be read"),
        ("a.csv", b"price,count\nmuch,1\n", "column 'price': the schema says FLOAT"),
        ("a.csv", b"price,count\n", "has no rows"),
        ("a.tfrecord", b"\x20\0\0\0\0\0\0\0 cut off", "can't be read"),
    ],
)
def test_unreadable_serving_samples(
    sound_run: Run, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        sound_run.judge(serving=str(tmp_path / name))


def test_the_proposal_accepts_the_data_and_keeps_the_comments(tmp_path: Path) -> None:
    frames = _with_new_country(0.4)
    for frame in frames.values():
        frame["price"] *= 100
        frame["code"] = [f"{i % 5}" for i in range(len(frame))]
        frame["count"] = [f"{count}" for count in frame["count"]]
        frame.drop(columns="late", inplace=True)
    run = Run(tmp_path, frames)
    verdict = run.judge(columns=Columns(label="late", task="binary", inputs={"price": "number", "country": "category"}))

    assert verdict.proposal
    text = (Path(run.verdict.uri) / "schema.pbtxt").read_text()
    proposed = text_format.Parse(text, schema_pb2.Schema())
    for frame in frames.values():
        assert not tfdv.validate_statistics(statistics_of(frame), proposed).anomaly_info
    # The label is gone too, and no run would begin without it.
    assert [feature.name for feature in proposed.feature] == ["price", "count", "country", "late", "code"]
    for kept in (
        "# The curated schema of the orders.\nfeature {",
        "# How many of it.\nfeature {",
        "  # Never missing.\n  presence { min_fraction: 1.0 min_count: 1 }\n}\n",  # country itself is unchanged
        "# Where we sell.\nstring_domain {",
        "# The end.\n",
    ):
        assert kept in text
    diff = (Path(run.verdict.uri) / "schema.diff").read_text()
    assert '+  value: "nl"' in diff
    assert diff.startswith("--- schema.pbtxt")


def test_a_new_column_alone_is_proposed_too(tmp_path: Path) -> None:
    run = Run(tmp_path, {split: frame.assign(extra=1.5) for split, frame in sound().items()})
    verdict = run.judge()
    assert verdict.blessed
    assert verdict.proposal
    before = {feature.name: feature for feature in schema_of().feature}
    proposed = schema_of((Path(run.verdict.uri) / "schema.pbtxt").read_text())
    assert {feature.name for feature in proposed.feature} - set(before) == {"extra"}
    assert all(feature == before[feature.name] for feature in proposed.feature if feature.name in before)


def test_bad_labels_and_weights_in_the_examples(tmp_path: Path) -> None:
    frames = {split: frame.assign(weight=1.0) for split, frame in sound().items()}
    frames["train"].loc[[1, 2], "weight"] = [-1.0, np.inf]
    frames["eval"]["late"] = 0
    frames["test"]["weight"] = 0.0
    frames["test"].loc[7, "late"] = 2
    run = Run(tmp_path, frames)
    columns = COLUMNS.model_copy(update={"weight": "weight", "classes": ("0", "1")})
    verdict = run.judge(columns=columns)
    assert [(each.check, each.split, each.received) for each in verdict.blocking()] == [
        ("label_varies", "eval", "'0' in every row (400 rows)"),
        ("label_values", "test", "'2' in 1 row"),
        ("weights", "train", "infinite in 1 of 1,200 rows"),
        ("weights", "train", "-1 in 1 of 1,200 rows"),
        ("weights", "test", "0 in every row (400 rows)"),
    ]
    tolerant = run.judge(
        {"label_varies": {"severity": "off"}, "label_values": {"severity": "warn"}, "weights": {"severity": "warn"}},
        columns=columns,
    )
    assert tolerant.blessed
    assert {check.name: check.state for check in tolerant.checks}["label_varies"] == "off"
    assert [each.check for each in tolerant.warnings() if each.feature in ("late", "weight")] == [
        "SCHEMA_NEW_COLUMN", "label_values", "weights", "weights", "weights", "label_shift",
    ]  # fmt: skip


def test_text_where_a_number_is_declared_stops_the_run_whatever_the_schema_says(tmp_path: Path) -> None:
    """As the stock readers leave it: their types are those of the cells."""
    frames = sound()
    for frame in frames.values():
        frame["price"] = [f"{price:.2f}" for price in frame["price"][:-1]] + ["eleven"]
    run = Run(tmp_path, frames, _inferred(frames["train"]))
    (finding,) = _found(run.judge(), "text_in_numbers")
    assert (finding.feature, finding.split, finding.received) == ("price", "train, eval, test", "text: 'eleven'")
    as_category = COLUMNS.model_copy(update={"inputs": {**COLUMNS.inputs, "price": "category"}})
    assert not _found(run.judge(columns=as_category), "text_in_numbers")


def test_dates_and_booleans_that_cannot_be_read(tmp_path: Path) -> None:
    frames = {
        split: frame.assign(day="2024-01-31", paid=["yes", "no"] * (len(frame) // 2))
        for split, frame in sound().items()
    }
    frames["test"]["day"] = "31.1.2024"
    frames["train"].loc[:9, "paid"] = "perhaps"
    columns = COLUMNS.model_copy(
        update={"readings": {"day": Dates(format="%Y-%m-%d", unit="s"), "paid": Words(words=("yes", "no"))}}
    )
    run = Run(tmp_path, frames)
    found = _found(run.judge(columns=columns), "unreadable")
    assert [(each.feature, each.split, each.severity) for each in found] == [
        ("day", "test", "block"),
        ("paid", "train", "warn"),
    ]
    strict = run.judge({"unreadable": {"max_fraction": 0.001}}, columns=columns)
    assert {each.severity for each in _found(strict, "unreadable")} == {"block"}


def test_what_values_a_column_has_that_the_configuration_does_not_use_only_warns(tmp_path: Path) -> None:
    frames = _with_new_country(0.4)
    for frame in frames.values():
        frame["price"] *= 100
    run = Run(tmp_path, frames)
    price_only = COLUMNS.model_copy(update={"inputs": {"price": "number", "count": "number"}})
    verdict = run.judge(columns=price_only)
    kind = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    (finding,) = _found(verdict, kind)
    assert (finding.feature, finding.severity) == ("country", "warn")
    assert finding.hint.startswith("the configuration does not use the column; ")
    assert {each.feature for each in verdict.blocking()} == {"price"}
    # Used for something else, or the kind's severity stated: as before.
    for columns, config in (
        (price_only.model_copy(update={"keys": ("country",)}), {}),
        (price_only, {"anomalies": {kind: "block"}}),
    ):
        assert "country" in {each.feature for each in run.judge(config, columns=columns).blocking()}


def test_an_unused_column_without_values_in_one_split_only_warns(tmp_path: Path) -> None:
    """As one that begins late, where the split is by time; a column that no split has is gone."""
    frames = sound()
    frames["train"] = frames["train"].drop(columns="country")
    unused = COLUMNS.model_copy(update={"inputs": {"price": "number", "count": "number"}})
    (finding,) = _found(Run(tmp_path / "late", frames).judge(columns=unused), "SCHEMA_MISSING_COLUMN")
    assert (finding.feature, finding.split, finding.severity) == ("country", "train", "warn")
    gone = {split: frame.drop(columns="country", errors="ignore") for split, frame in frames.items()}
    (finding,) = _found(Run(tmp_path / "gone", gone).judge(columns=unused), "SCHEMA_MISSING_COLUMN")
    assert finding.severity == "block"
    run = Run(tmp_path / "left_out", gone)
    run.ingest(left_out={"country": "nobody uses it, and 7 is not of its type in data.schema"})
    (finding,) = _found(run.judge(columns=unused), "SCHEMA_MISSING_COLUMN")
    assert (finding.severity, finding.received) == (
        "warn",
        "left out: nobody uses it, and 7 is not of its type in data.schema",
    )
