"""Money moves at the bank, and the operator imports what the bank says."""

from market.client.settlement import Import, LedgerAccount, LedgerTransfer
from market.demo.bank import Wire
from market.demo.cast import OPERATOR, Character
from market.demo.steps import joining
from market.demo.world import World

_PAGE = 200


async def wire_in(world: World, who: Character, amount_cents: int, reference: str | None = None) -> None:
    """A party wires money to the escrow account, with its own payment reference unless another is given."""
    stated = reference or (await world[who].bank_account()).payment_reference
    world.bank.book(Wire(amount_cents, stated, who.organisation))


async def import_statement(world: World) -> Import:
    """The operator imports the bank's next statement; what was matched."""
    await joining.prove_again(world, OPERATOR)
    statement = world.bank.statement(world.clock.now().date())
    return (await world[OPERATOR].import_statement(statement)).statements[0]


async def resume_bank(world: World) -> None:
    """Let the bank go on where its last imported statement ended."""
    last = next(iter((await world[OPERATOR].statements(limit=1)).items), None)
    if last is not None:
        world.bank.balance_cents = last.closing_cents
        world.bank.statement_count = int(last.statement_ref.rpartition("-")[2])


async def transfers(world: World) -> list[LedgerTransfer]:
    """Every transfer in the ledger, oldest first, as the operator sees them."""
    found: list[LedgerTransfer] = []
    page = await world[OPERATOR].ledger_transfers(limit=_PAGE)
    found += page.items
    while page.next_cursor is not None:
        page = await world[OPERATOR].ledger_transfers(limit=_PAGE, cursor=page.next_cursor)
        found += page.items
    return found


async def accounts(world: World) -> list[LedgerAccount]:
    """Every ledger account, as the operator sees them."""
    found: list[LedgerAccount] = []
    page = await world[OPERATOR].ledger_accounts(limit=_PAGE)
    found += page.items
    while page.next_cursor is not None:
        page = await world[OPERATOR].ledger_accounts(limit=_PAGE, cursor=page.next_cursor)
        found += page.items
    return found
