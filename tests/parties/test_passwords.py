import asyncio
from statistics import median
from time import perf_counter

import pytest
from argon2 import extract_parameters
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from market.kit.errors import Transient
from market.parties.passwords import STANDARD, Hasher

SALT = bytes(range(16))


async def test_a_password_matches_its_own_hash_only() -> None:
    hasher = Hasher(CHEAPEST)
    kept = await hasher.hash("correct horse", SALT)
    assert await hasher.matches(kept, "correct horse")
    assert not await hasher.matches(kept, "correct horse ")
    assert not await hasher.matches(None, "correct horse")


async def test_the_profile_of_production_is_that_of_rfc_9106() -> None:
    assert extract_parameters(await STANDARD.hash("correct horse", SALT)) == RFC_9106_LOW_MEMORY


async def test_looking_for_nobody_takes_as_long_as_a_wrong_password() -> None:
    kept = await STANDARD.hash("correct horse", SALT)

    async def took(hash_: str | None) -> float:
        started = perf_counter()
        assert not await STANDARD.matches(hash_, "wrong horse")
        return perf_counter() - started

    pairs = [(await took(kept), await took(None)) for _ in range(5)]
    somebody, nobody = median(a for a, _ in pairs), median(b for _, b in pairs)
    assert 0.5 < nobody / somebody < 2


async def test_the_loop_goes_on_while_a_password_is_hashed() -> None:
    turns = 0
    hashing = asyncio.create_task(STANDARD.hash("correct horse", SALT))
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 5


async def test_a_crowd_is_told_to_wait_instead_of_filling_the_memory() -> None:
    hasher = Hasher(CHEAPEST)
    answers = await asyncio.gather(*(hasher.hash("x", SALT) for _ in range(200)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Transient)]
    assert 0 < len(refused) < 200
    assert await hasher.hash("x", SALT)
    with pytest.raises(Transient):
        raise refused[0]
