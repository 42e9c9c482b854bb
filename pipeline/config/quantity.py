"""Kubernetes' quantities: `500m`, `4Gi`."""

from decimal import Decimal

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def quantity(text: str) -> Decimal:
    """Kubernetes' quantity as a number: 500m is 0.5, 4Gi is 2^32."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = text[len(number) :]
    if unit == "m":
        return Decimal(number) / 1000
    return Decimal(number) * (_BINARY | _DECIMAL)[unit]
