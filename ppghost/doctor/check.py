"""One thing that was looked at, and what came out."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ppghost.errors import PPGhostError
from ppghost.i18n import message_of, tr


class Check(NamedTuple):
    """One line of the table.

    Attributes:
        check: what was looked at.
        ok: whether a run can go on with it as it is.
        message: what was found and, where it is not ok, what to do.
    """

    check: str
    ok: bool
    message: str


#: looks at something: whether it is ok, and what was found
Look = Callable[[], tuple[bool, str]]


def looked_at(name: str, look: Look) -> Check:
    """A look as a line; what a user got wrong is what was found."""
    try:
        return Check(name, *look())
    except PPGhostError as error:
        return Check(name, False, message_of(error))


def problems_of(found: Iterator[str], fine: str) -> tuple[bool, str]:
    """What a look with several possible problems returns; `fine` where there are none."""
    problems = list(found)
    return not problems, tr("; ").join(problems) or fine
