"""`market flow …` against the real server: agree, look, deliver, show, list, end, from two machines of two parties."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest_asyncio
from click.testing import CliRunner

from market.cli import cli
from market.client.market import MarketClient
from market.parties.factors import code_at, step_of
from tests import factories
from tests.running import free_port

TERMS = {
    "currency": "USD", "price_bps": 800, "accounts": {"states": ["CA", "NY"]}, "min_volume_cents": 100_000_00,
    "max_volume_cents": 300_000_00, "rhythm": "weekly", "period_count": 3, "notice_days": 0,
}  # fmt: skip


class Machine:
    """One party's command line: `market flow …` as a person, or with an API key."""

    def __init__(self, url, party, key_file):
        self.url, self.party, self.key_file = url, party, key_file

    async def person(self, *words, typed=()):
        return await self._run([*words, "--email", self.party.email], "\n".join([self.party.password, *typed]) + "\n")

    async def key(self, *words):
        return await self._run([*words, "--api-key-file", self.key_file])

    async def _run(self, words, typed=None):
        asked = ["flow", words[0], "--server", self.url, *words[1:]]
        return await asyncio.to_thread(CliRunner().invoke, cli, [f"{each}" for each in asked], typed)


@pytest_asyncio.fixture
async def machines(context, server, tmp_path):
    """(seller's, buyer's, the two parties' pool that fits, one that does not)."""
    officers = await factories.two_officers(context)
    made = []
    for name, party in (
        ("seller", await factories.seller(context, officers)), ("buyer", await factories.buyer(context, officers)),
    ):  # fmt: skip
        async with MarketClient(server.url) as client:
            await client.sign_in(**party.credentials)
            key = await client.create_api_key(name="bot", scopes=["settlements:read", "settlements:write"])
        path = tmp_path / f"{name}.key"
        path.write_text(f"{key.token}\n")
        made.append(Machine(server.url, party, path))
    return made


def said(result, exit_code=0):
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result.output


async def test_two_parties_agree_deliver_and_look_at_their_flow_from_the_command_line(context, machines, tmp_path):
    seller, buyer = machines
    fits = await factories.keyed_pool(context, seller.party)
    odd = await factories.keyed_pool(context, seller.party, debtor_states=("CA", "TX"))
    terms, paper = tmp_path / "terms.json", tmp_path / "read.pdf"
    terms.write_text(json.dumps(TERMS | {"first_on": f"{context.clock.now():%Y-%m-%d}"}))

    made = said(await seller.person(
        "propose", terms, "--to", buyer.party.org_id, "--as", "seller", "--name", "Sal Seller"
    ))  # fmt: skip
    flow_id = next(line for line in made.splitlines() if "proposed" in line).split()[0]
    assert "to be accepted before" in made
    shown = said(await buyer.key("show", flow_id, "--agreement", paper))
    assert "for the seller: Sal Seller" in shown
    assert f"as it is to be signed: {paper}" in shown
    assert "exists" in said(await buyer.key("show", flow_id, "--agreement", paper), 1).lower()

    # What binds is a person's to do, of the other side, by the very document.
    agree = ("agree", flow_id, "--agreement", paper, "--name", "Bea Buyer")
    assert "sign in" in said(await buyer.key(*agree), 1)
    assert "other side" in said(await seller.person(*agree), 1)
    assert "not the digest" in said(await buyer.person(*agree[:3], terms, *agree[4:]), 1)
    assert "  active " in said(await buyer.person(*agree))

    found = said(await seller.key("look", flow_id, "--pool", odd), 1)
    assert "accounts.states: 100 accounts are of debtor states that it does not buy (rows 2, 4, " in found
    refused = said(await seller.key("deliver", flow_id, "--period", 1, "--pool", odd), 1)
    assert "100 accounts are of debtor states that it does not buy: cut the pool" in refused
    assert "the pool can be delivered" in said(await seller.key("look", flow_id, "--pool", fits))
    delivered = said(await seller.key("deliver", flow_id, "--period", 1, "--pool", fits))
    assert "delivered  " in delivered
    assert f"pool {fits}  20,000.00 USD" in delivered

    async def settled_and_sealed():
        now = said(await buyer.key("show", flow_id))
        return "opened in a moment" not in now and "sealed     " in now

    await factories.until(context, settled_and_sealed)
    sealed = tmp_path / "sealed.pdf"
    shown = said(await buyer.key("show", flow_id, "--agreement", sealed))
    assert f"sealed: {sealed}" in shown
    assert sealed.read_bytes().startswith(paper.read_bytes())
    assert [line.split()[2] for line in shown.splitlines() if line.startswith("period")] == [
        "delivered",
        "open",
        "open",
    ]
    for machine in machines:
        assert flow_id in said(await machine.key("list"))
    ended = said(await buyer.person("end", flow_id, "--reason", "enough"))
    assert "  ending " in ended
    assert f"the last period begins by {context.clock.now():%Y-%m-%d}" in ended


async def test_a_second_factor_is_asked_for_and_trouble_is_one_line(context, server, machines, tmp_path):
    seller, buyer = machines
    async with MarketClient(server.url) as client:
        await client.sign_in(**buyer.party.credentials)
        app = await client.begin_totp("app")
        secret = base64.b32decode(app.secret)

        def code(later):
            return code_at(secret, step_of(context.clock.now()) + later)

        await client.confirm_totp(app.factor_id, code(0))
    terms = tmp_path / "terms.json"
    propose = ("propose", terms, "--to", buyer.party.org_id, "--as", "seller", "--name", "Sal Seller")
    terms.write_text("[1]")
    assert "is not a JSON object" in said(await seller.person(*propose), 1)
    terms.write_text(json.dumps(TERMS | {"first_on": f"{context.clock.now():%Y-%m-%d}"}))
    flow_id = next(line for line in said(await seller.person(*propose)).splitlines() if "proposed" in line).split()[0]
    refuse = ("refuse", flow_id, "--reason", "too dear")
    said(await buyer.person(*refuse, typed=["000000"]), 1)
    assert "  declined " in said(await buyer.person(*refuse, typed=[code(1)]))

    assert "either --api-key-file or --email" in said(await seller._run(["list"]), 2)
    wrong = Machine(seller.url, replace(seller.party, password="not the password at all"), seller.key_file)
    assert "Error: " in said(await wrong.person("list"), 1)
    buyer.key_file.write_text("no key")
    assert "Error: " in said(await buyer.key("list"), 1)
    for content, wrong_with in (
        (b" \n", "is empty"), (b"one\ntwo\n", "has more than one line"), (b"k\xfc", "has characters that no key has"),
    ):  # fmt: skip
        buyer.key_file.write_bytes(content)
        assert f"{buyer.key_file} {wrong_with}: it holds an API key and nothing else" in said(
            await buyer.key("list"), 1
        )
    gone = Machine(f"http://127.0.0.1:{free_port()}", seller.party, seller.key_file)
    assert "cannot be reached: ConnectError" in said(await gone.key("list"), 1)
