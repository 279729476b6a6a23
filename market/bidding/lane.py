"""The bid lane of one node: everything that changes an auction queues here, is decided in batches, is answered after COMMIT."""

from market.bidding.orders import CHANNEL, Answer, BidOrder, Committed, OnCommit, Status
from market.bidding.states import States
from market.db.context import Context

__all__ = ["CHANNEL", "Answer", "BidOrder", "Committed", "Lane", "OnCommit", "Status"]


class Lane:
    """One per app process. `states` holds folded auctions for readers; `on_commit` feeds the node's own watchers."""

    def __init__(self, context: Context, *, on_commit: OnCommit | None = None) -> None:
        self._context = context
        self.on_commit = on_commit
        self.states = States()
