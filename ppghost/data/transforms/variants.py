"""The forms in which one training run reads its images: `transform_ops` of each scale or stage."""

from ppghost.data.samplers import STAGES
from ppghost.errors import InputError
from ppghost.i18n import tr

#: what PaddleClas's MultiScaleDataset gives the size of the batch
_SIZED = ("RandCropImage", "ResizeImage", "CropImage")
#: what PaddleClas's progressive training changes: operation -> (parameter, its values by stage)
_STAGED = {
    "RandCropImage": ("size", "progress_size"),
    "RandAugmentV2": ("magnitude", "progress_magnitude"),
}


def at_sizes(ops: list, sizes: list[int], where: str) -> list[list]:
    """`ops` for each image size, square, in pixels.

    The other parameters stay. (PaddleClas drops them: of its own files it so ignores
    MobileViTV3's use_log_aspect.)

    Raises:
        InputError: no operation that makes a size.
    """
    if not any(_parameters(op, name) is not None for op in ops for name in _SIZED):
        raise InputError(
            "{where}: MultiScaleDataset needs one of {sized}", where=where, sized=", ".join(_SIZED)
        )
    return [[_sized(op, size) for op in ops] for size in sizes]


def _sized(op: dict, size: int) -> dict:
    for name in _SIZED:
        if (parameters := _parameters(op, name)) is not None:
            kept = {k: v for k, v in parameters.items() if k != "resize_short"}
            return {name: kept | {"size": size}}
    return op


def at_stages(ops: list, where: str) -> list[list]:
    """`ops` for each stage of progressive training.

    Raises:
        InputError: no operation has values by stage, or not one for each.
    """
    found = [_staged(op, f"{where}.{index}") for index, op in enumerate(ops)]
    if not any(found):
        known = tr(" or ").join(f"{name}.{key}" for name, (_, key) in _STAGED.items())
        raise InputError(
            "{where}: Global.train_mode progressive needs {known}", where=where, known=known
        )
    staged = [by_stage or [op] * STAGES for op, by_stage in zip(ops, found, strict=True)]
    return [list(stage) for stage in zip(*staged, strict=True)]


def _staged(op: dict, where: str) -> list[dict]:
    """The operation at each stage; empty if it is the same at all."""
    for name, (parameter, by_stage) in _STAGED.items():
        parameters = dict(_parameters(op, name) or {})
        if (values := parameters.pop(by_stage, None)) is None:
            continue
        if not isinstance(values, list) or len(values) != STAGES:
            raise InputError(
                "{where}.{name}.{by_stage} is {values!r}: give a list of {stages}, one a stage",
                where=where,
                name=name,
                by_stage=by_stage,
                values=values,
                stages=STAGES,
            )
        return [{name: parameters | {parameter: value}} for value in values]
    return []


def _parameters(op: object, name: str) -> dict | None:
    """The parameters of `op` if it is the operation `name`; what is malformed is found later."""
    if not isinstance(op, dict) or list(op) != [name]:
        return None
    parameters = {} if op[name] is None else op[name]
    return parameters if isinstance(parameters, dict) else None
