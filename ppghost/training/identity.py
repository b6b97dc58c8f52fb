"""What makes a run the run that it is: only a config with the same may go on from its checkpoints.

What is learnt, from what, and how is part of it; where things lie, how many epochs there are, what
is shown, measured and saved is not.
"""

from typing import Any

from ppghost.data.loader import Loader
from ppghost.i18n import tr

#: keys of Global that change what is learnt
_GLOBAL = ("update_freq", "train_mode")
#: arguments of Arch and of the data set that do not
_FREE = {
    "Arch": ("pretrained", "use_ssld", "infer_add_softmax", "infer_output_key"),
    "DataLoader.Train.dataset": (
        "image_root",
        "cls_label_path",
        "data_file",
        "download",
        "dataset_dir",
        "anno_path",
        "image_dir",
        "label_list",
        "pseudo",
        "soft_labels",
    ),
    "DataLoader.Train.dataset.pseudo": ("dataset_dir", "anno_path", "image_dir"),
}
#: what checkpoints hold beside the identity, and its form; older ones have a part of it
EPOCHS, THREADS, FORM = "Global.epochs", "OMP_NUM_THREADS", "identity"
#: what a checkpoint can hold; a user's own data set may take other things
_PLAIN = (str, int, float, bool, type(None))


def identity(config: dict, loader: Loader, lr_factor: float, processes: int) -> dict[str, Any]:
    """What a resumed run must have in common with the one that it goes on from, by config key.

    Args:
        config: a checked configuration.
        loader: of its training data.
        lr_factor: that the learning rates are multiplied by.
        processes: how many train together.
    """
    train = config["DataLoader"]["Train"]
    sections = {
        "Arch": config["Arch"],
        "Loss.Train": config["Loss"]["Train"],
        "Optimizer": config["Optimizer"],
        "EMA": config.get("EMA", {}),
        "DataLoader.Train.dataset": train["dataset"],
        "DataLoader.Train.dataset.pseudo": train["dataset"].get("pseudo") or {},
        "DataLoader.Train.sampler": train["sampler"],
        "Global": {key: config["Global"].get(key) for key in _GLOBAL},
    }
    flat: dict[str, Any] = {}
    for name, section in sections.items():
        free = _FREE.get(name, ())
        kept = (
            section
            if isinstance(section, list)
            else {key: value for key, value in section.items() if key not in free}
        )
        flat |= _flat(name, kept)
    dataset = loader.batches.datasets[0]
    return flat | {
        "Global.seed": loader.sampler.seed,  # 0 where the config has none
        "images": len(dataset),
        "their names and labels": getattr(dataset, "fingerprint", str)() or None,
        "processes": processes,
        "factor of the learning rate": lr_factor,
    }


def differences(saved: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a checkpoint's settings say otherwise than an identity, a phrase for each key."""
    keys = (saved.keys() | now.keys()) - {EPOCHS, THREADS, FORM}
    if FORM not in saved:
        keys = saved.keys() & now.keys()
    return [
        tr("{key} {shown}, this config says {now_shown}").format(
            key=tr(key), shown=_shown(saved, key), now_shown=_shown(now, key)
        )
        for key in sorted(keys)
        if saved.get(key) != now.get(key)
    ]


#: the keys that are words
_WORDS = (
    tr("images"),
    tr("their names and labels"),
    tr("processes"),
    tr("factor of the learning rate"),
)


def _shown(settings: dict[str, Any], key: str) -> Any:
    return settings[key] if settings.get(key) is not None else tr("nothing")


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Nested sections by their dotted keys; lists of sections by index too."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = dict(enumerate(value))
    if isinstance(value, dict) and value:
        inner = [_flat(f"{name}.{key}", item) for key, item in value.items()]
        return {key: item for flat in inner for key, item in flat.items()}
    plain = isinstance(value, _PLAIN) or (
        isinstance(value, list) and all(isinstance(item, _PLAIN) for item in value)
    )
    return {name: value} if plain else {}
