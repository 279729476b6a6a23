"""A secret in shares, some of which give it back and fewer of which say nothing (Shamir, CACM 22:11, 1979). Pure.

Every byte is shared by itself, with a polynomial over GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (the field of FIPS 197,
section 4.2); a share is its number, from 1, and the polynomials' values there.
"""

from collections.abc import Mapping

_MODULUS = 0x11B


def times(one: int, other: int) -> int:
    """The product of two elements of the field."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one = (one << 1) ^ (_MODULUS if one & 0x80 else 0)
        other >>= 1
    return product


def _inverse(one: int) -> int:
    power = 1
    for _ in range(254):
        power = times(power, one)
    return power


def split(secret: bytes, entropy: bytes, *, needed: int, count: int) -> dict[int, bytes]:
    """The shares 1 to `count`, any `needed` of which give the secret back.

    `entropy` is `needed - 1` unpredictable bytes for each byte of the secret. Raises ValueError for anything else.
    """
    if not 2 <= needed <= count <= 255 or len(entropy) != len(secret) * (needed - 1):
        raise ValueError("2 <= needed <= count <= 255, and needed - 1 bytes of entropy for each byte of the secret")
    rest = needed - 1
    lines = [(byte, *entropy[at * rest : (at + 1) * rest]) for at, byte in enumerate(secret)]
    return {number: bytes(_value(line, number) for line in lines) for number in range(1, count + 1)}


def _value(coefficients: tuple[int, ...], at: int) -> int:
    total = 0
    for coefficient in reversed(coefficients):
        total = times(total, at) ^ coefficient
    return total


def join(shares: Mapping[int, bytes]) -> bytes:
    """The secret, if the shares are enough and right; other bytes of the same length if they are not.

    Raises ValueError for shares of different lengths or impossible numbers.
    """
    if len({len(share) for share in shares.values()}) != 1 or not all(1 <= number <= 255 for number in shares):
        raise ValueError("shares of one secret have the same length, and numbers from 1 to 255")
    weights = {number: _weight(number, [other for other in shares if other != number]) for number in shares}
    length = len(next(iter(shares.values())))
    secret = bytearray(length)
    for number, share in shares.items():
        for at in range(length):
            secret[at] ^= times(share[at], weights[number])
    return bytes(secret)


def _weight(number: int, others: list[int]) -> int:
    """Lagrange's weight of a share at 0."""
    weight = 1
    for other in others:
        weight = times(weight, times(other, _inverse(other ^ number)))
    return weight
