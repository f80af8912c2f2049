"""The public face as type checkers see it. mypy strict checks api.py with all else, in `make lint`."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)  # it reads all of the package
def test_pyright() -> None:
    """pyright in strict mode agrees with every type that api.py promises, and with every error."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed: it comes with the dev group")
    if shutil.which("node") is None:
        pytest.skip("pyright needs Node.js, which is not here")
    project = str(ROOT / "pyproject.toml")  # else one in a folder above would come first
    command = [sys.executable, "-m", "pyright", "--project", project, "--pythonpath", sys.executable]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
