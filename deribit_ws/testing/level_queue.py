"""The queue at one price: users' orders one by one, the crowd's amounts in lumps between them.

Knows: who came before whom, in whole lots. Must not know: prices, users, what an order is beyond
its id. A `book` side keeps one for each level in which a user's order rests; where only the crowd
waits the amount alone is enough, and nothing is queued.
"""


class Resting:
    """Lots that wait at a price; `order_id` None is a lump of the crowd's."""

    __slots__ = ("lots", "order_id")

    def __init__(self, order_id: str | None, lots: int) -> None:
        self.order_id = order_id
        self.lots = lots


class LevelQueue:
    """First come, first met; what the crowd withdraws, it withdraws from behind."""

    __slots__ = ("slots",)

    def __init__(self, crowd: int) -> None:
        self.slots = [Resting(None, crowd)] if crowd else []

    @property
    def crowd(self) -> int:
        """What the crowd has here."""
        return sum(slot.lots for slot in self.slots if slot.order_id is None)

    @property
    def owned(self) -> bool:
        """Whether a user's order is among them."""
        return any(slot.order_id is not None for slot in self.slots)

    def add(self, resting: Resting) -> None:
        """Go to the end; two lumps of the crowd's in a row are one."""
        last = self.slots[-1] if self.slots else None
        if resting.order_id is None and last is not None and last.order_id is None:
            last.lots += resting.lots
        else:
            self.slots.append(resting)

    def take(self, lots: int) -> list[tuple[Resting, int]]:
        """Meet what is in front, and tell how much of each was met."""
        met = []
        while lots and self.slots:
            first = self.slots[0]
            taken = min(lots, first.lots)
            first.lots -= taken
            lots -= taken
            met.append((first, taken))
            if not first.lots:
                del self.slots[0]
        return met

    def shrink(self, resting: Resting, lots: int) -> None:
        """Take lots away from an order, which keeps its place while it has any."""
        resting.lots -= lots
        if not resting.lots:
            self.slots.remove(resting)

    def withdraw(self, lots: int) -> int:
        """Take up to so much of the crowd's away, the latest first; tells how much it was."""
        left = lots
        for slot in [slot for slot in reversed(self.slots) if slot.order_id is None]:
            taken = min(left, slot.lots)
            slot.lots -= taken
            left -= taken
        self.slots = [slot for slot in self.slots if slot.lots]
        return lots - left
