"""The bridge: PaddleClas's own scripts with our architectures and configs.

    python -m ppghost.paddleclas CHECKOUT SCRIPT [ARGUMENT...]

runs CHECKOUT/SCRIPT (tools/train.py, tools/eval.py, ppcls/static/train.py, ...) as Python would,
in a PaddleClas checkout that stays as it is; the exit code is the script's. The other way,
PaddleClas's networks in our trainer, is `ppghost.models.factory`.
"""

import argparse
import logging
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ppghost.config import loading as config
from ppghost.config.schema import EXTENSION_KEYS
from ppghost.errors import InputError, PPGhostError
from ppghost.i18n import MessageFormatter, environment_language, say, tr, use_language
from ppghost.utils.yaml_files import read_yaml

logger = logging.getLogger("ppghost.paddleclas")  # also as __main__

#: keys of Arch that PaddleClas's engine reads and hands to the network as well
_ENGINE_KEYS = ("is_rec", "infer_output_key", "infer_add_softmax")


def main(argv: list[str] | None = None) -> int:
    """Run one script of a checkout; 2 for what stops it before its start."""
    use_language(environment_language())
    parser = argparse.ArgumentParser(
        prog="python -m ppghost.paddleclas",
        description=say(
            "Run a script of a PaddleClas checkout with ppghost's networks and configs."
        ),
    )
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help=say("folder with ppcls/"))
    parser.add_argument("script", metavar="SCRIPT", help=say("tools/train.py, ..."))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=say("the script's own"))
    args = parser.parse_args(argv)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MessageFormatter("ppghost: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logger.setLevel(
        logging.INFO
    )  # not ppghost.utils.validation's notices: PaddleClas uses those keys
    try:
        run(args.checkout, args.script, args.arguments)
    except PPGhostError as error:
        print(say("ppghost: error: {error}", error=error), file=sys.stderr)
        return error.exit_code
    return 0


def run(checkout: Path, script: str, arguments: list[str]) -> None:
    """Run a script of the checkout as `__main__`, in this process and this working directory.

    Raises:
        InputError: no such checkout, script or config, or one that is wrong.
        SystemExit: the script's own.
    """
    checkout = checkout.absolute()
    if not (checkout / "ppcls" / "arch" / "__init__.py").is_file():
        raise InputError(
            "{checkout}: not a PaddleClas 2.x checkout (it holds no ppcls/arch); give the "
            "folder that `git clone` of PaddleClas made",
            checkout=checkout,
        )
    file = checkout / script
    if not file.is_file():
        places = [checkout / "tools", checkout / "ppcls" / "static"]
        known = sorted(f.relative_to(checkout) for d in places for f in d.glob("[!_]*.py"))
        raise InputError(
            "{file}: no such script; there are {known}", file=file, known=", ".join(map(str, known))
        )
    with tempfile.TemporaryDirectory(prefix="ppghost-") as directory:
        sys.argv = [str(file), *resolve(arguments, checkout, Path(directory))]
        sys.path.insert(0, str(checkout))
        import ppcls.arch

        register(ppcls.arch)
        _answer_for_cuda_memory()
        runpy.run_path(str(file), run_name="__main__")


def _answer_for_cuda_memory() -> None:
    """No CUDA memory is used where there is no CUDA.

    PaddleClas 2.6's static engine logs it at every step; Paddle's CPU wheel raises.
    """
    import paddle

    if not paddle.is_compiled_with_cuda():
        paddle.device.cuda.max_memory_reserved = lambda device=None: 0
        paddle.device.cuda.max_memory_allocated = lambda device=None: 0


def resolve(arguments: list[str], checkout: Path, directory: Path) -> list[str]:
    """The script's arguments with `-c` naming a file in `directory` that PaddleClas can read.

    A config of ours (`_base_`, or one of our keys in Global) is loaded as `ppghost` does, `-o`
    and all. PaddleClas's own stays as it is, with the `-o` left to PaddleClas. In both, files of
    the checkout are found from any working directory.

    Raises:
        InputError: see `ppghost.config.loading.load_config`.
    """
    parser = argparse.ArgumentParser(add_help=False)  # as PaddleClas's scripts have it
    parser.add_argument("-c", "--config")
    parser.add_argument("-o", "--override", action="append", default=[])
    known, others = parser.parse_known_args(arguments)
    if known.config is None:
        return arguments
    path = Path(_in_checkout(known.config, checkout))
    content = read_yaml(path)
    overrides = [part for override in known.override for part in ("-o", override)]
    settings = content.get("Global")
    if "_base_" in content or (
        isinstance(settings, dict) and EXTENSION_KEYS.keys() & settings.keys()
    ):
        content, overrides = config.load_config(path, known.override), []
        logger.info("%s: resolved for PaddleClas", path)
    for section in ("DataLoader", "Infer"):
        if section in content:
            content[section] = _in_checkout(content[section], checkout)
    resolved = directory / f"{path.stem}.yaml"
    resolved.write_text(config.dump(content), encoding="utf-8")
    return ["-c", str(resolved), *overrides, *others]


