"""The example bot, with its own suite: in a folder far from here, as somebody who copied it has it."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.plugin.runs import own

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(300)  # each starts a pytest of its own

BOT = Path(__file__).resolve().parents[2] / "examples" / "bot"
MOST_LINES = 120
FEWEST_MISHAPS = 12


def test_the_suite_of_the_bot_passes_anywhere(pytester: pytest.Pytester) -> None:
    """The bot's suite passes when its folder is copied out of the repository."""
    folder = pytester.path / "mine"
    shutil.copytree(BOT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = (sys.executable, "-m", "pytest", *own(), "-p", "no:cacheprovider", "-q", str(folder))
    result = pytester.run(*command)

    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes().keys() == {"passed"}
    assert result.parseoutcomes()["passed"] >= FEWEST_MISHAPS


def test_the_bot_is_short() -> None:
    """The bot can be read at one sitting."""
    assert len((BOT / "bot.py").read_text().splitlines()) <= MOST_LINES
