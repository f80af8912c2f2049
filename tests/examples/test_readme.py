"""The README begins with a program that can be read at a glance; `tests/docs` runs all its blocks."""

from tests.docs.blocks import ROOT, blocks_of


def test_ten_lines_work_before_line_thirty() -> None:
    """The first program stands before line 30, and is about ten lines long."""
    before = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    first = blocks_of("README.md")[0]

    assert first.language == "python"
    assert first.code in before
    assert len(first.code.splitlines()) <= 12
