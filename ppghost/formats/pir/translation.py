"""A program of Paddle 3, operator by operator, as one of Paddle 2.6."""

from collections.abc import Sequence
from typing import Any

from ppghost.formats.pir.constants import CONSTANTS
from ppghost.formats.pir.context import Call, Context, single_result
from ppghost.formats.pir.document import (
    PARAMETER,
    Attribute,
    Operation,
    Value,
    parameter,
)
from ppghost.formats.pir.errors import Malformed, PirError, Unsupported
from ppghost.formats.pir.legacy import Operator, Program, typed
from ppghost.formats.pir.rules import Rule, rules
from ppghost.formats.pir.sizes import add_sizes, fold
from ppghost.formats.pir.special import FINISHED, REPLACED
from ppghost.formats.pir.structure import STRUCTURE
from ppghost.formats.pir.types import TensorType, attribute_value, result_type, tensor_type
from ppghost.formats.pir.values import Constant, Operand, TensorList, Variable

#: dialects by the number that stands for them
_DIALECTS = {"0": "builtin", "1": "pd_op", "2": "cf", "3": "custom_op", "4": "dist"}
_BUILTIN, _OPERATORS = "0", "1"
#: attributes of every operator that say nothing about what it computes
_NOTES = ("struct_name", "stop_gradient", "persistable", "op_role", "op_dist_attr", "op_callstack")
#: operators that work in place: which operand, if not the first
_OVERWRITTEN = {"1.assign_out_": 1}
#: statistics do not change in evaluation
_SAME_AFTERWARDS = ("1.batch_norm_", "1.rnn_")
#: operators whose operands are nothing but places to write to
_UNREAD = ("1.assign_value_",)
_CONTROL_FLOW = ("1.if", "1.while")
#: operators that have no row in the table
_WHOLE = {**STRUCTURE, **CONSTANTS, **REPLACED}


def translate(operations: Sequence[Operation]) -> Program:
    """The program of Paddle 2.6 that computes the same.

    Args:
        operations: of the whole program, in order.

    Raises:
        PirError: it is damaged, or cannot be said in Paddle 2.6.
    """
    context = Context(Program(reserved=_names_from_outside(operations)))
    for operation in operations:
        try:
            if operation.kind == PARAMETER:
                _declare_parameter(context, operation)
            else:
                _translate(context, _call(context, operation))
                _mark_overwritten(context, operation)
        except PirError as error:
            raise type(error)(
                "{readable}: {error}", readable=_readable(operation), error=error
            ) from error
    if not context.program.fetches:
        raise Malformed("a program that has no output")
    return context.program


def _names_from_outside(operations: Sequence[Operation]) -> set[str]:
    """The names of parameters and inputs."""
    return {
        text
        for operation in operations
        for attribute in operation.attributes
        if operation.kind in (PARAMETER, "1.data")
        for text in (_text(attribute),)
        if isinstance(text, str)
    }


def _text(attribute: Attribute | int | str) -> Any:
    return attribute.value.data if isinstance(attribute, Attribute) else attribute


def _readable(operation: Operation) -> str:
    """An operator as people know it: pd_op.conv2d."""
    if operation.kind == PARAMETER:
        return "a parameter"
    dialect, dot, name = operation.kind[:100].partition(".")
    return f"{_DIALECTS.get(dialect, dialect)}{dot}{name}"


def _declare_parameter(context: Context, operation: Operation) -> None:
    found = parameter(operation)
    if not found.is_stored:
        # states of dropout in an LSTM: no operator of Paddle 2.6 reads them
        return
    type_ = tensor_type(found.type)
    context.program.declare_outside(found.name, type_)
    context.program.parameters.add(found.name)
    context.define(found.id, Variable(found.name, type_))


def _call(context: Context, operation: Operation) -> Call:
    """An operator with its operands looked up. Raises PirError."""
    if operation.kind in _CONTROL_FLOW or operation.regions:
        raise Unsupported("control flow, which cannot be said in Paddle 2.6; export without it")
    dialect, _, name = operation.kind.partition(".")
    if dialect == _BUILTIN:
        name = f"builtin.{name}"
    elif dialect != _OPERATORS:
        raise Unsupported("an operator that Paddle 2.6 does not have")
    name = name.removesuffix("_")
    rule = rules().get(name)
    if rule is None and name not in _WHOLE:
        raise Unsupported("an operator that has no translation to Paddle 2.6")
    if rule is not None and len(operation.inputs) != len(rule.inputs):
        raise Unsupported(
            "{count} operands, where Paddle 2.6 has {rule_count}",
            count=len(operation.inputs),
            rule_count=len(rule.inputs),
        )
    outputs = operation.outputs
    results = [outputs] if isinstance(outputs, Value) else outputs
    return Call(
        name,
        _operands(context, operation, rule),
        _attributes(operation),
        [(result.id, result_type(result.type)) for result in results],
    )


