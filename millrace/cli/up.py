"""`millrace up`, `down` and `reset`: the life of the embedded AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from millrace.cli import project, screen, server
from millrace.errors import MillraceError


def up() -> None:
    """Start the embedded AWS (it stays up until `millrace down`).

    Example: MILLRACE_PORT=4600 millrace up
    """
    running, started = server.start()
    screen.say(f"The embedded AWS {'is up' if started else 'was already up'} at {running.url}")
    screen.facts(
        [
            ("log", project.short(running.folder / "server.log")),
            ("use it", 'eval "$(millrace env)"'),
            ("stop it", "millrace down"),
        ]
    )
    screen.say_path()


def down() -> None:
    """Stop the embedded AWS and everything that runs in it.

    Example: millrace down
    """
    running = server.find()
    if running is None:
        screen.say("The embedded AWS is not running.")
        return
    server.stop(running)
    screen.say("The embedded AWS is stopped.")


def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the whole state of the embedded AWS: stacks, data, runs, models, endpoints.

    Example: millrace reset --yes
    """
    folder = project.home()
    if not folder.is_dir():
        screen.say(f"There is no state in {project.short(folder)}.")
        return
    if not yes and not typer.confirm(f"Delete everything in {project.short(folder)}?"):
        screen.say("Nothing is deleted.")
        raise typer.Exit(1)
    running = server.find(folder)
    if running:
        server.stop(running)
    elif not server.is_state(folder):
        raise MillraceError(f"{folder} does not look like the state of an embedded AWS: remove it by hand if it is")
    server.remove_state(folder)
    screen.say("The state is deleted." + (" `millrace up` starts afresh." if running else ""))
