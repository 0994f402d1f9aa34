"""`millrace invoke`: score raw rows at the endpoint."""

from __future__ import annotations

import csv
import io
import json
import sys
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
    endpoint = _endpoint(connection, model)
    payload = read(file) if file else of_rows(sample_rows())
    answer = call(connection, endpoint, payload)
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    screen.table(
        ("row", "score", "decision"),
        [(i, f"{each['score']:.4f}", each["decision"]) for i, each in enumerate(answer["predictions"], start=1)],
    )


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


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _endpoint(connection: Connection, model: str | None) -> str:
    if model:
        return model
    names = [each["EndpointName"] for each in connection.client("sagemaker").list_endpoints()["Endpoints"]]
    if len(names) == 1:
        return str(names[0])
    if names:
        raise MillraceError(f"there are several endpoints: name one with --model ({', '.join(sorted(names))})")
    pending = [
        version
        for group in serving.groups(connection)
        for version in serving.versions(connection, group)
        if version.state == serving.PENDING
    ]
    todo = f"`millrace approve` deploys {pending[0]}" if pending else "`millrace` shows what comes first"
    raise MillraceError(f"there is no endpoint yet: {todo}")


def _reason(response: dict[str, Any]) -> str:
    text = str(response.get("OriginalMessage") or response["Error"].get("Message", ""))
    try:
        error = json.loads(text)["error"]
        return f"{error['column']}: {error['message']}" if error.get("column") else str(error["message"])
    except (ValueError, KeyError, TypeError):
        return text
