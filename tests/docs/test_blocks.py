"""Every code block of README and docs is run as it stands, or says why it can't be."""

import configparser
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks_in, blocks_of, files_before, pages
from tests.docs.shell import job_of, lines_of
from tests.docs.stage import Job, Result, Stage

MOST_NOT_RUN = 16  # of all blocks, so that the mark stays an exception
BY_SIGNAL = {0, 130}  # what a command may end with that was stopped by Ctrl-C
SHOWN = {"text", "html"}  # output and pages: nothing to run


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as started:
        yield started


@pytest.mark.timeout(1800)  # each block is held to a limit of its own
@pytest.mark.parametrize("page", [page for page in pages() if blocks_of(page)])
def test_a_page_does_what_it_says(page: str, stage: Stage, tmp_path: Path) -> None:
    """Each block of a page is run, or parsed, without an error."""
    for block in files_before(page):
        (tmp_path / str(block.title)).write_text(block.code)

    blocks = blocks_of(page)
    faults = {str(block): fault for block in blocks if (fault := fault_of(block, stage, tmp_path))}
    if tests := [str(block.title) for block in blocks if is_test(block)]:
        result = stage.run(Job("pytest", page, str(tmp_path), words=("-q", *tests)))
        if result.status or " passed" not in result.out:
            faults[", ".join(tests)] = told(result)

    assert not faults, "\n\n".join(f"{where}: {fault}" for where, fault in faults.items())


def test_what_is_not_run_says_why() -> None:
    """Few blocks are not run, and each gives a reason."""
    marked = [block for page in pages() for block in blocks_of(page) if block.why_not is not None]
    for block in marked:
        print(f"{block}: {block.why_not}")

    assert [str(block) for block in marked if len(str(block.why_not)) < 10] == []
    assert len(marked) <= MOST_NOT_RUN


PAGE = """\
<!-- not run: it costs money -->
```sh
buy
```

<!-- a remark -->
```python title="bot.py"
print(1)
```

- in a list:

    ```json
    {"a": 1}
    ```
"""


def test_blocks_are_found_with_their_marks() -> None:
    """A mark concerns the block that follows it and no other; a block in a list is a block."""
    found = blocks_in("page.md", PAGE)

    assert [(b.line, b.language, b.title, b.why_not) for b in found] == [
        (3, "sh", None, "it costs money"),
        (8, "python", "bot.py", None),
        (14, "json", None, None),
    ]
    assert found[2].code == '{"a": 1}\n'


BROKEN = {
    "a name from another block": ("python", "print(client)"),
    "a task that fails": (
        "python",
        "import asyncio\nasync def f(): 1 / 0\nasync def g():\n    "
        "asyncio.create_task(f())\n    await asyncio.sleep(0.01)\n    print(1)\nasyncio.run(g())",
    ),
    "a warning": ("python", "import warnings\nwarnings.warn('old')\nprint(1)"),
    "nothing to see": ("python", "pass"),
    "an unknown channel": ("sh", "deribit-ws tail ticker.NO-SUCH.100ms"),
    "an unknown option": ("sh", "deribit-ws tail --loud ticker.BTC-PERPETUAL.100ms"),
    "an unknown target": ("sh", "make coffee"),
    "an unknown extra": ("sh", "pip install '.[cloud]'"),
    "an unknown module": ("sh", "python -m tests.nothing"),
    "an unknown command": ("sh", "curl localhost"),
    "bad JSON": ("json", "{'a': 1}"),
    "bad TOML": ("toml", "a ="),
    "bad INI": ("ini", "a = 1"),
    "no language": ("", "print(1)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_noticed(name: str, stage: Stage, tmp_path: Path) -> None:
    """A block that does not do what it should is found out."""
    language, code = BROKEN[name]

    assert fault_of(Block("page", 1, language, code + "\n"), stage, tmp_path)


def is_test(block: Block) -> bool:
    """Whether a block is a file of tests."""
    return block.language == "python" and (block.title or "").startswith("test_")


def fault_of(block: Block, stage: Stage, folder: Path) -> str | None:
    """What is wrong with a block, in words; None where it does what it should."""
    if block.language == "python":
        return _fault_of_python(block, stage, folder)
    if block.why_not is not None or block.language in SHOWN:
        return None
    if block.language == "sh":
        return _fault_of_shell(block, stage, folder)
    if block.language not in PARSERS:
        return f"nobody knows how to run or parse {block.language!r}"
    try:
        PARSERS[block.language](block.code)
    except (ValueError, configparser.Error) as error:
        return f"it can't be parsed: {error}"
    return None


def _fault_of_python(block: Block, stage: Stage, folder: Path) -> str | None:
    if block.why_not is not None:
        compile(block.code, str(block), "exec")
        return None
    if is_test(block):  # run with the others of its page
        return None
    result = stage.run(Job("python", str(block), str(folder), code=block.code, seed=block.line))
    if "Traceback" in result.err or "Exception ignored" in result.err or result.status:
        return told(result)
    if result.how == "killed" or not (result.out or block.title):
        return f"it printed nothing\n{told(result)}"
    return None


def _fault_of_shell(block: Block, stage: Stage, folder: Path) -> str | None:
    for words in lines_of(block.code):
        try:
            job = job_of(words, str(block), str(folder))
        except ValueError as error:
            return str(error)
        if job is None:
            continue
        result = stage.run(job)
        if result.status not in BY_SIGNAL or "Traceback" in result.err:
            return f"{' '.join(words)}\n{told(result)}"
    return None


def told(result: Result) -> str:
    """The end of what a block had to say."""
    said = f"{result.how} with status {result.status}"
    return "\n".join([said, result.out[-600:], result.err[-3000:]])


def _ini(text: str) -> None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)  # systemd repeats its keys
    parser.read_string(text)


PARSERS: dict[str, Callable[[str], object]] = {"json": json.loads, "toml": tomllib.loads, "ini": _ini}
