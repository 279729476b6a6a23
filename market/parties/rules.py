"""Who is who, what a name, an address and a password must be, and who may do what."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from uuid import UUID

from market.kit.actor import Actor, Role
from market.kit.errors import Forbidden, Malformed, MarketError, Unauthenticated
from market.kit.money import MAX_CENTS

SCOPES = tuple(
    f"{area}:{verb}"
    for area in ("parties", "compliance", "portfolios", "auctions", "bids", "settlements")
    for verb in ("read", "write")
)
"""What an API key may be limited to."""

CODE_DIGITS = 8
CODE_LIFE = timedelta(minutes=30)
CODE_ATTEMPT_COUNT = 5
CODE_PAUSE = timedelta(seconds=60)
"""One address gets at most one mail in this time, however often it is asked for."""
INVITATION_LIFE = timedelta(days=7)
KEY_LIFE_DAYS = 366
LIVE_KEY_COUNT = 50
LIVE_SESSION_COUNT = 20
DELAY_MEMORY = timedelta(hours=24)
"""A failed sign-in is forgotten after this long."""
FRESH_LIFE = timedelta(minutes=5)
"""How long a proof counts as fresh for what asks for one."""
DEVICE_LIFE = timedelta(days=180)
"""A browser that its person has not signed in with for this long is not known any more."""
KNOWN_DEVICE_COUNT = 20
NETWORK_COUNT = 20

_PASSWORD_CHARACTERS = (12, 256)
# RFC 5321 § 4.5.3.1: 64 octets before the @, 254 in all. Quoted local parts and address literals are not taken.
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])"
)
# ISO 3166-1 alpha-2, officially assigned codes, as of 2026-01.
_COUNTRIES = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR
    MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV
    TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""".split()
)


class SignInRefused(MarketError):
    slug, title, status = "sign-in-refused", "E-mail address or password is wrong", 401


class ContactUnverified(MarketError):
    slug, title, status = "contact-unverified", "The e-mail address is not verified yet", 403


class CodeRefused(MarketError):
    slug, title, status = "code-refused", "The code is wrong, used or too old", 403


class InvitationRefused(MarketError):
    slug, title, status = "invitation-refused", "The invitation does not hold", 403


class WeakPassword(MarketError):
    slug, title, status = "weak-password", "Choose another password", 422


class SecondFactorRequired(Unauthenticated):
    slug, title, status = "second-factor-required", "The sign-in is not complete", 401


class StepUpRequired(MarketError):
    slug, title, status = "step-up-required", "Prove again that it is you", 403


class ProofRefused(MarketError):
    slug, title, status = "proof-refused", "The proof does not hold", 403


class NetworkRefused(Unauthenticated):
    slug, title, status = "network-refused", "This API key does not work from here", 403


class KeyLimit(MarketError):
    slug, title, status = "key-limit", "Above what this API key may bid", 403


class CrossSite(MarketError):
    slug, title, status = "cross-site", "The request comes from another site", 403


class OrganisationKind(StrEnum):
    TRADING = "trading"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Organisation:
    org_id: UUID
    name: str
    country: str
    registration_number: str
    kind: OrganisationKind
    created_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """An organisation as the platform knows it; `emails` are the verified addresses of its people."""

    organisation: Organisation
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """`password_hash` is an Argon2 string; nothing of a person is in the `repr`."""

    user_id: UUID
    org_id: UUID
    email: str
    name: str
    password_hash: str
    role: Role
    contact_verified_at: datetime | None

    @property
    def actor(self) -> Actor:
        return Actor(self.role, self.user_id, self.org_id)


