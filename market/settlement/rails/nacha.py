"""NACHA files of CCD credits (Nacha Operating Rules 2024, Appendix Three: ACH Record Format Specifications).

Records of 94 characters in blocks of ten; one batch of credits (service class 220) to checking accounts (code 22), balanced by the
bank against the originator's account. Each entry has an addenda record with the payout's reference.
"""

import re
from collections.abc import Sequence

from anyascii import anyascii

from market.settlement.rails.orders import Batch, Order, Originator

RECORD_LENGTH, BLOCKING = 94, 10
MAX_AMOUNT_CENTS = 9_999_999_999
MAX_TOTAL_CENTS = 999_999_999_999
MAX_ORDERS = 5_000
_OTHER = re.compile(r"[^A-Z0-9 .,\-/&']")


def write(orders: Sequence[Order], originator: Originator, batch: Batch) -> bytes:
    """The file, lines ended by CR LF. All orders go to accounts at a routing number, none above 99,999,999.99."""
    total = sum(order.amount_cents for order in orders)
    # The sum of the receiving banks' first eight digits, of which the ten rightmost count.
    entry_hash = sum(int(order.number[:8]) for order in orders) % 10**10
    odfi = originator.routing_number[:8]
    records = [_file_header(originator, batch), _batch_header(originator, batch, odfi)]
    for number, order in enumerate(orders, 1):
        records += [_entry(order, odfi, number), _addenda(order, number)]
    count = 2 * len(orders)
    totals = f"{count:06d}{entry_hash:010d}{0:012d}{total:012d}"
    records.append(f"8220{totals}{_left(originator.company_id, 10)}{'':19}{'':6}{odfi}{1:07d}")
    blocks = -(-(len(records) + 1) // BLOCKING)
    records.append(f"9{1:06d}{blocks:06d}{count:08d}{entry_hash:010d}{0:012d}{total:012d}{'':39}")
    records += ["9" * RECORD_LENGTH] * (-len(records) % BLOCKING)
    if any(len(record) != RECORD_LENGTH for record in records):
        raise AssertionError("a record has 94 characters")
    return "".join(f"{record}\r\n" for record in records).encode("ascii")


def _file_header(originator: Originator, batch: Batch) -> str:
    modifier = "A"
    return (
        f"101 {originator.routing_number}{_left(originator.company_id, 10)}{batch.made_at:%y%m%d%H%M}{modifier}"
        f"094101{_left(originator.bank_name, 23)}{_left(originator.holder, 23)}{_left(batch.file_ref[-8:], 8)}"
    )


def _batch_header(originator: Originator, batch: Batch, odfi: str) -> str:
    return (
        f"5220{_left(originator.holder, 16)}{_left(originator.account_number, 20)}{_left(originator.company_id, 10)}CCD"
        f"{_left('PROCEEDS', 10)}{batch.made_at:%y%m%d}{batch.execute_on:%y%m%d}{'':3}1{odfi}{1:07d}"
    )


def _entry(order: Order, odfi: str, number: int) -> str:
    routing, account = order.number.split(" ", 1)
    return (
        f"622{routing}{_left(account, 17)}{order.amount_cents:010d}{_left(order.reference[-15:], 15)}"
        f"{_left(order.holder_name, 22)}{'':2}1{odfi}{number:07d}"
    )


def _addenda(order: Order, number: int) -> str:
    return f"705{_left(order.reference, 80)}{1:04d}{number:07d}"


def _left(text: str, length: int) -> str:
    """Left-justified, in capitals and the characters that every bank takes."""
    return _OTHER.sub(" ", anyascii(text).upper())[:length].ljust(length)
