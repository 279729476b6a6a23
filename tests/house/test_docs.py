"""The documents say what is: problems are all listed, links lead somewhere, commands in them exist."""

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import market
from market.cli import cli
from market.edge import problems
from market.kit.errors import MarketError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (\d{3}) \|", re.MULTILINE)


def _refusals() -> Iterator[type[MarketError]]:
    for module in pkgutil.walk_packages(market.__path__, "market."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[MarketError]] = [MarketError]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += found.__subclasses__()


def test_every_problem_is_listed_with_its_status_and_no_other() -> None:
    in_code = {(each.slug, each.status) for each in _refusals() if each.__module__.startswith("market.")}
    in_code |= {(slug, status) for status, (slug, _) in problems._HTTP_SLUGS.items()} | {("fault", 500)}
    listed = [(slug, int(status)) for slug, status in _ROW.findall((ROOT / "docs" / "problems.md").read_text())]
    assert sorted(listed) == sorted(in_code)


def test_no_slug_means_two_statuses() -> None:
    statuses: dict[str, set[int]] = {}
    for each in _refusals():
        statuses.setdefault(each.slug, set()).add(each.status)
    assert {slug: found for slug, found in statuses.items() if len(found) > 1} == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    targets = [first or second for first, second in _LINK.findall(document.read_text())]
    inside = [target.split("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
    assert [target for target in inside if not (document.parent / target).exists()] == []


def _commands() -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        for block in _SHELL.findall(document.read_text()):
            joined = block.replace("\\\n", " ")
            found += [(document.name, line.strip()) for line in joined.splitlines() if line.strip()]
    return found


def _words(line: str) -> list[str]:
    """The command without comment, prompt, variables and the path of the program."""
    words = shlex.split(line.removeprefix("$ "), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    return [Path(words[0]).name, *words[1:]] if words else []


def test_every_make_target_in_a_document_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {word for _, line in _commands() if (words := _words(line))[:1] == ["make"] for word in words[1:]}
    assert asked - targets == set()
    assert {"demo", "test", "serve"} <= asked


def test_every_market_command_in_a_document_exists_with_its_options() -> None:
    wrong = []
    for document, line in _commands():
        words = _words(line)
        if words[:1] == ["market"] and not _is_known(cli, words[1:]):
            wrong.append(f"{document}: {line}")
    assert wrong == []


def _is_known(command: click.Command, words: list[str]) -> bool:
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return False
        command, words = found, words[1:]
    if command.context_settings.get("ignore_unknown_options"):  # hands its words on to a program of its own
        return True
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    asked = {word.split("=")[0] for word in words if word.startswith("-")}
    return asked <= known | {"--help", "-h", "--version"}


def test_every_document_is_reachable_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached or not document.exists():
            continue
        reached.add(document)
        for first, second in _LINK.findall(document.read_text()):
            target = (first or second).split("#")[0]
            if target and "://" not in target:
                found = (document.parent / target).resolve()
                waiting += sorted(found.glob("*.md")) if found.is_dir() else [found] if found.suffix == ".md" else []
    assert sorted(str(each.relative_to(ROOT)) for each in set(DOCUMENTS) - reached) == []


def test_every_test_that_a_document_names_exists() -> None:
    named = {name for document in DOCUMENTS for name in re.findall(r"`(test_[a-z0-9_]+)`", document.read_text("utf-8"))}
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 40
    assert sorted(name for name in named if f"def {name}(" not in sources) == []
