"""Pages for people: what this server is, and what each problem means."""

import re
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from litestar import MediaType, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from market.kit.errors import NotFound

_ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| (.*) \| (.*) \|$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "code{background:#f0f0f0;padding:.1em .3em;border-radius:3px}a{color:#0645ad}dt{font-weight:600}"
)


@get("/", include_in_schema=False, media_type=MediaType.HTML)
async def welcome() -> str:
    """Where to go from here."""
    return _page(
        "A marketplace for delinquent receivables",
        "<p>Sellers offer masked portfolios of unpaid invoices and accounts, vetted buyers bid live, sales settle through an "
        "escrow ledger.</p><ul>"
        '<li><a href="/schema">The interface</a>, as OpenAPI 3.1; sockets at <code>/v1/live</code></li>'
        '<li><a href="/problems">Problems</a>: what a refusal means, and its remedy</li>'
        '<li><a href="/health/ready">Health</a></li></ul>',
    )


@get("/problems", include_in_schema=False, media_type=MediaType.HTML)
async def problems() -> str:
    """Every slug that a refusal may carry."""
    items = "".join(
        f'<li><a href="/problems/{slug}"><code>{slug}</code></a> ({row[0]})</li>' for slug, row in known().items()
    )
    return _page("Problems", f"<ul>{items}</ul>")


@get("/problems/{slug:str}", include_in_schema=False, media_type=MediaType.HTML)
async def problem(slug: FromPath[str]) -> str:
    """What the `type` of a problem document stands for."""
    if slug not in known():
        raise NotFound("there is no such problem; /problems lists them")
    status, meaning, remedy = known()[slug]
    return _page(slug, f"<dl><dt>Status</dt><dd>{status}</dd><dt>What it means</dt><dd>{_text(meaning)}</dd>"
                       f"<dt>What to do</dt><dd>{_text(remedy)}</dd></dl>")  # fmt: skip


HANDLERS: list[ControllerRouterHandler] = [welcome, problems, problem]


@cache
def known() -> dict[str, tuple[str, str, str]]:
    """Slug to (status, meaning, remedy), as docs/problems.md has them."""
    packaged = files("market.web").joinpath("problems.md")
    source = packaged if packaged.is_file() else Path(__file__).parents[2] / "docs" / "problems.md"
    return {
        slug: (status, meaning, remedy) for slug, status, meaning, remedy in _ROW.findall(source.read_text("utf-8"))
    }


def _text(markdown: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(markdown, quote=False))


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
