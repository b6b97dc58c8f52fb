"""What schemas of configurations are built of; `validation` checks values against them.

- `Key`: a leaf that we read; `Parsed`, one with forms of its own;
- `Passthrough`: anything, for whom it is passed on to;
- `Ignored`: PaddleClas reads it, we have no use for it: accepted, with a notice if it asks for
  something;
- `Unsupported`: PaddleClas reads it for a task that we do not do: an error that names the task;
- a dict, a section that is always there ("*": what any other key may be); `Optional`, one that may
  be absent; `Tagged`, one whose `name` chooses its keys; `Entries`, a list of one-key entries.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

#: no default: the key is absent unless the file gives it
ABSENT = object()
#: no default: the file must give it
REQUIRED = object()
NONE = type(None)


class Key(NamedTuple):
    """One leaf: what its value may be, what it is if not given."""

    types: tuple[type, ...]
    default: Any = ABSENT
    minimum: float | None = None
    choices: tuple = ()
    refused: dict[Any, str] = {}  # noqa: RUF012  (never written to) value -> what it is for
    item: type | None = None  # of a list
    between: tuple[float, float] | None = None  # both excluded


class Parsed(NamedTuple):
    """A leaf with forms of its own, such as "2%"."""

    parse: Callable[[Any], Any]  # raises TypeError or ValueError for anything else
    expected: str  # "a share such as 2%": what messages say that it should be
    default: Any = ABSENT


class Passthrough(NamedTuple):
    """Anything; strings that mean a number or None are read as PaddleClas does, in sections too."""


class Ignored(NamedTuple):
    """A key that has no effect here; `why` ends the notice, `default` is what PaddleClas needs."""

    why: str = ""
    default: Any = ABSENT


class Unsupported(NamedTuple):
    """A key or a name of PaddleClas's that belongs to `task`, which we do not do."""

    task: str


class Optional(NamedTuple):
    """A section that is absent unless the file gives it (null is the same as absent)."""

    keys: dict


class Tagged(NamedTuple):
    """A section whose `name` chooses what else it may hold."""

    default: str
    kinds: Mapping[str, dict | Unsupported]
    common: dict = {}  # noqa: RUF012
    renamed: dict[str, str] = {}  # noqa: RUF012  other names of the same kinds


class Entries(NamedTuple):
    """A list of one-key entries, as PaddleClas writes losses and metrics; null is no entry."""

    kinds: Mapping[str, dict | Unsupported]
    default: list
    renamed: dict[str, str] = {}  # noqa: RUF012
