"""Real and public tapes, labelled by hand; origin and licence of each in real/README.md."""

import json
from pathlib import Path

from bench.detection.tapes import Label, Tape
from masking import intake

HERE = Path(__file__).parent / "real"
SBA = Path(__file__).parents[2] / "tests" / "data" / "sba_chargeoffs_ca.csv"
SBA_LABELS = dict(zip("LoanNr_ChkDgt Name City State Zip Bank BankState NAICS ApprovalDate DisbursementDate DisbursementGross Term NoEmp ChgOffDate ChgOffPrinGr GrAppv SBA_Appv".split(), "IIQQQAAAAAAAAAAAA", strict=True))  # fmt: skip
FILES = {
    "dev": (
        "febrl_1", "febrl_3", "opennpl_loan", "opennpl_propertycollateral", "opennpl_forbearance", "opennpl_counterparty",
        "opennpl_nonpropertycollateral", "opennpl_enforcement", "opennpl_externalcollection", "ofac_individuals", "ofac_aliases",
        "ofac_entities", "ofac_addresses", "un_individuals",
    ),
    "sealed": ("febrl_2", "opennpl_historicalrepayment", "cons_names", "cons_aliases", "cons_addresses", "un_entities"),
}  # fmt: skip
"""Of the open half, the second febrl file, four of openNPL, two of OFAC and the persons of the United Nations were sealed once."""

MEANINGLESS = "opennpl_"
"""Tables whose text cells are random letters: without headers nobody could tell them."""


def tapes_of(half: str) -> list[Tape]:
    """Each file as it is, and once more with its headers taken away if its cells mean anything."""
    labels = json.loads((HERE / "labels.json").read_text())
    sources = [(name, HERE / f"{name}.csv", labels[name]) for name in FILES[half]]
    if half == "dev":
        sources.append(("sba", SBA, SBA_LABELS))
    return [tape for name, path, classes in sources for tape in _both(half, name, path, classes)]


def _both(half: str, name: str, path: Path, classes: dict[str, str]) -> list[Tape]:
    table = intake.sample(path, intake.inspect(path))
    found = [Tape(f"{half}-{name}", table, {c: Label(classes[c], c) for c in table.column_names}, headed=True)]
    if not name.startswith(MEANINGLESS):
        bare = table.rename_columns([f"Column {number}" for number in range(1, table.num_columns + 1)])
        named = zip(bare.column_names, table.column_names, strict=True)
        found.append(
            Tape(f"{half}-{name}-bare", bare, {new: Label(classes[old], old) for new, old in named}, headed=False)
        )
    return found
