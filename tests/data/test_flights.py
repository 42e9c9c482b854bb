from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

KNOWN_AFTERWARDS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("flights/prepare.py")


def weather(**columns: list[Any]) -> pd.DataFrame:
    """Hours from 2013-01-01 00:00 UTC on, at one airport; a column that is not given is constant."""
    rows = len(next(iter(columns.values())))
    constant = {"temp": 40.0, "humid": 50.0, "wind_dir": 90.0, "wind_speed": 10.0, "wind_gust": 20.0}
    constant |= {"precip": 0.0, "pressure": 1000.0, "visib": 10.0}
    hours = pd.date_range("2013-01-01", periods=rows, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.DataFrame({"origin": "EWR", "time_hour": hours, **constant, **columns})


def flights(**columns: list[Any]) -> pd.DataFrame:
    """Flights of one morning, all scheduled in the hour 06 in New York, 11:00 UTC."""
    rows = len(next(iter(columns.values())))
    same: dict[str, Any] = {
        "year": 2013,
        "month": 1,
        "day": 1,
        "hour": 6,
        "minute": 5,
        "sched_dep_time": 605,
        "sched_arr_time": 1,
    }
    same |= {"flight": 7, "carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1400, "tailnum": "N1"}
    same |= {"time_hour": "2013-01-01T11:00:00Z", "arr_delay": 0.0}
    return pd.DataFrame({name: [value] * rows for name, value in same.items()} | columns)


def planes() -> pd.DataFrame:
    return pd.DataFrame({"tailnum": ["N1"], "year": [1999.0], "model": ["737"], "seats": [149]})


def at(known: pd.DataFrame, hour: int) -> pd.Series:
    return known[known["time_hour"] == f"2013-01-01T{hour:02}:00:00Z"].iloc[0]


def test_the_weather_of_a_departure_is_that_of_the_hour_before(script: ModuleType) -> None:
    known = script.known_weather(weather(temp=[30.0, 31.0, 32.0]))
    assert at(known, 1)["temp"] == 30
    assert at(known, 3)["temp"] == 32
    assert "2013-01-01T00:00:00Z" not in set(known["time_hour"])


def test_the_last_hours_end_with_the_hour_before(script: ModuleType) -> None:
    rain, view = [0.5, 0.1, 0, 0, 0, 0, 0, 0.2], [10, 2, 10, 10, 10, 10, 10, 9]
    known = script.known_weather(weather(precip=rain, visib=view, wind_speed=[0, 0, 0, 0, 0, 0, 6, 12]))
    assert at(known, 6)["precip_6h"] == pytest.approx(0.6)  # hours 0 to 5
    assert at(known, 8)["precip_6h"] == pytest.approx(0.2)  # hours 2 to 7
    assert at(known, 7)["visib_6h"] == 2  # hours 1 to 6
    assert at(known, 8)["visib_6h"] == 9
    assert at(known, 8)["wind_speed_6h"] == 3  # (0 + 0 + 0 + 0 + 6 + 12) / 6


def test_a_gap_in_the_weather_is_missing_and_not_the_hour_before_it(script: ModuleType) -> None:
    observed = weather(temp=[30.0, 31.0, 32.0, 33.0]).drop(index=1)
    known = script.known_weather(observed)
    assert pd.isna(at(known, 2)["temp"])
    assert at(known, 3)["temp"] == 32


def test_an_impossible_wind_is_missing(script: ModuleType) -> None:
    known = script.known_weather(weather(wind_speed=[5.0, 1048.0]))
    assert pd.isna(at(known, 2)["wind_speed"])
    assert at(known, 2)["wind_speed_6h"] == 5


def test_late_is_more_than_fifteen_minutes_and_needs_an_arrival(script: ModuleType) -> None:
    table = script.flights_table(
        flights(arr_delay=[15.0, 16.0, None, -20.0]), planes(), weather(temp=[float(hour) for hour in range(12)])
    )
    assert table["late"].tolist() == ["no", "yes", "no"]
    assert table["temp"].tolist() == [10, 10, 10]


def test_the_counts_are_of_the_schedule_cancelled_flights_included(script: ModuleType) -> None:
    table = script.flights_table(
        flights(
            carrier=["UA", "UA", "B6", "UA"],
            arr_delay=[0.0, None, 0.0, 0.0],
            time_hour=[*["2013-01-01T11:00:00Z"] * 3, "2013-01-01T12:00:00Z"],
        ),
        planes(),
        weather(temp=[40.0] * 12),
    )
    assert table["flights_hour"].tolist() == [3, 3, 1]
    assert table["flights_carrier_hour"].tolist() == [2, 1, 1]
    assert table["flights_day"].tolist() == [4, 4, 4]


def test_the_schedule_is_read_as_a_clock(script: ModuleType) -> None:
    row = script.add_schedule(flights(sched_dep_time=[1759], sched_arr_time=[5], hour=[17], minute=[59])).iloc[0]
    assert row["scheduled_departure"] == "2013-01-01 17:59"
    assert row["departure_minute"] == 17 * 60 + 59
    assert row["arrival_minute"] == 5


def test_a_plane_that_is_not_registered_is_missing(script: ModuleType) -> None:
    table = script.flights_table(flights(tailnum=["N1", "N2", None]), planes(), weather(temp=[40.0] * 12))
    assert table["plane_seats"].isna().tolist() == [False, True, True]
    assert table["plane_year"].dtype == "Int64"


@pytest.mark.slow
def test_the_splits_follow_each_other_in_time(flights_folder: Path) -> None:
    def months(split: str) -> set[str]:
        column = pq.read_table(flights_folder / split / "flights.parquet", columns=["scheduled_departure"])
        return {moment[:7] for moment in column["scheduled_departure"].unique().to_pylist()}

    assert months("train") == {f"2013-{month:02}" for month in range(1, 10)}
    assert months("eval") == {"2013-10"}
    assert months("test") == {"2013-11", "2013-12"}


@pytest.mark.slow
def test_nothing_that_is_known_afterwards_is_in_the_table(flights_folder: Path) -> None:
    for path in flights_folder.rglob("*.parquet"):
        assert not KNOWN_AFTERWARDS & set(pq.read_schema(path).names)
