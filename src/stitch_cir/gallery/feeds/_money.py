"""Prices of feeds: an amount with a point and a currency's code, and amounts in minor units."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from stitch_cir.gallery.attributes._records import shortened

__all__ = ["minor_digits", "minor_units", "parse_price"]

_PRICE = re.compile(r"(\d{1,12}(?:\.\d+)?) ?([A-Za-z]{3})")
_EXPECTED = "write an amount with a point, then the currency's three letters: 12.50 EUR"
_DIGITS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
"""Decimal places of currencies that do not have two (ISO 4217)."""


def minor_digits(currency: str) -> int:
    """Return how many decimal places a currency has: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)


def minor_units(amount: float, currency: str) -> int:
    """Return an amount in the currency's smallest unit, such as cents: 12.5 EUR are 1250."""
    return round(Decimal(str(amount)).scaleb(minor_digits(currency)))


def parse_price(value: Any) -> tuple[int | float, str]:
    """Return the amount and the currency's code (upper case) of a price.

    A price is a text such as ``12.50 EUR``, or an object with ``value`` and ``currency``. Raises
    ``ValueError``, whose text says what is wrong and how to write it.
    """
    if isinstance(value, dict) and {"value", "currency"} <= value.keys():
        value = f"{value['value']} {value['currency']}"
    match = _PRICE.fullmatch(" ".join(value.split())) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"is {shortened(value)}: {_EXPECTED}")
    currency, amount = match[2].upper(), Decimal(match[1])
    digits = minor_digits(currency)
    if amount != round(amount, digits):
        raise ValueError(f"is {shortened(value)}: {currency} has {digits} decimal places")
    return (int(amount) if amount == int(amount) else float(amount)), currency
