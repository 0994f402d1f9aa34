"""`millrace invoke`: score raw rows at the endpoint."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from millrace.cli import screen, serving
from millrace.cli.connect import Connection, Options
from millrace.errors import MillraceError

CSV = "text/csv"
JSON = "application/json"
SAMPLES = 5
SAMPLED = "claims-fraud"
"""The model whose data are made up here, new rows too; for others, rows of the test part stand in."""


@dataclass(frozen=True)
class Payload:
    body: bytes
    content_type: str


def invoke(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="Rows as .csv or .json, or `-` to read them (default: sample rows).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, when several are served.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the endpoint's answer as it is.")] = False,
) -> None:
    """Score raw rows at the endpoint and print score and decision.

    Example: millrace invoke new-claims.csv
    """
    options: Options = context.obj
    connection = options.connect()
    endpoint = endpoint_name(connection, model)
    payload = read(file) if file else of_rows(_samples(connection, endpoint))
    answer = call(connection, endpoint, payload)
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    if file is None and endpoint != SAMPLED:
        screen.say(f"The first rows of the test part that {endpoint} was measured on:", screen.FAINT)
    screen.table(*as_table(answer["predictions"]))


def as_table(predictions: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Header and rows; what a prediction holds depends on the model's problem."""
    names = list(dict.fromkeys(name for each in predictions for name in each))
    rows = [(number, *(_shown(each.get(name)) for name in names)) for number, each in enumerate(predictions, start=1)]
    return ("row", *names), rows


def call(connection: Connection, endpoint: str, payload: Payload) -> dict[str, Any]:
    """One InvokeEndpoint; MillraceError with the endpoint's own words when it refuses the payload."""
    runtime = connection.client("sagemaker-runtime")
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType=payload.content_type, Accept=JSON, Body=payload.body
        )
    except runtime.exceptions.ModelError as error:
        status = error.response.get("OriginalStatusCode", "?")
        raise MillraceError(f"the model refused the rows ({status}): {_reason(error.response)}") from error
    result: dict[str, Any] = json.loads(answer["Body"].read())
    return result


def read(file: Path) -> Payload:
    """The rows of a file; standard input for `-`, where JSON is told by its first character."""
    if str(file) != "-" and not file.is_file():
        raise MillraceError(f"there is no file {file}: give rows as .csv or .json, or `-` to read them")
    body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    if not body.strip():
        raise MillraceError(f"{file} is empty: give rows as CSV or JSON")
    is_json = file.suffix == ".json" if file.suffix else body.lstrip()[:1] in (b"[", b"{")
    return Payload(body, JSON if is_json else CSV)


def of_rows(rows: list[dict[str, Any]]) -> Payload:
    return Payload(json.dumps(rows).encode(), JSON)


def sample_rows(count: int = SAMPLES) -> list[dict[str, Any]]:
    from millrace import demo_data

    return [dict(row) for row in demo_data.sample_rows(count)]


def _samples(connection: Connection, endpoint: str) -> list[dict[str, Any]]:
    from millrace.cli import samples

    if endpoint == SAMPLED:
        return sample_rows()
    rows = samples.of_endpoint(connection, endpoint, SAMPLES)
    if not rows:
        raise MillraceError(f"there are no sample rows of {endpoint}: give rows of it as .csv or .json")
    return rows


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def endpoint_name(connection: Connection, model: str | None) -> str:
    names = sorted(
        str(each["EndpointName"])
        for page in connection.client("sagemaker").get_paginator("list_endpoints").paginate()
        for each in page["Endpoints"]
    )
    if model in names:
        return str(model)
    if len(names) == 1 and model is None:
        return names[0]
    if names and model is None:
        raise MillraceError(f"there are several endpoints: name one with --model ({', '.join(names)})")
    pending = [
        version
        for group in serving.groups(connection)
        for version in serving.versions(connection, group)
        if version.state == serving.PENDING and model in (None, group)
    ]
    todo = f"`millrace approve {pending[0]}` deploys it" if pending else "`millrace` shows what comes first"
    which = f"endpoint {model!r} yet; served: {', '.join(names) or 'none'}" if model else "endpoint yet"
    raise MillraceError(f"there is no {which}: {todo}")


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return screen.decimals(value) if isinstance(value, float) else value


def _reason(response: dict[str, Any]) -> str:
    text = str(response.get("OriginalMessage") or response["Error"].get("Message", ""))
    try:
        error = json.loads(text)["error"]
        return f"{error['column']}: {error['message']}" if error.get("column") else str(error["message"])
    except (ValueError, KeyError, TypeError):
        return text
