"""DataProcessing: which part of a record the model gets, and how its answer is joined with the record and filtered."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.transform.errors import CLIENT, FileFailed
from millrace.local.sagemaker.transform.json_path import JsonPath, parse
from millrace.local.service import ServiceError

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
INPUT, OUTPUT = "SageMakerInput", "SageMakerOutput"


@dataclass(frozen=True)
class DataProcessing:
    input_filter: JsonPath
    output_filter: JsonPath
    joins: bool
    rows: bool
    by_line: bool

    @property
    def changes_input(self) -> bool:
        return not self.input_filter.is_root

    @property
    def changes_output(self) -> bool:
        return self.joins or not self.output_filter.is_root

    def for_model(self, record: bytes) -> bytes:
        """The part of a record that is sent to the model."""
        if not self.changes_input:
            return record
        return self._text(self.input_filter.of(self._value(record))) + (b"\n" if self.by_line else b"")

    def results(self, records: Sequence[bytes], answer: bytes) -> bytes:
        """The output for the records of one request."""
        if not self.changes_output:
            return answer
        answers = [line for line in answer.splitlines() if line.strip()] if self.by_line else [answer]
        if len(answers) != len(records):
            raise FileFailed(CLIENT, f"{len(records)} records were sent, but the answer has {len(answers)}")
        joined = [self._joined(record, given) for record, given in zip(records, answers, strict=True)]
        return b"\n".join(self._text(self.output_filter.of(each)) for each in joined)

    def _joined(self, record: bytes, answer: bytes) -> Any:
        result = self._value(answer)
        if not self.joins:
            return result
        given = self._value(record)
        if self.rows:
            return [*given, *result]
        return given | {OUTPUT: result} if isinstance(given, dict) else {INPUT: given, OUTPUT: result}

    def _value(self, text: bytes) -> Any:
        try:
            if self.rows:
                return next(csv.reader([text.decode("utf-8").rstrip("\r\n")], strict=True), [])
            return json.loads(text)
        except (ValueError, csv.Error) as error:
            raise FileFailed(CLIENT, f"a record is not {'CSV' if self.rows else 'JSON'}: {error}") from error

    def _text(self, value: Any) -> bytes:
        if not self.rows:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(value if isinstance(value, list) else [value])
        return buffer.getvalue().encode()


def read_data_processing(params: Mapping[str, Any]) -> DataProcessing:
    """The record of a CreateTransformJob request; a ValidationException says what does not fit together."""
    given = params.get("DataProcessing") or {}
    source, output = params["TransformInput"], params["TransformOutput"]
    content, split = source.get("ContentType"), source.get("SplitType", "None")
    processing = DataProcessing(
        input_filter=_filter("InputFilter", given),
        output_filter=_filter("OutputFilter", given),
        joins=given.get("JoinSource", "None") == "Input",
        rows=content == CSV,
        by_line=split == "Line",
    )
    if processing.changes_input or processing.changes_output:
        _check(processing, content, output.get("Accept"), split, output.get("AssembleWith", "None"))
    return processing


def _filter(name: str, given: Mapping[str, str]) -> JsonPath:
    try:
        return parse(given.get(name) or "$")
    except ValueError as error:
        raise _refused(f"{name}: {error}. See the supported JSONPath operators.") from error


def _check(processing: DataProcessing, content: str | None, accept: str | None, split: str, assemble: str) -> None:
    if content not in (CSV, JSON, JSON_LINES) or accept != content:
        raise _refused(
            f"DataProcessing needs ContentType and Accept to be the same, one of {CSV}, {JSON}, {JSON_LINES}: they are "
            f"{content} and {accept}."
        )
    if content != JSON and not split == assemble == "Line":
        raise _refused(f"DataProcessing of {content} needs SplitType and AssembleWith to be Line.")
    if split not in ("Line", "None"):
        raise _refused(f"DataProcessing of {content} cannot have SplitType {split}.")
    for path in (processing.input_filter, processing.output_filter):
        if processing.rows and not path.for_rows:
            raise _refused(f"The filter '{path.text}' names attributes, but rows of {CSV} have indexes only.")


def _refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
