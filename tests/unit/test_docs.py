"""The README is true: every command is in it, and every target, command and file that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from millrace.cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)
FOLDERS = "settings|stacks|pipeline_code|lambda|millrace|tests|docs|benchmarks"


def named_files() -> list[str]:
    quoted = re.findall(rf"`((?:{FOLDERS})/[\w./-]*|[\w.-]+\.(?:py|json|toml|md)|\.importlinter)`", README)
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    return sorted({*quoted, *linked} - {"cdk.out"})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`millrace {command}" in README


@pytest.mark.parametrize("command", sorted(set(re.findall(r"millrace (?:--profile NAME )?([a-z]+)", README))))
def test_every_command_in_the_readme_exists(command: str) -> None:
    assert command in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]

    assert re.search(r"Examples?: .*millrace", found.help)


@pytest.mark.parametrize("option", ["--follow", "--fresh-data", "--step", "--open", "--profile"])
def test_the_options_in_the_readme_exist(option: str) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "millrace" / "cli").glob("*.py"))

    assert option in README
    assert f'"{option}"' in sources or f"{option.removeprefix('--')}: Annotated" in sources


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert target in TARGETS


@pytest.mark.parametrize("name", named_files())
def test_every_file_in_the_readme_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_readme_names_files_at_all() -> None:
    assert len(named_files()) > 10


def test_the_cdk_cli_is_pinned_exactly() -> None:
    assert re.search(r'"aws-cdk": "\d+\.\d+\.\d+"', (ROOT / "package.json").read_text())


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("requirements*.lock")))
def test_locks_are_hashed_and_name_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert "--hash=sha256:" in text
    assert not re.search(r"index-url|find-links|https?://", text)


def test_every_step_of_the_workshop_has_its_command() -> None:
    for notebook in ("1.1", "2.1", "3.1", "4.1", "5.1", "6.1", "8.1", "8.5", "9.1", "9.5"):
        assert f"| {notebook} " in README
