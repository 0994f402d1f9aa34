"""Predictions as a table: what they hold depends on the model's problem."""

from __future__ import annotations

from millrace.cli.invoke import as_table


def test_a_binary_model_answers_scores_and_decisions() -> None:
    predictions = [{"score": 0.12345, "decision": 0}, {"score": 0.9, "decision": 1}]
    assert as_table(predictions) == (("row", "score", "decision"), [(1, "0.1235", 0), (2, "0.9000", 1)])


def test_other_models_answer_values_or_classes_with_their_scores() -> None:
    assert as_table([{"value": 9.5}]) == (("row", "value"), [(1, "9.5000")])
    values = [{"value": value} for value in (1.0036179e-09, -2.5e-4, 1.287e15, 0.0)]
    assert [row[1] for row in as_table(values)[1]] == ["1.004e-09", "-0.00025", "1.287e+15", "0.0000"]
    predictions = [{"class": "F", "scores": {"F": 0.7, "M": 0.3}}]
    assert as_table(predictions) == (("row", "class", "scores"), [(1, "F", "F 0.7000, M 0.3000")])
