"""From drafts to one stage's masked rows: a plan that is decided once per pool, applied chunk by chunk."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from masking import treatments
from masking.accounts import FACE
from masking.columns import Flags, blank, coded, nothing, one, pc, spelt, whole
from masking.drafts import Survey, wanted
from masking.fields import Kind
from masking.forms import stray
from masking.granularity import COUNT, LINKAGE_LIMIT, QUASI_COLUMNS, Choice, choose, regroup
from masking.lanes import in_order
from masking.policy import Mapping, Policy, PolicyError, Stage, Treatment
from masking.report import MaskReport

ANY_FLAG, OTHER_FLAG = "any_flag", "other_flag"


@dataclass(frozen=True, slots=True)
class Plan:
    """How one stage of one pool is masked; made from counts over the whole pool."""

    stage: Stage
    k: int
    exponent: int
    columns: tuple[tuple[str, Treatment], ...]
    quasi: tuple[str, ...]
    choice: Choice
    common: dict[str, tuple[str, ...]]
    strays: dict[str, tuple[str, ...]]
    flags_kept: tuple[str, ...]
    flags_merged: tuple[str, ...]
    face_treatment: Treatment
    face_field: str
    dropped: tuple[str, ...]
    merged_counts: dict[str, int]


def plan(survey: Survey, mapping: Mapping, policy: Policy, *, stage: Stage, k: int, exponent: int) -> Plan:
    """Decide for the whole pool. Raises RiskRefused if no level reaches k, PolicyError for a stage without rows."""
    if stage not in {Stage.PREVIEW, Stage.VETTED}:
        raise PolicyError("a masked file exists at the preview and the vetted stage only")
    if k < 2:
        raise PolicyError("k is at least 2")
    shown = wanted(mapping, policy)
    treated = {entry.name: policy.treatment(entry.name, stage) for entry, _ in shown}
    columns = tuple(
        (name, treated[entry.name])
        for entry, _ in shown
        if entry.kind is not Kind.FLAG and treated[entry.name] is not Treatment.DROP
        for name in _draft_names(entry.name, treated[entry.name], len(mapping.columns_of(entry.name)))
    )
    common, merged_counts = _common(survey, treated, k)
    strays = _strays(survey, treated, k)
    kept, merged = _flag_columns(survey, treated, k)
    visible = {entry.name for entry, _ in shown if treated[entry.name] is not Treatment.DROP}
    return Plan(
        stage=stage,
        k=k,
        exponent=exponent,
        columns=columns,
        quasi=tuple(name for name, _ in columns if name in QUASI_COLUMNS),
        choice=choose(
            _shown(survey.quasi.table(), columns), k=k, linkage_limit=LINKAGE_LIMIT if stage is Stage.PREVIEW else 1.0
        ),
        common=common,
        strays=strays,
        flags_kept=kept,
        flags_merged=merged,
        face_treatment=treated.get(mapping.face_field, Treatment.DROP),
        face_field=mapping.face_field,
        dropped=tuple(header for header, name in mapping.items() if name not in visible),
        merged_counts=merged_counts | {name: len(words) for name, words in strays.items()},
    )


def _shown(classes: pa.Table, columns: tuple[tuple[str, Treatment], ...]) -> pa.Table:
    """The classes as this stage can tell them apart."""
    shown = {name for name, _ in columns}
    seen = [classes.column(name) if name in shown else blank(classes.num_rows) for name in QUASI_COLUMNS]
    return regroup(pa.table([*seen, classes.column(COUNT)], names=[*QUASI_COLUMNS, COUNT]), QUASI_COLUMNS)


def _draft_names(name: str, treatment: Treatment, count: int) -> list[str]:
    match treatment:
        case Treatment.TOKEN:
            return [name, *(f"{name}_{number}" for number in range(2, count + 1))]
        case Treatment.PRESENCE:
            return [f"has_{name}"]
        case Treatment.BAND:
            return ["age_band"]
        case Treatment.ZIP_PREFIX:
            return ["zip3"]
        case _:
            return [name]


def _common(survey: Survey, treated: dict[str, Treatment], k: int) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """For each merged text field the values that k rows share, and how many values were merged."""
    common: dict[str, tuple[str, ...]] = {}
    merged: dict[str, int] = {}
    for name, counts in survey.texts.items():
        if treated.get(name) is Treatment.MERGE_RARE:
            common[name] = tuple(value for value, count in counts.items() if count >= k)
            merged[name] = len(counts) - len(common[name])
    return common, merged


def _strays(survey: Survey, treated: dict[str, Treatment], k: int) -> dict[str, tuple[str, ...]]:
    """For each text field that is kept the values that fewer than k rows share and that quote somebody's identifier."""
    return {
        name: tuple(value for value, count in counts.items() if count < k and stray(value))
        for name, counts in survey.texts.items()
        if treated.get(name) is Treatment.KEEP
    }


