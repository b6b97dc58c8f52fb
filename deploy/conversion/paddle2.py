"""An exported model of any Paddle as a folder of Paddle 2's, for the tools that read no other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.formats.exported import open_model, publish, write_description
from ppghost.formats.program_desc import TensorShape, declared_shape, feed_names, fetch_names
from ppghost.utils.files import staging_directory


@dataclass(frozen=True)
class Rewritten:
    """A folder that was written.

    Attributes:
        model_dir: where.
        source_files: what it was made of, the program first.
        source_sha256: over these files.
        inputs: in feed order, -1 where a size is open.
        outputs: in fetch order.
        bytes: of the files written.
    """

    model_dir: Path
    source_files: list[str]
    source_sha256: str
    inputs: list[TensorShape]
    outputs: list[TensorShape]
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """The result of `ppghost convert --to paddle2`."""
        return {**vars(self), "model_dir": str(self.model_dir)}


def to_paddle2(model_dir: str | Path, output: str | Path) -> Rewritten:
    """Write an exported model as `inference.pdmodel`, `inference.pdiparams`, `inference.yml`.

    A program of Paddle 3 becomes the one of Paddle 2.6 that computes the same. Paddle is not run.

    Args:
        model_dir: the folder of an exported model, of any Paddle.
        output: the folder to write, which may hold an older model.

    Raises:
        InputError: no such model, one that cannot be said in Paddle 2.6, or a bad output place.
        ConversionError: its parameters are not those of its program.
    """
    model, output = open_model(Path(model_dir)), Path(output)
    if output.resolve() == model.folder.resolve():
        raise InputError(
            "{output}: is the model's own folder; choose another output place", output=output
        )
    model.check_params()
    description = model.description or {"Global": {"model_name": model.name}}
    with staging_directory(output) as stage:
        model.write(model.program, stage)
        write_description(stage, description)
        return Rewritten(
            model_dir=output,
            source_files=[path.name for path in model.files()],
            source_sha256=model.sha256(),
            inputs=_shapes(model.program, feed_names(model.program)),
            outputs=_shapes(model.program, fetch_names(model.program)),
            bytes=publish(stage, output),
        )


def _shapes(program: Any, names: list[str]) -> list[TensorShape]:
    return [{"name": name, "shape": declared_shape(program, name)} for name in names]
