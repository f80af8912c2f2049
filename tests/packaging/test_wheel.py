"""The wheel is what a user gets: built by way of the sdist, installed where nothing else is, and used there.

Needs a package index. Everything happens in temporary folders; the tree is only copied from.
"""

import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "dist", "htmlcov")

pytestmark = pytest.mark.timeout(300)  # downloads, twice: the build's own environment and the user's


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "tree", ignore=NOT_SOURCE)
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", folder / "tree", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of an environment that holds the wheel and what it asks for, nothing else."""
    folder = tmp_path_factory.mktemp("user")
    venv.create(folder, with_pip=True)
    commands = folder / ("Scripts" if sys.platform == "win32" else "bin")
    run(commands / "python", "-m", "pip", "install", "-qq", wheel, cwd=folder)
    return commands


def test_contents(wheel: Path) -> None:
    """The wheel holds every module, the typing marker and its own description, and nothing else."""
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "deribit_ws").rglob("*.py")}

    assert {path for path in held if not path.split("/")[0].endswith(".dist-info")} == {
        *package,
        "deribit_ws/py.typed",
    }


def test_description(wheel: Path) -> None:
    """The wheel says its licence, its Python, and the two packages it needs at run time."""
    archive = zipfile.ZipFile(wheel)
    (path,) = (path for path in archive.namelist() if path.endswith(".dist-info/METADATA"))
    described = HeaderParser().parsestr(archive.read(path).decode())
    needed = [line for line in described.get_all("Requires-Dist", []) if "extra ==" not in line]

    assert (described["Name"], described["License-Expression"]) == ("deribit_ws", "MIT")
    assert described["Requires-Python"] == ">=3.11"
    assert [line.partition(">=")[0] for line in needed] == ["aiohttp", "msgspec"]


def test_import(user: Path) -> None:
    """The installed package imports with its two dependencies alone, warnings being errors."""
    said = run(
        user / "python", "-I", "-W", "error", "-c", "import deribit_ws; print(deribit_ws.__file__)", cwd=user
    )

    assert Path(said.strip()).is_relative_to(user.parent)


def test_command(user: Path) -> None:
    """The installed command is there; what it says without its extra is the command line's own test."""
    assert list(user.glob("deribit-ws*"))


def test_requirements_agree(user: Path) -> None:
    """What was installed contradicts itself nowhere."""
    assert "No broken requirements found" in run(user / "python", "-m", "pip", "check", cwd=user)
