"""PaddleClas's published weights, in a cache of files under their names."""

import hashlib
import inspect
import os
from pathlib import Path
from urllib.parse import urlsplit

from ppghost import weights
from ppghost.errors import InputError
from ppghost.models import paddleclas_zoo
from ppghost.utils.download import download
from ppghost.utils.files import cache_directory
from ppghost.weights.conversion import network

#: where the environment may say that the files are: another base than PaddleClas's server
MIRROR = "PPGHOST_WEIGHTS_URL"


class _Asked(Exception):
    """Carries the URL that PaddleClas would have downloaded."""


def url(name: str, use_ssld: bool = False) -> str:
    """Where PaddleClas publishes the weights of `name`, as its own code says.

    The variants (SSLD, ImageNet-22k) are rules in each module's `_load_pretrained`; that is
    called, and stopped where it would start the download.

    Raises:
        InputError: PaddleClas publishes none.
    """
    from paddleclas.ppcls.utils import save_load

    known = paddleclas_zoo.paddleclas_architectures().get(name)
    module = known and paddleclas_zoo.defining_module(known.build)
    if not known or not module or not module.MODEL_URLS[name].startswith("https://"):
        raise InputError("Arch.pretrained: PaddleClas publishes no weights of {name}", name=name)
    defaults = inspect.signature(known.build).parameters
    accepted = inspect.signature(module._load_pretrained).parameters
    if (
        "model_keys" in accepted
    ):  # CAE's file holds a pre-training network, of which it takes a part
        raise InputError(
            "Arch.pretrained: PaddleClas publishes no classifier weights of {name}", name=name
        )
    variant = {
        key: parameter.default
        for key, parameter in defaults.items()
        if key.startswith("use_imagenet22k") and key in accepted
    }
    original, save_load.get_weights_path_from_url = save_load.get_weights_path_from_url, _asked
    try:
        module._load_pretrained(True, None, module.MODEL_URLS[name], use_ssld, **variant)
    except _Asked as answer:
        return str(answer)
    finally:
        save_load.get_weights_path_from_url = original
    raise RuntimeError(f"PaddleClas's {name} loads pretrained weights in an unknown way")


def _asked(address: str) -> None:
    raise _Asked(address)


def path(arch: dict) -> Path:
    """The published weights of a config's `Arch`, downloaded when they are not here yet.

    Raises:
        InputError: there are none, they cannot be downloaded, or what came does not fit.
    """
    name = arch["name"]
    address = url(name, bool(arch.get("use_ssld")))
    if mirror := os.environ.get(MIRROR):
        address = mirror.rstrip("/") + urlsplit(address).path
    target = cache_directory() / Path(urlsplit(address).path).name
    return download(address, target, lambda part: weights.load(part, network(name), name))


def pretrained_path(config: dict) -> str | None:
    """`Global.pretrained_model`, else the path in `Arch.pretrained`, else None.

    `Arch.pretrained: True` means PaddleClas's published file. It, and an https address in either
    place, is downloaded if need be.

    Raises:
        InputError: it cannot be downloaded, or is not a weight file.
    """
    if own := config["Global"]["pretrained_model"]:
        return _local(own, "Global.pretrained_model")
    arch = config["Arch"].get("pretrained")
    if arch is True:
        return str(path(config["Arch"]))
    return _local(arch, "Arch.pretrained") if arch else None


def backbone_path(arch: dict) -> str | None:
    """The classifier's weights in `Arch.backbone.pretrained`, None if there are none.

    True means PaddleClas's published file of the network of that name.

    Raises:
        InputError: as for `pretrained_path`.
    """
    backbone = arch.get("backbone")
    if not isinstance(backbone, dict):
        return None
    given = backbone.get("pretrained")
    if given is True:
        return str(path({"name": backbone["name"]}))
    return _local(given, "Arch.backbone.pretrained") if given else None


def _local(place: str, key: str) -> str:
    """A path as it is; for an address where its file is, under a name that no other one has."""
    if not place.startswith(("https://", "http://")):
        return place
    address, mark, inner = place.partition("#")  # one of several sets, as of a file
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    target = cache_directory() / f"{digest}-{Path(urlsplit(address).path).name}"
    return f"{download(address, target, weights.read_state, key)}{mark}{inner}"
