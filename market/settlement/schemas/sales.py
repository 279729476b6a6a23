"""Sales on the wire."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.errors import Malformed
from market.kit.pages import Page
from market.settlement.rules import Origin, Party, Settlement, State
from market.settlement.service import Signing
from market.settlement.store.documents import SealedDocument
from market.settlement.store.settlements import KeyGrant, Signature

_Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class SignatureView(Struct, frozen=True, forbid_unknown_fields=True):
    party: Party
    typed_name: str
    agreement_sha256: str
    signed_at: datetime


class SettlementView(Struct, frozen=True, forbid_unknown_fields=True):
    """`due_cents` is what the buyer pays beyond its deposit; `payment_reference` belongs on that wire.

    It comes from an award (`auction_id`), or from a delivery into a forward flow (`delivery_id`; `awarded_at` is when).
    A seller in default owes the buyer `penalty_cents`. A `held` sale stands still: its deadlines do not run. Of the price
    `holdback_cents` stay behind for put-backs until the window closes; `refunded_cents` went back to the buyer so far,
    with its part of commission and tax. The names of both sides are told to officers and operators, where they read it.
    """

    settlement_id: UUID
    payment_reference: str
    auction_id: UUID | None
    pool_id: UUID
    seller_org_id: UUID
    buyer_org_id: UUID
    currency: str
    state: State
    hammer_cents: int
    buyer_fee_cents: int
    seller_fee_cents: int
    buyer_tax_cents: int
    seller_tax_cents: int
    price_cents: int
    deposit_cents: int
    due_cents: int
    proceeds_cents: int
    account_count: int
    face_value_cents: int
    holdback_cents: int
    refunded_cents: int
    awarded_at: datetime
    sign_by_at: datetime | None
    pay_by_at: datetime | None
    putback_until_at: datetime | None
    ended_at: datetime | None
    penalty_cents: int
    penalty_paid_cents: int
    held: bool
    origin: Origin
    delivery_id: UUID | None
    signatures: list[SignatureView] | None = None
    """Null in lists."""
    seller_name: str | None = None
    buyer_name: str | None = None

    @classmethod
    def from_settlement(
        cls, sale: Settlement, signed: Mapping[Party, Signature] | None = None, names: Mapping[UUID, str] | None = None
    ) -> Self:
        known = names or {}
        given = None if signed is None else sorted(signed.values(), key=lambda each: each.signed_at)
        return cls(
            sale.settlement_id, sale.reference, sale.auction_id, sale.pool_id, sale.seller_org_id, sale.buyer_org_id,
            sale.currency, sale.state, sale.hammer_cents, sale.buyer_fee_cents, sale.seller_fee_cents,
            sale.buyer_tax_cents, sale.seller_tax_cents, sale.price_cents, sale.deposit_cents, sale.due_cents, sale.proceeds_cents,
            sale.account_count, sale.face_value_cents, sale.holdback_cents, sale.refunded_cents, sale.awarded_at,
            sale.sign_by_at, sale.pay_by_at, sale.putback_until_at, sale.ended_at,
            sale.penalty_cents, sale.penalty_paid_cents, sale.held_since_at is not None, sale.origin, sale.delivery_id,
            None if given is None else [
                SignatureView(each.party, each.typed_name, each.agreement_sha256, each.signed_at) for each in given
            ],
            known.get(sale.seller_org_id), known.get(sale.buyer_org_id),
        )  # fmt: skip


class SettlementPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[SettlementView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Settlement], names: Mapping[UUID, str]) -> Self:
        return cls([SettlementView.from_settlement(found, None, names) for found in page.items], page.next_cursor)


class SignatureIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer adds its X25519 public key (32 bytes, base64), to which the sale file's key is sealed."""

    agreement_sha256: _Sha256
    typed_name: Annotated[str, Meta(min_length=2, max_length=140)]
    recipient_public_key: Annotated[str, Meta(max_length=64)] | None = None

    def signing(self) -> Signing:
        """Raises `Malformed` for a key that is not base64."""
        try:
            key = (
                None
                if self.recipient_public_key is None
                else base64.b64decode(self.recipient_public_key, validate=True)
            )
        except (ValueError, binascii.Error):
            raise Malformed("must be an X25519 public key, 32 bytes in base64", field="recipient_public_key") from None
        return Signing(self.agreement_sha256, self.typed_name, key)


class SealedDocumentView(Struct, frozen=True, forbid_unknown_fields=True):
    """`sha256` is of the file as delivered; `level` is its PAdES level: B-T with an authority's time-stamp, else B-B."""

    kind: str
    sha256: str
    base_sha256: str
    level: str
    sealed_at: datetime

    @classmethod
    def from_document(cls, found: SealedDocument) -> Self:
        return cls(found.kind, found.sha256, found.base_sha256, found.level, found.sealed_at)


class SealedDocumentList(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[SealedDocumentView]


class CancellationIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class ReleasedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """HPKE (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM): encapsulated key and ciphertext, base64.

    It opens with the buyer's private key and exactly this `info`, after the prefix `release/v1|`.
    """

    sealed_key: str
    info: str


class SaleKeyView(Struct, frozen=True, forbid_unknown_fields=True):
    """`sale` opens the sale file; `commitment` opens the commitment's salts, to check every row against its root."""

    settlement_id: UUID
    file_sha256: str
    leaves_sha256: str
    sale: ReleasedKey
    commitment: ReleasedKey

    @classmethod
    def from_grant(cls, grant: KeyGrant) -> Self:
        return cls(
            grant.settlement_id,
            grant.file_sha256,
            grant.leaves_sha256,
            ReleasedKey(base64.b64encode(grant.released_key).decode(), f"{grant.info}|sale"),
            ReleasedKey(base64.b64encode(grant.released_commit_key).decode(), f"{grant.info}|commit"),
        )
