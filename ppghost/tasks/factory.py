"""The task of a config: that of the network it names."""

from typing import Any

from ppghost.models.factory import find
from ppghost.tasks.classification import Classification
from ppghost.tasks.task import Task


def task_of(config: dict[str, Any]) -> str:
    """ "classification" or "detection". Raises InputError: no such architecture."""
    return find(config["Arch"]["name"]).task


def make_task(config: dict[str, Any]) -> Task:
    """What a config's network is trained for.

    Raises:
        InputError: no such architecture, or sections of the config that do not fit the task.
    """
    if task_of(config) == "detection":
        from ppghost.tasks.detection.task import Detection

        return Detection(config)
    return Classification(config)
