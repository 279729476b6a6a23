"""What makes a command malformed, checked before anything else is asked. Commands come from strangers: types may lie."""

from datetime import MAXYEAR, MINYEAR, datetime

from auctions.allocation import MAX_POOL_COUNT
from auctions.increments import is_amount
from auctions.messages import (
    BidderCommand,
    BuyNow,
    Cancel,
    CancelCeiling,
    Close,
    Command,
    DeclineHighest,
    Open,
    Pause,
    PlaceBid,
    RefuseBid,
    Resume,
    SetCeiling,
    TakeHighest,
    VoidBid,
)
from auctions.moves import (
    AcceptCounter,
    AcceptStep,
    ArmStep,
    AwardOffer,
    BidderMove,
    CounterOffer,
    Indicate,
    Move,
    OfficeMove,
    OpenBids,
    Opened,
    PlaceBinding,
    PlacePackageBid,
    ReviseTape,
    SealBid,
    Shortlist,
    Tick,
)

MAX_CID_CHARS = 64
MAX_BIDDER_CHARS = 128
MAX_REASON_CHARS = 500
MAX_STEP = 10_000
MAX_SEALED_CHARS = 4_096
MAX_SALT_CHARS = 128
MAX_BID_COUNT = 10_000


def flaw_in(command: Command | Move) -> str | None:
    """What is malformed about a command, as a clause in lower case that repeats no value; None if it is well formed."""
    match command:
        case PlaceBid() | SetCeiling() | CancelCeiling() | BuyNow():
            return _flaw_in_bid(command)
        case RefuseBid() | VoidBid():
            if type(command.seq) is not int or command.seq < 1:
                return "seq must be a positive whole number"
            return _flaw_in_reason(command.reason)
        case TakeHighest() | DeclineHighest():
            return None if _is_seq(command.seq_seen) else "seq_seen must be a positive whole number"
        case Pause() | Cancel():
            return _flaw_in_reason(command.reason)
        case Open() | Resume() | Close() | Tick():
            return None
        case OpenBids() | AwardOffer() | CounterOffer() | Shortlist() | ReviseTape():
            return _flaw_in_office_move(command)
        case _:
            return _flaw_in_name(command) or _flaw_in_move(command)


def _flaw_in_move(command: BidderMove) -> str | None:  # noqa: C901, PLR0912  # one flat match
    match command:
        case AcceptStep() if not is_amount(command.price_cents):
            return "price_cents must be a whole number of minor units within bounds"
        case AcceptStep() | ArmStep() if type(command.step) is not int or not 0 <= command.step <= MAX_STEP:
            return f"step must be a whole number from 0 to {MAX_STEP}"
        case Indicate():
            if not (is_amount(command.low_cents) and is_amount(command.high_cents)):
                return "low_cents and high_cents must be whole numbers of minor units within bounds"
            if command.low_cents > command.high_cents:
                return "low_cents must not exceed high_cents"
            return (
                None
                if _is_text(command.conditions, 2_000)
                else "conditions must be up to 2,000 printable characters in one line"
            )
        case PlaceBinding() if not _is_text(command.reason, MAX_REASON_CHARS):
            return f"reason must be up to {MAX_REASON_CHARS} printable characters in one line"
        case PlacePackageBid() if not _are_pools(command.pools):
            return "pools must be a tuple of names, none of them twice"
        case PlacePackageBid() if not is_amount(command.amount_cents):
            return "amount_cents must be a whole number of minor units within bounds"
        case PlaceBinding() if not is_amount(command.amount_cents):
            return "amount_cents must be a whole number of minor units within bounds"
        case AcceptCounter() if not _is_seq(command.counter_seq):
            return "counter_seq must be a positive whole number"
        case SealBid() if not _is_name(command.sealed, MAX_SEALED_CHARS):
            return f"sealed must be 1 to {MAX_SEALED_CHARS} printable ASCII characters"
        case SealBid() if not (_is_name(command.commitment, 64) and len(command.commitment) == 64):
            return "commitment must be 64 hexadecimal digits"
        case _:
            return None


