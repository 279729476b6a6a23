"""The client of the whole market: HTTP for everything, one socket for what is live."""

from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import httpx

from market.client.afterwards import AfterwardsClient
from market.client.auctions import AuctionsClient
from market.client.compliance import ComplianceClient
from market.client.flows import FlowsClient
from market.client.formats import FormatsClient
from market.client.live import LiveClient
from market.client.officers import OfficersClient
from market.client.onward import OnwardClient
from market.client.parties import PartiesClient
from market.client.portfolios import PortfoliosClient
from market.client.rails import RailsClient
from market.client.screening import ScreeningClient
from market.client.settlement import SettlementClient
from market.kit.clock import Clock, SystemClock
from market.kit.ids import Chance, SystemChance

_TIMEOUT_S = 30.0


class MarketClient(
    PartiesClient,
    ComplianceClient,
    OfficersClient,
    PortfoliosClient,
    AuctionsClient,
    FormatsClient,
    SettlementClient,
    RailsClient,
    AfterwardsClient,
    OnwardClient,
    FlowsClient,
    ScreeningClient,
):
    """Use as an async context manager. One per user: it keeps the session of `sign_in`, or uses an API key.

    Every method is one request; a refusal raises `ProblemError`, trouble on the way an `httpx.TransportError`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        clock: Clock | None = None,
        chance: Chance | None = None,
        proxy: str | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """`base_url` as `https://market.example`. Proxy settings of the environment are not followed: pass `proxy`."""
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._clock = clock or SystemClock()
        self._chance = chance or SystemChance(self._clock)
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        super().__init__(
            httpx.AsyncClient(base_url=self._base_url, headers=headers, timeout=timeout_s, proxy=proxy, trust_env=False)
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    def live(self) -> LiveClient:
        """A live socket for the same user: `async with client.live() as live`."""
        parts = urlsplit(self._base_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        return LiveClient(
            urlunsplit((scheme, parts.netloc, f"{parts.path}/v1/live", "", "")),
            clock=self._clock,
            jitter=self._jitter,
            new_name=self._new_name,
            api_key=self._api_key,
            headers={"Cookie": cookies} if cookies and self._api_key is None else {},
        )

    def _jitter(self) -> float:
        return int.from_bytes(self._chance.entropy(4), "big") / 2**32

    def _new_name(self) -> str:
        return self._chance.token(12)
