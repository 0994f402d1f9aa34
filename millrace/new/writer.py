"""A proposal as `settings/models/<name>.toml`: complete, and with the reason beside each decision."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.new import defaults, toml
from millrace.new.reading import megabytes
from millrace.new.records import BINARY, MULTICLASS, Proposal, Use
from millrace.new.uses import CATEGORICAL, NUMERIC, UNUSED

SEED = 20


def as_toml(proposal: Proposal) -> str:
    """The text of the settings file."""
    sections = (_head, _data, _split_and_limits, _trigger, _machines, _xgboost, _decision, _endpoint)
    return "\n".join("".join(section(proposal)) for section in sections)


def _head(proposal: Proposal) -> Iterator[str]:
    files = ", ".join(table.path.name for table in proposal.tables)
    label = proposal.label
    yield toml.comment(
        f"Predicts {label.column}. Made by `millrace new` from {files}: each value below is a guess with its reason, "
        f"and yours to change. Files are uploaded to s3://<raw bucket>/raw/{proposal.name}/<table>/."
    )
    for sentence in proposal.watch:
        yield toml.comment(f"LOOK AT THIS: {sentence}.")
    yield f"\nproblem = {toml.text(label.problem)}\n"


def _data(proposal: Proposal) -> Iterator[str]:
    base, label, dialect = proposal.base, proposal.label, proposal.base.dialect
    yield "[data]\n"
    if len(proposal.tables) > 1:
        yield toml.comment("The first table is the base and holds the label; the others are joined to it by join_key.")
    yield f"tables = {toml.texts([table.name for table in proposal.tables])}\n"
    if proposal.key:
        yield toml.comment(f"Chosen: {proposal.key_why}.")
        yield f"join_key = {toml.text(proposal.key)}\n"
    yield toml.comment(f"Chosen: {label.why}.")
    yield f"label = {toml.text(label.column)}\n"
    yield from _classes(proposal)
    for role in (NUMERIC, CATEGORICAL):
        yield from _features(role, proposal.of_role(role))
    yield from _unused(proposal.of_role(UNUSED))
    yield toml.comment('Texts that mean "not known", in every column.')
    for sentence in proposal.assumed:
        yield toml.comment(f"Assumed: {sentence}.") if "not known" in sentence else ""
    yield f"missing = {toml.texts(proposal.missing)}\n"
    yield f"encoding = {toml.text(dialect.encoding)}\n"
    yield f"delimiter = {toml.text(dialect.delimiter)}\n"
    if not dialect.header:
        yield toml.comment("The files have no line of column names: these are the names, in the order of the columns.")
        yield f"columns = {toml.texts(base.names)}\n"


def _classes(proposal: Proposal) -> Iterator[str]:
    label = proposal.label
    if not label.classes:
        yield toml.comment(f"Standard deviation {label.deviation:.4g}.")
        return
    counts = ", ".join(f"{toml.text(name)} {label.counts[name]:,}" for name in label.classes[:10])
    order = "The negative class, then the positive one" if label.problem == BINARY else "All classes"
    yield toml.comment(f"{order}; rows of each: {counts}{' ...' if len(label.classes) > 10 else ''}.")
    for sentence in label.notes:
        yield toml.comment(f"Assumed: {sentence}.")
    yield f"classes = {toml.texts(label.classes)}\n"


def _features(role: str, uses: list[Use]) -> Iterator[str]:
    for use in uses:
        if use.why:
            yield toml.comment(f"{use.column}: {use.why}.")
    yield f"{role} = {toml.texts([use.column for use in uses])}\n"


def _unused(uses: list[Use]) -> Iterator[str]:
    if uses:
        yield toml.comment("Not used, because a column in neither list is not:")
    yield from dict.fromkeys(toml.comment(f"- {use.column}: {use.why}.") for use in uses)


def _split_and_limits(proposal: Proposal) -> Iterator[str]:
    yield "[data.split]\n"
    yield toml.comment("Parts of the rows: train, find the best round, judge. The seed decides which row goes where.")
    yield f"train = 0.7\nvalidation = 0.15\ntest = 0.15\nseed = {SEED}\n\n"
    yield "[data.limits]\n"
    yield toml.comment("A run ends with fewer good rows, or with a larger share of rows that had to be put aside.")
    yield "min_rows = 50\nlargest_bad_share = 0.05\n"
    seen = [
        (use.column, column.low, column.high)
        for table in proposal.tables
        for use in proposal.of_role(NUMERIC)
        if use.table == table.name and (column := table.column(use.column)).low != column.high
    ][:3]
    if not seen:
        return
    yield "\n" + toml.comment(
        "What numbers may be; rows outside are put aside. Here is what the first columns hold now: correct the ends, "
        "and take away the marks in front."
    )
    yield "# [data.ranges]\n"
    for name, low, high in seen:
        yield f"# {toml.text(name)} = [{toml.number(low)}, {toml.number(high)}]\n"


def _trigger(proposal: Proposal) -> Iterator[str]:
    sizes = [megabytes(table.path) for table in proposal.tables]
    suffixes = sorted({table.path.suffix.lower() for table in proposal.tables})
    yield "[trigger]\n"
    yield toml.comment("A run starts when every table has a file and none has come for debounce_seconds.")
    yield "debounce_seconds = 2\nmax_wait_seconds = 300\n"
    yield toml.comment("Files with another ending are refused.")
    yield f"suffixes = {toml.texts(suffixes)}\n"
    yield 'attempts = 1\nstart = "new"\nmax_model_age_hours = 0\nlock_hours = 24\n'
    yield toml.comment("A larger file is refused.")
    yield f"largest_file_mb = {defaults.largest_file_mb(sizes)}\n\n"
    yield "[alarms]\n"
    yield toml.comment("An alarm rings when the newest model is older than this.")
    yield "model_age_hours = 720\n"


def _machines(proposal: Proposal) -> Iterator[str]:
    sizes = [megabytes(table.path) for table in proposal.tables]
    instance = defaults.processing_type(sizes)
    for name in ("processing", "training"):
        yield f"{'' if name == 'processing' else chr(10)}[{name}]\n"
        if instance != "ml.m5.large":
            yield toml.comment(f"For files of {sum(sizes):,.0f} MB.")
        yield f'instance_type = "{instance}"\ninstance_count = 1\nvolume_size_gb = 30\nmax_runtime_seconds = 3600\n'


def _xgboost(proposal: Proposal) -> Iterator[str]:
    yield "[xgboost]\n"
    yield toml.comment("The first three are parameters of the pipeline, so a single run can be given others.")
    yield "max_depth = 4\nnum_round = 300\neta = 0.1\nearly_stopping_rounds = 30\n"
    yield "subsample = 0.8\ncolsample_bytree = 0.8\nmin_child_weight = 1.0\nreg_lambda = 1.0\n"
    if proposal.label.problem == BINARY:
        yield toml.comment("1 leaves the rare class unweighted, so a score stays a probability; the costs do the rest.")
    yield "scale_pos_weight = 1.0\n"


def _decision(proposal: Proposal) -> Iterator[str]:
    label = proposal.label
    if label.problem == BINARY:
        negatives = label.counts[label.classes[0]]
        yield "[costs]\n"
        yield toml.comment(
            f"SET THIS: what a wrong decision costs; only the ratio matters. Assumed from the classes ({negatives:,} "
            f"to {label.positives:,}), not from what mistakes cost you: a missed {label.classes[1]!r} is so many "
            "false alarms."
        )
        yield f"false_negative = {toml.number(defaults.false_negative_cost(label))}\nfalse_positive = 1.0\n\n"
    yield "[gate]\n"
    if label.problem == BINARY:
        yield toml.comment("SET THIS: a model below this AUC is not registered. 0.5 is a coin toss, so 0.6 is low.")
        yield f"auc_floor = {defaults.AUC_FLOOR}\n"
    elif label.problem == MULTICLASS:
        yield toml.comment(
            "SET THIS: a model below this accuracy is not registered. Always naming the most frequent class reaches "
            f"{label.commonest_share:.1%}, so this is low."
        )
        yield f"accuracy_floor = {defaults.accuracy_floor(label)}\n"
    else:
        yield toml.comment(
            "SET THIS: a model whose error (RMSE) is larger is not registered. Always naming the mean reaches the "
            "standard deviation of the label, and this is little less, so it is easily beaten."
        )
        yield f"rmse_ceiling = {toml.number(defaults.rmse_ceiling(label))}\n"
    yield toml.comment("Test rows needed of each class (of all, when a number is predicted) before anything is said.")
    yield "min_support = 10\n"
    yield toml.comment("How sure it must be that a new model is better than the one in use.")
    yield "confidence = 0.9\n"


def _endpoint(proposal: Proposal) -> Iterator[str]:
    yield '[endpoint]\ninstance_type = "ml.m5.large"\ninstance_count = 1\n'
    yield toml.comment("What a registered model may be served or batch-scored on; the endpoint's own is among them.")
    yield 'supported_instance_types = ["ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge"]\n'
