"""How one claim and its customer are drawn; called by generator.py.

Fraud follows from a handful of columns through `risk`, which is known: so is the best AUC a model can reach. The
rest of the columns are plausible and say nothing. Dirt is put on afterwards: it hides, but does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Any

Row = dict[str, Any]

CLAIM_COLUMNS = (
    "policy_id", "driver_relationship", "incident_type", "collision_type", "incident_severity",
    "authorities_contacted", "num_vehicles_involved", "num_injuries", "num_witnesses", "police_report_available",
    "injury_claim", "vehicle_claim", "total_claim_amount", "incident_month", "incident_day", "incident_dow",
    "incident_hour", "fraud",
)  # fmt: skip
CUSTOMER_COLUMNS = (
    "policy_id", "customer_age", "months_as_customer", "num_claims_past_year", "num_insurers_past_5_years",
    "policy_state", "policy_deductable", "policy_annual_premium", "policy_liability", "customer_zip",
    "customer_gender", "customer_education", "auto_year",
)  # fmt: skip
MAY_BE_MISSING = (
    "num_witnesses", "police_report_available", "months_as_customer", "customer_education",
    "policy_annual_premium", "incident_hour",
)  # fmt: skip
MISSING_SHARE = 0.02


class Choice:
    """Values drawn with fixed weights."""

    def __init__(self, **weights: float) -> None:
        self.values: Sequence[str] = [name.replace("__", "/").replace("_", " ") for name in weights]
        self.weights = list(accumulate(weights.values()))

    def draw(self, random: Random) -> str:
        return random.choices(self.values, cum_weights=self.weights)[0]


DRIVER = Choice(Self=79, Spouse=10, Child=6, Other=5)
INCIDENT = Choice(Collision=84, **{"Break-in": 10}, Theft=6)
COLLISION = Choice(Front=49, Rear=26, Side=25)
SEVERITY = Choice(Minor=42, Major=34, Totaled=24)
STATE = Choice(CA=62, WA=12, AZ=11, OR=8, NV=4, ID=3)
LIABILITY = Choice(**{"25__50": 34, "15__30": 32, "30__60": 23, "100__200": 11})
GENDER = Choice(Male=46, Female=44, Unkown=8, Other=2)
EDUCATION = Choice(Bachelor=44, High_School=25, Advanced_Degree=19, Associate=10, Below_High_School=2)
ZIP_START = {"CA": 90001, "WA": 98001, "AZ": 85001, "OR": 97001, "NV": 89001, "ID": 83201}
HOUR_WEIGHTS = list(accumulate([1, 1, 1, 1, 2, 4, 5, 6, 7, 6, 6, 7, 7, 8, 8, 8, 8, 7, 5, 4, 3, 2, 2, 1]))
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def draw_customer(random: Random) -> Row:
    age = min(90, max(18, round(random.gauss(44, 13))))
    state = STATE.draw(random)
    return {
        "customer_age": age,
        "months_as_customer": 1 + min(int(random.expovariate(1 / 95)), (age - 17) * 12),
        "num_claims_past_year": random.choices((0, 1, 2, 3, 4), cum_weights=(88, 96, 98.5, 99.6, 100))[0],
        "num_insurers_past_5_years": random.choices((1, 2, 3, 4, 5), cum_weights=(72, 85, 93, 97.5, 100))[0],
        "policy_state": state,
        "policy_deductable": 750 + 50 * min(7, int(random.expovariate(2.2))),
        "policy_annual_premium": 3000 - 50 * min(16, int(random.expovariate(0.65))),
        "policy_liability": LIABILITY.draw(random),
        "customer_zip": ZIP_START[state] + random.randrange(900),
        "customer_gender": GENDER.draw(random),
        "customer_education": EDUCATION.draw(random),
        "auto_year": 2020 - min(19, int(random.expovariate(0.24))),
    }


def draw_claim(random: Random) -> Row:
    incident, month = INCIDENT.draw(random), random.randrange(12)
    collided = incident == "Collision"
    severity = SEVERITY.draw(random)
    injuries = random.choices((0, 1, 2, 3, 4), cum_weights=(60, 83, 92, 97, 100))[0] if collided else 0
    contacted = random.random() < (0.8 if severity != "Minor" else 0.66)
    injury = 100 * round((1 + injuries) * random.lognormvariate(4.2, 0.8))
    vehicle = random.lognormvariate({"Minor": 9.1, "Major": 9.6, "Totaled": 10.1}[severity], 0.35)
    return {
        "driver_relationship": DRIVER.draw(random) if collided else "N/A",
        "incident_type": incident,
        "collision_type": COLLISION.draw(random) if collided else "N/A",
        "incident_severity": severity,
        "authorities_contacted": _authority(random, injuries) if contacted else "None",
        "num_vehicles_involved": random.choices((1, 2, 3, 4), cum_weights=(13, 67, 94, 100))[0] if collided else 1,
        "num_injuries": injuries,
        "num_witnesses": random.choices((0, 1, 2, 3, 4, 5), cum_weights=(47, 72, 88, 95, 99, 100))[0],
        "police_report_available": "Yes" if contacted and random.random() < 0.58 else "No",
        "injury_claim": injury,
        "vehicle_claim": round(vehicle, 2),
        "total_claim_amount": round(injury + vehicle, 2),
        "incident_month": month + 1,
        "incident_day": 1 + random.randrange(DAYS[month]),
        "incident_dow": random.choices(range(7), cum_weights=(17, 34, 49, 65, 81, 90, 100))[0],
        "incident_hour": random.choices(range(24), cum_weights=HOUR_WEIGHTS)[0],
    }


def risk(claim: Row, customer: Row) -> float:
    """The log odds of fraud, up to a constant that sets how frequent it is."""
    value = 0.95 * (customer["num_insurers_past_5_years"] - 1)
    value += 1.0 * min(customer["num_claims_past_year"], 2)
    value += 1.1 if claim["police_report_available"] == "No" else 0.0
    value += 1.0 if claim["num_witnesses"] == 0 else 0.0
    value += 1.2 if claim["incident_severity"] == "Minor" and claim["vehicle_claim"] > 11_000 else 0.0
    value += 0.7 if claim["incident_type"] == "Theft" else 0.0
    value -= 0.8 * min(claim["num_injuries"], 2)
    value -= 0.0065 * min(customer["months_as_customer"], 200)
    return float(value)


def soil(random: Random, row: Row) -> None:
    """Leaves out a value here and there, as files of real life do."""
    for name in MAY_BE_MISSING:
        if name in row and random.random() < MISSING_SHARE:
            row[name] = ""


def _authority(random: Random, injuries: int) -> str:
    return random.choices(("Police", "Ambulance", "Fire"), cum_weights=(88, 97, 100) if injuries else (96, 97, 100))[0]
