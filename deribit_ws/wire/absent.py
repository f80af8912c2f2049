"""How an answer's field that need not be there is typed.

Knows: the difference between a field left out and one that is null. Must not know: any payload. The
rooms of answers use it, so that a shape that surprises still decodes, and encodes back as it came.
"""

from typing import TypeAlias, TypeVar

from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Maybe", "UnsetType"]

T = TypeVar("T")

Maybe: TypeAlias = T | UnsetType | None
"""A field that may be left out (UNSET, which is false) or null (None)."""
