"""Weights on disk, in every form that people bring, as the tensors of a network here."""

from ppghost.formats.paddle_pickle import read_pickle, write_pickle
from ppghost.weights.files import (
    NAME_TABLE,
    State,
    TensorSpec,
    read,
    read_state,
    write_safetensors,
    write_state,
)
from ppghost.weights.matching import Match, load, match, tensor_specs

__all__ = [
    "NAME_TABLE",
    "Match",
    "State",
    "TensorSpec",
    "load",
    "match",
    "read",
    "read_pickle",
    "read_state",
    "tensor_specs",
    "write_pickle",
    "write_safetensors",
    "write_state",
]
