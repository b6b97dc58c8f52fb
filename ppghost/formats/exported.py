"""An exported model on disk: found in any form that Paddle ever wrote, checked before anything runs
it, and put in its place so that it is whole or not there.

`ppghost export` and PaddleClas write `inference.pdmodel` and `inference.pdiparams`, perhaps with
an `inference.yml`; others name the pair differently; Paddle 3 writes `inference.json` in place of
the program, which is read as the program of Paddle 2.6 that it could be; Paddle 1.x wrote
`__model__` with one `__params__` file, or with a file for each parameter.
"""

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ppghost.errors import ConversionError, InputError
from ppghost.formats import pir
from ppghost.formats.operators import check_known
from ppghost.formats.paddle_tensors import record_to_array, split_records
from ppghost.formats.program_desc import load_program, operator_types, parameter_names
from ppghost.utils.files import output_errors, sha256, sync_directory

#: the names that `ppghost export` and PaddleClas give an exported model's files
MODEL_FILE = "inference.pdmodel"
PARAMS_FILE = "inference.pdiparams"
CONFIG_FILE = "inference.yml"
#: what is published; inference.yml is last: where it is, the model is whole
FILES = (MODEL_FILE, PARAMS_FILE, CONFIG_FILE)
#: Paddle 1.x's program, and the names its one parameter file goes by
_OLD_MODEL_FILE = "__model__"
_OLD_PARAMS_FILES = ("__params__", "params", "weights")
#: what inference.yml calls the weights of a network that was never trained
RANDOM_WEIGHTS = "random, never trained"


@dataclass(frozen=True)
class ExportedModel:
    """A folder's program, and the files that hold its parameters.

    Attributes:
        folder: as it was given.
        program: a ProgramDesc.
        program_file: where it was read from.
        params_files: in the order in which Paddle puts parameters into one file, so that their
            concatenation is that file.
        description: the content of inference.yml, {} without one.
    """

    folder: Path
    program: Any
    program_file: Path
    params_files: tuple[Path, ...]
    description: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The `Global` part of inference.yml, {} without one."""
        return self.description.get("Global", {})

    @property
    def name(self) -> str:
        """The network's name, or the folder's where nothing else is known."""
        return str(self.config.get("model_name") or self.folder.resolve().name)

    def files(self) -> list[Path]:
        """The program, then its parameters."""
        return [self.program_file, *self.params_files]

    def params(self) -> bytes:
        """The parameters, as Paddle puts them into one file.

        Raises:
            InputError: a file cannot be read.
        """
        try:
            return b"".join(path.read_bytes() for path in self.params_files)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                "{folder}: cannot read the parameters ({reason})", folder=self.folder, reason=reason
            ) from error

    def check_params(self) -> None:
        """Refuse parameters that are not the program's: it names the size of each.

        Raises:
            ConversionError: there are too few or too many, or one has another size.
            InputError: a file cannot be read.
        """
        files = ", ".join(path.name for path in self.params_files[:2])
        specs = {var.name: var for var in self.program.blocks[0].vars}
        names = parameter_names(self.program)
        try:
            records = split_records(self.params(), len(names))
        except InputError as error:
            raise ConversionError(
                "{files}: not the {count} parameters of {name} ({cause}); copy or export "
                "both again",
                files=files,
                count=len(names),
                name=self.program_file.name,
                cause=error.__cause__,
            ) from error
        for name, record in zip(names, records, strict=True):
            declared = list(specs[name].type.lod_tensor.tensor.dims)
            found = list(record_to_array(record).shape)
            # Paddle itself writes the scales of int8 as [1, 4] where it declares [4]
            if math.prod(found) != math.prod(declared):
                raise ConversionError(
                    "{files}: the parameters of another model: {name} is {found}, in "
                    "{program_file_name} {declared}; copy or export both again",
                    files=files,
                    name=name,
                    found=found,
                    program_file_name=self.program_file.name,
                    declared=declared,
                )

    def sha256(self) -> str:
        """Hash over program and parameters."""
        return sha256(*self.files())

    def write(self, program: Any, folder: Path, params: bytes | None = None) -> None:
        """Write `program` and its parameters to `folder`, under today's names.

        Args:
            program: a ProgramDesc.
            folder: is made if it is not there.
            params: as in one file; this model's own by default.

        Raises:
            InputError: a file cannot be read or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MODEL_FILE).write_bytes(program.SerializeToString())
            with (folder / PARAMS_FILE).open("wb") as combined:
                if params is not None:
                    combined.write(params)
                    return
                for path in self.params_files:
                    with path.open("rb") as own:
                        shutil.copyfileobj(own, combined)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                "{folder}: cannot copy the model there ({reason})", folder=folder, reason=reason
            ) from error


