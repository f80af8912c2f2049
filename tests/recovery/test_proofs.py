"""The command that runs all proofs: what it says of each, and with what status it ends."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.cli.shell import ROOT
from tools.proofs.catalogue import PROOFS, Proof, Run
from tools.proofs.command import main

HUNG = """
import sys
from tools.proofs.catalogue import Proof, Run
from tools.proofs.command import main
code = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'x'), flush=True); time.sleep(1000)"
run = Run("for ever", ("-c", code, sys.argv[1]), 1000)
raise SystemExit(main([], [Proof("hung", "it ends", run, run)]))
"""


def proof(name: str, code: str, denies: str = "") -> Proof:
    run = Run("once", ("-c", code), 0)
    return Proof(name, f"{name} holds", run, run, denies)


def test_all_held(capsys: pytest.CaptureFixture[str]) -> None:
    """Where every proof holds it ends with 0, and says so of each."""
    status = main([], [proof("one", ""), proof("two", "print('fine')")])

    assert status == 0
    assert capsys.readouterr().out.count("held") == 4


@pytest.mark.parametrize("code", ["raise SystemExit('went wrong')", "print('went wrong')"])
def test_one_failed(code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A proof that fails, or says what denies it, is named with its output, and makes it end with 1."""
    proofs = [proof("bad", code, denies="wrong"), proof("good", "")]
    status = main(["--out", str(tmp_path)], proofs)

    shown = capsys.readouterr().out
    assert status == 1
    assert "bad: bad holds: once: 0 s: FAILED\n    went wrong" in shown
    assert "good: good holds: once: 0 s: held" in shown
    assert (tmp_path / "bad.txt").read_text() == "went wrong\n"


def test_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """A name nobody knows is a mistake of use."""
    assert main(["nonsense"]) == 2
    assert "no proof nonsense" in capsys.readouterr().err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The list has every proof, and runs none."""
    assert main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PROOFS)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_programs_exist(proof: Proof) -> None:
    """Every proof is of a program, or a test, that there is."""
    for run in (proof.full, proof.quick):
        module = run.words[1]
        path, _, test = run.words[-1].partition("::") if module == "pytest" else (_path(module), "", "")
        assert (ROOT / path).exists()
        assert f"def {test}(" in (ROOT / path).read_text() or not test


def _path(module: str) -> str:
    path = Path(*module.split("."))
    return str(path / "__main__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, or SIGTERM, ends what runs, and the table says what was not run."""
    born = tmp_path / "born"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HUNG, str(born), stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    async with asyncio.timeout(20):
        while not (pid := _written(born)):  # noqa: ASYNC110  the system tells of no births
            await asyncio.sleep(0.05)
        process.send_signal(number)
        out, err = await process.communicate()

    assert process.returncode == 130, err.decode()
    assert "hung             not run" in out.decode()
    assert err == b""
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _written(path: Path) -> int:
    return int(path.read_text() or 0) if path.exists() else 0
