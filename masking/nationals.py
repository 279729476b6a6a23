"""Numbers that states and tax offices give to people and firms: their forms and check digits, by python-stdnum."""

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

_MODULES = (
    "za.idnr us.ssn us.itin us.ein ca.sin gb.nhs gb.utr ie.pps de.idnr de.vat at.vnr at.uid ch.ssn ch.uid fr.nir fr.siren "
    "fr.siret fr.nif es.dni es.nie es.cif pt.nif pt.cc it.codicefiscale it.iva nl.bsn nl.btw be.nn be.vat lu.tva "
    "pl.pesel pl.nip pl.regon cz.rc cz.dic hu.anum ro.cnp ro.cf bg.egn gr.amka gr.vat hr.oib si.emso rs.pib ee.ik "
    "lv.pvn lt.asmens fi.hetu se.personnummer se.orgnr dk.cpr no.fodselsnummer no.orgnr is_.kennitala tr.tckimlik "
    "ru.inn ua.rntrc il.idnr in_.aadhaar in_.pan cn.ric kr.rrn my.nric th.pin br.cpf br.cnpj ar.cuit cl.rut "
    "mx.curp mx.rfc co.nit pe.ruc ec.ci uy.rut au.tfn au.abn nz.ird vn.mst jp.cn tw.ubn "
).split()
FORM = re.compile(r"[A-Z0-9][A-Z0-9 ./+-]{5,24}[A-Z0-9]", re.IGNORECASE)
SSN = re.compile(r"(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}")
LAST_OF_SSN = re.compile(r"(?:[Xx*#]{3}-?[Xx*#]{2}-?)\d{4}")
NINO = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]", re.IGNORECASE)
DISTINCTIVE = (
    re.compile(r"\d{8}-?[A-Z]", re.IGNORECASE),
    re.compile(r"[XYZ]-?\d{7}-?[A-Z]", re.IGNORECASE),
    re.compile(r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]", re.IGNORECASE),
    re.compile(r"\d{6}[-+A]\d{3}[0-9A-Y]"),
    re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    re.compile(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d"),
    re.compile(r"[A-Z]{5}\d{4}[A-Z]"),
)
UNCHECKED = (SSN, LAST_OF_SSN, NINO)
"""Forms without check digits that hardly anything else has."""

CHECKED_COUNT = 120
TRIED_COUNT = 16

Check = Callable[[str], bool]


def _check_of(name: str) -> Check:
    module: Any = import_module(f"stdnum.{name}")
    found: Check = module.is_valid
    return found


CHECKS: tuple[tuple[str, Check], ...] = tuple((name, _check_of(name)) for name in _MODULES)
"""Country and kind of number -> whether a text is one; separators do not matter."""

STRICT = tuple(
    check
    for name, check in CHECKS
    if name in {"es.dni", "es.nie", "it.codicefiscale", "fi.hetu", "br.cpf", "mx.curp", "in_.pan"}
)
BY_ELEVEN = tuple(check for name, check in CHECKS if name in {"pl.pesel", "de.idnr"})


def is_national_id(text: str) -> bool:
    """Whether one text alone has a form and check digits that hardly occur by chance."""
    if any(form.fullmatch(text) for form in UNCHECKED):
        return True
    if any(form.fullmatch(text) for form in DISTINCTIVE) and any(check(text) for check in STRICT):
        return True
    return len(text) == 11 and text.isdigit() and any(check(text) for check in BY_ELEVEN)


def national_scheme(cells: Sequence[str]) -> str | None:
    """The scheme of which at least four of five cells are valid numbers, or None; the cells should be many and different."""
    some = [cell for cell in dict.fromkeys(cells) if FORM.fullmatch(cell) and any(char.isdigit() for char in cell)]
    if sum(any(form.fullmatch(cell) for form in UNCHECKED) for cell in cells) >= 0.8 * len(cells):
        return "us.ssn or gb.nino"
    if len(some) < 0.8 * len(set(cells)) or len(some) < 0.3 * len(cells):
        return None
    tried, checked = some[:TRIED_COUNT], some[:CHECKED_COUNT]
    for name, check in CHECKS:
        if sum(map(check, tried)) >= 0.75 * len(tried) and sum(map(check, checked)) >= 0.8 * len(checked):
            return name
    return None
