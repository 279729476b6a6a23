"""Sealed bids: what counts at the deadline, who sees what before and after, and the round among the best."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from auctions.messages import Close, Pause, PlaceBid, Reason, Resume, Standing
from auctions.moves import OpenBids, Opened, SealBid, Withdraw
from auctions.proof import GENESIS, chain, encode, line, verify
from auctions.sealed import commitment_of, sealing_key_of
from auctions.terms import Pricing, SealedTerms, Sealing, TermsError
from auctions.views import OBSERVER, OFFICER, PUBLIC, SELLER, Audience, Role, project, snapshot
from tests.auctions.formats import AUDIENCES, COMMON, standing
from tests.auctions.samples import CLOSES_AT, OPENS_AT, US, Hall, kinds, reason

ADA, BOB = Audience(Role.BIDDER, "ada"), Audience(Role.BIDDER, "bob")
SECRET = 7_771  # an amount that occurs nowhere by accident


def sealed(**changes):
    return SealedTerms(**(COMMON | {"closes_at": CLOSES_AT, "opening_cents": 1_000} | changes))


BY_CLIENTS = {"sealing": Sealing.CLIENT, "sealing_key": "ab" * 32, "most_cents": 50_000, "opening_s": 3_600}


class Envelopes(Hall):
    def withdraw(self, bidder, at=None):
        return self.say(Withdraw(bidder=bidder, cid=self._cid()), at)

    def seal(self, bidder, cents, at=None, **more):
        commitment = commitment_of("auction-1", bidder, cents, "salt")
        return self.say(SealBid(bidder=bidder, cid=self._cid(), sealed="opaque", commitment=commitment, **more), at)

    def open(self, *amounts, salt="salt", at=CLOSES_AT + US):
        seqs = sorted(self.auction.book.offers)
        opened = tuple(Opened(bid_seq=q, amount_cents=a, salt=salt) for q, a in zip(seqs, amounts, strict=True))
        return self.say(OpenBids(opened=opened, key="cd" * 32), at)

    @property
    def sale(self):
        return self.auction.winner, self.auction.hammer_cents


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("closes_at", {"closes_at": OPENS_AT}),
        ("opening_cents", {"opening_cents": 0}),
        ("reserve_cents", {"reserve_cents": 999}),
        ("pricing", {"pricing": "first_price"}),
        ("sealing", {"sealing": None}),
        ("most_cents", {"sealing": Sealing.CLIENT, "sealing_key": "ab" * 32}),
        ("sealing_key", {"sealing": Sealing.CLIENT, "most_cents": 50_000}),
        ("sealing_key", {"sealing": Sealing.CLIENT, "most_cents": 50_000, "sealing_key": "AB" * 32}),
        ("sealing_key", {"sealing_key": "ab" * 32}),
        ("final_sealing_key", BY_CLIENTS | {"final_s": 60, "final_top": 2}),
        ("final_sealing_key", BY_CLIENTS | {"final_s": 60, "final_top": 2, "final_sealing_key": "ab" * 32}),
        ("final_sealing_key", BY_CLIENTS | {"final_s": 60, "final_top": 2, "final_sealing_key": "AB" * 32}),
        ("final_sealing_key", BY_CLIENTS | {"final_sealing_key": "ef" * 32}),
        ("final_sealing_key", {"final_s": 60, "final_top": 2, "final_sealing_key": "ef" * 32}),
        ("final_sealing_key", BY_CLIENTS | {"final_s": 60, "final_top": 2, "final_sealing_key": "ef" * 32, "rules": 2}),
        ("most_cents", {"most_cents": 999}),
        ("opening_s", {"opening_s": 0}),
        ("final_s", {"final_top": 2}),
        ("final_s", {"final_s": 0, "final_top": 2}),
        ("final_top", {"final_s": 60}),
        ("final_top", {"final_s": 60, "final_top": 2, "final_within_bps": 5}),
        ("final_top", {"final_s": 60, "final_top": 1}),
        ("final_within_bps", {"final_s": 60, "final_within_bps": 10_001}),
    ],
)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        sealed(**changes)
    assert caught.value.field == field


def test_an_unknown_choice_is_refused_when_terms_are_read():
    with pytest.raises(TermsError) as caught:
        SealedTerms.from_json(sealed().to_json() | {"pricing": "third_price"})
    assert caught.value.field == "pricing"


def test_the_best_bid_wins_and_pays_its_amount():
    hall = Envelopes(sealed())
    hall.bid("ada", 3_000)
    hall.bid("bob", 4_000)
    assert kinds(hall.close()) == ["bids_opened", "auction_closed", "awarded"]
    assert hall.sale == ("bob", 4_000)


def test_second_price_the_best_bid_wins_and_pays_the_next_best():
    hall = Envelopes(sealed(pricing=Pricing.SECOND_PRICE))
    for bidder, cents in (("ada", 3_000), ("bob", 4_000), ("cy", 2_000)):
        hall.bid(bidder, cents)
    hall.close()
    assert hall.sale == ("bob", 3_000)


@pytest.mark.parametrize(("reserve", "pays"), [(None, 1_000), (2_500, 2_500)])
def test_second_price_a_lonely_bidder_pays_the_reserve_or_the_opening_bid(reserve, pays):
    hall = Envelopes(sealed(pricing=Pricing.SECOND_PRICE, reserve_cents=reserve))
    hall.bid("bob", 4_000)
    hall.close()
    assert hall.sale == ("bob", pays)


def test_of_two_equal_bids_the_lower_seq_wins():
    hall = Envelopes(sealed())
    hall.bid("ada", 3_000)
    hall.bid("bob", 3_000)
    hall.close()
    assert hall.sale == ("ada", 3_000)


def test_who_replaces_a_bid_stands_behind_an_equal_one_made_before():
    hall = Envelopes(sealed())
    hall.bid("ada", 3_000)
    hall.bid("bob", 3_000)
    hall.bid("ada", 3_000)
    hall.close()
    assert hall.sale == ("bob", 3_000)


def test_only_the_last_bid_counts_even_if_it_is_lower():
    hall = Envelopes(sealed())
    hall.bid("ada", 9_000)
    hall.bid("ada", 2_000)
    hall.bid("bob", 3_000)
    hall.close()
    assert hall.sale == ("bob", 3_000)


def test_a_bid_is_replaced_and_withdrawn_until_the_deadline_and_not_at_it():
    hall = Envelopes(sealed())
    hall.bid("ada", 3_000, at=OPENS_AT)
    assert kinds(hall.bid("ada", 4_000, at=CLOSES_AT - US)) == ["bid_sealed"]
    assert reason(hall.bid("ada", 5_000, at=CLOSES_AT)) is Reason.TOO_LATE
    assert reason(hall.withdraw("ada", at=CLOSES_AT)) is Reason.TOO_LATE
    assert kinds(hall.withdraw("ada", at=CLOSES_AT - US)) == ["offer_withdrawn"]
    assert reason(hall.withdraw("ada", at=CLOSES_AT - US)) is Reason.NO_SUCH_BID
    hall.close()
    assert hall.auction.phase_reason == "NO_BIDS"


def test_a_late_bid_moves_no_deadline():
    hall = Envelopes(sealed())
    hall.bid("ada", 3_000, at=CLOSES_AT - US)
    assert hall.auction.closes_at == CLOSES_AT


def test_the_opening_happens_once():
    hall = Envelopes(sealed())
    hall.bid("ada", 3_000)
    hall.close()
    assert kinds(hall.close(CLOSES_AT + timedelta(minutes=2))) == []


def test_a_best_bid_below_the_reserve_buys_nothing():
    hall = Envelopes(sealed(reserve_cents=5_000))
    hall.bid("ada", 4_999)
    hall.close()
    assert hall.auction.phase_reason == "RESERVE_NOT_MET"


def test_amounts_out_of_bounds_are_refused():
    hall = Envelopes(sealed(most_cents=9_000))
    assert reason(hall.bid("ada", 999)) is Reason.BID_TOO_LOW
    assert reason(hall.bid("ada", 9_001)) is Reason.LIMIT
    assert reason(hall.bid("ada", 5_001, standing=Standing(limit_cents=5_000))) is Reason.LIMIT


def test_a_struck_bid_does_not_count():
    hall = Envelopes(sealed())
    hall.bid("ada", 9_000)
    hall.bid("bob", 2_000)
    hall.void(3)
    hall.refuse(4)
    hall.close()
    assert hall.auction.phase_reason == "NO_BIDS"


def shown_before_the_opening(hall, audience):
    return json.dumps([project(event, audience) for event in hall.log] + [snapshot(hall.auction, audience)])


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_before_the_opening_nobody_but_its_bidder_sees_an_amount(audience):
    hall = Envelopes(sealed())
    hall.bid("ada", SECRET)
    hall.bid("bob", 2_000)
    assert (str(SECRET) in shown_before_the_opening(hall, audience)) == (audience == ADA)


def test_the_office_sees_who_has_bid_and_the_others_not_even_that():
    hall = Envelopes(sealed())
    hall.bid("ada", SECRET)
    for audience in (SELLER, OFFICER):
        assert snapshot(hall.auction, audience)["envelopes"] == {"3": {"bidder": {"paddle": "B1", "bidder": "ada"}}}
    for audience in (BOB, OBSERVER, PUBLIC):
        assert project(hall.log[2], audience)["kind"] == "redacted"


def test_the_opening_shows_every_bid_to_the_room_and_the_public_only_the_result():
    hall = Envelopes(sealed())
    hall.bid("ada", SECRET)
    hall.bid("bob", 9_000)
    hall.close()
    assert [bid["amount_cents"] for bid in snapshot(hall.auction, OBSERVER)["opened"]] == [SECRET, 9_000]
    assert str(SECRET) not in shown_before_the_opening(hall, PUBLIC)
    assert snapshot(hall.auction, PUBLIC)["hammer_cents"] == 9_000


def test_runs_that_differ_only_in_sealed_amounts_look_alike_to_all_but_their_bidder():
    compared = 0
    for seed in range(400):
        rng = random.Random(seed)
        terms = sealed(reserve_cents=rng.choice((None, 1_200)))
        one, twin = Hall(terms), Hall(replace(terms, reserve_cents=None))
        for number in range(8):
            who, cents = rng.choice(("ada", "bob", "cy")), rng.randint(1_000, 2_000)
            lifted = cents + rng.randint(0, 300) if who == "ada" else cents
            for hall, amount in ((one, cents), (twin, lifted)):
                hall.say(
                    PlaceBid(
                        bidder=who, cid=f"c{number}", amount_cents=amount, standing=standing(random.Random(number))
                    )
                )
        compared += one.log != twin.log
        for audience in AUDIENCES:
            if audience.bidder != "ada" and audience != SELLER and audience != OFFICER:
                assert shown_before_the_opening(one, audience) == shown_before_the_opening(twin, audience)
            elif audience in (SELLER, OFFICER):
                assert [project(e, audience) for e in one.log[1:]] == [project(e, audience) for e in twin.log[1:]]
    assert compared > 100


def test_best_and_final_is_among_the_best_and_their_first_bids_stand():
    hall = Envelopes(sealed(final_s=600, final_top=2))
    for bidder, cents in (("ada", 3_000), ("bob", 4_000), ("cy", 2_000)):
        hall.bid(bidder, cents)
    assert kinds(hall.close()) == ["bids_opened", "stage_began"]
    assert hall.auction.closes_at == CLOSES_AT + timedelta(minutes=10) == hall.terms.latest_close_at
    assert reason(hall.bid("cy", 9_000, at=CLOSES_AT)) is Reason.NOT_ELIGIBLE
    too_low = hall.bid("ada", 3_000, at=CLOSES_AT)
    assert (reason(too_low), too_low.min_next_cents) == (Reason.BID_TOO_LOW, 3_001)
    hall.bid("ada", 3_999, at=CLOSES_AT)
    assert kinds(hall.close()) == ["bids_opened", "auction_closed", "awarded"]
    assert hall.sale == ("bob", 4_000)


def test_best_and_final_within_a_share_of_the_best_bid():
    hall = Envelopes(sealed(final_s=600, final_within_bps=1_000))
    for bidder, cents in (("ada", 3_600), ("bob", 4_000), ("cy", 3_599)):
        hall.bid(bidder, cents)
    hall.close()
    assert hall.auction.book.admitted == ("ada", "bob")
    hall.bid("ada", 4_001, at=CLOSES_AT)
    hall.close()
    assert hall.sale == ("ada", 4_001)


def test_the_amounts_of_the_first_round_are_for_the_office_while_the_last_one_runs():
    hall = Envelopes(sealed(final_s=600, final_top=2))
    for bidder, cents in (("ada", SECRET), ("bob", 4_000), ("cy", 2_000)):
        hall.bid(bidder, cents)
    hall.close()
    for audience in (BOB, OBSERVER, PUBLIC):
        assert str(SECRET) not in shown_before_the_opening(hall, audience)
    assert snapshot(hall.auction, SELLER)["opened_first"][0]["amount_cents"] == SECRET
    assert snapshot(hall.auction, BOB)["admitted"]
    assert not snapshot(hall.auction, Audience(Role.BIDDER, "cy"))["admitted"]


def test_a_lonely_bidder_needs_no_final_round():
    hall = Envelopes(sealed(final_s=600, final_top=2))
    hall.bid("ada", 3_000)
    assert kinds(hall.close()) == ["bids_opened", "auction_closed", "awarded"]


def test_a_late_closer_shortens_no_round():
    hall = Envelopes(sealed(final_s=600, final_top=2))
    hall.bid("ada", 3_000)
    hall.bid("bob", 3_000)
    hall.close(CLOSES_AT + timedelta(minutes=2))
    assert hall.auction.closes_at == CLOSES_AT + timedelta(minutes=12)


def test_a_pause_moves_the_deadline():
    hall = Envelopes(sealed())
    hall.say(Pause(reason="x"), CLOSES_AT - US)
    assert reason(hall.bid("ada", 3_000, at=CLOSES_AT)) is Reason.PAUSED
    hall.say(Resume(), CLOSES_AT + timedelta(hours=1))
    assert kinds(hall.bid("ada", 3_000, at=CLOSES_AT + timedelta(hours=1))) == ["bid_sealed"]


def test_sealed_by_the_clients_the_bids_are_opened_with_what_the_officers_bring():
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 3_000)
    hall.seal("bob", 4_000)
    assert reason(hall.open(3_000, 4_000, at=OPENS_AT)) is Reason.NOT_OPEN
    assert kinds(hall.close()) == ["stage_began"]
    assert reason(hall.seal("cy", 5_000, at=CLOSES_AT)) is Reason.TOO_LATE
    assert kinds(hall.open(3_000, 4_000)) == ["bids_opened", "auction_closed", "awarded"]
    assert hall.sale == ("bob", 4_000)


@pytest.mark.parametrize(
    ("brought", "salt", "flaw"),
    [(None, "salt", "UNREADABLE"), (4_001, "salt", "COMMITMENT_BROKEN"), (4_000, "other", "COMMITMENT_BROKEN")],
)
def test_a_bid_that_cannot_be_opened_soundly_is_reported_and_does_not_count(brought, salt, flaw):
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 4_000)
    hall.close()
    hall.open(brought, salt=salt)
    assert hall.auction.book.opened[0].flaw == flaw
    assert hall.auction.phase_reason == "NO_BIDS"


@pytest.mark.parametrize("cents", [999, 50_001])
def test_a_sealed_amount_out_of_bounds_is_reported(cents):
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", cents)
    hall.close()
    hall.open(cents)
    assert hall.auction.book.opened[0].flaw == "OUT_OF_BOUNDS"


def test_all_bids_are_opened_or_none():
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 3_000)
    hall.seal("bob", 4_000)
    hall.close()
    some = OpenBids(opened=(Opened(bid_seq=3, amount_cents=3_000, salt="salt"),))
    assert reason(hall.say(some, CLOSES_AT)) is Reason.STALE


def test_the_opening_shows_the_key_and_asks_for_it():
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 3_000)
    hall.close()
    contents = (Opened(bid_seq=3, amount_cents=3_000, salt="salt"),)
    assert reason(hall.say(OpenBids(opened=contents), CLOSES_AT)) is Reason.MALFORMED
    assert reason(hall.say(OpenBids(opened=contents, key="cd"), CLOSES_AT)) is Reason.MALFORMED
    hall.open(3_000)
    assert [event.key for event in hall.log if event.kind == "bids_opened"] == ["cd" * 32]


@pytest.mark.parametrize(("changes", "shown"), [({"rules": 2}, None), ({"final_sealing_key": "ef" * 32}, "cd" * 32)])
def test_the_log_holds_each_rounds_key_from_its_opening_on_and_shows_it_to_nobody_before_the_end(changes, shown):
    hall = Envelopes(sealed(**BY_CLIENTS, final_s=120, final_top=2, **changes))
    for bidder in ("ada", "bob"):
        hall.seal(bidder, 3_000)
    hall.close()
    assert sealing_key_of(hall.auction) == "ab" * 32
    hall.open(3_000, 3_000)
    assert [event.key for event in hall.log if event.kind == "bids_opened"] == [shown]
    assert sealing_key_of(hall.auction) == changes.get("final_sealing_key", "ab" * 32)
    for audience in (OFFICER, SELLER, Audience(Role.BIDDER, "ada"), OBSERVER, PUBLIC):
        assert "cd" * 32 not in shown_before_the_opening(hall, audience)


def test_a_log_in_which_the_key_opens_the_bids_otherwise_does_not_hold():
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 3_000)
    hall.close()
    hall.open(None)
    head, lines = GENESIS, []
    for event in hall.log:
        head = chain(head, encode(event))
        lines.append(line(encode(event), head))
    assert verify(lines).holds
    truth = (Opened(bid_seq=3, amount_cents=3_000, salt="salt"),)
    lie = tuple(Opened(bid_seq=bid.bid_seq, amount_cents=None, salt=bid.salt) for bid in hall.auction.book.opened)
    assert verify(lines, open_all=lambda *_: lie).holds
    assert "open otherwise" in verify(lines, open_all=lambda *_: truth).problem
    assert "not the one" in verify(lines, open_all=lambda *_: None).problem


def test_bids_that_nobody_opens_in_time_buy_nothing():
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 3_000)
    hall.close()
    assert reason(hall.say(Close(), CLOSES_AT + timedelta(minutes=59))) is Reason.NOT_DUE
    hall.close()
    assert hall.auction.phase_reason == "NOT_OPENED"


def test_sealed_by_the_clients_the_limit_must_cover_the_published_most():
    hall = Envelopes(sealed(**BY_CLIENTS))
    assert reason(hall.seal("ada", 3_000, standing=Standing(limit_cents=49_999))) is Reason.LIMIT
    assert reason(hall.bid("ada", 3_000)) is Reason.MALFORMED
    assert reason(Envelopes(sealed()).seal("ada", 3_000)) is Reason.MALFORMED


@pytest.mark.parametrize(
    "opened", [None, [], (1,), (Opened(bid_seq="3", amount_cents=1),), (Opened(bid_seq=3, amount_cents=-1),)]
)
def test_an_opening_is_a_tuple_of_contents(opened):
    hall = Envelopes(sealed(**BY_CLIENTS))
    hall.seal("ada", 3_000)
    hall.close()
    assert reason(hall.say(OpenBids(opened=opened), CLOSES_AT)) is Reason.MALFORMED
    assert reason(hall.say(SealBid(bidder="ada", cid="c", sealed="", commitment="0" * 64))) is Reason.MALFORMED
    assert reason(hall.say(SealBid(bidder="ada", cid="c", sealed="x", commitment="0"))) is Reason.MALFORMED


def by_clients_struck_at_the_opening(**changes):
    hall = Envelopes(sealed(**BY_CLIENTS, **changes))
    hall.seal("ada", 2_000)
    hall.close()
    hall.void(3, CLOSES_AT + US)
    return hall


def test_an_opening_after_every_bid_was_struck_out_ends_the_auction_and_its_log_verifies():
    hall = by_clients_struck_at_the_opening()
    assert kinds(hall.open(at=CLOSES_AT + 2 * US)) == ["bids_opened", "auction_closed", "auction_failed"]
    lines, head = [], GENESIS
    for event in hall.log:
        head = chain(head, encode(event))
        lines.append(line(encode(event), head))
    assert verify(lines).problem is None


def test_nobody_needs_to_open_what_was_struck_out():
    hall = by_clients_struck_at_the_opening()
    hall.close(hall.auction.closes_at)
    assert hall.auction.phase_reason == "NO_BIDS"
