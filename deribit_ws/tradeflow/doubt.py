"""A doubt: something may have been missed, and history was not asked since.

Knows: nothing else. A doubt that is cast while an answer is under way outlives that answer.
"""


class Doubt:
    """Cast as often as there is reason; settled by an answer to what was asked after the last one."""

    __slots__ = ("_asked", "_cast", "_settled")

    def __init__(self) -> None:
        self._cast = self._asked = self._settled = 0

    def __bool__(self) -> bool:
        return self._cast != self._settled

    def cast(self) -> None:
        """Have reason to ask."""
        self._cast += 1

    def ask(self) -> None:
        """Ask now: the answer will be about all doubts so far."""
        self._asked = self._cast

    def settle(self) -> None:
        """Take the answer to what was asked last as the end of it."""
        self._settled = self._asked
