"""bfloat16, which numpy lacks: the upper half of a float32, in files the bits as uint16."""

import numpy as np


def to_float32(bits: np.ndarray) -> np.ndarray:
    """bfloat16 values, given as uint16 of any shape, as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def decode_paddle(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a file of Paddle's, its bfloat16 ones as float32.

    Paddle hands bfloat16 to numpy as uint16, and has no uint16 of its own. An array under several
    names stays one array.
    """
    decoded = {id(a): to_float32(a) for a in arrays.values() if a.dtype == np.uint16}
    return {name: decoded.get(id(array), array) for name, array in arrays.items()}
