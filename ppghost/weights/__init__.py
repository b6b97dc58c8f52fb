"""Weights on disk, in every form that people bring, as the tensors of a network here."""

from ppghost.formats.paddle_pickle import read_pickle, write_pickle
from ppghost.weights.files import (
    NAME_TABLE,
    Slot,
    State,
    read,
    read_state,
    write_safetensors,
    write_state,
)
from ppghost.weights.matching import Match, load, match, slots_of

__all__ = [
    "NAME_TABLE",
    "Match",
    "Slot",
    "State",
    "load",
    "match",
    "read",
    "read_pickle",
    "read_state",
    "slots_of",
    "write_pickle",
    "write_safetensors",
    "write_state",
]
