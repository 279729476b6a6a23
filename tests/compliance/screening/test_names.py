"""Names are compared alike whoever asks and in whatever order, and the clear-cut cases are clear."""

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.screening.__main__ import CLEAR_CUT, f1, is_everyday_namesake, is_namesake, ours, pairs, scored_by
from market.compliance.screening import countries, dates
from market.compliance.screening.index import Index
from market.compliance.screening.names import Kind, kind_of, plain, read, skeleton, skeletons_of, sounds, sounds_of
from market.compliance.screening.score import MATCH, TUNED, compare, compare_texts
from market.compliance.screening.search import Subject, search
from tests.listed import LISTED, a_listed, a_version

DATA = Path(__file__).parents[2] / "data"
NAMES = [row[column] for row in pairs() for column in ("name1", "name2")]
any_name = st.one_of(st.text(max_size=40), st.sampled_from(NAMES))
any_kind = st.sampled_from(list(Kind))


@given(any_name, any_name, any_kind)
@settings(max_examples=300, deadline=None)
def test_the_score_lies_between_0_and_1_and_is_the_same_both_ways(left: str, right: str, kind: Kind) -> None:
    there, back = compare_texts(left, right, kind), compare_texts(right, left, kind)
    assert 0 <= there.score <= 1
    assert (there.score, there.token_sort) == (back.score, back.token_sort)
    assert there.features == back.features


@given(any_name)
@settings(max_examples=200, deadline=None)
def test_what_is_plain_stays_plain(name: str) -> None:
    assert plain(plain(name)) == plain(name)


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789", max_size=9), max_size=9))
@settings(max_examples=200, deadline=None)
def test_many_words_sound_as_each_of_them_alone(texts: list[str]) -> None:
    assert sounds_of(texts) == [sounds(text) for text in texts]
    assert skeletons_of(texts) == [skeleton(text) for text in texts]


@given(any_name, any_kind)
@settings(max_examples=200, deadline=None)
def test_a_name_is_itself(name: str, kind: Kind) -> None:
    compared = compare_texts(name, name, kind)
    assert compared.score == (1.0 if read(name, kind).tokens else 0.0)


@pytest.mark.parametrize(("left", "right", "schema", "same"), CLEAR_CUT)
def test_a_clear_cut_case_is_decided_right(left: str, right: str, schema: str, same: bool) -> None:
    assert (compare_texts(left, right, kind_of(schema)).score >= MATCH) is same


def test_the_labelled_pairs_are_told_apart() -> None:
    assert f1(scored_by(pairs(), ours())) >= 0.9


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("Wolodymyr Selenskyj", "Volodymyr Zelenskyy", Kind.PERSON),
        ("Sergej Lawrow", "LAVROV, Sergey", Kind.PERSON),
        ("صدام حسين", "Saddam Hussein", Kind.PERSON),
        ("习近平", "Xi Jinping", Kind.PERSON),
        ("Mao Tse-tung", "Mao Zedong", Kind.PERSON),
        ("SergeiLavrov", "Lavrov, Sergei", Kind.PERSON),
        ("K. Tsang", "TSANG, Kwok-wai", Kind.PERSON),
        ("Ted Doe", "Theodore Doe", Kind.PERSON),
        ("Abdulrahman Nasser", "Abd al-Rahman Nasser", Kind.PERSON),
        ("van der bilt corp", "Vanderbilt Corporation", Kind.ORGANISATION),
        ("People's Liberation Army", "PLA", Kind.ORGANISATION),
        ("Brigade Forty-Four", "Brigade 44", Kind.ORGANISATION),
        ("ООО Газпром", "Gazprom LLC", Kind.ORGANISATION),
        ("Borivoje Milan Zlatar", "ZLATAROVIC, Borivoje Milan", Kind.PERSON),
        ("ZLATAROVIC, Borivoje Mi", "ZLATAROVIC, Borivoje Milan", Kind.PERSON),
        ("Brvj Mln Zltrvc", "ZLATAROVIC, Borivoje Milan", Kind.PERSON),
        ("Jl Mjd SJDH", "SAJDEH, Julio Majid", Kind.PERSON),
        ("Juan Gonzalez", "GONZALEZ DIAZ, Juan", Kind.PERSON),
        ("Borivoje Zlatarovic", "ZLATAROVIC, Milan Borivoje", Kind.PERSON),
        ("Milan Borivoje", "ZLATAROVIC, Milan Borivoje", Kind.PERSON),
        ("Lu&#39;ay Zlatarovic", "ZLATAROVIC, Lu'ay", Kind.PERSON),
        ("zlаtаrоviс borivoje", "Zlatarovic Borivoje", Kind.PERSON),
        ("His Excellency Bora Zlatarovic", "Bora Zlatarovic", Kind.PERSON),
        ("Quartzwolf соrр", "Quartzwolf Corp", Kind.ORGANISATION),
        ("Qu4rtzwo1f Shipping", "Quartzwolf Shipping", Kind.ORGANISATION),
        ("Quartzwolf Trdg & Mgmt", "Quartzwolf Trading and Management", Kind.ORGANISATION),
        ("Blue Harbour Stores t/a Quartzwolf", "Quartzwolf Ltd", Kind.ORGANISATION),
        ("M/V Quartzwolf", "Quartzwolf", Kind.OBJECT),
        ("VLCC Quartzwolf", "Quartzwolf", Kind.OBJECT),
    ],
)
def test_spellings_of_one_name_are_a_match(left: str, right: str, kind: Kind) -> None:
    assert compare_texts(left, right, kind).score >= MATCH


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("习近朋", "习近平", Kind.PERSON),
        ("Hafez Makhlouf", "Rami Makhlouf", Kind.PERSON),
        ("Putin", "Vladimir Putin", Kind.PERSON),
        ("Saddam Hussein al-Dulaimi", "Saddam Hussein al-Tikriti", Kind.PERSON),
        ("Management Company", "Westminster Management Company", Kind.ORGANISATION),
        ("LXC Aviation", "LAU Aviation", Kind.ORGANISATION),
        ("Snow", "Snoe", Kind.OBJECT),
        ("Banco de Sant", "Banco de Santiago del Estero", Kind.ORGANISATION),
        ("Lynn Smyth", "Alan Smith", Kind.PERSON),
        ("Ana Rodriguez", "RODRIGUEZ, Alan", Kind.PERSON),
        ("Mary Taylor", "TAYLOR, Mark", Kind.PERSON),
        ("Min Yang", "KANG, Min", Kind.PERSON),
        ("John Taylor", "TAYLOR, Mark John", Kind.PERSON),
        ("Antonio Hernandez", "TORRES HERNANDEZ, Antonio", Kind.PERSON),
        ("Pierre Bernard", "ZLATAROVIC, Pierre Bernard", Kind.PERSON),
        ("Reza Jafari", "RAVARI, Reza", Kind.PERSON),
        ("Jin-woo Ryu", "RYU, Jin", Kind.PERSON),
    ],
)
def test_another_name_is_no_match(left: str, right: str, kind: Kind) -> None:
    assert compare_texts(left, right, kind).score < MATCH


