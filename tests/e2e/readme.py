"""The commands and snippets of a document, found by its fences and code spans."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from service.cli.main import main

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:switchhook|make|docker|kubectl|rabbitmqctl)\s[^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block, at a line of the document."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}-{self.language}-line-{self.line}"

    def commands(self) -> list[str]:
        """Return the commands of a shell script, continued lines and groups in one."""
        found: list[str] = []
        open_ = ""
        for line in self.text.splitlines():
            open_ += f"{line}\n"
            whole = not line.rstrip().endswith(("\\", "|", "{", "&&")) and _balanced(open_)
            if whole and open_.strip() and not open_.startswith("#"):
                found.append(open_.strip())
            if whole:
                open_ = ""
        return found


def blocks(document: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks in these languages, or all of them."""
    text = document.read_text("utf-8")
    return [
        Block(document.name, text[: found.start()].count("\n") + 1, found[1], found[2])
        for found in FENCED.finditer(text)
        if not languages or found[1] in languages
    ]


def spans(document: Path) -> list[str]:
    """Return the commands within sentences and tables, each once; alternatives are told apart."""
    text = FENCED.sub("", document.read_text("utf-8"))
    found = {" ".join(command.split()) for command in SPAN.findall(text)}
    return sorted({one for command in found for one in _alternatives(command)})


def has_placeholder(command: str, known: Sequence[str] = ()) -> bool:
    """Return whether something in a command stands for what only the reader knows."""
    words = [word for word in command.split() if word not in known]
    return any("…" in word or re.fullmatch(r"[A-Z]+", word) for word in words)


def must_exist(words: list[str]) -> None:
    """Raise AssertionError where there is no such command, or it has no such option."""
    found: click.Command = main
    while isinstance(found, click.Group) and words:
        assert words[0] in found.commands, words
        found, words = found.commands[words[0]], words[1:]
    options = {name for parameter in found.params for name in parameter.opts}
    wanted = {word for word in words if word.startswith("--")}
    assert wanted <= options, wanted - options


def needs_more(command: str) -> bool:
    """Return whether a sentence names a command only: what it is to act on is left out."""
    found: click.Command = main
    words = command.split()
    if words[0] != "switchhook":
        return True
    words = words[1:]
    while isinstance(found, click.Group) and words and words[0] in found.commands:
        found, words = found.commands[words[0]], words[1:]
    given = [word for word in words if not word.startswith("--")]
    wanted = [parameter for parameter in found.params if parameter.required]
    # It asks before it deletes.
    return isinstance(found, click.Group) or len(given) < len(wanted) or "discard" in command


def _alternatives(command: str) -> Iterator[str]:
    """`a b|c d` is `a b d` and `a c d`."""
    words = command.split()
    for at, word in enumerate(words):
        if "|" in word:
            for one in word.split("|"):
                yield " ".join([*words[:at], one, *words[at + 1 :]])
            return
    yield command


def _balanced(text: str) -> bool:
    return text.count("'") % 2 == 0 and text.count('"') % 2 == 0
