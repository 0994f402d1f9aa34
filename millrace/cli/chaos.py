"""`millrace chaos`: makes the embedded AWS as unkind as AWS can be, by a seed, and shows what it did."""

from __future__ import annotations

import json
import re
import urllib.error
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from millrace.cli import screen, server
from millrace.cli.connect import Options
from millrace.errors import MillraceError

ROUTE = "/_millrace/faults"
WITH_TIME = ("duplicate", "reorder", "delay", "redeliver")
WITH_MOMENT = ("redeliver", "crash")
HOW_OFTEN = re.compile(r"(?:(?P<number>\d+(?:\.\d+)?|\.\d+)(?P<percent>%)?|#(?P<nth>\d+))(?:x(?P<times>\d+))?")
SHOWN = 10

EVENT = "[EVENT=]SHARE"
MESSAGE = "[before:|after:][QUEUE=]SHARE"
CALL = "[SERVICE:OPERATION=]SHARE"
OWN_CALL = "[before:|after:][SERVICE:OPERATION=]SHARE"

Shares = list[str] | None


class Action(StrEnum):
    show = "show"
    set = "set"
    off = "off"


def chaos(
    context: typer.Context,
    action: Annotated[Action, typer.Argument(help="Show what goes wrong, set it, or end it.")] = Action.show,
    duplicate: Annotated[Shares, typer.Option(help="Deliver events twice.", metavar=EVENT)] = None,
    reorder: Annotated[Shares, typer.Option(help="Let the next event to a target overtake.", metavar=EVENT)] = None,
    delay: Annotated[Shares, typer.Option(help="Deliver events later.", metavar=EVENT)] = None,
    drop: Annotated[Shares, typer.Option(help="Never deliver events.", metavar=EVENT)] = None,
    redeliver: Annotated[Shares, typer.Option(help="Give a function messages twice.", metavar=MESSAGE)] = None,
    throttle: Annotated[Shares, typer.Option(help="Refuse calls as too frequent.", metavar=CALL)] = None,
    lose_answer: Annotated[Shares, typer.Option(help="Do what calls ask, answer an error.", metavar=CALL)] = None,
    crash: Annotated[Shares, typer.Option(help="End a function before or after a call.", metavar=OWN_CALL)] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same decisions.")] = 1,
    by: Annotated[
        str, typer.Option(help="Only of this rule, function, role or user; wildcards are fine.", metavar="NAME")
    ] = "*",
    seconds: Annotated[
        float | None, typer.Option(help="How late something comes, by the clock of the embedded AWS.", min=0)
    ] = None,
) -> None:
    """Make events, queues, calls and functions go wrong, as they do on AWS now and then. A SHARE is 20%, 0.2, or #3
    for only the third; x5 after it means: at most five times. docs/chaos.md tells more.

    Examples: millrace chaos set --duplicate 20% --drop 1% --crash 'after:dynamodb:PutItem=#1'; millrace chaos off
    """
    given = {
        "duplicate": duplicate,
        "reorder": reorder,
        "delay": delay,
        "drop": drop,
        "redeliver": redeliver,
        "throttle": throttle,
        "lose-answer": lose_answer,
        "crash": crash,
    }
    faults = [fault(kind, text, by=by, seconds=seconds) for kind, texts in given.items() for text in texts or ()]
    if bool(faults) != (action is Action.set):
        raise MillraceError(
            "nothing to go wrong: `millrace chaos set --duplicate 20%`, or see `millrace chaos --help`"
            if action is Action.set
            else "say `millrace chaos set` to make something go wrong"
        )
    running = _running(context.obj)
    if action is Action.set:
        _show(_ask(running, "POST", {"seed": seed, "faults": faults}))
    else:
        _show(_ask(running, "DELETE" if action is Action.off else "GET"))


def fault(kind: str, text: str, *, by: str, seconds: float | None) -> dict[str, Any]:
    """A fault as the embedded AWS takes it, from what stands after an option: `after:sqs:SendMessage=20%x5`."""
    when, rest = "", text
    if kind in WITH_MOMENT and text.startswith(("before:", "after:")):
        when, _, rest = text.partition(":")
    what, _, often = rest.rpartition("=")
    found = HOW_OFTEN.fullmatch(often)
    if not found:
        raise MillraceError(
            f"--{kind} {text}: {often!r} is no share; write 20%, 0.2 or #3, and x5 after it for at most five times"
        )
    made: dict[str, Any] = {"kind": kind, "what": what or "*", "by": by}
    if found["nth"]:
        made["nth"] = int(found["nth"])
    else:
        made["rate"] = float(found["number"]) / (100 if found["percent"] else 1)
    if found["times"]:
        made["times"] = int(found["times"])
    if when:
        made["when"] = when
    if seconds is not None and kind in WITH_TIME:
        made["seconds"] = seconds
    return made


def _running(options: Options) -> server.Server:
    if options.profile:
        raise MillraceError("`millrace chaos` is for the embedded AWS; a real account goes wrong by itself")
    running = server.find()
    if running is None:
        raise MillraceError("the embedded AWS is not running: `millrace up` starts it")
    return running


def _ask(running: server.Server, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        return server.call(running, ROUTE, body, method=method)
    except urllib.error.HTTPError as error:
        raise MillraceError(str(json.loads(error.read())["error"])) from error


def _show(told: Mapping[str, Any]) -> None:
    if not told["on"] and not told["faults"]:
        screen.say("Nothing goes wrong on request. `millrace chaos set --duplicate 20%` would begin.")
        return
    screen.say(f"Faults are {'on' if told['on'] else 'off'}, seed {told['seed']}.")
    if told["faults"]:
        rows = [_row(each) for each in told["faults"]]
        screen.table(("fault", "what", "by", "how often", "met", "done"), rows, indent="  ")
    if told["held"]:
        screen.say(f"{told['held']} deliveries are held back.")
    _show_last(told["injected"])


def _row(fault: Mapping[str, Any]) -> tuple[object, ...]:
    often = f"only #{fault['nth']}" if "nth" in fault else f"{fault['rate']:.3g}"
    often += f", {fault['times']} times at most" if "times" in fault else ""
    often += f", {fault['seconds']:g} s" if fault.get("seconds") else ""
    kind = f"{fault['kind']} {fault['when']}" if "when" in fault else fault["kind"]
    return kind, fault["what"], fault["by"], often, fault["seen"], fault["done"]


def _show_last(injected: Sequence[Mapping[str, Any]]) -> None:
    if injected:
        screen.heading("Last of what was done")
    for each in injected[-SHOWN:]:
        time = datetime.fromtimestamp(float(each["time"]), UTC).strftime("%H:%M:%S")
        screen.say(f"  {time}  {each['kind']}  {each['what']} of {each['by']}  ({each['about']})")
