"""One auction as the live client knows it: folds what arrives, and notices what does not. Pure."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

from auctions.views import apply
from market.client.messages import Event, Snapshot, Update


class Nothing(Enum):
    """Why a frame changed nothing."""

    SEEN = auto()
    """Known already."""
    GAP = auto()
    """Something before it is missing: subscribe again."""


class Follower:
    def __init__(self, auction: UUID) -> None:
        self.auction = auction
        self.state: dict[str, Any] | None = None
        """What `auctions.views.snapshot` would show this audience now; None before the first snapshot."""
        self.epoch: str | None = None
        self._behind_at: int | None = None

    @property
    def seq(self) -> int | None:
        """The newest event that is folded in."""
        return None if self.state is None else int(self.state["seq"])

    def subscription(self) -> dict[str, Any]:
        """The fields of `sub` that continue where we are."""
        known = {"from_seq": self.seq, "epoch": self.epoch} if self.epoch is not None else {}
        return {"auction": str(self.auction), **known}

    def forget(self) -> None:
        """What we know no longer holds together; the next snapshot counts, whatever its seq."""
        self.epoch = None

    def take_snapshot(self, frame: Mapping[str, Any]) -> Update | Nothing:
        state = {name: value for name, value in frame.items() if name not in {"t", "epoch"}}
        if self.seq is not None and self.epoch == frame["epoch"] and state["seq"] < self.seq:
            return Nothing.SEEN  # a node that lags behind the one we heard before
        self.state, self.epoch, self._behind_at = state, frame["epoch"], None
        return Snapshot(auction=self.auction, seq=state["seq"], epoch=frame["epoch"], state=state)

    def take_event(self, frame: Mapping[str, Any]) -> Update | Nothing:
        if self.state is None or self.epoch is None:
            return Nothing.SEEN  # a snapshot is on its way
        if frame["seq"] <= self.state["seq"]:
            return Nothing.SEEN
        if frame["prev"] != self.state["seq"]:
            return Nothing.GAP
        self.state, self._behind_at = apply(self.state, frame), None
        data = {name: value for name, value in frame.items() if name != "t"}
        at = datetime.fromisoformat(frame["at"])
        return Event(auction=self.auction, seq=frame["seq"], at=at, kind=frame["kind"], data=data)

    def hear_head(self, head: int | None) -> bool:
        """Whether to subscribe again: the server has newer events since two heartbeats, or has forgotten us (None).

        One heartbeat may overtake the events it counts, so one is not enough.
        """
        seq = self.seq
        if head is None:
            return True
        if seq is None or head <= seq:
            self._behind_at = None
            return False
        stuck = self._behind_at == seq
        self._behind_at = seq
        return stuck