def test_the_trace_says_what_stood_for_what_and_what_it_cost() -> None:
    trace = compare_texts("Wladimir Putin", "PUTIN, Vladimir", Kind.PERSON).trace()
    assert trace["pairs"] == ["putin~putin: same (0/5)", "vladimir~wladimir: sound (0.35/8)"]
    assert set(trace["features"]) == {"edits"}
    assert 1 - sum(trace["features"].values()) == pytest.approx(trace["score"], abs=1e-4)


def test_the_trace_says_when_frequent_names_stand_without_what_the_person_is_called() -> None:
    compared = compare_texts("John Taylor", "TAYLOR, Mark John", Kind.PERSON)
    assert set(compared.features) == {"extra", "headless"}
    assert set(compare_texts("John Taylor", "TAYLOR, John Mark", Kind.PERSON).features) == {"extra"}


def test_a_second_slip_costs_more_than_the_first_in_a_short_name_of_a_person_alone() -> None:
    def edits(left: str, right: str, kind: Kind) -> float:
        return compare_texts(left, right, kind).features["edits"]

    for kind, dearer in ((Kind.PERSON, True), (Kind.ORGANISATION, False)):
        one, two = edits("Zlatax Borov", "Zlatak Borov", kind), edits("Zlaxax Borov", "Zlatak Borov", kind)
        assert (two > 2 * one + 0.01) is dearer
    long_one, long_two = (
        edits(name, "Zlatarovic Boroslav", Kind.PERSON) for name in ("Zlatarovix Boroslav", "Zlatarovix Boroslax")
    )
    assert long_two == pytest.approx(2 * long_one)


def test_half_of_a_hyphened_given_name_is_another_name_and_half_of_a_surname_is_not() -> None:
    assert "torn" in compare_texts("Jin-woo Ryu", "RYU, Jin", Kind.PERSON).features
    assert compare_texts("Jin-woo Ryu", "RYU, Jin-woo", Kind.PERSON).is_match
    assert "torn" not in compare_texts("Ana Smith-Jones", "JONES, Ana", Kind.PERSON).features
    assert "torn" not in compare_texts("Muhammad 'Ali", "AL-WARDIAN, Muhammad 'Ali", Kind.PERSON).features


@pytest.mark.parametrize(
    "written",
    [
        "QUARTZWOLF LIMIED",
        "nLIMITED QUARTZWOLF",
        "QUARTZWOLF 1IMIT3D",
        "OBSHCHESTVO S OGRANICHENNqOI OTVETSTVENOSTYU QUARTZWOLF",
    ],
)
def test_a_legal_form_is_known_although_a_letter_of_it_is_wrong(written: str) -> None:
    name = read(written, Kind.ORGANISATION)
    assert (len(name.forms), [token.text for token in name.tokens]) == (1, ["quartzwolf"])


def test_a_name_without_vowels_is_found_on_a_list() -> None:
    index = Index([a_version(*LISTED, a_listed("12", "QUINTERO MARIN, Julio"))])
    assert [match.entry.entry_id for match in search(index, Subject("Jl QNTR MRN", Kind.PERSON)) if match.alert] == [
        "12"
    ]


