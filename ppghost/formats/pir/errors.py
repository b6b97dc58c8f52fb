"""What can be wrong with a program of Paddle 3; the package's functions add the file to it."""

from ppghost.i18n import TranslatableError


class PirError(TranslatableError):
    """The message is one line, without the file."""


class Malformed(PirError):
    """Paddle writes no such program: it is damaged, or made by somebody else."""


class Unsupported(PirError):
    """Paddle 3 may write it; there is no way to say it in a program of Paddle 2.6."""
