"""The Preprocess step: raw tables in, joined and split raw rows and the fitted features.json out.

Started by the pipeline as `python3 code.zip preprocess`, or by hand as `python preprocess.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import tables
from features import DataError, FeatureTransform, fit_columns, parse_labels
from spec import ModelSpec, read_spec
from split import PARTS, Parts, split_rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="preprocess", description="Join, split and fit the features.")
    parser.add_argument("--data", type=Path, default=Path("/opt/ml/processing/input/data"))
    parser.add_argument("--output", type=Path, default=Path("/opt/ml/processing/output"))
    parser.add_argument("--spec", type=Path, help="model_spec.json; default: the one beside the code")
    args = parser.parse_args(argv)
    preprocess(args.data, args.output, read_spec(args.spec))


def preprocess(data: Path, output: Path, spec: ModelSpec) -> None:
    rows = joined_rows(data, spec)
    labels = _labels(rows, spec)
    parts = split_rows(
        rows[spec.join_key].to_pylist(),
        labels,
        validation=spec.split.validation,
        test=spec.split.test,
        seed=spec.split.seed,
    )
    for part in PARTS:
        numbers = getattr(parts, part)
        tables.write_csv(rows.take(pa.array(numbers)), output / part / f"{part}.csv")
        print(f"{part}: {len(numbers)} rows, {sum(labels[n] for n in numbers)} positive")
    transform = fit(rows, parts, spec)
    (output / "features").mkdir(parents=True, exist_ok=True)
    (output / "features" / "features.json").write_text(transform.to_json(), encoding="utf-8")
    print(f"features: {len(transform.columns)} columns, {len(transform.feature_names)} after encoding")


def joined_rows(data: Path, spec: ModelSpec) -> pa.Table:
    """One row per key that every table has."""
    loaded = {name: _load(data / name, name, spec) for name in spec.tables}
    _check_columns(loaded, spec)
    rows = loaded[spec.tables[0]]
    for name in spec.tables[1:]:
        before, others = rows.num_rows, loaded[name].num_rows
        rows = tables.join(rows, loaded[name], key=spec.join_key)
        print(
            f"join {name}: {rows.num_rows} rows; without partner: "
            f"{before - rows.num_rows} before it, {others - rows.num_rows} in {name}"
        )
    if rows.num_rows == 0:
        raise DataError(
            f"no {spec.join_key} stands in all of {', '.join(spec.tables)}; check that the files belong together",
            column=spec.join_key,
        )
    return rows


def fit(rows: pa.Table, parts: Parts, spec: ModelSpec) -> FeatureTransform:
    """The transform, fitted on the training rows only."""
    order = [name for name in rows.column_names if name in spec.features]
    training = rows.select(list(spec.categorical)).take(pa.array(parts.train))
    return FeatureTransform(
        model=spec.model,
        problem=spec.problem,
        label=spec.label,
        missing=spec.missing,
        columns=fit_columns(
            tables.columns(training, spec.categorical),
            order=order,
            categorical=spec.categorical,
            missing=spec.missing,
        ),
        ignored=tuple(name for name in rows.column_names if name not in spec.features),
    )


def _load(folder: Path, name: str, spec: ModelSpec) -> pa.Table:
    table = tables.read_table(folder, numeric=spec.numeric, missing=spec.missing)
    tables.check_keys(table, name=name, key=spec.join_key, missing=spec.missing)
    print(f"read {name}: {table.num_rows} rows, {table.num_columns} columns")
    return table


def _check_columns(loaded: dict[str, pa.Table], spec: ModelSpec) -> None:
    names = [name for table in loaded.values() for name in table.column_names if name != spec.join_key]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError("stands in more than one table; rename it in one of them", column=doubled[0])
    absent = [name for name in (spec.label, *spec.features) if name not in names]
    if absent:
        raise DataError(
            f"is in none of the tables {', '.join(loaded)}; they have {', '.join(names)}: add it "
            "to a file or take it out of the settings",
            column=absent[0],
        )


def _labels(rows: pa.Table, spec: ModelSpec) -> list[int]:
    try:
        labels: list[int] = parse_labels(rows[spec.label].to_pylist(), column=spec.label).tolist()
    except DataError as error:
        key = rows[spec.join_key][(error.row or 1) - 1].as_py()
        raise DataError(f"{spec.join_key} {key}: {error.message}", column=spec.label) from error
    if len(set(labels)) < 2:
        raise DataError(f"every row has the class {labels[0]}; rows of both classes are needed", column=spec.label)
    return labels


if __name__ == "__main__":
    main()
