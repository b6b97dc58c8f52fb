"""The stages of a network: its layers by the resolution of the maps that they write."""

import math

from ppghost.analysis import operators
from ppghost.analysis.graph import Graph, Operation, Tensor

HEAD = "head"
#: what decides a resolution; what other operators write has that of what they read
_SPATIAL = operators.CONVOLUTIONS | operators.TRANSPOSED | operators.POOLS
_RESIZING = ("interp", "pixel_shuffle", "pixel_unshuffle", "pad")
#: how far from a power of two a resolution may be to count as its stage
_NEAR = 0.1
#: height, width, and whether it is made of means over a whole map
_Place = tuple[int, int, bool]


def stages_of(graph: Graph) -> dict[Operation, str]:
    """The stage of every operation.

    It is the height of its maps as a part of the image's, "1/4", the same for any network. What
    squeeze and excitation computes from means over whole maps belongs to their stage; what comes
    after the last global pool is the head.
    """
    image = _image(graph)
    places: dict[int, _Place] = {}
    if image is not None:
        places[id(image[0])] = (*image[1], False)
    found: list[tuple[Operation, _Place]] = []
    default = (*image[1], False) if image else (0, 0, False)
    for op in graph.operations:
        place = _place(op, places, found[-1][1] if found else default)
        places |= {id(tensor): place for slot in op.outputs.values() for tensor in slot}
        found.append((op, place))
    head = len(found)
    while head and found[head - 1][1][2]:
        head -= 1
    height = default[0]
    return {
        op: HEAD if index >= head else _label(height, place)
        for index, (op, place) in enumerate(found)
    }


def _image(graph: Graph) -> tuple[Tensor, tuple[int, int]] | None:
    """The first input that is images, with its height and width."""
    for tensor in graph.inputs:
        if tensor.shape and len(tensor.shape) == 4:
            last = any(operators.is_channels_last(op) for op in tensor.readers)
            return tensor, tensor.shape[1:3] if last else tensor.shape[2:4]
    return None


def _place(op: Operation, places: dict[int, _Place], before: _Place) -> _Place:
    known = [places[id(tensor)] for tensor in op.activations if id(tensor) in places]
    # where a gate meets the maps that it is for, these decide
    height, width, pooled = max(known, key=lambda place: (not place[2], place[0]), default=before)
    shape = op.main_output.shape if op.main_output else None
    if operators.is_global_pool(op):
        return height, width, True
    moves = op.type in _SPATIAL or any(word in op.type for word in _RESIZING)
    if moves and not pooled and shape and len(shape) == 4:
        height, width = shape[1:3] if operators.is_channels_last(op) else shape[2:4]
    return height, width, pooled


def _label(image: int, place: _Place) -> str:
    height = place[0]
    if not height or not image:
        return "all"
    if height <= image:
        return f"1/{_factor(image, height)}"
    return f"{_factor(height, image)}/1"


def _factor(large: int, small: int) -> int:
    """A whole number; a power of two where one is near: without padding 224 becomes 13, not 14.

    So it is where halves were rounded up: of 320 the seventh is 3.
    """
    ratio = large / small
    power = 2 ** round(math.log2(ratio))
    near = abs(ratio / power - 1) < _NEAR or -(-large // power) == small
    return power if near else round(ratio)
