"""`python tiny.py TESTS_DIR ARGUMENTS`: the `ppghost` command, with two small networks more.

Where DUMP_TO names a folder, each process of a training run leaves what it ends with there.
"""

import os
import sys
import zlib  # noqa: F401  (before paddle: see ppghost/__init__.py)

import numpy as np
import paddle

from ppghost.cli import main as cli
from ppghost.models import network, registry
from ppghost.models.layers import conv_layer, fc_layer, global_pool
from ppghost.models.network import Network
from ppghost.training import loop


def plain(class_num=1000, in_channels=3):
    """A network in which a batch may be cut into parts: no batch normalisation, no dropout."""

    def body(x):
        x = conv_layer(x, 8, 3, stride=2, name="conv1", bias=True)
        x = conv_layer(paddle.nn.functional.relu(x), 16, 3, stride=2, name="conv2", bias=True)
        x = paddle.flatten(global_pool(paddle.nn.functional.relu(x)), 1)
        return fc_layer(x, class_num, name="fc")

    return Network(body, in_channels)


def dumping(run):
    def run_and_dump(self):
        figures = run(self)
        arrays = self.state.fetch([spec.parameter for spec in self.state.specs])
        np.savez(f"{os.environ['DUMP_TO']}/{self.group.rank}.npz", **arrays)
        return figures

    return run_and_dump


if __name__ == "__main__":
    sys.path.insert(0, sys.argv.pop(1))
    from conftest import tiny_ghostnet

    registry.ARCHITECTURES["TinyGhostNet"] = network.Architecture(
        "Tiny", tiny_ghostnet, (3, 32, 32)
    )
    registry.ARCHITECTURES["Plain"] = network.Architecture("Tiny", plain, (3, 32, 32))
    if "DUMP_TO" in os.environ:
        loop.Trainer.run = dumping(loop.Trainer.run)
    sys.exit(cli.main())
