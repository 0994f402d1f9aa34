"""`millrace` without a command: where you are, and the next command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from millrace.cli import project, screen, server
from millrace.cli.connect import Connection, Options

if TYPE_CHECKING:
    from millrace.cli.places import Place
    from millrace.cli.serving import Endpoint
    from millrace.cli.system import System

NAME_WIDTH = 11
UNTOUCHED = 4
"""How far a model is that nobody gave data yet: it is next only if nothing is to be done for those in use."""


def show(options: Options) -> None:
    """Print one line per stage of the way, as far as one has come, and what comes next."""
    if options.profile:
        connection = options.connect()
        _line("AWS", f"account {connection.account}, {connection.region}, profile {options.profile}")
    else:
        running = server.find()
        if running is None:
            _line("server", "not running")
            begun = (project.home() / "server.log").is_file()
            _next("millrace up" if begun else "millrace demo", "start it" if begun else "everything once, in a minute")
            return
        connection = options.embedded(running)
        account, region = options.place()
        _line("server", f"up at {running.url}, account {account}, {region}")
    _next(*_walk(connection, options))


def _walk(connection: Connection, options: Options) -> tuple[str, str]:
    """Say what is there; the answer is the next command and why."""
    from millrace.cli import serving, system

    for stack in serving.stacks(connection):
        if "ROLLBACK" in stack["StackStatus"] or "FAILED" in stack["StackStatus"]:
            _line("stack", f"{stack['StackName']} is {stack['StackStatus']}", screen.BAD)
    deployed = system.search(connection)
    if deployed is None:
        return _serving_account(connection)
    _line("deployed", f"{deployed.name}: {', '.join(deployed.tables)}")
    if not deployed.models:
        return "millrace deploy", "its stack has not been deployed in full"
    elsewhere = _elsewhere(connection, options)
    steps = [_model(connection, deployed, model, elsewhere) for model in deployed.models]
    steps += _dead_letters(connection, deployed)
    return min(steps, key=lambda step: step[0])[1]


def _serving_account(connection: Connection) -> tuple[str, str]:
    """An account in which nothing is trained: what it serves."""
    from millrace.cli import serving

    models = serving.served_models(connection)
    if not models:
        _line("deployed", "nothing")
        return "millrace deploy", "make the stacks of cdk.out"
    _line("deployed", f"serving of {', '.join(models)}")
    served = {model: serving.live(connection, model) for model in models}
    for model, endpoint in served.items():
        screen.say(f"{model}:", screen.STRONG)
        _line("endpoint", _served(endpoint))
    return "millrace history", "what was approved, where it is served, and why not"


def _elsewhere(connection: Connection, options: Options) -> list[Place]:
    """The other accounts that are at hand."""
    from millrace.cli import places

    return [place for place in places.find(options).seen if place.account.id != connection.account]


def _model(
    connection: Connection, deployed: System, model: str, elsewhere: Sequence[Place]
) -> tuple[int, tuple[str, str]]:
    """One model's way; with how far it got, so that the model furthest behind decides what is next."""
    from millrace.cli import executions, serving, tables

    screen.say(f"{model}:", screen.STRONG)
    chosen = f" --model {model}" if len(deployed.models) > 1 else ""
    absent = tables.missing(connection, deployed, model)
    have = [table for table in deployed.tables[model] if table not in absent]
    _line("data", ", ".join([f"{table}: yes" for table in have] + [f"{table}: none" for table in absent]))
    refused = _files(connection, deployed, model)
    if absent and refused:
        return 0, (f"millrace ledger --state rejected{chosen}", "see why no run can use these files")
    if absent:
        begun = 0 if have else UNTOUCHED
        return begun, (_drop(deployed, model, absent), "a run starts when every table has a file")
    runs = executions.recent(connection, model=model, limit=1)
    if not runs:
        _line("runs", "none yet")
        why = "a run starts by itself; `millrace logs start-pipeline` if it does not"
        return 1, (f"millrace runs --follow{chosen}", why)
    _line("runs", f"the newest, {runs[0].id}, is {runs[0].state}")
    if not runs[0].over:
        return 1, (f"millrace runs --follow{chosen}", "watch it")
    versions = serving.versions(connection, model)
    _line("versions", ", ".join(f"{each.number} {each.state}" for each in versions[:4]) or "none")
    if versions and versions[0].state == serving.REJECTED:
        reason = serving.version(connection, versions[0].arn).reason
        _line("rejected", reason or f"version {versions[0].number}, without a reason")
    endpoint = serving.live(connection, model)
    _line("endpoint", _served(endpoint))
    for place in elsewhere:
        if place.connection and (found := serving.live(place.connection, model)):
            _line(f"  {place}", _served(found))
    if versions and versions[0].state == serving.PENDING:
        version = f" {versions[0]}" if chosen else ""
        return 2, (f"millrace approve{version}", f"let version {versions[0].number} go live")
    if runs[0].state == "Failed":
        return 1, (f"millrace runs {runs[0].id}", "see why it failed")
    if endpoint is None:
        return 1, (f"millrace runs {runs[0].id}", "see why no version is approved")
    return 3, (f"millrace invoke{chosen}", "score sample rows at the endpoint")


def _served(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return "none yet"
    number = endpoint.package.rpartition("/")[2]
    return f"{endpoint.state} version {number}" if number else endpoint.state


def _drop(deployed: System, model: str, tables: list[str]) -> str:
    """The command that gives these tables their files; the model is named if another has tables of the same name."""
    others = {table for name, names in deployed.tables.items() if name != model for table in names}
    suffix = deployed.models[model].suffixes[0]
    files = " ".join(f"{table}{suffix}" for table in tables)
    return f"millrace drop {files}" + (f" --model {model}" if others & {*tables} else "")


def _files(connection: Connection, deployed: System, model: str) -> int:
    """Say how many files are in which state; the answer is how many are refused."""
    from millrace.cli import ledger

    if not deployed.ledger:
        return 0
    states = ledger.open_ledger(connection, deployed).states(model)
    style = screen.BUSY if states[ledger.REJECTED] else None
    if states:
        _line("files", ", ".join(f"{states[state]} {state}" for state in ledger.STATES if states[state]), style)
    return states[ledger.REJECTED]


def _dead_letters(connection: Connection, deployed: System) -> list[tuple[int, tuple[str, str]]]:
    from millrace.cli import dead_letters

    number = sum(dead_letters.count(connection, queue) for queue in dead_letters.queues(connection, deployed))
    if not number:
        return []
    _line("given up", f"{screen.number(number, 'message')} in the dead-letter queues", screen.BAD)
    return [(0, ("millrace replay dlq --list", "see what was given up on, and why"))]


def _line(name: str, text: str, style: str | None = None) -> None:
    screen.say(f"  {name.ljust(NAME_WIDTH)} {text}", style)


def _next(command: str, why: str) -> None:
    screen.say()
    screen.say(f"Next: {command}   ({why})", screen.STRONG)
    screen.say_path()
