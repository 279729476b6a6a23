"""The house rules as tests: what a reviewer would otherwise have to say again and again."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("market", "auctions", "masking")
FEATURES = ("parties", "compliance", "portfolios", "bidding", "settlement", "receivables", "messaging", "analytics")
FEATURE_FILES = {"__init__", "rules", "store", "service", "schemas", "routes", "jobs"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# One word per thing: the right-hand column of the glossary may not appear in identifiers of the trade.
FORBIDDEN_WORDS = {
    "lot": "pool",
    "bucket_of_accounts": "pool",
    "final_price": "hammer_cents",
    "starting_price": "opening_cents",
    "start_price": "opening_cents",
    "anti_snipe": "soft close",
    "antisnipe": "soft close",
    "forgiveness": "charge-off",
    "onboarding": "verification case",
    "max_price": "ceiling_cents",
    "tick_size": "increment_cents",
}


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a file's syntax, read once for all tests."""
    return list(ast.walk(ast.parse(path.read_text())))


def tracked() -> list[str]:
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_top_level_holds_only_what_was_agreed() -> None:
    agreed = {
        "pyproject.toml", "market", "auctions", "masking", "migrations", "tests", "Dockerfile", "README.md", "CHANGELOG.md",
        "Makefile", "docs", "bench", ".ci", "compose.yaml", "LICENSE", "requirements.txt", "requirements-run.txt",
        ".gitignore", ".dockerignore",
    }  # fmt: skip
    assert {name.split("/")[0] for name in tracked()} <= agreed


def test_no_file_outgrows_a_readers_patience() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in sources(*PACKAGES)
        if (n := len(p.read_text().splitlines())) > MAX_FILE_LINES
    }
    assert long == {}


def test_no_function_outgrows_the_screen() -> None:
    long = {}
    for path in sources(*PACKAGES):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_only_stores_and_the_bid_lane_speak_sql() -> None:
    spoken = re.compile(r'"""?\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s', re.IGNORECASE)
    allowed = ("market/db/", "store.py", "store/")
    guilty = [
        str(path.relative_to(ROOT))
        for path in sources("market")
        if spoken.search(path.read_text()) and not any(part in str(path.relative_to(ROOT)) for part in allowed)
    ]
    assert guilty in ([], ["market/app.py"]), (
        "the health check asks one fixed question; nobody else outside a store does"
    )


def test_only_the_session_commits() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in sources("market")
        if re.search(r"\.(commit|rollback)\(\)", path.read_text()) and path.name not in {"session.py", "migrate.py"}
    ]
    assert guilty == []


def test_no_import_hides_inside_a_function() -> None:
    guilty = []
    for path in sources(*PACKAGES):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                guilty += [
                    f"{path.relative_to(ROOT)}:{inner.lineno}"
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Import | ast.ImportFrom)
                ]
    assert guilty == []


@pytest.mark.parametrize("word", sorted(FORBIDDEN_WORDS))
def test_identifiers_use_the_words_of_the_trade(word: str) -> None:
    guilty = []
    for path in sources(*PACKAGES):
        for node in nodes(path):
            name = getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "arg", None)
            if isinstance(name, str) and re.search(rf"(^|_){word}(s?)(_|$)", name.lower()):
                guilty.append(f"{path.relative_to(ROOT)}: {name} (say {FORBIDDEN_WORDS[word]})")
    assert guilty == []


def test_no_float_touches_money() -> None:
    guilty = []
    for path in sources("market", "auctions"):
        for node in nodes(path):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and node.target.id.endswith(("_cents", "_bps"))
                and "float" in ast.unparse(node.annotation)
            ):
                guilty.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert guilty == []


def test_features_use_the_same_file_names_or_the_trades_words_never_utils() -> None:
    banned = {"utils", "helpers", "common", "manager", "misc"}
    assert [str(p.relative_to(ROOT)) for p in sources(*PACKAGES) if p.stem in banned] == []


def test_the_project_names_no_package_registry_and_no_path_of_a_machine() -> None:
    spoken = re.compile(r"pypi\.|pythonhosted|npmjs|/home/[a-z]|/Users/|index-url[ =]+http")
    guilty = [
        name
        for name in tracked()
        if not name.endswith((".parquet", ".xlsx", ".pdf", ".png"))
        and name != "tests/house/test_house.py"
        and spoken.search((ROOT / name).read_text(errors="replace"))
    ]
    assert guilty == []
    assert all("://" not in (ROOT / name).read_text() for name in ("requirements.txt", "requirements-run.txt"))
