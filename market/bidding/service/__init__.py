"""What happens around an auction: one function, one sentence, one transaction. Bids themselves go through the lane."""

from market.bidding.service.looking import (
    award_of,
    find_auction,
    frames_after,
    list_auctions,
    log_lines,
    own_standing,
    seat_of,
    snapshot,
)
from market.bidding.service.publishing import PublishOrder, publish
from market.bidding.service.registering import (
    end_registration,
    has_registered,
    register_bidder,
    registration_requirements,
    require_registrable,
)

__all__ = [
    "PublishOrder",
    "award_of",
    "end_registration",
    "find_auction",
    "frames_after",
    "has_registered",
    "list_auctions",
    "log_lines",
    "own_standing",
    "publish",
    "register_bidder",
    "registration_requirements",
    "require_registrable",
    "seat_of",
    "snapshot",
]
