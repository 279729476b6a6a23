"""A small sanctions list for tests: nobody on it is real, and no test party carries such a name by chance."""

from datetime import date

from market.compliance.screening.lists import ListedName, ListEntry, ListVersion, PackedVersion
from market.compliance.screening.names import Kind


def a_listed(entry_id: str, *names: str, kind: Kind = Kind.PERSON, **more: tuple[str, ...]) -> ListEntry:
    return ListEntry("test-list", entry_id, kind, tuple(ListedName(name) for name in names), **more)


LISTED = (
    a_listed("1", "ZLATAROVIC, Borivoje Milan", "Bora Zlatarovic", births=("12 Mar 1961",), countries=("Serbia",)),
    a_listed(
        "2", "QUARTZWOLF SHIPPING LLC", "Quartzwolf Maritime", kind=Kind.ORGANISATION, identifiers=("9988776655",)
    ),
    a_listed("3", "AL-TAMBOURI, Fayruz Hashim", births=("1975",)),
)


def a_version(*entries: ListEntry, list_id: str = "test-list") -> ListVersion:
    return ListVersion(list_id, date(2026, 1, 1), entries or LISTED)


def a_packed(*entries: ListEntry) -> PackedVersion:
    return PackedVersion.of(a_version(*entries))
