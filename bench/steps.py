"""Where masking's CPU goes, one step after the other: `python -m bench.steps [--rows N] [--rounds N]`.

Each step of `bench.masking` runs alone over all chunks, which then lie in memory: that is why it is for a few hundred thousand rows.
The least of the rounds counts, as other work on the machine only ever adds.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.masking import CUT_OFF_ON, KEYS, plain, seconds, write_tape
from masking import detect, envelope, intake, tape
from masking.csvout import write_csv
from masking.drafts import draft
from masking.masks import Part
from masking.policy import Mapping, Stage, default_policy


def once(source: Path, mapping: Mapping) -> dict[str, float]:
    """CPU seconds of each step, in the order of masking."""
    taken: dict[str, float] = {}

    def step(name: str, work: Callable[[], Any]) -> Any:
        made: list[Any] = []
        taken[name] = seconds(lambda: made.append(work()))[1]
        return made[0]

    step("floor: parse and write, no masking", lambda: plain(source, source.with_suffix(".plain")))
    info = step("scan: encoding, delimiter, bounds", lambda: intake.inspect(source))
    step("seal and hash the original", lambda: sealed(source))
    drafting = tape.Drafting(
        mapping,
        default_policy(),
        token_key=KEYS.token_key,
        cut_off_on=CUT_OFF_ON,
        currency="USD",
        folder=source.parent,
    )
    made = drafting.validator
    chunks = step("parse as text", lambda: list(intake.read_chunks(source, info, columns=drafting.looked_at())))
    typed = step("type: days, amounts, flags", lambda: list(map(made.typed, chunks)))
    accepted = step("admit: refusals, repeats, totals", lambda: list(map(made.admit, typed)))
    one = partial(draft, mapping=mapping, policy=default_policy(), token_key=KEYS.token_key, cut_off_on=CUT_OFF_ON)
    drafts = step("draft: tokens, bands, presence", lambda: [one(*pair) for pair in accepted])
    step("count classes and words", lambda: [drafting.survey.add(each, mapping) for each in drafts])
    step("keep drafts, encrypted", lambda: [drafting.spool.add(each) for each in drafts])
    kept = step("read drafts back", lambda: list(drafting.spool))
    masker = step("choose the granularity", lambda: drafting.masker(stage=Stage.PREVIEW, k=5))
    parts = step("mask: months, figures, rare words", lambda: [Part.of(each, masker.made) for each in kept])
    with source.with_suffix(".masked").open("wb") as sink:
        step("write", lambda: write_csv((part.table for part in parts), sink))
    drafting.close()
    return taken


def sealed(source: Path) -> None:
    """The original sealed and hashed, as `bench.masking` does it."""
    with source.open("rb") as file, source.with_suffix(".sealed").open("wb") as sink:
        header = envelope.Header("bench", "bench", "upload")
        envelope.seal(file, sink, data_key=KEYS.data_key, nonce_prefix=KEYS.nonce_prefix, aad=header)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "tape.csv"
        write_tape(source, chosen.rows)
        info = intake.inspect(source)
        sample = intake.sample(source, info)
        mapping = detect.suggest(detect.detect(info.columns, sample), sample)
        rounds = [once(source, mapping) for _ in range(max(chosen.rounds, 1))]
    least = {name: min(taken[name] for taken in rounds) for name in rounds[0]}
    floor, *steps = least.values()
    print(f"masking step by step: {chosen.rows:,} rows x 25 columns, least of {len(rounds)} rounds, CPU")
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    for name, cpu in least.items():
        print(f"{name:<36} {cpu / chosen.rows * 1e6:5.2f} us/row  {cpu / floor:5.0%} of the floor")
    print(
        f"{'all steps but the floor':<36} {sum(steps) / chosen.rows * 1e6:5.2f} us/row  ratio {floor / sum(steps):.2f}"
    )


if __name__ == "__main__":
    main()
