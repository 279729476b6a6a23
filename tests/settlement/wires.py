"""Bank statements for tests, written as a bank writes camt.053."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from xml.sax.saxutils import escape

from market.kit.money import exponent

_numbers = count(1)
FBO_IBAN = "DE89370400440532013000"


@dataclass(frozen=True)
class Wire:
    """One movement; `credit` money in. `texts` is the remittance line, `end_to_end` the payer's own reference."""

    amount_cents: int
    texts: str = ""
    end_to_end: str = ""
    credit: bool = True
    ref: str | None = None
    reversal: bool = False
    status: str = "BOOK"
    name: str = ""


def amount(cents: int, currency: str) -> str:
    digits = exponent(currency)
    return f"{Decimal(cents).scaleb(-digits):.{digits}f}"


def entry(wire: Wire, currency: str, *, version: str = "08") -> str:
    status = f"<Cd>{wire.status}</Cd>" if version >= "08" else wire.status
    return f"""<Ntry>
      <Amt Ccy="{currency}">{amount(wire.amount_cents, currency)}</Amt>
      <CdtDbtInd>{"CRDT" if wire.credit else "DBIT"}</CdtDbtInd>
      {"<RvslInd>true</RvslInd>" if wire.reversal else ""}
      <Sts>{status}</Sts><BookgDt><Dt>2026-11-20</Dt></BookgDt>
      <AcctSvcrRef>{escape(wire.ref or f"BANK-{next(_numbers)}")}</AcctSvcrRef>
      <NtryDtls><TxDtls>
        <Refs><EndToEndId>{escape(wire.end_to_end or "NOTPROVIDED")}</EndToEndId></Refs>
        {f"<RltdPties><Dbtr><Pty><Nm>{escape(wire.name)}</Nm></Pty></Dbtr></RltdPties>" if wire.name else ""}
        <RmtInf><Ustrd>{escape(wire.texts)}</Ustrd></RmtInf>
      </TxDtls></NtryDtls>
    </Ntry>"""


def balance(code: str, cents: int, currency: str) -> str:
    return f"""<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>
      <Amt Ccy="{currency}">{amount(abs(cents), currency)}</Amt>
      <CdtDbtInd>{"CRDT" if cents >= 0 else "DBIT"}</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>"""


def statement(
    wires: Sequence[Wire],
    *,
    opening_cents: int = 0,
    closing_cents: int | None = None,
    currency: str = "USD",
    ref: str | None = None,
    iban: str = FBO_IBAN,
    version: str = "08",
    prologue: str = "",
    entries: str | None = None,
) -> bytes:
    """A document of one statement that ties out, unless `closing_cents` says otherwise."""
    moved = sum(wire.amount_cents if wire.credit else -wire.amount_cents for wire in wires if wire.status == "BOOK")
    closing = opening_cents + moved if closing_cents is None else closing_cents
    body = "".join(entry(wire, currency, version=version) for wire in wires) if entries is None else entries
    return f"""<?xml version="1.0" encoding="UTF-8"?>{prologue}
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
  <GrpHdr><MsgId>M1</MsgId></GrpHdr>
  <Stmt><Id>{escape(ref or f"STMT-{next(_numbers)}")}</Id>
    <Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>
    {balance("OPBD", opening_cents, currency)}{balance("CLBD", closing, currency)}
    {body}
  </Stmt></BkToCstmrStmt></Document>""".encode()
