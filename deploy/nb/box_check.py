"""Whether two suppressions left the same boxes."""

from typing import TYPE_CHECKING

from ppghost.deploy.nb.difference import NOTHING, Difference
from ppghost.errors import ConversionError

if TYPE_CHECKING:
    import numpy as np

#: of the boxes that a suppression left this share must be there in both, and all but one of a few:
#: a candidate at its threshold comes or goes with the last bit
CHECK_BOXES = 0.9
#: what is the same box: scores that are as near, and sides that are within this share of its size
_BOX_SCORE, _BOX_SIDES = 1e-2, 1e-2


def compare_boxes(found: "np.ndarray", right: "np.ndarray", least: float) -> Difference:
    """Boxes in any order; of both sides the share `least` must have a partner."""
    import numpy as np

    pairs = _matched_boxes(found, right)
    most = max(len(found), len(right))
    allowed = (1 - least) * most
    missing, more = len(right) - len(pairs), len(found) - len(pairs)
    # one box that comes or goes may stand at the threshold; another in its place does not
    if min(missing, more) > allowed or max(missing, more) > max(allowed, 1):
        raise ConversionError(
            "the converted model finds other boxes than Paddle ({count} of {right_count} "
            "are the same, {found_count} found)",
            count=len(pairs),
            right_count=len(right),
            found_count=len(found),
        )
    difference = max((float(np.abs(a - b).max()) for a, b in pairs), default=0.0)
    return {
        **NOTHING,
        "max_abs_diff": difference,
        "equal": len(pairs) / most if most else 1.0,
    }


def _matched_boxes(
    found: "np.ndarray", right: "np.ndarray"
) -> "list[tuple[np.ndarray, np.ndarray]]":
    """Rows of both that are the same box, each once."""
    import numpy as np

    left = found
    pairs = []
    for row in right:
        size = max(float(np.abs(row[4:] - row[2:4]).max()), 1e-6)
        alike = (
            (left[:, 0] == row[0])
            & (np.abs(left[:, 1] - row[1]) <= _BOX_SCORE)
            & (np.abs(left[:, 2:] - row[2:]).max(1) <= _BOX_SIDES * size)
        )
        if alike.any():
            index = int(alike.argmax())
            pairs.append((left[index], row))
            left = np.delete(left, index, axis=0)
    return pairs
