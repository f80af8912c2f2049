"""What the fixtures promise beside starting and closing: seeds, reports, and failures nobody can overlook.

`failing` is run once, and once more from another folder; the tests here read what pytest said of it.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.runs import INI, PLUGIN, own, run

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(300)  # each starts a pytest of its own

SUITE = Path(__file__).with_name("failing.py")
HEADING = re.compile(r"^_{3,} (?:ERROR at \w+ of )?(\w+)\S* _{3,}$", re.MULTILINE)


def said_in(folder: Path, below: str) -> str:
    """Run the suite, which stands in a folder below the one in which pytest is started; give the output."""
    suite = folder / below / "test_suite.py"
    suite.parent.mkdir(exist_ok=True)
    suite.write_text(SUITE.read_text())
    (folder / "pytest.ini").write_text(INI.format(mode="auto"))
    command = [sys.executable, "-m", "pytest", *own(), "-p", "no:cacheprovider", "-rA", "-W", "default"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    return said_in(tmp_path_factory.mktemp("suite"), ".")


def about(test: str, said: str) -> str:
    """What was said of one test."""
    parts = HEADING.split(said)
    return "\n".join(text for name, text in zip(parts[1::2], parts[2::2], strict=True) if name == test)


def outcome(test: str, said: str) -> set[str]:
    """The outcomes of a test, in its three phases."""
    return set(re.findall(rf"^(PASSED|FAILED|ERROR) test_suite.py::{test}\b", said, re.MULTILINE))


def test_a_failure_tells_its_story(said: str) -> None:
    """A failed test shows of each exchange its seed and what happened last, faults among it; no secret."""
    told = about("test_story", said).partition("Captured deribit_exchange call")[2]

    assert outcome("test_story", said) == {"FAILED"}
    assert re.search(r"s  connection 1 asked public/auth .*'client_id': 'simulated'", told)
    assert re.search(r"s  injected Drop\(.*1001.* into connection 1", told)
    assert re.search(r"s  connection 1 dropped: Drop\(", told)
    assert "deribit_exchange(seed=12): " in told
    assert "hidden" not in told


def test_the_seed_is_the_name_of_the_test(said: str, tmp_path: Path) -> None:
    """Each exchange of each test has a seed of its own, the same in each run, wherever pytest is started."""
    below = said_in(tmp_path, "below")
    seeds = re.findall(r"seeds (\d+) (\d+)", said)

    assert len({seed for pair in seeds for seed in pair}) == 4
    assert re.findall(r"seeds (\d+) (\d+)", below) == seeds


def test_each_example_has_the_same_market(said: str) -> None:
    """Under hypothesis every example has the same seed, and of all that failed only the last is shown."""
    told = about("test_examples", said)
    seeds = re.findall(r"example on (\d+)", told)

    assert outcome("test_examples", said) == {"FAILED"}
    assert len(seeds) > 1
    assert re.findall(r"deribit_exchange\(seed=(\d+)\)", told) == list(set(seeds))


def test_a_callback_that_raises_fails_the_test(said: str) -> None:
    """What a callback raised fails a test that would have passed."""
    told = about("test_callback", said)

    assert outcome("test_callback", said) == {"FAILED"}
    assert "callbacks raised what the test did not expect" in told
    assert "ZeroDivisionError: a slip\nin callback Slip.quote on quote.BTC-PERPETUAL" in told


def test_a_test_that_failed_tells_of_callbacks_too(said: str) -> None:
    """What a callback raised stands beside what the test itself raised."""
    told = about("test_callback_and_more", said)

    assert outcome("test_callback_and_more", said) == {"FAILED"}
    assert re.search(r"the test's own[\s\S]*and its callbacks raised:[\s\S]*a slip\nin callback", told)


def test_a_callback_that_raises_at_teardown_is_an_error(said: str) -> None:
    """What a callback raised while fixtures were torn down is an error beside a test that has passed."""
    assert outcome("test_callback_at_teardown", said) == {"PASSED", "ERROR"}
    assert "a slip\nin callback" in about("test_callback_at_teardown", said)


def test_what_is_expected_fails_nothing(said: str) -> None:
    """A test passes whose callbacks raised what it expected, or whose client was sent rubbish."""
    assert outcome("test_callback_expected", said) == outcome("test_frame", said) == {"PASSED"}


def test_a_client_left_open_is_a_warning(said: str) -> None:
    """A client that the test opened itself and did not close is warned of; the test has passed."""
    assert outcome("test_left_open", said) == {"PASSED"}
    assert "PytestWarning: a client is still open at the end of the test" in said


@pytest.mark.parametrize(
    ("test", "ended", "words"),
    [
        ("test_time", "ERROR", "UsageError: only the body of a test is in virtual time"),
        ("test_loops", "FAILED", "UsageError: the exchange and its clients need one loop"),
        ("test_closed_loop", "ERROR", "was left open on a loop that is closed"),
    ],
)
def test_a_wrong_use_is_told(said: str, test: str, ended: str, words: str) -> None:
    """What can't work is told in one line."""
    assert ended in outcome(test, said)
    assert words in about(test, said)


def test_it_costs_nobody_anything(pytester: pytest.Pytester) -> None:
    """A suite that does not use the fixtures imports nothing of the package but the fixtures themselves."""
    suite = f"""
import sys

def test_it():
    mine = {{name for name in sys.modules if name.split(".")[0] == "deribit_ws"}}
    assert mine == {{"deribit_ws", "{PLUGIN}"}}
"""
    run(pytester, suite).assert_outcomes(passed=1)


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    """`-p no:deribit_ws` takes the fixtures away, and nothing else."""
    suite = """
import pytest

def test_it(request):
    with pytest.raises(pytest.FixtureLookupError):
        request.getfixturevalue("deribit_exchange")
"""
    pytester.makepyfile(test_suite=suite)
    name = PLUGIN if own() else "deribit_ws"

    pytester.runpytest_subprocess("-p", f"no:{name}", "-p", "no:cacheprovider").assert_outcomes(passed=1)
