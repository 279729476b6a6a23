"""pain.001.001.09, the customer's credit transfer initiation (ISO 20022, message definition report 2019).

The layout is the schema's: one payment information block with all orders of one currency. Names keep to the characters that
banks in SEPA take (EPC217-08, version 2.0): others are written in the nearest Latin letters.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from html import escape

from anyascii import anyascii

from market.kit.money import exponent
from market.settlement.rails.orders import Batch, Order, Originator

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_OTHER = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_NAME_LENGTH = 70


def write(orders: Sequence[Order], originator: Originator, batch: Batch) -> bytes:
    """The file. All orders go to IBANs."""
    total = sum(order.amount_cents for order in orders)
    head = f"<NbOfTxs>{len(orders)}</NbOfTxs><CtrlSum>{_amount(total, batch.currency)}</CtrlSum>"
    sepa = "<SvcLvl><Cd>SEPA</Cd></SvcLvl>" if batch.currency == "EUR" else ""
    kind = f"<PmtTpInf>{sepa}</PmtTpInf>" if sepa else ""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Document xmlns="{NAMESPACE}"><CstmrCdtTrfInitn>',
        f"<GrpHdr><MsgId>{batch.file_ref}</MsgId><CreDtTm>{batch.made_at:%Y-%m-%dT%H:%M:%SZ}</CreDtTm>{head}",
        f"<InitgPty><Nm>{_name(originator.holder)}</Nm></InitgPty></GrpHdr>",
        f"<PmtInf><PmtInfId>{batch.file_ref}</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>false</BtchBookg>{head}{kind}",
        f"<ReqdExctnDt><Dt>{batch.execute_on:%Y-%m-%d}</Dt></ReqdExctnDt>",
        f"<Dbtr><Nm>{_name(originator.holder)}</Nm></Dbtr>",
        f"<DbtrAcct><Id><IBAN>{originator.iban}</IBAN></Id><Ccy>{batch.currency}</Ccy></DbtrAcct>",
        f"<DbtrAgt>{_agent(originator.bic)}</DbtrAgt><ChrgBr>{'SLEV' if sepa else 'SHAR'}</ChrgBr>",
        *(_transfer(order, batch.currency) for order in orders),
        "</PmtInf></CstmrCdtTrfInitn></Document>",
        "",
    ]
    return "\n".join(lines).encode()


def _transfer(order: Order, currency: str) -> str:
    return (
        f"<CdtTrfTxInf><PmtId><InstrId>{order.payout_id.hex}</InstrId><EndToEndId>{order.reference}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="{currency}">{_amount(order.amount_cents, currency)}</InstdAmt></Amt>'
        f"<Cdtr><Nm>{_name(order.holder_name)}</Nm></Cdtr>"
        f"<CdtrAcct><Id><IBAN>{order.number}</IBAN></Id></CdtrAcct>"
        f"<RmtInf><Ustrd>{order.reference}</Ustrd></RmtInf></CdtTrfTxInf>"
    )


def _agent(bic: str) -> str:
    inner = f"<BICFI>{bic}</BICFI>" if bic else "<Othr><Id>NOTPROVIDED</Id></Othr>"
    return f"<FinInstnId>{inner}</FinInstnId>"


def _amount(cents: int, currency: str) -> str:
    digits = exponent(currency)
    return f"{Decimal(cents).scaleb(-digits):.{digits}f}"


def _name(text: str) -> str:
    plain = _OTHER.sub(" ", anyascii(text.replace("&", " + ")))
    return escape(" ".join(plain.split())[:_NAME_LENGTH].strip() or "NOTPROVIDED", quote=False)