def _flaw_in_office_move(command: OfficeMove) -> str | None:
    match command:
        case OpenBids():
            return _flaw_in_opening(command)
        case Shortlist():
            return _flaw_in_shortlist(command)
        case ReviseTape() if not _is_name(command.tape_version, MAX_BIDDER_CHARS):
            return f"tape_version must be 1 to {MAX_BIDDER_CHARS} printable ASCII characters"
        case AwardOffer() | CounterOffer() if not _is_seq(command.bid_seq):
            return "bid_seq must be a positive whole number"
        case AwardOffer() if not _is_seq(command.seq_seen):
            return "seq_seen must be a positive whole number"
        case CounterOffer() if not is_amount(command.price_cents):
            return "price_cents must be a whole number of minor units within bounds"
        case CounterOffer() if not _is_instant(command.expires_at):
            return "expires_at must be an instant with a time zone"
        case _:
            return None


def _flaw_in_shortlist(command: Shortlist) -> str | None:
    chosen: object = command.chosen
    declined: object = command.declined
    if not (isinstance(chosen, tuple) and chosen and all(_is_name(name, MAX_BIDDER_CHARS) for name in chosen)):
        return "chosen must be a tuple of bidders"
    pairs = isinstance(declined, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in declined)
    if not (isinstance(declined, tuple) and pairs and all(_is_name(pair[0], MAX_BIDDER_CHARS) for pair in declined)):
        return "declined must be a tuple of pairs of bidder and reason"
    if len({*chosen, *(pair[0] for pair in declined)}) != len(chosen) + len(declined):
        return "a bidder is named twice"
    return next((flaw for _, reason in declined if (flaw := _flaw_in_reason(reason))), None)


def _are_pools(pools: object) -> bool:
    if not (isinstance(pools, tuple) and 1 <= len(pools) <= MAX_POOL_COUNT):
        return False
    return all(_is_name(name, MAX_BIDDER_CHARS) for name in pools) and len(set(pools)) == len(pools)


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most and "\0" not in value and value.isprintable()


def _is_seq(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_instant(value: object) -> bool:
    """Whether it is aware and, whatever its time zone, a day of the calendar in UTC as well."""
    return isinstance(value, datetime) and value.utcoffset() is not None and MINYEAR < value.year < MAXYEAR


def _flaw_in_opening(command: OpenBids) -> str | None:
    opened: object = command.opened
    if not (isinstance(opened, tuple) and len(opened) <= MAX_BID_COUNT and all(map(_is_opened, opened))):
        return "opened must be a tuple of Opened"
    return None if command.key is None or _is_key(command.key) else "key must be 64 hexadecimal digits"


def _is_key(key: object) -> bool:
    return isinstance(key, str) and len(key) == 64 and set(key) <= set("0123456789abcdef")


def _is_opened(one: object) -> bool:
    if not isinstance(one, Opened) or type(one.bid_seq) is not int:
        return False
    salted: object = one.salt
    fits = isinstance(salted, str) and len(salted) <= MAX_SALT_CHARS and salted.isascii() and salted.isprintable()
    return fits and (one.amount_cents is None or is_amount(one.amount_cents))


def _flaw_in_name(command: BidderCommand | BidderMove) -> str | None:
    if not _is_name(command.bidder, MAX_BIDDER_CHARS):
        return f"bidder must be 1 to {MAX_BIDDER_CHARS} printable ASCII characters"
    if not _is_name(command.cid, MAX_CID_CHARS):
        return f"cid must be 1 to {MAX_CID_CHARS} printable ASCII characters"
    return None


def _flaw_in_bid(command: BidderCommand) -> str | None:
    if flaw := _flaw_in_name(command):
        return flaw
    if isinstance(command, CancelCeiling | BuyNow):
        return None
    confirmed: object = command.confirmed
    if not isinstance(confirmed, bool):
        return "confirmed must be true or false"
    amount = command.amount_cents if isinstance(command, PlaceBid) else command.ceiling_cents
    return None if is_amount(amount) else "the amount must be a whole number of minor units within bounds"


def _flaw_in_reason(reason: object) -> str | None:
    usable = isinstance(reason, str) and reason.strip() and len(reason) <= MAX_REASON_CHARS and "\0" not in reason
    return None if usable else f"a reason of 1 to {MAX_REASON_CHARS} characters must be given"


def _is_name(value: object, most: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= most and value.isascii() and value.isprintable()
