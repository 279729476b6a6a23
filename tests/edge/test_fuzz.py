"""The published contract under fire: schemathesis finds nothing, whoever asks."""

from bench.fuzz_api import as_everybody
from market.db.context import Context
from tests.running import RunningServer


async def test_schemathesis_finds_nothing_whoever_asks(context: Context, server: RunningServer) -> None:
    """No 5xx, documented statuses and media types, bodies as promised, nonsense refused; the bench tries longer."""
    reports = await as_everybody(context, server.url, max_examples=2, seed=1, max_time_s=10)
    assert [report.who for report in reports] == ["seller", "buyer", "operator", "officer"]
    assert [report.said for report in reports if not report.is_clean] == []
