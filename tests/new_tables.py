"""Made-up tables of the kinds that people bring, for `millrace new`; docs/new-model.md shows what it says of them.

The same seed always gives the same bytes. `python tests/new_tables.py FOLDER` writes them; without a folder the
examples of the page are made anew, and a test says when they are no longer true.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from millrace.cli import new, screen
from millrace.cli.app import main

SEED = 7
PAGE = Path(__file__).parents[1] / "docs" / "new-model.md"
BLOCK = re.compile(r"<!-- new: (?P<name>\S+) -->\n```\n(?P<text>.*?)```\n<!-- end -->\n", re.DOTALL)
ORDER_ENDS = ("country", "payment", "refunded_on", "returned")
Row = Sequence[object]


def churn(draw: random.Random) -> Iterator[Row]:
    """Korean names and values, with a key, a date, codes with zeros, and sums written for people."""
    yield ["고객번호", "성별", "나이", "가입일", "우편번호", "월요금", "요금제", "상담횟수", "멤버십", "이탈여부"]
    for number in range(1, 1201):
        age, calls = draw.randint(19, 78), draw.choice([0, 0, 0, 1, 1, 2, 3, 5])
        leaves = draw.random() < 1 / (1 + math.exp(2.2 - 0.7 * calls + 0.02 * (age - 40)))
        day = date(2021, 1, 1) + timedelta(days=draw.randrange(1500))
        yield [
            f"C{number * 7919 % 100000:05d}",
            draw.choice("남여"),
            age if draw.random() > 0.03 else "미상",
            f"{day.year}년 {day.month}월 {day.day}일",
            f"{draw.randrange(1000, 63000):05d}",
            f"{draw.randrange(15, 120) * 1000:,}원",
            draw.choice(["베이직", "스탠다드", "프리미엄"]),
            calls,
            draw.choice(["골드", "실버", "브론즈", "없음", "없음"]),
            "예" if leaves else "아니오",
        ]


def defects(draw: random.Random) -> Iterator[Row]:
    """Of a factory; the code of a defect is filled in for defects alone."""
    yield ["검사번호", "설비", "온도", "압력", "진동", "작업조", "검사일", "라인", "불량코드", "판정"]
    for number in range(1, 2001):
        heat, shake = draw.gauss(180, 8), abs(draw.gauss(0, 1))
        bad = draw.random() < 1 / (1 + math.exp(4.2 - 0.12 * (heat - 180) - 1.1 * shake))
        day = date(2025, 1, 1) + timedelta(days=number // 6)
        yield [
            number,
            draw.choice(["프레스-1", "프레스-2", "사출기", "조립기"]),
            f"{heat:.1f}",
            f"{draw.gauss(5, 0.4):.2f}" if draw.random() > 0.02 else "-",
            f"{shake:.3f}",
            draw.choice(["주간", "야간"]),
            f"{day:%Y%m%d}",
            "A라인",
            draw.choice(["D01", "D02", "D07"]) if bad else "",
            "불량" if bad else "정상",
        ]


def orders(draw: random.Random) -> Iterator[Row]:
    """Ids, dates of several kinds, and markers for what is not known."""
    yield ["order_id", "ordered_at", "shipped_on", "items", "amount", "discount", "coupon", "rating", *ORDER_ENDS]
    for _ in range(3000):
        moment = date(2026, 1, 1) + timedelta(days=draw.randrange(300))
        items, rating = draw.randint(1, 9), draw.choice([1, 2, 3, 4, 5])
        back = draw.random() < 1 / (1 + math.exp(1.4 + 0.6 * (rating - 3) - 0.1 * items))
        yield [
            f"{draw.getrandbits(64):016x}",
            f"{moment} {draw.randrange(24):02d}:{draw.randrange(60):02d}:00",
            f"{moment + timedelta(days=2):%Y.%m.%d}",
            items,
            f"{items * draw.uniform(8, 60):.2f}",
            draw.choice(["0%", "10%", "20%"]),
            draw.choice(["None", "None", "SPRING", "WELCOME"]),
            rating if draw.random() > 0.1 else "?",
            draw.choice(["KR", "US", "JP", "NA"]) if draw.random() > 0.05 else "",
            draw.choice(["card", "transfer", "N/A"]) if draw.random() < 0.01 else draw.choice(["card", "transfer"]),
            f"{moment + timedelta(days=20)}" if back else "",
            "yes" if back else "no",
        ]


def houses(draw: random.Random) -> Iterator[Row]:
    """Semicolons, 300 districts, and the label once more in another currency."""
    yield ["district", "type", "rooms", "area", "year_built", "floor", "price_krw", "price"]
    levels = {f"district-{number:03d}": draw.gauss(0, 40) for number in range(300)}
    for _ in range(2500):
        district = draw.choice(sorted(levels))
        rooms, area = draw.randint(1, 6), draw.uniform(20, 190)
        price = round(120 + 3.1 * area + 9 * rooms + levels[district] + draw.gauss(0, 25), 1)
        yield [
            district,
            draw.choice(["flat", "house", "studio"]),
            rooms,
            f"{area:.1f}",
            draw.randint(1960, 2025),
            f"{draw.randint(0, 20)},5",
            f"{price * 1400:.0f}",
            price,
        ]


def tickets(draw: random.Random) -> Iterator[Row]:
    """Four classes, tabs."""
    yield ["ticket", "channel", "product", "length", "attachments", "customer_years", "priority"]
    for number in range(1, 1601):
        length, files, years = draw.randrange(20, 2000), draw.choice([0, 0, 0, 1, 2]), draw.uniform(0, 12)
        weight = length / 700 + files + draw.gauss(0, 0.7)
        yield [
            f"T-{number:05d}",
            draw.choice(["mail", "phone", "chat"]),
            draw.choice(["alpha", "beta", "gamma"]),
            length,
            files,
            f"{years:.1f}",
            ["low", "medium", "high", "urgent"][min(int(max(weight, 0) / 1.1), 3)],
        ]


TABLES: dict[str, tuple[Callable[[random.Random], Iterator[Row]], str, str]] = {
    "고객이탈.csv": (churn, "utf-8", ","),
    "defects.csv": (defects, "cp949", ","),
    "orders-2026-03.csv": (orders, "utf-8", ","),
    "houses.csv": (houses, "utf-8", ";"),
    "tickets.tsv": (tickets, "utf-8", "\t"),
}


def write(folder: Path, name: str) -> Path:
    """Make one of the tables."""
    rows, encoding, delimiter = TABLES[name]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows(random.Random(SEED)))
    path = folder / name
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def transcript(name: str, folder: Path) -> str:
    """The command and what it prints, in a folder that holds the table alone."""
    write(folder, name)
    (folder / "settings" / "models").mkdir(parents=True, exist_ok=True)
    before, models, printed = Path.cwd(), new.MODELS, io.StringIO()
    screen.console.cache_clear()
    os.chdir(folder)
    new.MODELS = Path.cwd() / "settings" / "models"
    try:
        with contextlib.redirect_stdout(printed):
            code = main(["new", name])
    finally:
        os.chdir(before)
        new.MODELS = models
        screen.console.cache_clear()
    assert code == 0, printed.getvalue()
    return f"$ millrace new {name}\n{printed.getvalue()}"


def renewed(page: str) -> str:
    """The page with every example made anew."""

    def block(found: re.Match[str]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            text = transcript(found["name"], Path(folder))
        return f"<!-- new: {found['name']} -->\n```\n{text}```\n<!-- end -->\n"

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        target = Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        for each in TABLES:
            print(write(target, each))
    else:
        PAGE.write_text(renewed(PAGE.read_text("utf-8")), encoding="utf-8")
