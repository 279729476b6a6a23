"""One reading of a tape that keeps drafts: checked rows go in, the masked file of any stage comes out."""

from collections.abc import Iterable
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from masking import intake
from masking.accounts import Validator, is_typed
from masking.csvout import write_csv
from masking.drafts import Survey, draft, wanted
from masking.lanes import in_order
from masking.limits import Limits
from masking.masks import Masker, plan
from masking.policy import Mapping, Policy, Stage
from masking.report import MaskReport
from masking.spool import Spool


def _draft(
    accepted: tuple[pa.Table, pa.Table], *, mapping: Mapping, policy: Policy, token_key: bytes, cut_off_on: date
) -> pa.Table:
    return draft(*accepted, mapping, policy, token_key=token_key, cut_off_on=cut_off_on)


class Drafting:
    """Collects drafts and what is counted over them. Raises PolicyError or ValueError for a bad mapping or currency."""

    def __init__(
        self,
        mapping: Mapping,
        policy: Policy,
        *,
        token_key: bytes,
        cut_off_on: date,
        currency: str,
        limits: Limits = Limits(),  # noqa: B008
        folder: Path | None = None,
    ) -> None:
        """`folder` is where drafts that outgrow memory lie encrypted until `close`."""
        self.validator = Validator(mapping, cut_off_on, currency, limits)
        self.survey = Survey()
        self.spool = Spool(folder=folder)
        self._policy, self._token_key = policy, token_key

    def close(self) -> None:
        """Forget the drafts."""
        self.spool.close()

    def read(self, chunks: Iterable[pa.Table]) -> None:
        """Check and keep every chunk of text."""
        self.keep(self.validator.accept_all(chunks))

    def read_tape(self, source: intake.Source, info: intake.TapeInfo) -> None:
        """Check and keep a tape's rows; of its columns only those that are looked at are read."""
        on_ragged, limits = self.validator.refuse_ragged, self.validator.limits
        self.read(intake.read_chunks(source, info, on_ragged=on_ragged, limits=limits, columns=self.looked_at()))

    def looked_at(self) -> set[str]:
        """The headers of the columns that are checked or shown; nothing that is written depends on any other."""
        mapping = self.validator.mapping
        shown = [entry.name for entry, _ in wanted(mapping, self._policy)]
        names = {*shown, mapping.key_field, *(entry.name for entry in mapping.fields() if is_typed(entry))}
        return {column for name in names for column in mapping.columns_of(name)}

    def keep(self, accepted: Iterable[tuple[pa.Table, pa.Table]]) -> None:
        """Draft and keep accepted rows, each chunk with the same rows typed."""
        made_of = partial(
            _draft,
            mapping=self.validator.mapping,
            policy=self._policy,
            token_key=self._token_key,
            cut_off_on=self.validator.cut_off_on,
        )
        for made in in_order(made_of, accepted):
            self.survey.add(made, self.validator.mapping)
            self.spool.add(made)

    def masker(self, *, stage: Stage, k: int) -> Masker:
        """What masks one stage; raises RiskRefused if k cannot hold, PolicyError for a stage without rows."""
        made = self.validator
        return Masker(plan(self.survey, made.mapping, self._policy, stage=stage, k=k, exponent=made.exponent))

    def write(self, sink: BinaryIO, *, stage: Stage, k: int) -> MaskReport:
        """One stage's masked file as CSV."""
        masker = self.masker(stage=stage, k=k)
        write_csv(masker.mask_all(self.spool), sink)
        return masker.report()
