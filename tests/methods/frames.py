"""The literal frame of every method: the pairs in frames.txt, read.

Knows the form of that file: a call as a user writes it on one line, on the next the text that must
go out. Must not know the tables the methods are made from: the frames were written from the
exchange's reference, so that a slip in a table shows. It is data beside the code, because a frame
is one line, however long. `test_frames` goes through it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_suffix(".txt")


class Row(NamedTuple):
    """A call, and the frame it must put on the wire."""

    scope: str
    name: str
    arguments: dict[str, Any]
    frame: bytes


def read_rows() -> list[Row]:
    lines = [line for line in FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return list(_paired(iter(lines)))


def _paired(lines: Iterator[str]) -> Iterator[Row]:
    for call, frame in zip(lines, lines, strict=True):
        yield Row(*_parsed(call), frame.encode())


def _parsed(call: str) -> tuple[str, str, dict[str, Any]]:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    assert not node.args
    assert isinstance(node.func, ast.Attribute)
    assert isinstance(node.func.value, ast.Name)
    arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    return node.func.value.id, node.func.attr, arguments
