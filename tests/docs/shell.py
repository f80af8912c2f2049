"""The lines of a shell block: which of them run, and how the others are checked without running them.

Knows the words our own documents use: `deribit-ws`, `python`, `pytest`, `make` and `pip`. Must not know how
anything is run. A line with any other command needs a mark on its block.
"""

import configparser
import re
import shlex
from importlib.util import find_spec

from tests.docs.blocks import ROOT
from tests.docs.stage import Job

PYTHON = re.compile(r"(?:\.venv(?:-[a-z]+)?/bin/)?python")
ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
EXTRAS = re.compile(r"(?:deribit_ws|\.)\[(?P<names>[a-z,]+)\]")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def lines_of(code: str) -> list[list[str]]:
    """The command of each line, as words, without assignments before it and pipes after it."""
    lines = code.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := _words(line))]


def _words(line: str) -> list[str]:
    words = shlex.split(line.partition(" | ")[0], comments=True)
    while words and ASSIGNMENT.fullmatch(words[0]):
        del words[0]
    return words


def job_of(words: list[str], where: str, folder: str) -> Job | None:
    """What is to be run for a command; None where its words were only checked.

    Raises:
        ValueError: nobody here knows how to run or to check it.
    """
    match words:
        case ["deribit-ws", *rest] | ["python", "-m", "deribit_ws", *rest]:
            return Job("command", where, folder, words=tuple(rest))
        case ["python", name] if name.endswith(".py"):
            return Job(
                "python", where, folder, code=f"import runpy; runpy.run_path({name!r}, run_name='__main__')"
            )
        case _:
            _check(words)
            return None


def _check(words: list[str]) -> None:
    match words:
        case ["pytest", *_] | ["python", "-m", "pytest", *_]:
            pass  # the tests of a page are run anyway
        case ["make", *targets] if targets:
            if unknown := {t for t in targets if "=" not in t} - TARGETS:
                raise ValueError(f"no such target of make: {', '.join(unknown)}")
        case ["pip", "install", *wanted]:
            _check_extras(" ".join(wanted))
        case [python, "-m", module, *_] if PYTHON.fullmatch(python) and find_spec(module):
            pass
        case ["python", script, *_] if (ROOT / script).exists():
            pass
        case _:
            raise ValueError(f"neither run nor checked, and not marked `not run`: {shlex.join(words)}")


def _check_extras(wanted: str) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    known = set(config["options.extras_require"])
    asked = {name for found in EXTRAS.finditer(wanted) for name in found["names"].split(",")}
    if unknown := asked - known:
        raise ValueError(f"no such extra: {', '.join(unknown)}")
