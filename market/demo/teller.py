"""How the demo speaks: chapters, sentences and tables; in colour on a terminal, plain everywhere else."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from market.demo.checks import Check, Checks
from market.kit.clock import Clock

_PLAIN_WIDTH = 118


class Teller:
    """Writes to standard output."""

    def __init__(self, clock: Clock) -> None:
        on_terminal = sys.stdout.isatty()
        self._console = Console(width=None if on_terminal else _PLAIN_WIDTH, highlight=False, soft_wrap=not on_terminal)
        self._clock = clock
        self._started_s = clock.monotonic_s()

    @property
    def elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._started_s

    def chapter(self, number: int, title: str) -> None:
        """A heading with the seconds since the start."""
        self._console.print()
        self._console.print(
            Text(f"{number}. {title}", style="bold cyan"), Text(f"[{self.elapsed_s:.0f} s]", style="dim")
        )

    def say(self, text: str, *, who: str = "") -> None:
        """One sentence; `who` acts."""
        name = f"[bold]{escape(f'{who:<9}')}[/] " if who else ""
        self._console.print(f"  {name}{escape(text)}")

    def refusal(self, who: str, what: str, why: str) -> None:
        """Somebody was told no, and why."""
        self._console.print(f"  [bold]{escape(f'{who:<9}')}[/] {escape(what)} [yellow]refused:[/] {escape(why)}")

    def check(self, check: Check) -> None:
        """A check that held is one quiet line; one that did not says what was expected and seen."""
        if check.held:
            self._console.print(f"  [green]ok[/]        [dim]{escape(check.name)}[/]")
            return
        self._console.print(f"  [bold red]FAILED[/]    {escape(check.name)}")
        self._console.print(f"            expected  {escape(check.expected)}")
        self._console.print(f"            seen      {escape(check.seen)}")

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
        self._console.print()
        self._console.print(table, style="none", new_line_start=False)
        self._console.print()

    def verdict(self, checks: Checks) -> None:
        """The last word: how many checks held."""
        failed = len(checks.failed)
        self._console.print()
        if failed:
            self._console.print(
                f"[bold red]{failed} of {len(checks.made)} checks did not hold[/] after {self.elapsed_s:.0f} s"
            )
        else:
            self._console.print(f"[bold green]all {len(checks.made)} checks held[/] in {self.elapsed_s:.0f} s")
