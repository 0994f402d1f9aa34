"""The [data.limits] table of `models/<name>.toml`: how bad data may be before Preprocess gives up."""

from __future__ import annotations

from dataclasses import dataclass

from settings.reader import Reader

MIN_ROWS = 50
LARGEST_BAD_SHARE = 0.05
LARGEST_UNMATCHED_SHARE = 0.5


@dataclass(frozen=True)
class LimitSettings:
    """Bad rows are put aside and the run goes on, unless they are too many or too few good ones are left."""

    min_rows: int
    largest_bad_share: float
    largest_unmatched_share: float


def read_limits(reader: Reader) -> LimitSettings:
    limits = LimitSettings(
        min_rows=reader.integer("min_rows", low=3, high=1_000_000_000, default=MIN_ROWS),
        largest_bad_share=reader.number("largest_bad_share", low=0, high=1, default=LARGEST_BAD_SHARE),
        largest_unmatched_share=reader.number(
            "largest_unmatched_share", low=0, high=1, default=LARGEST_UNMATCHED_SHARE
        ),
    )
    reader.close()
    return limits
