"""Made-up penguins of three species for a multiclass model; the species differ in size and live on different islands.

The columns are those of the public Palmer penguins set.
"""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

from millrace.errors import MillraceError

COLUMNS = ("species", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex")
SPECIES = {  # share, islands, then mean and deviation of bill length and depth, flipper length, body mass
    "Adelie": (44, ("Biscoe", "Dream", "Torgersen"), (38.8, 2.7), (18.3, 1.2), (190, 6.5), (3700, 460)),
    "Chinstrap": (20, ("Dream",), (48.8, 3.3), (18.4, 1.1), (196, 7.1), (3730, 385)),
    "Gentoo": (36, ("Biscoe",), (47.5, 3.1), (15.0, 1.0), (217, 6.5), (5080, 505)),
}
MISSING_SHARE = 0.03
MOST_ROWS = 10_000_000


def generate_penguins(folder: Path | str, *, rows: int = 1000, seed: int = 7) -> Path:
    """Writes penguins.csv, the same bytes for the same seed."""
    if not 1 <= rows <= MOST_ROWS:
        raise MillraceError(f"rows is {rows}; it must be from 1 to {MOST_ROWS:,}")
    random = Random(seed)
    path = Path(folder) / "penguins.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_draw(random) for _ in range(rows))
    return path


def _draw(random: Random) -> list[str]:
    species = random.choices(list(SPECIES), [share for share, *_ in SPECIES.values()])[0]
    _, islands, *sizes = SPECIES[species]
    male = random.random() < 0.5
    bill_length, bill_depth, flipper, mass = (
        random.gauss(mean + (0.7 if male else -0.7) * deviation, 0.75 * deviation) for mean, deviation in sizes
    )
    sex = "" if random.random() < MISSING_SHARE else "male" if male else "female"
    depth = "NA" if random.random() < MISSING_SHARE else f"{bill_depth:.1f}"
    return [species, random.choice(islands), f"{bill_length:.1f}", depth, f"{flipper:.0f}", f"{mass:.0f}", sex]
