"""What will go wrong with a config, before hours are spent on it."""

from collections.abc import Iterable
from pathlib import Path

from ppghost.config import loading
from ppghost.doctor.check import Check
from ppghost.doctor.data_checks import check_data
from ppghost.doctor.run_checks import (
    check_disk,
    check_export,
    check_network,
    check_recipe,
    check_trial,
)
from ppghost.errors import InputError
from ppghost.i18n import message_of, tr


def examine(source: str | Path, overrides: Iterable[str] = ()) -> list[Check]:
    """Look at a config, its data, its recipe and its place on disk; train and evaluate one batch.

    Nothing is written, and what can be looked at is, whatever else is wrong.

    Args:
        source: a config file.
        overrides: as for `ppghost.load_config`.
    """
    try:
        config = loading.load_config(source, overrides)
    except InputError as error:
        return [Check(tr("config"), False, message_of(error))]
    checks = [Check(tr("config"), True, str(source))]
    found, loaders = check_data(config)
    checks += found
    if "Train" in loaders:
        checks += check_recipe(config, loaders["Train"])
    if all(check.ok for check in found if check.check.endswith("list")):
        trial, parameters = check_trial(config)
        checks += [*trial, check_disk(config, parameters)]
    else:
        checks.append(check_network(config))
    return [*checks, check_export(config)]
