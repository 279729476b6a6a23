"""What is known of every account of a pool besides its balance, for those who buy by rule."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traits:
    """What a forward flow may ask of accounts, one entry an account; None where the tape does not say."""

    states: list[str | None]
    debt_types: list[str | None]
    debtor_types: list[str | None]
    ages_days: list[int | None]
