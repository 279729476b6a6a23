import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.kit import log, money
from market.kit.clock import SystemClock
from market.kit.errors import Malformed
from market.kit.files import FileStore
from market.kit.ids import SystemChance
from market.kit.pages import Page, PageRequest
from market.kit.rates import Rates
from market.kit.vault import KeyFileVault, WrongKey
from market.settings import Settings, SettingsError


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(1_700_000_000 + self.seconds, UTC)

    def monotonic_s(self) -> float:
        return self.seconds


@pytest.fixture
def chance() -> SystemChance:
    return SystemChance(HandClock())


def test_minor_units_follow_the_currency() -> None:
    assert money.show(1234567, "USD") == "12,345.67 USD"
    assert money.show(1234567, "JPY") == "1,234,567 JPY"
    assert money.show(-1234567, "KWD") == "-1,234.567 KWD"
    with pytest.raises(ValueError, match="XYZ"):
        money.exponent("XYZ")


@given(st.integers(0, 10**15), st.integers(1, 10**15))
def test_a_price_is_within_half_a_basis_point_of_the_exact_ratio(amount: int, face: int) -> None:
    assert abs(Decimal(money.price_bps(amount, face)) - Decimal(amount) * 10_000 / face) <= Decimal("0.5001")


def test_ids_are_version_7_unique_and_ordered_as_they_were_drawn() -> None:
    clock = HandClock()
    chance = SystemChance(clock)
    drawn = []
    for step in (0.001, 0.0, 0.0, -0.5, 0.0, 3600.0, 0.0, 0.0001, 0.0, 0.001):
        drawn += [chance.new_id() for _ in range(5)]
        clock.seconds += step
    assert {found.int >> 80 for found in drawn[:5]} == {int(HandClock().now().timestamp() * 1000)}
    assert {found.version for found in drawn} == {7}
    assert {found.variant for found in drawn} == {"specified in RFC 4122"}
    assert sorted(drawn) == drawn
    assert len(set(drawn)) == 50
    assert len(chance.digits(6)) == 6


def test_a_bucket_lets_a_burst_through_and_then_one_at_a_time() -> None:
    clock = HandClock()
    rates = Rates(clock, per_second=2, burst=3)
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0]
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") == 0
    clock.seconds += 0.5
    assert rates.take("a") == 0
    assert rates.take("a") > 0


def test_a_stored_file_is_named_by_its_bytes_and_a_draft_leaves_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    with store.draft() as draft:
        draft.sink.write(b"sealed")
        kept = draft.keep()
    assert store.path(kept.sha256).read_bytes() == b"sealed"
    with pytest.raises(RuntimeError), store.draft() as draft:
        draft.sink.write(b"half")
        raise RuntimeError
    assert [p.name for p in store.root.rglob("*") if p.is_file()] == [kept.sha256]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "/"])
def test_no_path_can_be_smuggled_into_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        FileStore(tmp_path).path(name)


def test_a_wrapped_key_opens_only_in_its_context_and_under_its_key(tmp_path: Path, chance: SystemChance) -> None:
    vault = KeyFileVault(tmp_path / "kek", chance)
    wrapped = vault.wrap(b"k" * 32, "tape:1")
    assert KeyFileVault(tmp_path / "kek", chance).unwrap(wrapped, "tape:1") == b"k" * 32
    for other, context, text in [
        (vault, "tape:2", wrapped),
        (KeyFileVault(tmp_path / "other", chance), "tape:1", wrapped),
        (vault, "tape:1", wrapped[:-1] + bytes([wrapped[-1] ^ 1])),
        (vault, "tape:1", b""),
    ]:
        with pytest.raises(WrongKey):
            other.unwrap(text, context)


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, chance: SystemChance) -> None:
    KeyFileVault(tmp_path / "kek", chance)
    (tmp_path / "kek").chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        KeyFileVault(tmp_path / "kek", chance)


def test_pages_chain_by_cursor_and_end(chance: SystemChance) -> None:
    ids = sorted(chance.new_id() for _ in range(5))
    seen: list[UUID] = []
    cursor = None
    for _ in range(3):
        request = PageRequest.parse(2, cursor)
        found = [i for i in ids if request.after is None or i > request.after][: request.limit + 1]
        page = Page.cut(found, request, lambda i: i)
        seen += page.items
        cursor = page.next_cursor
    assert seen == ids
    assert cursor is None


@pytest.mark.parametrize(("limit", "cursor"), [(0, None), (201, None), (10, "x"), (10, "é"), (10, "AAAA")])
def test_a_bad_page_request_names_its_parameter(limit: int, cursor: str | None) -> None:
    with pytest.raises(Malformed) as caught:
        PageRequest.parse(limit, cursor)
    assert caught.value.field in {"limit", "cursor"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MARKET_PORT", "70000", "from 0 to 65535"),
        ("MARKET_PORT", "-1", "from 0"),
        ("MARKET_PORT", "١", "whole number"),
        ("MARKET_PROT", "8000", "no such setting: MARKET_PROT"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environment({name: value})


def test_settings_survive_the_way_to_a_child_and_secrets_are_not_shown() -> None:
    settings = Settings.from_environment({"MARKET_DATABASE_URL": "postgresql://a:hunter2@h/d", "MARKET_PORT": "0"})
    assert (
        Settings.from_environment({k: v for k, v in settings.environment().items() if k.startswith("MARKET_")})
        == settings
    )
    assert "hunter2" not in str(settings.show())
    assert "hunter2" not in repr(settings)


def test_logins_come_from_a_file_that_can_hold_nothing_else(tmp_path: Path) -> None:
    logins = tmp_path / "logins.env"
    logins.write_text(
        "MARKET_DATABASE_URL=postgresql://app@h/d\nMARKET_OFFICER_DATABASE_URL=postgresql://officer@h/d\n"
    )
    found = Settings.from_environment({"MARKET_LOGINS_FILE": str(logins)})
    assert (found.database_url, found.officer_database_url) == ("postgresql://app@h/d", "postgresql://officer@h/d")
    logins.write_text("MARKET_PORT=1")
    with pytest.raises(SettingsError, match="may hold only"):
        Settings.from_environment({"MARKET_LOGINS_FILE": str(logins)})
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.from_environment({"MARKET_LOGINS_FILE": str(tmp_path / "none")})


def test_a_logged_fault_keeps_the_place_and_loses_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", as_json=True)
    import structlog

    try:
        raise ValueError("Jane Roe, 078-05-1120")
    except ValueError as error:
        structlog.get_logger().error("fault", exc_info=error)
    line = json.loads(capsys.readouterr().err)
    assert line["fault"] == "ValueError"
    assert "test_kit.py" in line["at"]
    assert "078" not in json.dumps(line)


def test_a_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() is not None
    assert SystemClock().now().tzinfo is UTC
