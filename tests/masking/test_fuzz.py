"""Mutated tapes of every kind: rows or a refusal, soon, in little memory, and never part of an output."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.fuzz_intake import read, seeds
from masking.__main__ import main
from masking.limits import REMEDIES

SEEDS = seeds()
FUZZED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good file with bytes changed, cut out, repeated or put in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        size = draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "cut", "repeat", "insert", "tail"])):
            case "flip":
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del data[place : place + size]
            case "repeat":
                data[place:place] = data[place : place + size] * draw(st.integers(1, 200))
            case "insert":
                data[place:place] = draw(
                    st.sampled_from([b'"', b"\0", b"\n" * 50, b"," * 900, b"\xff\xfe", b"<!DOCTYPE", b"PK", b"=1+1"])
                )
            case _:
                del data[place:]
    return bytes(data)


@pytest.fixture
def traced() -> Iterator[None]:
    """Memory is traced from here to the test's end: to stop while a reader still reads ahead in its thread crashes CPython 3.11."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@FUZZED
@given(data=mutated())
def test_any_file_is_read_or_refused_in_little_time_and_memory(traced, data):
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    started = time.monotonic()
    assert read(data) in {"read", *REMEDIES}
    assert time.monotonic() - started < 20
    assert tracemalloc.get_traced_memory()[1] - before < 200 << 20


@settings(FUZZED, max_examples=25)
@given(data=mutated())
def test_a_pool_is_written_whole_or_not_at_all(data, tmp_path_factory):
    here = tmp_path_factory.mktemp("fuzz")
    (here / "tape").write_bytes(data)
    (here / "keys").write_bytes(bytes(range(103)))
    command = [
        "apply",
        str(here / "tape"),
        str(here / "pool"),
        "--cut-off",
        "2025-06-30",
        "--key-file",
        str(here / "keys"),
    ]
    status = main(command)
    left = sorted(path.name for path in here.rglob("*"))
    made = ["leaves.bin", "pool", "preview.csv", "report.json", "sale.csv.sealed", "vetted.csv"] if status == 0 else []
    assert left == sorted(["keys", "tape", *made])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_themselves_are_read_or_refused_by_name(seed):
    assert read(seed) in {"read", *REMEDIES}


def test_the_seeds_cover_every_kind_of_file():
    kinds = {bytes(seed[:2]) for seed in SEEDS}
    assert {b"PK", b"PA", b"Ac", b"\xff\xfe"} <= kinds
