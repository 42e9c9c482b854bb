"""Two trees that a person can follow."""

import numpy as np

from models.gbt import HIGHEST, Trees, number_keys


def _key(number: float) -> int:
    return int(number_keys(np.array([number], np.float32).view(np.int32))[0])


def few_trees(units: int = 1, numbers: int = 3) -> Trees:
    """Of the inputs of `tests/models`: columns 0 to 2 are the numbers (NaN to the left), 3 to 5 the same ones (NaN to
    the right), 6 and 7 the codes of colour and shop; where there are more numbers behind these three, further on.

        price > 0: 2, else -1            NaN to the right
        colour 1 or unknown: 10, else    month_cycle[1] > 1.5: 30, else 20    NaN to the left
    """
    colour, shop = [0, 1, 3], [0] * 1500 + [2] * 1500  # id 2 of colour was never seen; of shops there are two codes
    return Trees(
        base=np.full(units, 100.0),
        roots=np.resize(np.array([0, 3], np.int32), max(2, units)),
        #                 price          colour              month
        columns=np.array([numbers, 0, 0, 2 * numbers, 2, 0, 0, 0], np.int32),
        thresholds=np.array([_key(0.0), HIGHEST, HIGHEST, HIGHEST, _key(1.5), HIGHEST, HIGHEST, HIGHEST], np.int32),
        children=np.array([1, 1, 2, 4, 6, 5, 6, 7], np.int32),
        splits=np.array([-1, -1, -1, 0, -1, -1, -1, -1], np.int32),
        values=np.array([0, -1, 2, 0, 0, 10, 20, 30], np.float64),
        codes=np.array(colour + shop, np.int32),
        rights=np.array([[False, True, False, True]]),
        depth=2,
    )
