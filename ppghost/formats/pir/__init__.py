"""Programs of Paddle 3 (`inference.json`), read as the programs of Paddle 2.6 that they could be.

Paddle 3 exports its new intermediate representation, PIR, as JSON. `document` reads it, `types`
checks what types and attributes hold, `translation` goes through the operators with the table of
`rules`, `sizes` computes what is known of shapes, `special` has what no table says, and `legacy`
writes a ProgramDesc, of which everything else goes on. Paddle is not needed for it.
"""

from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.formats.pir.document import PARAMETER, is_pir, parameter, read_operations
from ppghost.formats.pir.errors import PirError, Unsupported
from ppghost.formats.pir.translation import translate
from ppghost.formats.pir.types import tensor_type

__all__ = ["is_pir", "parameter_shapes", "read_program"]


def read_program(path: Path) -> Any:
    """A program of Paddle 3 as a ProgramDesc of Paddle 2.6 that computes the same.

    Raises:
        InputError: the file cannot be read, is damaged, or holds what Paddle 2.6 cannot say.
    """
    operations = read_operations(path)
    try:
        return translate(operations).to_desc()
    except Unsupported as error:
        raise InputError("{path}: {error}", path=path, error=error) from error
    except PirError as error:
        raise InputError(
            "{path}: damaged? {error}; export the model again", path=path, error=error
        ) from error


def parameter_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors in the file beside a program, in the order of that file.

    Raises:
        InputError: as `read_program`; but any operator may be in it.
    """
    try:
        found = [parameter(op) for op in read_operations(path) if op.kind == PARAMETER]
        return {
            each.name: tensor_type(each.type).dims
            for each in sorted(found, key=lambda each: each.name)
            if each.is_stored
        }
    except PirError as error:
        raise InputError(
            "{path}: damaged? {error}; export the model again", path=path, error=error
        ) from error
