"""Organisations are screened, alerts are raised once, officers decide, and the market's gates hear of it."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from market.compliance import service as compliance
from market.compliance.screening import jobs, service, store
from market.compliance.screening.rules import AlertState, ChecksPending, Occasion, Verdict
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.pages import PageRequest
from tests import factories


async def test_a_submitted_case_is_screened_and_can_then_be_approved(context: Context) -> None:
    party = await factories.cleared_organisation(context)
    async with context.db.begin(SYSTEM) as tx:
        run = await store.last_run(tx, party.org_id)
        assert run is not None
        assert run.occasion == "submission"
        assert run.subject_count == 3
        assert run.alert_ids == []
        assert await store.gap(tx, party.org_id, None) is None
