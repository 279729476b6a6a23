"""What a bid may cost when a program sends it: the limits of an API key, asked before the command goes to the lane."""

from auctions import messages, moves
from auctions.messages import Command, Move
from market.db.context import Context
from market.kit.actor import Actor
from market.parties import service as parties
from market.parties.rules import KeyLimit


def has_limits(actor: Actor) -> bool:
    """Whether there is anything for `refuse_beyond_key` to ask."""
    return actor.max_bid_cents is not None or actor.day_bid_cents is not None


async def refuse_beyond_key(context: Context, actor: Actor, command: Command | Move) -> None:
    """Raises `KeyLimit` if the actor's API key has limits and the command asks for more, or for nobody knows how much.

    A sealed bid, buy-now, an armed step and the yes to a counter-offer name no amount here; only people, and keys without
    limits, send them.
    """
    if not has_limits(actor):
        return
    cents = _asked_cents(command)
    if cents is None:
        raise KeyLimit("a key with limits sends only commands that name their amount")
    await parties.refuse_beyond_key(context, actor, cents)


def _asked_cents(command: Command | Move) -> int | None:
    """The most that the command binds its sender to; 0 if to nothing, None if it does not say."""
    match command:
        case messages.PlaceBid(amount_cents=cents) | moves.PlaceBinding(amount_cents=cents):
            return cents
        case moves.PlacePackageBid(amount_cents=cents) | messages.SetCeiling(ceiling_cents=cents):
            return cents
        case moves.AcceptStep(price_cents=cents):
            return cents
        case messages.CancelCeiling() | moves.Withdraw() | moves.Indicate():
            return 0
        case messages.BuyNow() | moves.ArmStep() | moves.SealBid() | moves.AcceptCounter():
            return None
    return 0
