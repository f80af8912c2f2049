"""A live book's message is taken apart; what the parts cost is nobody's concern here."""

from pathlib import Path

import pytest

from benchmarks import book_parts
from benchmarks.race import Arena


def test_parts_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole is the sum of the parts measured alone and of the way between them."""
    monkeypatch.setattr(book_parts, "MESSAGES", 1_000)

    section = book_parts.measure(Arena(tmp_path, 0.01), rounds=1)

    ((_, table),) = section.tables
    found = {name: float(least) for name, least, _ in table.rows}
    parts = (book_parts.READING, book_parts.DECODING, book_parts.RULES, "the way")
    assert found[book_parts.WHOLE] == pytest.approx(sum(found[part] for part in parts), abs=0.03)
    assert all(found[part] > 0.0 for part in parts[:-1])
