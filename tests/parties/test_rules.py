from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.kit.actor import Actor, Role
from market.kit.errors import Forbidden, Malformed
from market.parties import rules
from market.parties.rules import WeakPassword, checked_email, checked_password, delay_after, require


@pytest.mark.parametrize("text", ["ann@example.com", " Ann.O'Hara+x@Sub.Example.CO ", "a@b-c.de"])
def test_an_ordinary_address_is_taken_and_put_in_lower_case(text: str) -> None:
    assert checked_email(text) == text.strip().lower()


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "ann@", "@example.com", "ann@example", "a b@example.com", "ann@exa mple.com", "ann@-x.com",
        "ann@example.com\nBcc: all@example.com", "ann..o@example.com", ".ann@example.com", "ann@example..com",
        "änn@example.com", "a" * 65 + "@example.com", "a@" + "b" * 250 + ".com", "<ann@example.com>", "a@b@example.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        checked_email(text, field="person.email")
    assert refusal.value.field == "person.email"


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_address_that_is_taken_can_break_out_of_a_mail_header(text: str) -> None:
    try:
        email = checked_email(text)
    except Malformed:
        return
    assert email.isascii()
    assert email.isprintable()
    assert not set(email) & set(' ,;:<>"()[]\\')


@pytest.mark.parametrize(
    "password",
    ["short", "elevenchars", "x" * 257, "aaaaaaaaaaaaaaaa", "my-ann@example.com-word", "annabel is my name, annabel"],
)
def test_a_weak_password_is_refused_with_the_rule_that_it_breaks(password: str) -> None:
    email = "annabel@example.com" if "annabel" in password else "ann@example.com"
    with pytest.raises(WeakPassword) as refusal:
        checked_password(password, email)
    assert password not in refusal.value.detail


def test_a_sentence_is_a_good_password_and_so_are_256_characters() -> None:
    assert checked_password("correct horse battery", "ann@example.com") == "correct horse battery"
    assert checked_password("abcdefgh" * 32, "ann@example.com")


def test_two_ways_to_type_a_password_are_one_password() -> None:
    assert checked_password("ﬁne weather today Å", "a@b.example") == checked_password(
        "fine weather today Å", "a@b.example"
    )


def test_a_country_is_an_iso_code_and_nothing_else() -> None:
    assert rules.checked_country("DE") == "DE"
    for wrong in ("XX", "de", "DEU", "", "UK"):
        with pytest.raises(Malformed):
            rules.checked_country(wrong)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "tab\there", "line\nbreak", "null\0"])
def test_a_name_is_printable_and_not_endless(name: str) -> None:
    with pytest.raises(Malformed):
        rules.checked_name(name)


def test_the_first_failures_cost_nothing_then_the_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    delays = [delay_after(count) for count in range(1, 40)]
    assert delays[:4] == [timedelta(0)] * 4
    assert delays[4:7] == [timedelta(seconds=s) for s in (2, 4, 8)]
    assert delays == sorted(delays)
    assert delays[-1] == timedelta(minutes=15)


def test_a_role_and_a_scope_are_both_asked_for() -> None:
    member = Actor(Role.MEMBER)
    key = Actor(Role.MEMBER, scopes=frozenset({"bids:write"}))
    require(member, role=(Role.MEMBER, Role.OFFICER), scope="bids:write")
    require(key, role=Role.MEMBER, scope="bids:write")
    with pytest.raises(Forbidden):
        require(member, role=Role.OFFICER)
    with pytest.raises(Forbidden):
        require(key, scope="bids:read")


def test_nobodys_password_or_address_shows_in_a_repr() -> None:
    stated = rules.Registration("Acme", "US", "1", "ann@example.com", "Ann", "correct horse battery")
    person = stated.checked()
    assert "ann" not in repr(stated).lower() + repr(person).lower()
    assert "horse" not in repr(stated)
