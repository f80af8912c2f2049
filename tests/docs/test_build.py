"""The documentation builds strictly, and a page of it asks no third party for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

FETCHED = re.compile(
    r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=[\"']?(?P<url>(?:https?:)?//[^\"' >]+)"
)


@pytest.mark.timeout(600)  # some 15 s, on a machine that does nothing else
def test_it_builds_strictly_and_asks_nobody(tmp_path: Path) -> None:
    """`make docs` succeeds, and no page loads a font, script or picture from elsewhere."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: `make docs` has an environment of its own")
    pytest.importorskip("mkdocstrings_handlers.python", reason="mkdocstrings is not installed")

    built = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )

    assert built.returncode == 0, built.stderr  # `-q` would have it count no warnings
    fetched = {
        found["url"] for page in tmp_path.glob("**/*.html") for found in FETCHED.finditer(page.read_text())
    }
    assert fetched == set()
