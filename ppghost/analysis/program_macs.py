"""Multiply-accumulates of any program: what timing layer by layer sets latencies against."""

from typing import Any

from ppghost.analysis.complexity import count


def count_macs(program: Any) -> int:
    """Multiply-accumulates of convolutions and fully connected layers, for one image.

    Args:
        program: a ProgramDesc whose sizes are known, but for the batch.
    """
    return count(program).macs
