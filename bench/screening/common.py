"""Write the table of names that many listed people carry: `python -m bench.screening.common`, after new bundled lists."""

from collections import Counter

from market.compliance.screening.bundled import FOLDER
from market.compliance.screening.lists import list_files, read_lists
from market.compliance.screening.names import Kind, Part, read

LEAST = 5


def main() -> None:
    counts: Counter[str] = Counter()
    for version in read_lists(list_files(FOLDER)):
        for entry in version.entries:
            if entry.kind is Kind.PERSON:
                names = [read(name.text, Kind.PERSON) for name in entry.names if not name.weak]
                counts.update({token.text for name in names for token in name.tokens if token.part is Part.NAME})
    lines = sorted(f"{name} {count}" for name, count in counts.items() if count >= LEAST)
    (FOLDER / "common_names.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(lines)} names that {LEAST} or more listed people carry")


if __name__ == "__main__":
    main()