@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """What a newcomer states: an organisation and its first person. Fields are clean once `checked` returns them."""

    organisation_name: str
    country: str
    registration_number: str
    email: str
    person_name: str
    password: str

    def checked(self) -> "Registration":
        """The same, tidied. Raises `Malformed` or `WeakPassword` naming the field."""
        email = checked_email(self.email, field="person.email")
        return Registration(
            organisation_name=checked_name(self.organisation_name, field="organisation.name"),
            country=checked_country(self.country, field="organisation.country"),
            registration_number=checked_number(self.registration_number, field="organisation.registration_number"),
            email=email,
            person_name=checked_name(self.person_name, field="person.name"),
            password=checked_password(self.password, email, field="person.password"),
        )


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    """A fresh session, or one with a fresh token; the tokens are shown here and never again.

    `lacks` is what is still to do before anything else: `proof` of a second factor, or its `enrolment`. `device_token`
    makes the browser a known one (None: it stays what it is).
    """

    token: str
    actor: Actor
    person: Person
    expires_at: datetime
    lacks: str | None = None
    device_token: str | None = None
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in as its owner sees it: with which browser, since when, and how it was proved last."""

    session_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    proved_at: datetime
    proved_by: str
    agent: str


@dataclass(frozen=True, slots=True, repr=False)
class StaffMember:
    """A person of the platform; `disabled_at` is the end of the access."""

    user_id: UUID
    email: str
    name: str
    role: Role
    has_second_factor: bool
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    key_id: UUID
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    networks: tuple[str, ...] = ()
    max_bid_cents: int | None = None
    day_bid_cents: int | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What a new API key is to be: from where it works (no networks: from anywhere), and what it may bid in cents."""

    name: str
    scopes: tuple[str, ...]
    days: int = 90
    networks: tuple[str, ...] = ()
    max_bid_cents: int | None = None
    day_bid_cents: int | None = None

    def checked(self) -> "KeyOrder":
        """The same, tidied. Raises `Malformed` naming the field."""
        if not 1 <= self.days <= KEY_LIFE_DAYS:
            raise Malformed(f"a key lives 1 to {KEY_LIFE_DAYS} days", field="days")
        for field, cents in (("max_bid_cents", self.max_bid_cents), ("day_bid_cents", self.day_bid_cents)):
            if cents is not None and not 1 <= cents <= MAX_CENTS:
                raise Malformed(f"must be between 1 and {MAX_CENTS}", field=field)
        return KeyOrder(
            checked_name(self.name)[:100], tuple(checked_scopes(list(self.scopes))), self.days,
            checked_networks(list(self.networks)), self.max_bid_cents, self.day_bid_cents,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """`token` is shown here and never again."""

    token: str
    email: str
    role: Role
    expires_at: datetime


def require(actor: Actor, *, role: Role | tuple[Role, ...] | None = None, scope: str | None = None) -> None:
    """Raises `Forbidden` unless the actor has (one of) the role(s) and, if it is an API key, the scope."""
    roles = (role,) if isinstance(role, Role) else role
    if roles is not None and actor.role not in roles:
        raise Forbidden(f"this is for the role {' or '.join(roles)}")
    if scope is not None and not actor.allows(scope):
        raise Forbidden(f"this API key lacks the scope {scope}")


def require_person(actor: Actor) -> None:
    """Raises `Forbidden` for an API key: some things only a signed-in person does."""
    if actor.key_id is not None:
        raise Forbidden("an API key cannot do this; sign in")


def require_fresh(actor: Actor, now: datetime) -> None:
    """Raises `StepUpRequired` unless the person proved to be there in the last 5 minutes, `Forbidden` for an API key."""
    require_person(actor)
    if actor.proved_at is None or actor.proved_at + FRESH_LIFE <= now:
        raise StepUpRequired(
            "this needs a proof not older than 5 minutes: POST /v1/session/proof with your second factor (with your "
            "password while you have none), then send the same request again"
        )


def checked_networks(texts: list[str]) -> tuple[str, ...]:
    """Networks in CIDR notation, each once, sorted. Raises `Malformed`."""
    try:
        found = sorted({str(ip_network(text.strip())) for text in texts})
    except ValueError:
        raise Malformed("not a network as 192.0.2.0/24 or 2001:db8::/48, without host bits", field="networks") from None
    if len(found) > NETWORK_COUNT:
        raise Malformed(f"at most {NETWORK_COUNT} networks", field="networks")
    return tuple(found)


def is_inside(host: str, networks: tuple[str, ...]) -> bool:
    """Whether the network address lies in one of the networks; true if there are none."""
    if not networks:
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ip_network(network) for network in networks)