def test_namesakes_are_told_from_people_with_a_like_name() -> None:
    listed = "GONZALEZ DIAZ, Juan"
    assert is_namesake("Juan González Díaz", listed)
    assert is_everyday_namesake("Juan González", listed)
    assert not is_everyday_namesake("Juan González Díaz", listed)
    assert not is_everyday_namesake("Juan Díaz", listed)


def test_the_digest_changes_with_every_number() -> None:
    from dataclasses import replace

    assert TUNED.digest != replace(TUNED, edit=TUNED.edit + 0.01).digest


def test_dates_and_countries_move_the_rank_but_close_no_alert() -> None:
    index = Index([a_version()])
    name = "Borivoje Milan Zlatarovic"
    ranks = []
    for birth, country in (("1961-03-12", "RS"), ("", ""), ("1990-01-01", "US")):
        [match] = search(index, Subject(name, Kind.PERSON, birth, country))
        assert match.alert
        assert match.score == 1
        ranks.append(match.rank)
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 3


@pytest.mark.parametrize(
    "written",
    [
        "Quartzwolf Maritime (UK)",
        "Quartzwolf Maritime - Dubai",
        "Quartzwolf Maritime, Syria Branch",
        "Alfa a.k.a. Quartzwolf Maritime",
    ],
)
def test_a_place_an_aside_or_another_name_hides_nobody(written: str) -> None:
    found = search(Index([a_version()]), Subject(written))
    assert [match.entry.entry_id for match in found if match.alert] == ["2"]


def test_a_weak_alias_counts_only_as_the_whole_name() -> None:
    from market.compliance.screening.lists import ListedName

    entry = a_listed("9", "MENDOZA, Ernesto Fulgencio")
    weak = type(entry)(entry.list_id, "9", entry.kind, (*entry.names, ListedName("El Chapulin", weak=True)))
    index = Index([a_version(weak)])
    assert search(index, Subject("El Chapulin", Kind.PERSON))[0].alert
    assert not search(index, Subject("El Chapulim", Kind.PERSON))


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
@settings(max_examples=60, deadline=None)
def test_another_entry_on_a_list_never_takes_an_alert_away(name: str, other: str) -> None:
    few = Index([a_version(*LISTED, a_listed("10", name))])
    more = Index([a_version(*LISTED, a_listed("10", name), a_listed("11", other))])
    asked = Subject(name, Kind.PERSON)
    best = {(m.entry.entry_id, m.alert): m.score for m in search(few, asked, limit=50)}
    after = {(m.entry.entry_id, m.alert): m.score for m in search(more, asked, limit=50)}
    assert best.items() <= after.items()


def test_few_innocents_of_a_small_sample_are_alerted_by_the_bundled_lists(bundled_index: Index) -> None:
    with (DATA / "febrl_people.csv").open(encoding="utf-8") as source:
        people = random.Random(1).sample(list(csv.DictReader(source)), 200)
    alerts = [
        p for p in people if any(m.alert for m in search(bundled_index, Subject(p["name"], Kind.PERSON), limit=1))
    ]
    assert len(alerts) <= 2


def test_well_known_listed_people_are_found_however_they_are_written(bundled_index: Index) -> None:
    for asked in ("Vladimir Putin", "Wladimir Putin", "putin vladimir", "VladimirPutin", "V. Putin", "Владимир Путин"):
        assert search(bundled_index, Subject(asked, Kind.PERSON))[0].entry.entry_id == "35096", asked


@pytest.fixture(scope="module")
def bundled_index() -> Index:
    from market.compliance.screening import bundled
    from market.compliance.screening.lists import list_files, read_lists

    return Index(read_lists(list_files(bundled.FOLDER)))


@pytest.mark.parametrize(
    ("asked", "listed", "expected"),
    [
        ("1965-07-12", ("12 Jul 1965",), "same"),
        ("19650712", ("1965",), "same"),
        ("1966-01-01", ("1965",), "other"),
        ("1963-01-01", ("circa 1964",), "same"),
        ("1961-06-01", ("1960 to 1965",), "same"),
        ("", ("1965",), "unknown"),
        ("1965-13-40", ("1965",), "unknown"),
        ("31 Feb 1965", ("1965",), "unknown"),
    ],
)
def test_dates_are_compared_as_exactly_as_they_are_known(asked: str, listed: tuple[str, ...], expected: str) -> None:
    assert dates.agreement(asked, listed) == expected


def test_countries_are_known_by_code_and_name() -> None:
    assert countries.code_of("Russian Federation") == countries.code_of("rus") == countries.code_of("RU") == "RU"
    assert countries.agreement("US", ("Iran", "United States")) == "same"
    assert countries.agreement("Atlantis", ("Iran",)) == "unknown"


def test_an_empty_name_and_an_endless_one_are_compared_all_the_same() -> None:
    assert compare_texts("", "Vladimir Putin", Kind.PERSON).score == 0
    assert compare_texts("!!! ???", "…", Kind.PERSON).score == 0
    assert 0 <= compare(read("a b " * 100_000, Kind.ANY), read("x" * 1_000_000, Kind.ANY)).score <= 1
