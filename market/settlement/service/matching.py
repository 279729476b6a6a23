"""Whom the lines of a statement belong to. Pure; a line is matched with what the lines before it have changed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from market.settlement import moves
from market.settlement.rules import Settlement, find_references
from market.settlement.statement import Line
from market.settlement.store.bank import BankEntry, KeptStatement, Payout


def as_compared(name: str) -> str:
    """A payer's name without case, marks and spaces; banks cut them at 70 characters or more."""
    return re.sub(r"[\W_]+", "", name.casefold())[:35]


def expected_of(waiting: Iterable[tuple[Settlement, str]]) -> dict[tuple[int, str], tuple[str, UUID]]:
    """What is awaited of whom, by amount and name; what fits two sales fits none."""
    found: dict[tuple[int, str], list[tuple[str, UUID]]] = {}
    for sale, name in waiting:
        found.setdefault((sale.due_cents, as_compared(name)), []).append((sale.reference, sale.buyer_org_id))
    return {key: fits[0] for key, fits in found.items() if len(fits) == 1}


@dataclass(slots=True)
class Matching:
    """What references stand for, and what was made of the lines so far.

    `open_debits` are the currency's unmatched debits by the bank's reference; `free_cents` is the organisations' free
    cash. `entries`, `wires`, `paid` and `returned` (payouts that the bank carried out or sent back) are the result.
    """

    orgs: dict[str, UUID]
    payouts: dict[str, Payout]
    open_debits: dict[str, BankEntry]
    free_cents: dict[UUID, int]
    expected: dict[tuple[int, str], tuple[str, UUID]]
    """What is due of whom: (minor units, name as compared) to (reference, organisation), where only one fits."""
    entries: list[BankEntry] = field(default_factory=list)
    wires: list[moves.Transfer] = field(default_factory=list)
    paid: dict[UUID, tuple[Payout, BankEntry]] = field(default_factory=dict)
    returned: dict[UUID, tuple[Payout, BankEntry]] = field(default_factory=dict)

    def add(self, kept: KeptStatement, line: Line, entry_id: UUID) -> None:
        """Match one more line."""
        if line.credit:
            self._credit(kept, line, entry_id)
        else:
            self._debit(kept, line, entry_id)

    def _credit(self, kept: KeptStatement, line: Line, entry_id: UUID) -> None:
        back = self._returned_by(line)
        named = (back.reference, back.org_id) if back else None if line.reversal else self._sender_of(line)
        if named is None and (corrected := self._corrected_by(line)) is not None:
            # The debit never reached the ledger, so neither does what makes it good.
            del self.open_debits[corrected.entry_ref]
            self.entries.append(_entry(kept, line, entry_id, corrects=corrected))
            return
        entry = _entry(kept, line, entry_id, named=named)
        self.entries.append(entry)
        if back is not None:
            self.returned[back.payout_id] = (back, entry)
        self.wires += moves.wire_received(
            entry_id, currency=kept.currency, amount_cents=line.amount_cents, org_id=entry.org_id
        )
        if entry.org_id is not None:
            self.free_cents[entry.org_id] = self.free_cents.get(entry.org_id, 0) + line.amount_cents

    def _debit(self, kept: KeptStatement, line: Line, entry_id: UUID) -> None:
        if (payout := self._payout_of(line)) is not None:
            entry = _entry(kept, line, entry_id, named=(payout.reference, payout.org_id))
            self.paid[payout.payout_id] = (payout, entry)
        elif (named := self._org_of(line)) is not None and self.free_cents.get(named[1], 0) >= line.amount_cents:
            # A wire goes back. What its sender has in escrow is not touched: that debit stays unmatched, for people.
            entry = _entry(kept, line, entry_id, named=named)
            self.free_cents[named[1]] -= line.amount_cents
            self.wires += moves.wire_returned(
                entry_id, currency=kept.currency, amount_cents=line.amount_cents, org_id=named[1]
            )
        else:
            entry = _entry(kept, line, entry_id)
            self.open_debits[line.entry_ref] = entry
        self.entries.append(entry)

    def _org_of(self, line: Line) -> tuple[str, UUID] | None:
        """The reference and the organisation that a line names; None unless all its references agree on one."""
        named = {ref: self.orgs[ref] for ref in find_references(line.texts) if ref in self.orgs}
        return max(named.items()) if len(set(named.values())) == 1 else None

    def _sender_of(self, line: Line) -> tuple[str, UUID] | None:
        """By reference; without any, by the exact amount and the name of one who owes just that."""
        if find_references(line.texts) or not line.name:
            return self._org_of(line)
        return self.expected.pop((line.amount_cents, as_compared(line.name)), None)

    def _payout_of(self, line: Line) -> Payout | None:
        """The payout that a debit carries out, if amount and reference agree."""
        named = [self.payouts[ref] for ref in find_references(line.texts) if ref in self.payouts]
        if line.reversal or len(named) != 1 or named[0].confirmed_at is not None:
            return None
        fits = named[0].amount_cents == line.amount_cents and named[0].payout_id not in self.paid
        return named[0] if fits else None

    def _returned_by(self, line: Line) -> Payout | None:
        """The payout that a credit brings back whole: the receiving bank did not take it."""
        named = [self.payouts[ref] for ref in find_references(line.texts) if ref in self.payouts]
        if len(named) != 1 or named[0].payout_id in self.returned or named[0].returned_entry_id is not None:
            return None
        left = named[0].confirmed_at is not None or named[0].payout_id in self.paid
        return named[0] if left and named[0].amount_cents == line.amount_cents else None

    def _corrected_by(self, line: Line) -> BankEntry | None:
        """The unmatched debit that a credit makes good: it names the bank's reference of it, and is as large."""
        words = line.texts.replace("|", " ").split()
        found = [self.open_debits[word] for word in dict.fromkeys(words) if word in self.open_debits]
        return found[0] if len(found) == 1 and found[0].amount_cents == line.amount_cents else None


def _entry(
    kept: KeptStatement,
    line: Line,
    entry_id: UUID,
    *,
    named: tuple[str, UUID] | None = None,
    corrects: BankEntry | None = None,
) -> BankEntry:
    outcome = "matched" if named else "correction" if corrects else "suspense"
    return BankEntry(
        entry_id, kept.statement_id, kept.bank_account, line.entry_ref, "credit" if line.credit else "debit",
        line.amount_cents, kept.currency, line.booked_on, line.texts, outcome, named[0] if named else None,
        named[1] if named else None, corrects.entry_id if corrects else None, line.told_by,
    )  # fmt: skip