def checked_email(text: str, *, field: str = "email") -> str:
    """The address in lower case. Raises `Malformed`."""
    email = text.strip().lower()
    if not is_email(email):
        raise Malformed("not an e-mail address as name@host.tld (ASCII, at most 254 characters)", field=field)
    return email


def is_email(email: str) -> bool:
    """Whether this is an address in lower case, as it is stored."""
    return len(email) <= 254 and len(email.partition("@")[0]) <= 64 and _EMAIL.fullmatch(email) is not None


def checked_name(text: str, *, field: str = "name") -> str:
    """The name without blanks around it, 1 to 200 printable characters. Raises `Malformed`."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise Malformed("must have 1 to 200 printable characters", field=field)
    return name


def checked_reason(text: str) -> str:
    """A reason in words, 1 to 500 characters. Raises `Malformed`."""
    reason = text.strip()
    if not 1 <= len(reason) <= 500 or "\0" in reason:
        raise Malformed("say why, in 1 to 500 characters", field="reason")
    return reason


def checked_number(text: str, *, field: str) -> str:
    """A registration number as the register writes it, 1 to 64 printable characters. Raises `Malformed`."""
    number = text.strip()
    if not 1 <= len(number) <= 64 or not number.isprintable():
        raise Malformed("must have 1 to 64 printable characters", field=field)
    return number


def checked_country(code: str, *, field: str = "country") -> str:
    """An ISO 3166-1 alpha-2 code. Raises `Malformed`."""
    if code not in _COUNTRIES:
        raise Malformed("not a country code of ISO 3166-1 alpha-2, as US or DE", field=field)
    return code


def checked_password(password: str, email: str, *, field: str = "password") -> str:
    """The password in NFKC form, as it is hashed. Raises `WeakPassword` (rules as in NIST SP 800-63B § 3.1.1.2)."""
    text = plain_password(password)
    low, high = _PASSWORD_CHARACTERS
    if not low <= len(text) <= high:
        raise WeakPassword(f"a password has {low} to {high} characters; a sentence is a good one", field=field)
    name = email.partition("@")[0]
    if email in text.casefold() or (len(name) > 3 and name in text.casefold()):
        raise WeakPassword("a password must not contain the e-mail address", field=field)
    if len(set(text)) < 5:
        raise WeakPassword("a password needs at least five different characters", field=field)
    return text


def plain_password(password: str) -> str:
    """What is hashed: keyboards that write one character in two ways give the same."""
    return unicodedata.normalize("NFKC", password)


def checked_scopes(scopes: list[str]) -> list[str]:
    """The scopes, each once, sorted. Raises `Malformed`."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Malformed(f"name one or more of: {', '.join(SCOPES)}", field="scopes")
    return sorted(set(scopes))


@dataclass(frozen=True, slots=True)
class Patience:
    """How failures are slowed down: not at all up to `free_count`, then by 2, 4, 8 … seconds up to `longest`."""

    free_count: int
    longest: timedelta

    def delay_after(self, failure_count: int) -> timedelta:
        if failure_count <= self.free_count:
            return timedelta(0)
        return min(self.longest, timedelta(seconds=2 ** min(failure_count - self.free_count, 20)))


WITH_ONE = Patience(4, timedelta(minutes=15))
"""With one guesser: an address at one account, a known browser, or a session at its second factor."""
WITH_ALL = Patience(20, timedelta(minutes=1))
"""With all unknown browsers together at one account: many addresses must not add up to many guesses."""
WITH_ADDRESS = Patience(50, timedelta(minutes=1))
"""With one address at all accounts together, which may be an office."""


def delay_after(failure_count: int) -> timedelta:
    """How long one address waits for one account after so many failures: none up to four, then doubling to 15 min."""
    return WITH_ONE.delay_after(failure_count)
