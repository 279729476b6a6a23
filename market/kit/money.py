"""Money is an `int` in minor units beside its ISO 4217 currency; a price is basis points of face value."""

from decimal import ROUND_HALF_EVEN, Decimal

# Minor-unit exponents that differ from 2: ISO 4217:2015, table A.1 (list one), as of 2026-01.
_EXPONENTS = {
    "BHD": 3, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0, "KWD": 3,
    "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip
# The currencies the marketplace trades in: those with a two-decimal minor unit named here, and the exceptions above.
_TWO_DECIMALS = frozenset(
    "AED AUD BGN BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR KZT MXN NOK NZD PLN RON SAR SEK SGD THB TRY UAH USD ZAR".split()
)
MAX_CENTS = 10**15
"""No single amount exceeds this many minor units: it fits a bigint sum of a thousand such amounts."""


def is_currency(code: str) -> bool:
    """Whether `code` is a currency that the marketplace trades in."""
    return code in _TWO_DECIMALS or code in _EXPONENTS


def exponent(currency: str) -> int:
    """Digits of the minor unit: USD 2, JPY 0, KWD 3. Raises `ValueError` for a currency not traded here."""
    if not is_currency(currency):
        raise ValueError(f"not a currency traded here: {currency!r}")
    return _EXPONENTS.get(currency, 2)


def show(amount_cents: int, currency: str) -> str:
    """`1234567, "USD"` → `12,345.67 USD`, for people to read."""
    digits = exponent(currency)
    return f"{Decimal(amount_cents).scaleb(-digits):,.{digits}f} {currency}"


def price_bps(amount_cents: int, face_value_cents: int) -> int:
    """The price in basis points of face value, half-even; 0 for an empty pool."""
    if face_value_cents <= 0:
        return 0
    return int((Decimal(amount_cents) * 10_000 / face_value_cents).quantize(Decimal(1), ROUND_HALF_EVEN))