def _in_checkout(value: Any, checkout: Path) -> Any:
    """`value` where paths that exist only below the checkout are absolute, at any depth."""
    if isinstance(value, dict):
        return {key: _in_checkout(item, checkout) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_checkout(item, checkout) for item in value]
    if isinstance(value, str) and "/" in value and not os.path.exists(value):
        below = os.path.join(checkout, value)
        return below if os.path.exists(below) else value
    return value


def register(arch: ModuleType) -> None:
    """Put our architectures into `arch` (a checkout's `ppcls.arch`), before any of its own.

    Its own stay where PaddleClas looks into them (`return_stages`, `BackboneStopLayer`), which ours
    have nothing for; an argument that only ours take asks for ours.
    """
    from ppghost.models import registry

    replaced, kept = [], []
    for name, architecture in registry.ARCHITECTURES.items():
        original = getattr(arch, name, None)
        construct = _constructor(name, original)
        if original is not None and architecture.static and _shows_its_layers(original):
            kept.append(name)
            construct = _unless_asked_for(construct, original)
        elif original is not None:
            replaced.append(name)
        setattr(arch, name, construct)
    added = len(registry.ARCHITECTURES) - len(replaced) - len(kept)
    logger.info("%d architectures added to ppcls.arch; ours in place of PaddleClas's: %s",
             added, ", ".join(replaced) or tr("none"))  # fmt: skip


def _shows_its_layers(constructor: Callable) -> bool:
    """Whether a constructor of PaddleClas's makes a network whose features can be tapped."""
    from ppghost.models.arguments import accepted_arguments

    return "return_stages" in (accepted_arguments(constructor) or ())


def _unless_asked_for(construct: Callable, original: Callable) -> Callable:
    """PaddleClas's constructor, or ours where arguments are given that it does not take."""
    from ppghost.models.arguments import accepted_arguments

    known = {*(accepted_arguments(original) or ()), *_ENGINE_KEYS}

    def choose(**arguments):
        return (original if arguments.keys() <= known else construct)(**arguments)

    return choose


def _constructor(name: str, original: Callable | None) -> Callable:
    """Our network `name` in the form of PaddleClas's constructors, which load weights too."""
    import paddle
    from paddle.utils import unique_name

    from ppghost.models import factory

    def construct(pretrained: bool | str = False, use_ssld: bool = False, **arguments):
        for key in _ENGINE_KEYS:
            arguments.pop(key, None)
        if not paddle.in_dynamic_mode():
            if pretrained:
                raise InputError(
                    "Arch.pretrained: has no effect in PaddleClas's static engine; give the "
                    "weights in Global.pretrained_model"
                )
            return factory.create(name, **arguments)
        with unique_name.guard():
            network = factory.create(name, **arguments)
        if pretrained:
            _load_pretrained(name, network, original, pretrained, use_ssld)
        factory.rename_if_taken(network)
        return network

    return construct


def _load_pretrained(name: str, network, original: Callable | None, pretrained, use_ssld) -> None:
    """`Arch.pretrained`: a path is read by us; True and an address are PaddleClas's to fetch."""
    from ppghost import weights
    from ppghost.models.paddleclas_zoo import defining_module

    if isinstance(pretrained, str) and not pretrained.startswith(("http://", "https://")):
        classes = weights.tensor_specs(network)[-1].shape[-1]
        found = weights.load(pretrained, network, name, new_head_classes=classes)
        network.set_state_dict(found.arrays, use_structured_name=False)
    elif original is None:
        raise InputError(
            "Arch.pretrained: PaddleClas has no weights of {name}; give a path", name=name
        )
    else:
        module = defining_module(original)
        module._load_pretrained(pretrained, network, module.MODEL_URLS[name], use_ssld=use_ssld)


if __name__ == "__main__":
    sys.exit(main())
