"""Terms refuse nonsense when they are built, and survive the way to JSON and back."""

import json
from dataclasses import MISSING, fields
from datetime import datetime, timedelta

import pytest

from auctions.increments import increment_at
from auctions.presets import fill
from auctions.terms import MAX_CENTS, EnglishTerms, IncrementStep, TermsError, terms_from_json
from tests.auctions.samples import CLOSES_AT, OPENS_AT, TERMS, US, terms

NONSENSE = [
    ("currency", {"currency": "usd"}),
    ("currency", {"currency": "USDX"}),
    ("currency", {"currency": 840}),
    ("opening_cents", {"opening_cents": 0}),
    ("opening_cents", {"opening_cents": True}),
    ("opening_cents", {"opening_cents": 10.0}),
    ("opening_cents", {"opening_cents": None}),
    ("opening_cents", {"opening_cents": MAX_CENTS + 1}),
    ("reserve_cents", {"reserve_cents": 999}),
    ("reserve_cents", {"reserve_cents": "2000"}),
    ("buy_now_cents", {"buy_now_cents": 1_000}),
    ("buy_now_cents", {"reserve_cents": 5_000, "buy_now_cents": 5_000}),
    ("increments", {"increments": ()}),
    ("increments", {"increments": [IncrementStep(0, 1)]}),
    ("increments", {"increments": ((0, 1),)}),
    ("increments", {"increments": (IncrementStep(1, 1),)}),
    ("increments", {"increments": (IncrementStep(False, 1),)}),
    ("increments", {"increments": (IncrementStep(0, 0),)}),
    ("increments", {"increments": (IncrementStep(0, 1.5),)}),
    ("increments", {"increments": (IncrementStep(0, 1), IncrementStep(5, 1), IncrementStep(5, 2))}),
    ("increments", {"increments": (IncrementStep(0, 1), IncrementStep("5", 1))}),
    ("increments", {"increments": (IncrementStep(0, 100), IncrementStep(1_000, 99))}),
    ("increments", {"increments": tuple(IncrementStep(cents, 1) for cents in range(65))}),
    ("opens_at", {"opens_at": OPENS_AT.replace(tzinfo=None)}),
    ("opens_at", {"opens_at": OPENS_AT.isoformat()}),
    ("opens_at", {"opens_at": datetime.fromisoformat("9999-12-31T23:59:59-14:00")}),
    ("opens_at", {"opens_at": datetime.fromisoformat("0001-01-01T00:00:00+14:00")}),
    ("latest_close_at", {"latest_close_at": OPENS_AT.replace(year=9_000)}),
    ("closes_at", {"closes_at": OPENS_AT}),
    ("latest_close_at", {"latest_close_at": CLOSES_AT - US}),
    ("soft_close_window_s", {"soft_close_window_s": -1}),
    ("soft_close_extension_s", {"soft_close_extension_s": 86_401}),
    ("soft_close_extension_s", {"soft_close_extension_s": True}),
    ("confirm_multiple", {"confirm_multiple": 1}),
    ("tape_version", {"tape_version": ""}),
    ("tape_version", {"tape_version": "a\nb"}),
    ("face_value_cents", {"face_value_cents": 0}),
]


@pytest.mark.parametrize(("field", "changes"), NONSENSE)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        terms(**changes)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"reserve_cents": 1_000, "buy_now_cents": 1_001},
        {"increments": tuple(IncrementStep(cents, MAX_CENTS) for cents in range(64))},
        {"latest_close_at": CLOSES_AT, "soft_close_window_s": 0, "soft_close_extension_s": 86_400},
        {"opening_cents": MAX_CENTS, "face_value_cents": MAX_CENTS},
    ],
)
def test_terms_survive_the_way_to_json_and_back(changes):
    before = terms(**changes)
    written = json.loads(json.dumps(before.to_json()))
    assert terms_from_json(written) == EnglishTerms.from_json(written) == before


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("format", {"format": "raffle"}),
        ("format", {"format": ["english"]}),
        ("surprise", {"surprise": 1}),
        ("opens_at", {"opens_at": "soon"}),
        ("opens_at", {"opens_at": 5}),
        ("opens_at", {"opens_at": "2026-03-02T15:00:00"}),
        ("increments", {"increments": 5}),
        ("increments", {"increments": [[0, 1]]}),
        ("increments", {"increments": [{"from_cents": 0}]}),
        ("opening_cents", {"opening_cents": 10.5}),
    ],
)
def test_bad_json_is_refused_and_the_field_named(field, change):
    with pytest.raises(TermsError) as caught:
        terms_from_json(TERMS.to_json() | change)
    assert caught.value.field == field


WITHOUT_DEFAULT = [field.name for field in fields(EnglishTerms) if field.default is MISSING]


@pytest.mark.parametrize("name", ["format", *WITHOUT_DEFAULT])
def test_no_term_may_be_missing(name):
    data = TERMS.to_json()
    del data[name]
    with pytest.raises(TermsError) as caught:
        terms_from_json(data)
    assert caught.value.field == name


def test_instants_are_kept_in_utc():
    assert terms(closes_at=CLOSES_AT.astimezone()).to_json()["closes_at"] == "2026-03-02T16:00:00.000000Z"
    assert terms(closes_at=CLOSES_AT + timedelta(microseconds=7)).to_json()["closes_at"].endswith("00.000007Z")


def test_the_ladder_gives_the_step_at_and_above_each_rung():
    ladder = (IncrementStep(0, 1), IncrementStep(100, 5), IncrementStep(1_000, 50))
    assert [increment_at(ladder, cents) for cents in (0, 99, 100, 999, 1_000, MAX_CENTS)] == [1, 1, 5, 5, 50, 50]


def test_a_preset_without_an_opening_instant_names_that_field() -> None:
    with pytest.raises(TermsError) as refused:
        fill("english", "standard", {})
    assert refused.value.field == "opens_at"


@pytest.mark.parametrize("preset", ["dgf-2018", "privatization"])
def test_parts_never_reach_beyond_the_calendar(preset: str) -> None:
    known = {"currency": "USD", "tape_version": "v1", "face_value_cents": 1, "start_cents": 10_000}
    with pytest.raises(TermsError, match="too far away"):
        terms_from_json({"format": "hybrid", "preset": preset, **known, "opens_at": "9999-12-31T23:00:00Z"})
