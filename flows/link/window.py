"""Which requests are on their way to a board, and what an answer says about the others."""

from __future__ import annotations

from collections import deque


class Window:
    """The transmissions that have not been answered, in the order in which they were sent.

    A board answers in that order. An answer therefore tells that every earlier transmission was lost, or its answer
    was. `size`: how many the board takes at once.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._sent: deque[int] = deque()

    @property
    def free(self) -> bool:
        return len(self._sent) < self.size

    @property
    def empty(self) -> bool:
        return not self._sent

    @property
    def last(self) -> int | None:
        """The transmission that was sent last, if it is still unanswered."""
        return self._sent[-1] if self._sent else None

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._sent

    def send(self, sequence: int) -> None:
        """Notes a transmission; there must be room."""
        self._sent.append(sequence)

    def answered(self, sequence: int) -> list[int]:
        """Sequence numbers of the transmissions that the answer to `sequence` shows to be lost."""
        lost = []
        while (first := self._sent.popleft()) != sequence:
            lost.append(first)
        return lost

    def give_up(self) -> list[int]:
        """Takes all transmissions for lost; their sequence numbers."""
        lost = list(self._sent)
        self._sent.clear()
        return lost
