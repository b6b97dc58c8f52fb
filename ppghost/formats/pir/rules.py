"""How operators of Paddle 3 are said in Paddle 2.6: `operators.json`, a row for each.

Sources: the order of operands, `paddle/fluid/pir/dialect/operator/ir/pd_op.h` of Paddle 3's wheels;
slots and types of attributes, Paddle 2.6.2's operator definitions; renames,
`paddle/phi/ops/yaml/op_compat.yaml`. Every row was tried: exported by Paddle 3, translated, run in
Paddle 2.6.2, and the outputs compared (docs/paddle3.md).
"""

import functools
from pathlib import Path
from typing import Any

import msgspec


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one operator is said.

    Attributes:
        type: of the operator of Paddle 2.6.
        inputs: for each operand its slot; "-" where there is none; "=ATTRIBUTE|SLOT|LIST": a
            constant is that attribute, else a tensor is in SLOT and a list of tensors in LIST.
        outputs: for each result its slot, "-" where there is none.
        attributes: those of Paddle 2.6, with their types (`AttrType`).
        renamed: attributes of Paddle 3 that have another name in 2.6.
        added: attributes that Paddle 3 lacks, with the values that it computes with.
        only: attributes that Paddle 2.6 lacks, with the values that it computes with.
        ignored: attributes of Paddle 3 that say nothing about the result.
    """

    type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, str] = {}
    renamed: dict[str, str] = {}
    added: dict[str, Any] = {}
    only: dict[str, Any] = {}
    ignored: list[str] = []


@functools.cache
def rules() -> dict[str, Rule]:
    """By the operator's name in Paddle 3, without the "_" of one that works in place."""
    content = Path(__file__).with_name("operators.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, Rule])
