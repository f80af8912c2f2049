"""The public surface is a list: whoever changes `deribit_ws.__all__` changes public_names.txt knowingly."""

from pathlib import Path

import deribit_ws

PROMISED = (Path(__file__).parent / "public_names.txt").read_text().split()


def test_list_is_sorted() -> None:
    """The list stays easy to compare: one name a line, sorted, none twice."""
    assert sorted(set(PROMISED)) == PROMISED


def test_public_names() -> None:
    """The package offers exactly the names it has promised."""
    assert sorted(deribit_ws.__all__) == PROMISED


def test_public_names_exist() -> None:
    """Every promised name can be imported."""
    assert [name for name in PROMISED if not hasattr(deribit_ws, name)] == []
