"""The command line finds every command, and brings in no more than it needs."""

import subprocess
import sys

import click
import pytest

from market.cli import cli

_SERVER = {"litestar", "uvicorn", "sqlalchemy", "asyncpg", "alembic"}


def test_every_command_is_found_under_its_own_name() -> None:
    context = click.Context(cli)
    names = cli.list_commands(context)
    assert [found.name for name in names if (found := cli.get_command(context, name))] == names
    assert cli.get_command(context, "no-such-command") is None


def test_the_cores_and_the_buyers_key_are_used_without_a_servers_code() -> None:
    asked = "from market.cli import cli, main; [cli.get_command(None, name) for name in ('auction', 'mask', 'sale')]"
    code = f"import sys; {asked}; print(*sorted({_SERVER} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_help_of_auctions_names_the_key_ceremony(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["auction", "--help"], "market auction ceremony"),
        (["auction", "ceremony", "--help"], "make-key"),
    ):
        with pytest.raises(SystemExit):
            cli.main(words)
        assert told in capsys.readouterr().out
