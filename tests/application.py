"""The HTTP application, built once a process: its two hundred doors take half a second, another context no time."""

from typing import Any

from litestar import Litestar

from market.app import create_app
from market.db.context import Context


class _Lent(Context):
    """For the doors' counters: stands for the context of the test that borrowed the application last."""

    def __init__(self, context: Context) -> None:
        self.lend(context)

    def lend(self, context: Context) -> None:
        object.__setattr__(self, "_context", context)

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__
        return own(self, name) if name == "lend" else getattr(own(self, "_context"), name)


_built: dict[str, tuple[Litestar, _Lent]] = {}


def application(context: Context, beside: str = "") -> Litestar:
    """The application on this context, until the next call with the same `beside`; another name is one beside it.

    Its counters of requests are those of the first test's settings; `create_app` serves tests of these.
    """
    if beside not in _built:
        lent = _Lent(context)
        _built[beside] = create_app(lent), lent
    app, lent = _built[beside]
    lent.lend(context)
    app.state.context = context
    return app
