"""The escrow bank's side of the story: an account, and its statements as camt.053 files (ISO 20022, version 001.08)."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from market.kit.money import exponent

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


@dataclass(frozen=True, slots=True)
class Wire:
    """Money that came in (`amount_cents` > 0) or went out (< 0), with what the payer wrote on it."""

    amount_cents: int
    reference: str
    counterparty: str


@dataclass
class Bank:
    """An account for the benefit of the marketplace's clients. Every wire stands on exactly one statement."""

    account_number: str
    currency: str
    balance_cents: int = 0
    statement_count: int = 0
    _waiting: list[Wire] = field(default_factory=list)

    def book(self, wire: Wire) -> None:
        """Money moves; the next statement tells it."""
        self._waiting.append(wire)

    def statement(self, booked_on: date) -> bytes:
        """A statement of what was booked since the last one; opening balance and entries make the closing balance."""
        self.statement_count += 1
        root = ET.Element("Document", {"xmlns": _NAMESPACE})
        message = ET.SubElement(root, "BkToCstmrStmt")
        header = ET.SubElement(message, "GrpHdr")
        _put(header, "MsgId", f"STMT-{self.account_number}-{self.statement_count:05d}")
        _put(header, "CreDtTm", f"{booked_on}T18:00:00Z")
        sheet = ET.SubElement(message, "Stmt")
        _put(sheet, "Id", f"{booked_on:%Y%m%d}-{self.statement_count:05d}")
        _put(sheet, "ElctrncSeqNb", str(self.statement_count))
        _put(sheet, "CreDtTm", f"{booked_on}T18:00:00Z")
        _put(sheet, "Acct/Id/Othr/Id", self.account_number)
        self._balance(sheet, "OPBD", booked_on)
        entries = [self._entry(wire, booked_on, place) for place, wire in enumerate(self._waiting, start=1)]
        self.balance_cents += sum(wire.amount_cents for wire in self._waiting)
        self._waiting.clear()
        self._balance(sheet, "CLBD", booked_on)
        sheet.extend(entries)
        ET.indent(root)
        return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))

    def _balance(self, sheet: ET.Element, code: str, on: date) -> None:
        balance = ET.SubElement(sheet, "Bal")
        _put(balance, "Tp/CdOrPrtry/Cd", code)
        self._amount(balance, self.balance_cents)
        _put(balance, "Dt/Dt", str(on))

    def _entry(self, wire: Wire, on: date, place: int) -> ET.Element:
        entry = ET.Element("Ntry")
        _put(entry, "NtryRef", str(place))
        self._amount(entry, wire.amount_cents)
        _put(entry, "Sts/Cd", "BOOK")
        _put(entry, "BookgDt/Dt", str(on))
        _put(entry, "ValDt/Dt", str(on))
        _put(entry, "AcctSvcrRef", f"{self.statement_count:06d}{place:04d}")
        _put(entry, "BkTxCd/Prtry/Cd", "WIRE")
        detail = ET.SubElement(ET.SubElement(entry, "NtryDtls"), "TxDtls")
        _put(detail, "Refs/EndToEndId", wire.reference)
        side = "Dbtr" if wire.amount_cents > 0 else "Cdtr"
        _put(detail, f"RltdPties/{side}/Pty/Nm", wire.counterparty)
        _put(detail, "RmtInf/Ustrd", wire.reference)
        return entry

    def _amount(self, holder: ET.Element, cents: int) -> None:
        digits = exponent(self.currency)
        amount = _put(holder, "Amt", f"{Decimal(abs(cents)).scaleb(-digits):.{digits}f}")
        amount.set("Ccy", self.currency)
        _put(holder, "CdtDbtInd", "CRDT" if cents >= 0 else "DBIT")


def _put(within: ET.Element, path: str, text: str) -> ET.Element:
    """Add a nested element with a text."""
    for name in path.split("/"):
        within = ET.SubElement(within, name)
    within.text = text
    return within
