"""Write the table of names that people carry: `python -m bench.screening.frequent`, where the package Faker is installed.

Faker keeps lists of given and family names by country, some with their frequency. A name of one word is known if a list of at
most 600 has it or two languages do. It is frequent if it is among the 100 most frequent of a list with frequencies, on a list
of at most 120, or known in four languages; patronymics are not, as nobody is called by them alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from market.compliance.screening.bundled import FOLDER
from market.compliance.screening.names import Kind, Part, read

SHORT_LIST, SHORTER_LIST, MOST_FREQUENT = 600, 120, 100
PATRONYMICS = ("vich", "vitch", "vych", "vna")
Listed = list[tuple[str, float]]


def lists() -> Iterator[tuple[str, Listed]]:
    """(language, names with their frequency, the most frequent first) of every list."""
    people = import_module("faker.providers.person")
    for module in iter_modules([str(Path(str(people.__file__)).parent)]):
        provider: Any = import_module(f"faker.providers.person.{module.name}").Provider
        for kind in sorted(name for name in dir(provider) if name.startswith(("first_name", "last_name"))):
            found = getattr(provider, kind)
            if isinstance(found, dict | list | tuple | set | frozenset):
                yield module.name.partition("_")[0], _flat(found)


def _flat(found: Any) -> Listed:
    weighted = found.items() if isinstance(found, dict) else [(each, 0.0) for each in found]
    flat = [(name, weight) for each, weight in weighted for name in ((each,) if isinstance(each, str) else each)]
    return sorted(flat, key=lambda entry: -entry[1])


def word(name: str) -> str:
    """The name as it is compared, if it is one word of two letters or more."""
    found = [token.text for token in read(name, Kind.PERSON).tokens if token.part is Part.NAME]
    return found[0] if len(found) == 1 and len(found[0]) > 1 else ""


def main() -> None:
    languages: dict[str, set[str]] = defaultdict(set)
    known: set[str] = set()
    frequent: set[str] = set()
    for language, names in lists():
        has_frequencies = len({weight for _, weight in names}) > 1
        for at, name in enumerate(map(word, dict(names))):
            languages[name].add(language)
            if len(names) <= SHORT_LIST:
                known.add(name)
            if len(names) <= SHORTER_LIST or (has_frequencies and at < MOST_FREQUENT):
                frequent.add(name)
    known |= frequent | {name for name, of in languages.items() if len(of) >= 2}
    frequent |= {name for name, of in languages.items() if len(of) >= 4}
    frequent = {name for name in frequent if not name.endswith(PATRONYMICS)}
    lines = [f"{name} *" if name in frequent else name for name in sorted(known - {""})]
    (FOLDER / "frequent_names.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(lines)} names that people carry, {len(frequent)} of them frequent")


if __name__ == "__main__":
    main()
