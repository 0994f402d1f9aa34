"""The README is true: every command is in it, and every target, command and file that it names exists.

README.ko.md says the same: section by section it names what README.md names, nothing less and nothing more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from millrace.cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
KOREAN = (ROOT / "README.ko.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def commands() -> dict[str, str]:
    """The help of each command by its words; `replay` is a group of commands."""
    found: dict[str, str] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {each}": below.help for each, below in getattr(command, "commands", {}).items()}
        found[name] = command.help
    return found


COMMANDS = commands()
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)
FOLDERS = "settings|checks|stacks|pipeline_code|lambda|millrace|tests|docs|benchmarks"


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
    assert re.search(r"Examples?: .*millrace", COMMANDS[command])


@pytest.mark.parametrize(
    "option", ["--follow", "--fresh-data", "--step", "--open", "--profile", "--correlation", "--state"]
)
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


@dataclass(frozen=True)
class Section:
    """What of a section must be the same in every language."""

    heading: str
    level: int
    names: frozenset[str]
    links: frozenset[str]
    blocks: tuple[tuple[str, ...], ...]
    table_rows: int
    list_items: int
    text: str


FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
DEMO = re.compile(r"<!-- demo:begin -->(.*?)<!-- demo:end -->", re.DOTALL)
READMES = {"README.md", "README.ko.md"}


def section(part: str) -> Section:
    title, _, body = part.partition("\n")
    marks, _, heading = title.partition(" ")
    text = FENCED.sub("", body)
    return Section(
        heading=heading,
        level=len(marks),
        names=frozenset(" ".join(name.split()) for name in re.findall(r"`([^`]+)`", text)),
        links=frozenset(link for link in re.findall(r"\]\(([^)]+)\)", text) if link.partition("#")[0] not in READMES),
        blocks=tuple(without_comments(block) for block in FENCED.findall(body)),
        table_rows=len(re.findall(r"^\|", text, re.MULTILINE)),
        list_items=len(re.findall(r"^ *(?:-|\d+\.) ", text, re.MULTILINE)),
        text=text,
    )


def without_comments(block: str) -> tuple[str, ...]:
    return tuple(re.sub(r"(^|\s)# .*", "", line).rstrip() for line in block.splitlines())


def sections(readme: str) -> list[Section]:
    return [section(part) for part in re.split(r"^(?=##+ )", DEMO.sub("", readme), flags=re.MULTILINE)]


PAIRS = [
    pytest.param(english, korean, id=english.heading)
    for english, korean in zip(sections(README), sections(KOREAN), strict=False)
]


def test_the_readmes_are_linked_to_each_other_at_the_top() -> None:
    assert "](README.ko.md)" in README.split("\n\n")[1]
    assert "](README.md)" in KOREAN.split("\n\n")[1]


def test_the_korean_readme_has_the_same_sections() -> None:
    assert [each.level for each in sections(KOREAN)] == [each.level for each in sections(README)]
    assert len(frozenset().union(*(each.names for each in sections(README)))) > 50


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_korean_section_names_the_same_commands_targets_and_files(english: Section, korean: Section) -> None:
    assert korean.names == english.names
    assert korean.links == english.links


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_korean_section_shows_the_same_blocks_tables_and_lists(english: Section, korean: Section) -> None:
    assert korean.blocks == english.blocks
    assert (korean.table_rows, korean.list_items) == (english.table_rows, english.list_items)


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_korean_section_is_in_korean(english: Section, korean: Section) -> None:
    assert korean.text != english.text
    assert re.search("[가-힣]", korean.text)


def test_the_korean_demo_output_is_an_excerpt_of_the_whole() -> None:
    (whole,), (excerpt,) = DEMO.findall(README), DEMO.findall(KOREAN)

    assert set(demo_lines(excerpt)) <= set(demo_lines(whole))
    assert len(re.findall(r"^\d\. ", excerpt, re.MULTILINE)) == len(re.findall(r"^\d\. ", whole, re.MULTILINE))


def demo_lines(output: str) -> list[str]:
    """The lines, without what is another one each time: the run's name and the figures."""
    return [re.sub(r"\b[0-9a-z]{12}\b|\d+\.\d+", "...", line) for line in output.splitlines() if line]
