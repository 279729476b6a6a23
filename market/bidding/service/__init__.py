"""What happens around an auction: one function, one sentence, one transaction. Bids themselves go through the lane."""

from market.bidding.service.boards import need
from market.bidding.service.looking import (
    awards_of,
    calendar,
    find_auction,
    frames_after,
    list_auctions,
    log_lines,
    own_standing,
    pools_of,
    pools_shown,
    running_bids,
    seat_of,
    snapshot,
)
from market.bidding.service.proving import checkpoints_of, receipt_for, take_due_checkpoints
from market.bidding.service.publishing import PublishOrder, publish
from market.bidding.service.registering import (
    blocking_states,
    end_registration,
    has_registered,
    register_bidder,
    registration_requirements,
    require_registrable,
)
from market.bidding.service.sealing import sealed_bids

__all__ = [
    "PublishOrder",
    "awards_of",
    "blocking_states",
    "calendar",
    "checkpoints_of",
    "end_registration",
    "find_auction",
    "frames_after",
    "has_registered",
    "list_auctions",
    "log_lines",
    "need",
    "own_standing",
    "pools_of",
    "pools_shown",
    "publish",
    "receipt_for",
    "register_bidder",
    "registration_requirements",
    "require_registrable",
    "running_bids",
    "sealed_bids",
    "seat_of",
    "snapshot",
    "take_due_checkpoints",
]
