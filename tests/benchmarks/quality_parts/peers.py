"""scikit-learn's, LightGBM's and CatBoost's boosting with their defaults, on the raw columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .tables import Table, on_scale

PEERS = ("HistGradientBoosting", "LightGBM", "CatBoost")
_MOST_CATEGORIES = 254
"""HistGradientBoosting takes 255; the rarer ones count as missing there."""

Array = np.ndarray[Any, Any]


def predicted(name: str, table: Table, splits: dict[str, pd.DataFrame], classes: list[str], seed: int) -> Array:
    """Trains a peer on the split `train` with its defaults, and predicts `test`.

    Numbers stay numbers; texts and booleans are categories, as each library takes them.

    Args:
      name: one of `PEERS`.
      table: what is predicted.
      splits: the rows.
      classes: of the label, in the order of the columns of the result.
      seed: of what the library draws.

    Returns:
      float64 [rows, classes], or [rows] on the scale of the error.
    """
    label = table.label
    train, test = (splits[split].drop(columns=[label]) for split in ("train", "test"))
    categorical = [
        column for column in train if not pd.api.types.is_numeric_dtype(train[column]) or _boolean(train, column)
    ]
    if name == "CatBoost":
        train, test = (
            each.assign(
                **{c: each[c].astype(object).where(each[c].notna(), "missing").astype(str) for c in categorical}
            )
            for each in (train, test)
        )
    else:
        for column in categorical:
            known = train[column].astype(object).value_counts().index
            known = known[:_MOST_CATEGORIES] if name == "HistGradientBoosting" else known
            levels = pd.CategoricalDtype(sorted(known, key=str))
            train[column], test[column] = (each[column].astype(object).astype(levels) for each in (train, test))
    targets = splits["train"][label]
    model = _made(name, table.task == "regression", seed, categorical)
    if table.task == "regression":
        return np.asarray(model.fit(train, on_scale(table, targets)).predict(test), np.float64)
    model.fit(train, targets.astype(str))
    order = [list(model.classes_).index(each) for each in classes]
    return np.asarray(model.predict_proba(test), np.float64)[:, order]


def _boolean(rows: pd.DataFrame, column: str) -> bool:
    return bool(pd.api.types.is_bool_dtype(rows[column]))


def _made(name: str, regression: bool, seed: int, categorical: list[str]) -> Any:
    # Two of them are packages that only this benchmark asks for.
    if name == "HistGradientBoosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return kind(categorical_features="from_dtype", random_state=seed)
    if name == "LightGBM":
        from lightgbm import LGBMClassifier, LGBMRegressor

        return (LGBMRegressor if regression else LGBMClassifier)(random_state=seed, verbose=-1)
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if regression else CatBoostClassifier
    return kind(random_seed=seed, verbose=0, allow_writing_files=False, cat_features=categorical)
