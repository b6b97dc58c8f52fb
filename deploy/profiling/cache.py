"""Files that were made to be timed, kept in a folder by what they were made of.

Nothing in it is deployed. A second run, or one that goes on, takes them from there: converting is
most of the time that it takes to time a network layer by layer.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import ppghost
from ppghost.deploy.conversion.build import Builder
from ppghost.deploy.conversion.options import Options
from ppghost.deploy.conversion.repairs import Repaired
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.model import NbModel
from ppghost.deploy.nb.sidecar import Sidecar, read_sidecar
from ppghost.deploy.profiling.standalone import Standalone
from ppghost.errors import ConversionError, InputError
from ppghost.i18n import message_of, tr
from ppghost.utils.files import write_atomically

#: in the sidecar of a file that computes one layer
UNCHECKED = tr("none: one layer of a network, made to be timed")


@contextlib.contextmanager
def kept_files(output: Path | None) -> Iterator[Path]:
    """A folder for converted models: beside a result file, or for as long as the block lasts."""
    if output is not None:
        yield output.with_name(f"{output.stem}_nb")
        return
    with tempfile.TemporaryDirectory(prefix="ppghost-nb-") as folder:
        yield Path(folder)


class NbCache:
    """A folder of `.nb` files for one target.

    Attributes:
        folder: is made if it is not there.
        target: what the files are for.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self.folder, self.target = folder, target

    def find(self, *parts: str) -> Path:
        """Where a file is, or will be, that is made of something.

        Args:
            parts: all that it depends on, beside the target and the versions of the tools.
        """
        versions = ppghost.__version__, metadata.version("paddlelite")
        key = hashlib.sha256("\0".join((*versions, self.target, *parts)).encode()).hexdigest()
        return self.folder / f"{self.target}-{key[:20]}.nb"

    def model(self, nb: Path, name: str, make: Callable[[], Any]) -> NbModel:
        """A file of the folder as a model; it is made unless it is there and whole.

        Args:
            nb: from `find`.
            name: what results call it.
            make: writes the file and its sidecar.

        Raises:
            InputError, ConversionError: what `make` raises.
        """
        try:
            sidecar = read_sidecar(nb)
        except InputError:
            make()
            sidecar = read_sidecar(nb)
        return NbModel(**vars(replace(sidecar, model=name)), path=nb, name=name)

    def convert(self, name: str, piece: Standalone, builder: Builder) -> NbModel:
        """A layer as a model. It is built once, and nothing that it computes is compared.

        Args:
            name: what results call it.
            piece: the layer.
            builder: of the network, for the same target.

        Raises:
            ConversionError: it cannot be converted.
        """
        nb = self.find("layer", piece.signature)

        def make() -> None:
            repaired = Repaired(piece.program, piece.params, {})
            built, info = builder.build(repaired, Options(self.target))
            write_atomically(nb, lambda file: file.write(built.read_bytes()))
            _describe(name, piece, info).write(nb)

        try:
            return self.model(nb, name, make)
        except InputError as error:
            raise ConversionError(message_of(error)) from error


def _describe(name: str, piece: Standalone, info: NbInfo) -> Sidecar:
    return Sidecar(
        model=name,
        weights=None,
        params=None,
        macs=None,
        source_files=[],
        source_sha256=None,
        inputs=piece.inputs,
        options={"fp16": False, "weights": None},
        repairs={},
        repair_sites={},
        check=UNCHECKED,
        output_check={"max_abs_diff": None, "ok": None},
        references=[],
        info=info,
        command=None,
    )
