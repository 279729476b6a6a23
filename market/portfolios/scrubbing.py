"""What a worker's child process computes before a tape is masked: every account judged, and its fingerprints made."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from market.portfolios.fingerprints import Prints, prints
from market.portfolios.limitation import standing
from market.portfolios.rules import TOO_MUCH_MEMORY, Refusal
from market.portfolios.saleability import RULES, TIME_RULES, CarveOut, judge
from market.portfolios.tapes import SealedTape, opened, refusal_of
from masking import intake
from masking.accounts import FACE, Validator
from masking.columns import Whole, whole
from masking.limits import ROW, IntakeError, Limits
from masking.policy import Mapping, PolicyError


@dataclass(frozen=True, slots=True)
class ScrubJob:
    """`as_of` is the day on which the debts are judged."""

    tape: SealedTape
    mapping: dict[str, Any]
    currency: str
    cut_off_on: date
    as_of: date
    print_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """The accepted rows with their face value, the rows that met each rule, and every fingerprint."""

    rows: Whole
    face_cents: Whole
    met: dict[str, Whole]
    unjudged_count: int
    prints: Prints


def scrub(job: ScrubJob) -> Scrubbed | Refusal:
    """Judge every accepted account of a tape; a tape that cannot be read is refused."""
    with opened(job.tape) as source:
        try:
            mapping = Mapping(**job.mapping)
            limits = Limits(file_bytes=job.tape.max_bytes)
            validator = Validator(mapping, job.cut_off_on, job.currency, limits)
            info = intake.inspect(source, limits=limits, encoding=mapping.encoding)
            chunks = intake.read_chunks(source, info, on_ragged=validator.refuse_ragged, limits=limits)
            return _together([_judged(job, mapping, *each) for each in validator.accept_all(chunks)])
        except IntakeError as error:
            return refusal_of(error)
        except PolicyError as error:
            return Refusal("bad_mapping", str(error))
        except MemoryError:
            return TOO_MUCH_MEMORY


def _judged(job: ScrubJob, mapping: Mapping, rows: pa.Table, accounts: pa.Table) -> Scrubbed:
    numbers = whole(accounts.column(ROW))
    met = judge(rows.drop_columns([ROW]), accounts, mapping, as_of=job.as_of)
    return Scrubbed(
        rows=numbers,
        face_cents=whole(accounts.column(FACE)),
        met={rule_id: numbers[flags] for rule_id, flags in met.items() if flags.any()},
        unjudged_count=int((~standing(accounts, as_of=job.as_of).judged).sum()),
        prints=prints(rows, accounts, numbers, mapping, key=job.print_key),
    )


def _together(parts: list[Scrubbed]) -> Scrubbed:
    nothing = [np.zeros(0, np.int64)]
    names = sorted({rule_id for part in parts for rule_id in part.met})
    return Scrubbed(
        rows=np.concatenate([part.rows for part in parts] or nothing),
        face_cents=np.concatenate([part.face_cents for part in parts] or nothing),
        met={name: np.concatenate([part.met[name] for part in parts if name in part.met]) for name in names},
        unjudged_count=sum(part.unjudged_count for part in parts),
        prints=Prints.together([part.prints for part in parts]),
    )


def tally(scrubbed: Scrubbed, elsewhere: Whole, *, disclose_time: bool) -> list[CarveOut]:
    """Every rule that was met, in order of precedence; `elsewhere` are the rows on offer or sold in other pools.

    What is carved out and what is left add up: no account is counted under two rules.
    """
    left = np.ones(len(scrubbed.rows), np.bool_)
    found = []
    for rule in RULES:
        rows = np.unique(
            elsewhere if rule.rule_id == "on-offer-elsewhere" else scrubbed.met.get(rule.rule_id, elsewhere[:0])
        )
        if not len(rows):
            continue
        mine = np.isin(scrubbed.rows, rows) & left
        left &= ~mine
        found.append(
            CarveOut(
                rule_id=rule.rule_id,
                carved=not (disclose_time and rule.rule_id in TIME_RULES),
                met_count=len(rows),
                account_count=int(mine.sum()),
                face_value_cents=int(scrubbed.face_cents[mine].sum()),
                row_numbers=rows,
            )
        )
    return found


def summary(scrubbed: Scrubbed, found: list[CarveOut], as_of: date) -> dict[str, Any]:
    """What the seller is shown: counts and sums that add up to the accepted accounts, and each rule met with its citation."""
    carved = [each for each in found if each.carved]
    carved_count, carved_cents = sum(each.account_count for each in carved), sum(e.face_value_cents for e in carved)
    return {
        "as_of": as_of.isoformat(),
        "limitation_pack": "limitation_us, unreviewed",
        "accepted_count": len(scrubbed.rows),
        "accepted_cents": int(scrubbed.face_cents.sum()),
        "carved_out_count": carved_count,
        "carved_out_cents": carved_cents,
        "saleable_count": len(scrubbed.rows) - carved_count,
        "saleable_cents": int(scrubbed.face_cents.sum()) - carved_cents,
        "limitation_unjudged_count": scrubbed.unjudged_count,
        "rules": list(_lines(found)),
    }


def _lines(found: list[CarveOut]) -> Iterator[dict[str, Any]]:
    rules = {rule.rule_id: rule for rule in RULES}
    for each in found:
        rule = asdict(rules[each.rule_id])
        counts = {name: value for name, value in asdict(each).items() if name not in {"row_numbers", "rule_id"}}
        yield {**rule, "effective_from": rule["effective_from"].isoformat(), **counts}