def _flag_columns(survey: Survey, treated: dict[str, Treatment], k: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(flags with a column of their own, flags merged into one column): no column marks fewer than k rows."""
    single = [name for name, how in treated.items() if how is Treatment.FLAGS]
    kept = tuple(name for name in single if survey.flag_count(frozenset([name])) >= k)
    merged = tuple(name for name in single if name not in kept)
    merged += tuple(name for name, how in treated.items() if how is Treatment.FLAGS_MERGED)
    return kept, merged if survey.flag_count(frozenset(merged)) >= k else ()


def masked_rows(draft: pa.Table, made: Plan) -> tuple[pa.Table, Flags | None]:
    """(one chunk of the masked file, every column text, without the rows that are left out; which rows stayed, if not all)."""
    coarse = {name: made.choice.granularity.coarsen(name, draft.column(name)) for name in made.quasi}
    stay = None
    if made.choice.suppressed:
        stay = ~made.choice.leaves_out([coarse.get(name, nothing(draft.num_rows)) for name in QUASI_COLUMNS])
        if stay.all():
            stay = None
        else:
            draft = draft.filter(pa.array(stay))
            coarse = {name: column.filter(pa.array(stay)) for name, column in coarse.items()}
    arrays = {
        name: _worded(coarse[name], treatments.neutralise)
        if name in coarse
        else _treat(draft.column(name), name, how, made)
        for name, how in made.columns
    }
    for name in made.flags_kept:
        arrays[name] = treatments.yes_no_text(one(draft.column(name)))
    if made.flags_merged:
        marked = one(draft.column(made.flags_merged[0]))
        for name in made.flags_merged[1:]:
            marked = pc.or_(marked, one(draft.column(name)))
        arrays[OTHER_FLAG if made.stage is Stage.VETTED else ANY_FLAG] = treatments.yes_no_text(marked)
    return pa.table(arrays), stay


def _treat(values: pa.ChunkedArray, name: str, how: Treatment, made: Plan) -> pa.Array:
    match how:
        case Treatment.TOKEN:
            return one(values)
        case Treatment.PRESENCE:
            return treatments.yes_no_text(one(values))
        case Treatment.MONTH:
            return spelt(treatments.month(one(values)))
        case Treatment.ROUND:
            return treatments.rounded_text(one(values), exponent=made.exponent)
        case Treatment.EXACT if pa.types.is_date(values.type):
            return treatments.exact_date(one(values))
        case Treatment.EXACT:
            return treatments.amount_text(one(values), exponent=made.exponent)
        case Treatment.MERGE_RARE:
            return _worded(values, partial(_merged, common=made.common.get(name, ())))
        case _:
            return _worded(values, partial(_without, strays=made.strays.get(name, ())))


def _merged(words: pa.Array, *, common: tuple[str, ...]) -> pa.Array:
    return treatments.neutralise(treatments.merge_rare(words, common=common))


def _without(words: pa.Array, *, strays: tuple[str, ...]) -> pa.Array:
    if strays:
        words = pc.if_else(pc.is_in(words, value_set=pa.array(strays, pa.string())), treatments.OTHER, words)
    return treatments.neutralise(words)


def _worded(values: pa.Array | pa.ChunkedArray, form: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The texts of a column after `form` of its distinct ones."""
    column = coded(values)
    return form(column.dictionary).take(column.indices)


@dataclass(frozen=True, slots=True)
class Part:
    """One masked chunk, and what it adds to the report: rows, face value in minor units."""

    table: pa.Table
    rows_in: int
    face_in: int
    face_out: int
    face_suppressed: int
    bound: int

    @classmethod
    def of(cls, draft: pa.Table, made: Plan) -> "Part":
        """One draft chunk masked and counted."""
        table, stay = masked_rows(draft, made)
        face = whole(draft.column(FACE))
        kept = face if stay is None else face[stay]
        face_in, face_kept = int(face.sum()), int(kept.sum())
        rounded = made.face_treatment is Treatment.ROUND
        moved, step = treatments.two_figures(kept)
        return cls(
            table=table,
            rows_in=draft.num_rows,
            face_in=face_in,
            face_out=int(moved.sum()) if rounded else face_kept,
            face_suppressed=face_in - face_kept,
            bound=int((step // 2).sum()) if rounded else 0,
        )


@dataclass
class Masker:
    """Applies a plan and keeps the counts of its report."""

    made: Plan
    rows_in: int = 0
    rows_out: int = 0
    face_in: int = 0
    face_out: int = 0
    face_suppressed: int = 0
    bound: int = 0
    columns: tuple[str, ...] = ()

    def mask(self, draft: pa.Table) -> pa.Table:
        """The masked rows of one draft chunk."""
        return self._note(Part.of(draft, self.made))

    def mask_all(self, drafts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The masked rows of every draft, made in a few threads."""
        return map(self._note, in_order(partial(Part.of, made=self.made), drafts))

    def _note(self, part: Part) -> pa.Table:
        self.rows_in += part.rows_in
        self.rows_out += part.table.num_rows
        self.face_in += part.face_in
        self.face_out += part.face_out
        self.face_suppressed += part.face_suppressed
        self.bound += part.bound
        self.columns = tuple(part.table.column_names)
        return part.table

    def report(self) -> MaskReport:
        """The report so far; complete when every draft was masked."""
        return MaskReport(
            stage=self.made.stage.name.lower(),
            k=self.made.k,
            rows_in_count=self.rows_in,
            rows_out_count=self.rows_out,
            suppressed_count=self.rows_in - self.rows_out,
            face_in_cents=self.face_in,
            face_out_cents=self.face_out,
            suppressed_face_cents=self.face_suppressed,
            rounding_bound_cents=self.bound,
            granularity=self.made.choice.granularity,
            distribution=self.made.choice.distribution,
            merged_values_counts=self.made.merged_counts,
            dropped_columns=self.made.dropped,
            columns=self.columns,
            emptied_columns=tuple(name for name in self.made.choice.granularity.emptied if name in self.columns),
        )