def _mark_overwritten(context: Context, operation: Operation) -> None:
    """Refuse later reads of what an operator that works in place has changed in Paddle 3.

    An operator of Paddle 2.6 writes another variable, and what it reads stays as it was.
    """
    if not operation.kind.endswith("_") or operation.kind in _SAME_AFTERWARDS:
        return
    place = _OVERWRITTEN.get(operation.kind, 0)
    for value in operation.inputs[place : place + 1]:
        context.overwritten.add(value.id)


def _operands(context: Context, operation: Operation, rule: Rule | None) -> list[Operand]:
    """The operands; None for those that Paddle 2.6 does not take."""
    if operation.kind in _UNREAD:
        return []
    unread = {place for place, spec in enumerate(rule.inputs if rule else ()) if spec == "-"}
    return [
        None if place in unread else context.operand(value.id)
        for place, value in enumerate(operation.inputs)
    ]


def _attributes(operation: Operation) -> dict[str, Any]:
    return {
        attribute.name: attribute_value(attribute)
        for attribute in operation.attributes
        if isinstance(attribute, Attribute) and attribute.name not in _NOTES
    }


def _translate(context: Context, call: Call) -> None:
    sizes = fold(context, call)
    known = tuple(size for size in sizes or () if isinstance(size, int))
    if sizes and len(known) == len(sizes):
        id_, type_ = single_result(call)
        context.define(id_, Constant(known, type_))
        return
    if call.name in _WHOLE:
        _WHOLE[call.name](context, call)
    else:
        _by_rule(context, call, rules()[call.name])
    if sizes is not None and isinstance(result := context.values[call.results[0][0]], Variable):
        context.sizes[result.name] = sizes


def _by_rule(context: Context, call: Call, rule: Rule) -> None:
    """Write the operator as its row of the table says."""
    if len(call.results) != len(rule.outputs):
        raise Unsupported(
            "{count} results, where Paddle 2.6 has {rule_count}",
            count=len(call.results),
            rule_count=len(rule.outputs),
        )
    if call.results[0][1] is None:
        raise Malformed("a first result without a type")
    operator = Operator(rule.type, {}, {})
    _set_attributes(operator, call, rule)
    for spec, operand in zip(rule.inputs, call.operands, strict=True):
        _set_input(context, operator, rule, spec, operand)
    for slot, (id_, type_) in zip(rule.outputs, call.results, strict=True):
        if type_ is not None and slot != "-":
            _set_output(context, operator, call.name, slot, id_, type_)
    if rule.type in FINISHED:
        FINISHED[rule.type](context, call, operator)
    context.program.add(operator)


def _set_attributes(operator: Operator, call: Call, rule: Rule) -> None:
    for name, value in rule.added.items():
        operator.attributes[name] = typed(rule.attributes[name], value, name)
    for name, value in call.attributes.items():
        legacy = rule.renamed.get(name, name)
        if name in rule.only:
            if value != rule.only[name]:
                raise Unsupported(
                    "{name!r} is {value}; Paddle 2.6 knows {only} alone",
                    name=name,
                    value=value,
                    only=rule.only[name],
                )
        elif legacy in rule.attributes:
            operator.attributes[legacy] = typed(rule.attributes[legacy], value, name)
        elif name not in rule.ignored and value:
            # of a later Paddle 3; what is 0, false or empty is off
            raise Unsupported("an attribute {name!r}, which Paddle 2.6 does not have", name=name)


def _set_input(
    context: Context, operator: Operator, rule: Rule, spec: str, operand: Operand
) -> None:
    if operand is None or spec == "-":
        return
    if not spec.startswith("="):
        operator.inputs[spec] = context.tensors(operand, f"slot {spec}")
        return
    name, *slots = spec.removeprefix("=").split("|")
    kind = rule.attributes[name]
    if kind in ("INT", "INTS", "LONG", "LONGS"):
        add_sizes(context, operator, spec.removeprefix("="), kind, operand)
    elif isinstance(operand, Constant) and len(operand.numbers) == 1:
        operator.attributes[name] = typed(kind, operand.numbers[0], name)
    elif slots and isinstance(operand, Variable):
        operator.inputs[slots[0]] = [operand.name]
    else:
        raise Unsupported("{name!r} is computed by the program", name=name)


def _set_output(
    context: Context,
    operator: Operator,
    stem: str,
    slot: str,
    id_: int,
    type_: TensorType | list[TensorType],
) -> None:
    types = type_ if isinstance(type_, list) else [type_]
    names = [context.program.declare(f"{stem}_{id_}.tmp_{i}", each) for i, each in enumerate(types)]
    operator.outputs[slot] = names
    variables = tuple(Variable(name, each) for name, each in zip(names, types, strict=True))
    context.define(id_, TensorList(variables) if isinstance(type_, list) else variables[0])
