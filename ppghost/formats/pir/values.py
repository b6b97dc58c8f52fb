"""What stands behind an id of a program while it is translated."""

from typing import NamedTuple, TypeAlias

from ppghost.formats.pir.types import TensorType


class Variable(NamedTuple):
    """A tensor that is there when the program runs."""

    name: str
    type: TensorType


class Constant(NamedTuple):
    """Numbers that are known: an attribute in Paddle 2.6, or a tensor where there is none.

    Attributes:
        numbers: of the tensor, in order; once, if all are the same.
        type: of the tensor, whose sizes are known.
    """

    numbers: tuple[float, ...]
    type: TensorType


class TensorList(NamedTuple):
    """Several tensors as one operand."""

    items: tuple[Variable | Constant, ...]


#: None is an operand that is not given
Operand: TypeAlias = Variable | Constant | TensorList | None


class OpenSize(NamedTuple):
    """The size of a tensor along an axis, known when the program runs."""

    of: Variable
    axis: int


#: a number of a shape: known, the size of something, or computed by the program
Size: TypeAlias = int | OpenSize | Variable
