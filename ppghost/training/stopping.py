"""Whether a run stops after a step: what each of its processes wishes, and what they decide."""

import numpy as np

from ppghost.training.distributed import Group
from ppghost.training.interrupt import InterruptHandler

#: what a process may wish for; a callback's, of the main process alone, is below any interruption
_INTERRUPT, _END = 1.0, 0.5


class Ended(Exception):
    """A callback ended the run."""


class StopVote:
    """All processes of a group stop at the same step: the sum of their wishes decides."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.signals = InterruptHandler()
        self.end_requested = False  # by a callback

    def wish(self) -> float:
        """What this process has to say on going on; 0 if nothing."""
        if self.signals.requested or self.group.orphaned():
            return _INTERRUPT
        return _END if self.end_requested else 0.0

    def sum(self) -> float:
        """The wishes of all processes, asked where they meet between steps."""
        return float(self.group.sum(np.array([self.wish()]))[0])

    @staticmethod
    def is_end(wishes: float) -> bool:
        """Whether the sum of the wishes means: ended by a callback, interrupted by nobody."""
        return wishes < (_INTERRUPT + _END) / 2  # between the two: a sum of float32 shares
