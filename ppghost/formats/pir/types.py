"""Types of tensors and attributes of operators, as Python values that have been checked."""

import math
from typing import Any, NamedTuple

from ppghost.formats.pir.document import Attribute, Tagged
from ppghost.formats.pir.errors import Malformed, Unsupported
from ppghost.formats.program_desc import framework

#: Paddle's own limit
_MAX_RANK = 9
#: of one tensor: 4 GB of float32, as for an input
_MAX_NUMBERS = 2**30
#: name in PIR's types, name as an attribute, name in `VarType.Type`
_DTYPES = (
    ("bool", "bool", "BOOL"), ("i8", "int8", "INT8"), ("ui8", "uint8", "UINT8"),
    ("i16", "int16", "INT16"), ("i32", "int32", "INT32"), ("i64", "int64", "INT64"),
    ("f16", "float16", "FP16"), ("bf16", "bfloat16", "BF16"), ("f32", "float32", "FP32"),
    ("f64", "float64", "FP64"), ("c64", "complex64", "COMPLEX64"),
    ("c128", "complex128", "COMPLEX128"),
)  # fmt: skip
#: what an attribute of a type that nobody chose is
UNDEFINED = -1
_NUMBERS = {"INF": math.inf, "-INF": -math.inf, "NaN": math.nan}
#: of attributes: kind -> the Python types of what it holds
_PLAIN: dict[str, tuple[type, ...]] = {
    "0.a_bool": (bool, int),
    "0.a_i32": (int,),
    "0.a_i64": (int,),
    "0.a_f32": (float, int),
    "0.a_f64": (float, int),
    "0.a_str": (str,),
}


class TensorType(NamedTuple):
    """What a program says of a tensor: its `VarType.Type`, and its sizes, -1 where open."""

    dtype: int
    dims: tuple[int, ...]

    def numel(self) -> int | None:
        """How many numbers it holds, if that is known."""
        return None if -1 in self.dims else math.prod(self.dims)


#: of a result: one tensor, a list of them, or nothing
ResultType = TensorType | list[TensorType] | None


def result_type(tagged: Tagged | None) -> ResultType:
    """The type of a result.

    Raises:
        Malformed: it is none of Paddle's.
        Unsupported: it is neither a dense tensor nor a list of them.
    """
    if tagged is None or tagged.kind == "NULL":
        return None
    if tagged.kind != "0.t_vec":
        return tensor_type(tagged)
    if not isinstance(tagged.data, list):
        raise Malformed("a list of tensors without their types")
    return [tensor_type(_nested(item)) for item in tagged.data]


def tensor_type(tagged: Tagged) -> TensorType:
    """The type of one dense tensor; raises as `result_type`."""
    if tagged.kind != "0.t_dtensor":
        raise Unsupported("a result of type {kind!r}, which is no dense tensor", kind=tagged.kind)
    match tagged.data:
        case [{"#": str(name)}, [*dims], *_] if all(type(size) is int for size in dims):
            dims = [max(size, -1) for size in dims]
        case _:
            raise Malformed("a tensor without type and sizes")
    known = {f"0.t_{short}": dtype for short, _, dtype in _DTYPES}
    if name not in known:
        raise Unsupported("a tensor of type {name!r}", name=name)
    if len(dims) > _MAX_RANK or math.prod(max(size, 1) for size in dims) > _MAX_NUMBERS:
        raise Malformed("a tensor of sizes {dims}, which is too large", dims=str(dims)[:100])
    return TensorType(getattr(framework().VarType, known[name]), tuple(dims))


def attribute_value(attribute: Attribute) -> Any:
    """What an attribute holds: a bool, a number, a text, a list of these, or a `VarType.Type`.

    None for what only says where something is to be computed.

    Raises:
        Malformed: it holds something else than its kind says.
        Unsupported: it is of a kind that no attribute of Paddle 2.6 has.
    """
    return _value(attribute.value, attribute.name)


def _value(tagged: Tagged, name: str) -> Any:
    kind, data = tagged.kind, tagged.data
    if kind in _PLAIN:
        if tagged.special is not None and float in _PLAIN[kind]:
            data = _NUMBERS.get(tagged.special)
        if type(data) not in _PLAIN[kind]:
            raise Malformed(
                "attribute {name!r} holds no {kind}", name=name, kind=kind.partition(".a_")[2]
            )
        return data
    match kind, data:
        case "0.a_array", [*items]:
            # of single values: nothing that Paddle writes is deeper
            return [_item(_nested(item), name) for item in items]
        case "1.a_intarray", [*items] if all(type(item) is int for item in items):
            return items
        case "1.a_dtype", str(text):
            return _dtype(text)
        case "1.a_scalar", [_, bool() | int() | float() as number]:
            return number
        case "1.a_scalar", [_, {"VD": str(special)}] if special in _NUMBERS:
            return _NUMBERS[special]
        case "1.a_place", _:
            return None
        case (("0.a_array" | "1.a_intarray" | "1.a_dtype" | "1.a_scalar"), _):
            raise Malformed("attribute {name!r} does not hold what it says", name=name)
    raise Unsupported("an attribute {name!r} of kind {kind!r}", name=name, kind=kind)


def _item(tagged: Tagged, name: str) -> Any:
    if tagged.kind not in _PLAIN and tagged.kind not in ("1.a_scalar", "1.a_dtype"):
        raise Unsupported(
            "an attribute {name!r} of a list of {kind!r}", name=name, kind=tagged.kind
        )
    return _value(tagged, name)


def _dtype(text: str) -> int:
    if text.startswith("Undefined"):
        return UNDEFINED
    for _, name, dtype in _DTYPES:
        if text == name:
            return getattr(framework().VarType, dtype)
    raise Unsupported("numbers of type {text!r}", text=text)


def _nested(item: Any) -> Tagged:
    """A type or an attribute inside another one."""
    match item:
        case {"#": str(kind), **rest}:
            special = rest.get("VD")
            return Tagged(kind, rest.get("D"), special if isinstance(special, str) else None)
    raise Malformed("a list of something that has no kind")
