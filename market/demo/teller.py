"""How the demo speaks: chapters, sentences and tables; in colour on a terminal, plain everywhere else."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from market.demo.checks import Check, Checks
from market.kit.clock import Clock
from market.kit.money import show

_PLAIN_WIDTH = 118


class Teller:
    """Writes to standard output."""

    def __init__(self, clock: Clock) -> None:
        on_terminal = sys.stdout.isatty()
        self._console = Console(width=None if on_terminal else _PLAIN_WIDTH, highlight=False, soft_wrap=not on_terminal)
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._after_blank = True

    @property
    def elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._started_s

    def chapter(self, number: int, title: str) -> None:
        """A heading with the seconds since the start."""
        self._blank()
        self._line(Text(f"{number}. {title}", style="bold cyan"), Text(f"[{self.elapsed_s:.0f} s]", style="dim"))

    def say(self, text: str, *, who: str = "") -> None:
        """One sentence; `who` acts."""
        name = f"[bold]{escape(f'{who:<9}')}[/] " if who else ""
        self._line(f"  {name}{escape(text)}")

    def refusal(self, who: str, what: str, why: str) -> None:
        """Somebody was told no, and why."""
        asked = f"{escape(what)} " if what else ""
        self._line(f"  [bold]{escape(f'{who:<9}')}[/] {asked}[yellow]refused:[/] {escape(why)}")

    def check(self, check: Check) -> None:
        """A check that held is one quiet line; one that did not says what was expected and seen."""
        if check.held:
            self._line(f"  [green]ok[/]        [dim]{escape(check.name)}[/]")
            return
        self._line(f"  [bold red]FAILED[/]    {escape(check.name)}")
        self._line(f"            expected  {escape(check.expected)}")
        self._line(f"            seen      {escape(check.seen)}")

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns whose heading ends in `#` hold numbers and stand right."""
        table = Table(
            title=title, title_justify="left", title_style="italic", show_edge=False, pad_edge=False, box=None
        )
        for column in columns:
            table.add_column(
                column.removesuffix("#"), justify="right" if column.endswith("#") else "left", style="none"
            )
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self._blank()
        self._line(table)
        self._blank()

    def verdict(self, checks: Checks) -> None:
        """The last word: how many checks held."""
        failed = len(checks.failed)
        self._blank()
        if failed:
            self._line(f"[bold red]{failed} of {len(checks.made)} checks did not hold[/] after {self.elapsed_s:.0f} s")
        else:
            self._line(f"[bold green]all {len(checks.made)} checks held[/] in {self.elapsed_s:.0f} s")

    def live(self, seq: int, kind: str, data: Mapping[str, Any], currency: str) -> None:
        """One event of a live auction, as the seller hears it."""
        words = [kind.replace("_", " ")]
        if "price_cents" in data and data["price_cents"] is not None:
            words.append(f"price {show(data['price_cents'], currency)}")
        if data.get("leader"):
            words.append(f"leader {data['leader']['paddle']}")
        if "closes_at" in data:
            words.append(f"closes at {data['closes_at'][11:23]}")
        if data.get("hammer_cents"):
            words.append(f"{data['winner']['paddle']} at {show(data['hammer_cents'], currency)}")
        self._line(f"  [magenta]live[/] [dim]#{seq:<3}[/] {escape(', '.join(words))}")

    def _line(self, *what: RenderableType) -> None:
        self._console.print(*what)
        self._after_blank = False

    def _blank(self) -> None:
        """An empty line, unless there is one."""
        if not self._after_blank:
            self._console.print()
            self._after_blank = True
