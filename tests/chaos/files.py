"""What the users of a history upload: names as people and programs give them, good tables, and files that are none."""

from __future__ import annotations

import gzip
import random
import unicodedata
from collections.abc import Callable

KOREAN = "보험 청구.csv"
NAMES = (
    "a.csv",
    "b.csv",
    "part 1.csv",
    "a+b.csv",
    "a%2Bb.csv",
    "a b.csv",
    "100%.csv",
    "100%25.csv",
    unicodedata.normalize("NFC", KOREAN),
    unicodedata.normalize("NFD", KOREAN),
    "🚗 fraud.csv",
    "a/../b.csv",
    "./a.csv",
    "back\\slash.csv",
    "new\nline.csv",
    "LOUD.CSV",
    "Mixed.Csv",
    "deep/er/x.csv",
    "quote'\"<&>.csv",
    "?query=1&b#c.csv",
    "_temporary/0/part.csv",
)
IGNORED = ("_SUCCESS", ".hidden.csv", "upload.csv.tmp", "folder/", "deep/_meta.csv")
OTHER_SUFFIXES = ("notes.txt", "table.csv.gz", "data.parquet")
LONGEST_KEY = 1024

Columns = dict[str, Callable[[random.Random], str]]
CLAIMS: Columns = {
    "fraud": lambda chance: str(chance.randrange(2)),
    "amount": lambda chance: f"{chance.uniform(1, 9999):.2f}",
    "kind": lambda chance: chance.choice(("Theft", "Collision", '"a, b"', "충돌")),
}
CUSTOMERS: Columns = {
    "age": lambda chance: str(chance.randrange(18, 90)),
}
CHURN: Columns = {
    "churned": lambda chance: str(chance.randrange(2)),
    "months": lambda chance: str(chance.randrange(200)),
}
TABLES = {("claims-fraud", "claims"): CLAIMS, ("claims-fraud", "customers"): CUSTOMERS, ("churn", "accounts"): CHURN}
LABELS = {"claims-fraud": "fraud", "churn": "churned"}
TABLES_OF = {"claims-fraud": ("claims", "customers"), "churn": ("accounts",)}


def models_json(trigger: dict[str, object]) -> dict[str, dict[str, object]]:
    """The settings of the models, as the function's archive holds them."""
    return {
        "claims-fraud": {
            "problem": "binary",
            "tables": ["claims", "customers"],
            "join_key": "policy",
            "label": "fraud",
            "numeric": ["amount", "age"],
            "categorical": ["kind"],
            "missing": ["", "NA"],
            "trigger": trigger,
        },
        "churn": {
            "problem": "binary",
            "tables": ["accounts"],
            "join_key": "policy",
            "label": "churned",
            "numeric": ["months"],
            "categorical": [],
            "missing": ["", "NA"],
            "trigger": trigger,
        },
    }


def prefix(model: str, table: str) -> str:
    return f"raw/{model}/{table}/"


def longest(model: str, table: str) -> str:
    """A key of as many bytes as S3 takes, most of them not ASCII."""
    start = prefix(model, table)
    room = LONGEST_KEY - len(start.encode()) - len(b".csv")
    text = "가" * (room // 3) + "x" * (room % 3)
    return f"{start}{text}.csv"


def good(chance: random.Random, model: str, table: str) -> bytes:
    """A small table that the cheap checks must let pass."""
    columns = TABLES[model, table]
    lines = [",".join(("policy", *columns))]
    for policy in chance.sample(range(1000), chance.randrange(1, 6)):
        lines.append(",".join([str(policy), *(value(chance) for value in columns.values())]))
    ending = chance.choice(("\n", "\r\n"))
    text = ending.join(lines) + chance.choice(("", ending))
    return (b"\xef\xbb\xbf" if chance.random() < 0.1 else b"") + text.encode()


def bad(chance: random.Random, model: str, table: str) -> bytes:
    """Something that cannot be a table of the model."""
    text = good(chance, model, table).decode("utf-8-sig")
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: gzip.compress(text.encode(), mtime=0),
        lambda: text.encode("utf-16"),
        lambda: (text.splitlines()[0] + "\n").encode(),
        lambda: text.replace("policy", "police", 1).encode(),
        lambda: text.replace(",", ";").encode(),
        lambda: b"\x00\x01\x02" * 50,
    )
    return chance.choice(makers)()
