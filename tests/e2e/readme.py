"""The commands and snippets of a document, found by its fences and code spans."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:switchhook|make|docker|kubectl|rabbitmqctl)\s[^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block, at a line of the document."""

    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.language}-line-{self.line}"

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
        Block(text[: found.start()].count("\n") + 1, found[1], found[2])
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
