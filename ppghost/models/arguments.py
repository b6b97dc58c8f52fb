"""Which keywords a network's constructor takes, also where it passes `**kwargs` on.

Most of PaddleClas's constructors end in `**kwargs` that some class at the end swallows: a key
mistyped there would have no effect, and nobody would say so.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable


def accepted_arguments(constructor: Callable) -> set[str] | None:
    """The keywords that a function or class reads, or that what it hands its `**kwargs` to reads.

    None if that cannot be told from its source: it then may take any.
    """
    owner = constructor if inspect.isclass(constructor) else None
    return _accepted(owner.__init__ if owner else constructor, owner)


def _accepted(function: Callable, owner: type | None) -> set[str] | None:
    try:
        parameters = inspect.signature(function).parameters.values()
        names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        names.discard("self")
        rest = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
        if not rest:
            return names
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, ValueError, SyntaxError):
        return None
    uses = _Uses(rest[0])
    uses.visit(tree)
    if uses.unclear:
        return None
    names |= uses.keys
    for callee in uses.callees:
        inner = _resolved(callee, function, owner)
        if inner is None:
            return None
        names |= inner
    return names


def _resolved(callee: ast.expr, function: Callable, owner: type | None) -> set[str] | None:
    """What a callee in the source of `function` takes."""
    if isinstance(callee, ast.Name):
        found = inspect.unwrap(function).__globals__.get(callee.id)
        return accepted_arguments(found) if callable(found) else None
    if owner is not None and ast.unparse(callee).startswith("super(") and len(owner.__mro__) > 1:
        parent = owner.__mro__[1]
        return _accepted(parent.__init__, parent)  # type: ignore[misc]
    if owner is not None and isinstance(callee, ast.Attribute):  # self.init_net(**kwargs)
        method = getattr(owner, callee.attr, None)
        return _accepted(method, owner) if ast.unparse(callee.value) == "self" and method else None
    return None


class _Uses(ast.NodeVisitor):
    """What a function does with its `**kwargs`: the keys that it reads, whom it passes them to."""

    def __init__(self, name: str) -> None:
        self.names = {name}  # it, and dicts made of it
        self.keys: set[str] = set()
        self.callees: list[ast.expr] = []
        self.unclear = False

    def visit_Assign(self, node: ast.Assign) -> None:
        """`options = dict(depth=2, **kwargs)` is `kwargs` under another name."""
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "dict" and self._passed(call):
            self.names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            return
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """`Net(**kwargs)` and `kwargs.pop("key")`."""
        if self._passed(node):
            self.callees.append(node.func)
            others = [k.value for k in node.keywords if not self._is_kwargs(k.value)]
            for part in (node.func, *node.args, *others):
                self.visit(part)
        elif isinstance(node.func, ast.Attribute) and self._is_kwargs(node.func.value):
            self._read(node.args[0] if node.args else None)
        else:
            self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """`kwargs["key"]`."""
        if self._is_kwargs(node.value):
            self._read(node.slice)
        else:
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """`"key" in kwargs`."""
        if any(self._is_kwargs(part) for part in node.comparators):
            self._read(node.left)
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Anything else that is done with it."""
        self.unclear |= node.id in self.names

    def _read(self, key: ast.expr | None) -> None:
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            self.keys.add(key.value)
        else:
            self.unclear = True

    def _passed(self, call: ast.Call) -> bool:
        return any(k.arg is None and self._is_kwargs(k.value) for k in call.keywords)

    def _is_kwargs(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.names
