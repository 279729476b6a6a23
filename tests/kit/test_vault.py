"""Data keys are wrapped by a file's key or a transit engine's: the same promises of both."""

import pytest

from market import process
from market.kit.clock import SystemClock
from market.kit.errors import Transient
from market.kit.ids import SystemChance
from market.kit.transit import TransitVault, VaultDenied
from market.kit.vault import KeyFileVault, RetiredKey, WrongKey, version_of
from market.settings import Settings, SettingsError
from tests.kit.transit_server import TOKEN, transit_server

CHANCE = SystemChance(SystemClock())
KEY = b"k" * 32


@pytest.fixture
def transit():
    with transit_server() as server:
        yield server


@pytest.fixture(params=["file", "transit"])
def vault(request, tmp_path):
    if request.param == "file":
        yield KeyFileVault(tmp_path / "keys" / "kek", CHANCE)
        return
    with transit_server() as server:
        yield TransitVault(server.url, TOKEN, timeout_s=2)


def test_a_wrap_opens_in_its_own_context_alone(vault):
    wrapped = vault.wrap(KEY, "tape/1")
    assert vault.unwrap(wrapped, "tape/1") == KEY
    assert KEY not in wrapped
    broken = wrapped[:-3] + bytes([wrapped[-3] ^ 1]) + wrapped[-2:]
    for context, wrap in (("tape/2", wrapped), ("tape/1", broken), ("tape/1", b"")):
        with pytest.raises(WrongKey):
            vault.unwrap(wrap, context)


def test_after_a_rotation_the_old_version_opens_until_it_is_retired(vault):
    old = vault.wrap(KEY, "tape/1")
    assert (vault.version(), version_of(old)) == (1, 1)
    assert vault.rotate() == 2
    new = vault.wrap(KEY, "tape/1")
    assert version_of(new) == 2
    assert vault.unwrap(old, "tape/1") == vault.unwrap(new, "tape/1") == KEY
    vault.retire(2)
    with pytest.raises(RetiredKey):
        vault.unwrap(old, "tape/1")
    assert vault.unwrap(new, "tape/1") == KEY
    assert "version 2, opens from version 2 on" in vault.describe()


def test_a_wraps_version_cannot_be_changed_to_get_past_a_retirement(vault):
    old = vault.wrap(KEY, "tape/1")
    vault.rotate()
    vault.retire(2)
    with pytest.raises(WrongKey):
        vault.unwrap((2).to_bytes(4) + old[4:], "tape/1")


def test_another_process_sees_a_rotation_of_the_files_at_once(tmp_path):
    here, there = KeyFileVault(tmp_path / "kek", CHANCE), KeyFileVault(tmp_path / "kek", CHANCE)
    here.rotate()
    wrapped = there.wrap(KEY, "x")
    assert version_of(wrapped) == 2
    assert here.unwrap(wrapped, "x") == KEY
    here.retire(2)
    assert "opens from version 2" in there.describe()
    assert (tmp_path / "kek.2").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("status", "words"), [(503, "sealed"), (500, "answers 500"), (429, "answers 429")])
def test_a_vault_in_trouble_is_weather(transit, status, words):
    vault = TransitVault(transit.url, TOKEN)
    wrapped = vault.wrap(KEY, "x")
    transit.status = status
    for ask in (lambda: vault.wrap(KEY, "x"), lambda: vault.unwrap(wrapped, "x"), vault.rotate, vault.describe):
        with pytest.raises(Transient, match=words):
            ask()


def test_a_vault_that_is_slow_or_gone_is_weather(transit):
    vault = TransitVault(transit.url, TOKEN, timeout_s=0.1)
    transit.delay_s = 0.5
    with pytest.raises(Transient, match="in time"):
        vault.wrap(KEY, "x")
    with pytest.raises(Transient, match="reached"):
        TransitVault("http://127.0.0.1:1", TOKEN).wrap(KEY, "x")


def test_a_wrong_token_or_key_name_is_the_operators_to_mend(transit):
    with pytest.raises(VaultDenied, match="token"):
        TransitVault(transit.url, "another").wrap(KEY, "x")
    with pytest.raises(VaultDenied, match="no such key"):
        TransitVault(transit.url, TOKEN, key="other").wrap(KEY, "x")


def test_a_wrap_of_the_key_file_is_none_of_the_transit_engines(transit, tmp_path):
    wrapped = KeyFileVault(tmp_path / "kek", CHANCE).wrap(KEY, "x")
    with pytest.raises(WrongKey):
        TransitVault(transit.url, TOKEN).unwrap(wrapped, "x")
    assert transit.asked == []


def test_the_settings_choose_the_provider_and_check_names_it(transit, tmp_path):
    chosen = {"MARKET_KEY_PROVIDER": "vault", "MARKET_VAULT_URL": transit.url, "MARKET_VAULT_TOKEN": TOKEN}
    settings = Settings.from_environment(chosen, data_dir=tmp_path)
    assert isinstance(process.vault_of(settings, CHANCE), TransitVault)
    assert process.key_provider(settings).endswith("version 1, opens from version 1 on")
    assert TOKEN not in str(settings.show())
    transit.status = 503
    assert "cannot be used: the key vault is sealed" in process.key_provider(settings)
    plain = Settings.from_environment({}, data_dir=tmp_path)
    assert "to be drawn on first use" in process.key_provider(plain)
    assert not (tmp_path / "keys").exists()
    for broken in ({"MARKET_KEY_PROVIDER": "cloud"}, {"MARKET_KEY_PROVIDER": "vault"}):
        with pytest.raises(SettingsError):
            Settings.from_environment(broken, data_dir=tmp_path)
