"""Countries of the sealed half: used for the final figure alone."""

from bench.detection.locales import Locale

SEALED: dict[str, Locale] = {}