def open_model(folder: Path) -> ExportedModel:
    """The exported model in `folder`; nothing of it has been run.

    Raises:
        InputError: there is none or more than one, a file is missing or damaged, or the program
            holds an operator that is not known to be harmless. It names the file.
    """
    program_file = find_program_file(folder)
    program = read_program(program_file)
    check_known(operator_types(program), str(program_file))
    return ExportedModel(
        folder=folder,
        program=program,
        program_file=program_file,
        params_files=_params_files(program_file, program),
        description=read_description(folder),
    )


def read_program(path: Path) -> Any:
    """The ProgramDesc in a file of any Paddle: of Paddle 3, what Paddle 2.6 would say.

    Raises:
        InputError: the file cannot be read, is no program, or one that cannot be said so.
    """
    return pir.read_program(path) if pir.is_pir(path) else load_program(path)


def read_description(folder: Path) -> dict[str, Any]:
    """The content of a folder's inference.yml; {} where there is none.

    Raises:
        InputError: it cannot be read, or its `Global` is no mapping.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        return {}
    try:
        description = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            "{path}: cannot be read ({error})", path=path, error=str(error).splitlines()[0]
        ) from error
    if not isinstance(description, dict) or not isinstance(description.get("Global", {}), dict):
        raise InputError("{path}: does not describe an exported model; export it again", path=path)
    return description


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Write a folder's inference.yml; raises what writing a file raises."""
    text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def publish(stage: Path, output: Path) -> int:
    """Move a whole model from one folder to another, which may hold an older one.

    Whatever interrupts it, a failing disk or power too: where inference.yml is, it is that of the
    program and the parameters beside it.

    Args:
        stage: holds `FILES`, on the same disk as `output`.
        output: is made if it is not there.

    Returns:
        The bytes of the files together.

    Raises:
        InputError: `output` cannot be written to.
    """
    with output_errors(output):
        output.mkdir(parents=True, exist_ok=True)
        # a full disk shows here, where the older model is still whole
        for name in FILES:
            with (stage / name).open("rb") as file:
                os.fsync(file.fileno())
        (output / CONFIG_FILE).unlink(missing_ok=True)
        sync_directory(output)
        for name in (MODEL_FILE, PARAMS_FILE):
            os.replace(stage / name, output / name)
        sync_directory(output)
        os.replace(stage / CONFIG_FILE, output / CONFIG_FILE)
        sync_directory(output)
        return sum((output / name).stat().st_size for name in FILES)


def find_program_file(folder: Path) -> Path:
    """The program of the exported model in `folder`.

    Raises:
        InputError: there is none, or more than one.
    """
    if not folder.is_dir():
        raise InputError(
            "{folder}: no such folder; give the folder of an exported model", folder=folder
        )
    for name in (MODEL_FILE, _OLD_MODEL_FILE):
        if (folder / name).is_file():
            return folder / name
    # beside a program in both forms, which Paddle 3 can write, that of 2.6 is the original
    found = sorted(folder.glob("*.pdmodel")) or [*filter(pir.is_pir, sorted(folder.glob("*.json")))]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(
            "{folder}: several models in it ({names}); give each its own folder",
            folder=folder,
            names=names,
        )
    if not found:
        raise InputError(
            "{folder}: no {model_file}, other .pdmodel, program of Paddle 3 "
            "(inference.json) or {old_model_file} in it; give the folder of an exported "
            "model",
            folder=folder,
            model_file=MODEL_FILE,
            old_model_file=_OLD_MODEL_FILE,
        )
    return found[0]


def _params_files(program_file: Path, program: Any) -> tuple[Path, ...]:
    folder = program_file.parent
    if program_file.name != _OLD_MODEL_FILE:
        path = program_file.with_suffix(".pdiparams")
        if not path.is_file():
            if not parameter_names(program):
                # Paddle writes no file then
                return ()
            raise InputError(
                "{folder}: no {name} in it, the parameters of the program",
                folder=folder,
                name=path.name,
            )
        return (path,)
    for name in _OLD_PARAMS_FILES:
        if (folder / name).is_file():
            return (folder / name,)
    paths = tuple(folder / name for name in parameter_names(program))
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            "{folder}: neither {first} nor a file for each parameter in it ({count} of "
            "{paths_count} are missing, the first: {missing})",
            folder=folder,
            first=_OLD_PARAMS_FILES[0],
            count=len(missing),
            paths_count=len(paths),
            missing=missing[0],
        )
    return paths
