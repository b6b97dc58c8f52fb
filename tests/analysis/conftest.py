"""Small programs and what is counted on them."""

import paddle
import pytest

from ppghost.analysis.graph import Graph
from ppghost.analysis.layers import layers_of
from ppghost.formats.program_desc import framework
from ppghost.static.runtime import static_graph


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    """Where analyses are kept during a test."""
    monkeypatch.setenv("PPGHOST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "analysis"


def graph_of(build, *shapes):
    """The graph of what `build` makes of inputs of these shapes, x0, x1, ..."""
    program = paddle.static.Program()
    with (
        static_graph(),
        paddle.static.program_guard(program, paddle.static.Program()),
        paddle.utils.unique_name.guard(),
    ):
        build(*(paddle.static.data(f"x{i}", shape, "float32") for i, shape in enumerate(shapes)))
        return Graph(framework().ProgramDesc.FromString(program.desc.serialize_to_string()))


@pytest.fixture
def layers():
    """Layers of what `build` makes of inputs of these shapes."""
    return lambda build, *shapes: [layer for layer, _ in layers_of(graph_of(build, *shapes))]


@pytest.fixture
def pairs():
    """A graph and its layers with their operators."""

    def make(build, *shapes):
        graph = graph_of(build, *shapes)
        return graph, layers_of(graph)

    return make
