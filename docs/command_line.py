"""Puts what `deribit-ws … --help` says into the page about the command line, whenever that is built.

Knows mkdocs' hook for a page's text, and the marks `<!-- help -->` and `<!-- help: tail -->`. Must not know
what the commands do. mkdocs calls it; a test holds that no command is without its mark.
"""

import argparse
import os
import re
from collections.abc import Iterator
from typing import Any

from deribit_ws.cli.arguments import parser

MARK = re.compile(r"^<!-- help(?:: (?P<name>[a-z]+))? -->$", re.MULTILINE)


def helps() -> dict[str, str]:
    """What `--help` says, by command; "" is that of `deribit-ws` itself."""
    os.environ["COLUMNS"] = "80"  # else argparse asks the terminal
    main = parser(lambda: "")
    return {"": main.format_help()} | {name: sub.format_help() for name, sub in _commands(main)}


def _commands(main: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in main._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the marks of a page."""
    told = helps()
    return MARK.sub(lambda mark: f"```text\n{told[mark['name'] or '']}```", markdown)
