"""From which score on a teacher's boxes are taken for labels."""

import math
from collections.abc import Sequence

import numpy as np


def thresholds_by_count(
    scores: Sequence[np.ndarray], means: Sequence[float], images: int
) -> list[float]:
    """Of each class the score from which on there are as many boxes as there should be.

    Args:
        scores: of each class's boxes in all images.
        means: how many objects of each class an image has, in the mean.
        images: how many there are.

    Returns:
        Of each class a score that the last box to be taken has; infinity where none is to be
        taken, and the least score where there are too few.
    """
    limits = []
    for found, mean in zip(scores, means, strict=True):
        wanted = min(round(mean * images), len(found))
        limits.append(float(np.sort(found)[-wanted]) if wanted else math.inf)
    return limits
