"""Small networks of convolutions written as exported models, without a framework's graph mode."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppghost.deploy.conversion.repairs.operators import new_operator
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE
from ppghost.formats.paddle_tensors import array_to_record
from ppghost.formats.program_desc import framework, parameter_names
from ppghost.utils.files import write_atomically

if TYPE_CHECKING:
    import numpy as np

#: what Paddle 2.6 writes into its programs
_VERSION = 2_006_002


class NetWriter:
    """A network that keeps its image's sides, written operator by operator.

    Attributes:
        program: the ProgramDesc so far.
    """

    def __init__(self, channels: int, side: int) -> None:
        """Begin a network.

        Args:
            channels: of its image.
            side: of all feature maps, in pixels.
        """
        import numpy as np

        kinds = framework().VarType
        self.program = framework().ProgramDesc()
        self.program.version.version = _VERSION
        self._block = self.program.blocks.add(idx=0, parent_idx=-1)
        self._side = side
        self._channels: dict[str, int] = {}
        self._records: dict[str, bytes] = {}
        self._rng = np.random.default_rng(0)
        for name, kind in (("feed", kinds.FEED_MINIBATCH), ("fetch", kinds.FETCH_LIST)):
            self._block.vars.add(name=name, persistable=True).type.type = kind
        self.image = self._append("feed", {"X": "feed"}, "Out", channels, {"col": 0})

    def conv(self, x: str, channels: int, size: int = 1, *, groups: int = 1) -> str:
        """A convolution with stride 1 and without a bias; its weights keep the values' scale.

        Args:
            x: the variable that it reads.
            channels: that it computes.
            size: of its kernel.
            groups: that divide both numbers of channels.

        Returns:
            The variable that it computes.
        """
        import numpy as np

        inputs = self._channels[x] // groups
        values = self._rng.standard_normal((channels, inputs, size, size), np.float32)
        weights = self._parameter(values * np.float32((2 / (inputs * size * size)) ** 0.5))
        padding = [size // 2] * 2
        attributes = {
            "strides": [1, 1], "paddings": padding, "dilations": [1, 1], "groups": groups,
            "padding_algorithm": "EXPLICIT", "data_format": "NCHW",
        }  # fmt: skip
        reads = {"Input": x, "Filter": weights}
        return self._append("conv2d", reads, "Output", channels, attributes)

    def relu(self, x: str) -> str:
        """The positive part of a variable, as another one."""
        return self._append("relu", {"X": x}, "Out", self._channels[x], {})

    def add(self, x: str, y: str) -> str:
        """The sum of two variables, as another one."""
        reads = {"X": x, "Y": y}
        return self._append("elementwise_add", reads, "Out", self._channels[x], {"axis": -1})

    def write(self, output: str, folder: Path) -> None:
        """Write the network as an exported model.

        Args:
            output: the variable that it is to give.
            folder: of the model.

        Raises:
            InputError: it cannot be written.
        """
        fetch = new_operator("fetch", {"X": output}, {"Out": "fetch"}, {"col": 0})
        self._block.ops.append(fetch)
        params = b"".join(self._records[name] for name in parameter_names(self.program))
        program = self.program.SerializeToString()
        write_atomically(folder / MODEL_FILE, lambda file: file.write(program))
        write_atomically(folder / PARAMS_FILE, lambda file: file.write(params))

    def _append(
        self, kind: str, reads: dict[str, str], slot: str, channels: int, attributes: dict[str, Any]
    ) -> str:
        name = f"{kind}_{len(self._channels)}"
        self._channels[name] = channels
        self._variable(name, [1, channels, self._side, self._side])
        self._block.ops.append(new_operator(kind, reads, {slot: name}, attributes))
        return name

    def _parameter(self, values: "np.ndarray") -> str:
        name = f"conv_{len(self._records)}_weights"
        self._variable(name, list(values.shape)).persistable = True
        self._records[name] = array_to_record(values)
        return name

    def _variable(self, name: str, shape: list[int]) -> Any:
        var = self._block.vars.add(name=name)
        var.type.type = framework().VarType.LOD_TENSOR
        tensor = var.type.lod_tensor.tensor
        tensor.data_type = framework().VarType.FP32
        tensor.dims[:] = shape
        return var
