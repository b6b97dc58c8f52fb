"""PaddleDetection's data sets and readers, as `DataLoader` and `Infer`."""

from typing import Any

from ppghost.config.paddledetection_keys import READERS
from ppghost.errors import InputError
from ppghost.i18n import tr


def read_data(old: dict, file: str) -> tuple[dict, dict, list[int]]:
    """`DataLoader`, `Infer` and the images' shape, which all of them have in common."""
    operations, sizes = {}, {}
    for name in READERS:
        if name in old:
            operations[name], sizes[name] = _operations(old[name], name, file)
    if not sizes:
        raise InputError(
            "{file}: TrainReader and EvalReader are missing; they make the images", file=file
        )
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size[0]}x{size[1]}" for name, size in sizes.items())
        raise InputError(
            "{file}: images of several heights and widths, {said}; make them equal",
            file=file,
            said=said,
        )
    loaders = {}
    for phase in ("Train", "Eval"):
        if f"{phase}Dataset" in old:
            if f"{phase}Reader" not in old:
                raise InputError(
                    "{file}: {phase}Reader is missing; it makes the images", file=file, phase=phase
                )
            loaders[phase] = _loader(old, phase, operations[f"{phase}Reader"])
    infer = {"transforms": operations["TestReader"]} if "TestReader" in operations else {}
    return loaders, infer, [3, *next(iter(sizes.values()))]


def _loader(old: dict, phase: str, operations: list[dict]) -> dict:
    given, reader = old[f"{phase}Dataset"], old[f"{phase}Reader"]
    names = ("name", "anno_path", "image_dir", "label_list", "allow_empty")
    dataset = {name: given[name] for name in names if name in given}
    dataset |= {"dataset_dir": given["dataset_dir"] or ".", "transform_ops": operations}
    sampler = {key: reader[key] for key in ("batch_size", "shuffle", "drop_last")}
    return {
        "dataset": dataset,
        "sampler": {"name": "DistributedBatchSampler"} | sampler,
        "loader": {"num_workers": old["worker_num"]},
    }


def _operations(reader: dict, where: str, file: str) -> tuple[list[dict], tuple[int, int]]:
    """The operations, and the (height, width) that they end with.

    PadBatch, which fills up to the largest image of a batch, is a Pad where all have one size.

    Raises:
        InputError: images of several sizes.
    """
    ops = list(reader["sample_transforms"])
    size: tuple[int, int] | None = None
    for number, op in enumerate(ops):
        if not isinstance(op, dict) or len(op) != 1:
            raise InputError(
                "{file}: {where}.sample_transforms.{number}: expected one 'Name: "
                "parameters', got {op!r}",
                file=file,
                where=where,
                number=number,
                op=op,
            )
        size = _size_after(op, size)
    stride = max([entry["PadBatch"]["pad_to_stride"] for entry in reader["batch_transforms"]] + [1])
    if size is None:
        raise InputError(
            "{file}: {where}.sample_transforms: {one_size}",
            file=file,
            where=where,
            one_size=_one_size(ops, stride),
        )
    padded = (_up(size[0], stride), _up(size[1], stride))
    shape = reader["inputs_def"]["image_shape"]
    if shape and -1 not in shape and list(shape[-2:]) != list(padded):
        raise InputError(
            "{file}: {where}.inputs_def.image_shape: {shape}, but the operations make "
            "images of {padded}x{padded2}",
            file=file,
            where=where,
            shape=shape,
            padded=padded[0],
            padded2=padded[1],
        )
    if padded != size:
        ops.append({"Pad": {"size": list(padded), "fill_value": 0}})
    return ops, padded


def _size_after(op: dict, size: tuple[int, int] | None) -> tuple[int, int] | None:
    """The images' (height, width) behind an operation; None where they differ."""
    [(name, parameters)] = op.items()
    given = parameters if isinstance(parameters, dict) else {}
    match name:
        case "Resize":
            return None if given.get("keep_ratio") else _pair(given.get("target_size"))
        case "Pad" if given.get("size"):
            return _pair(given["size"])
        case "Pad" if size:
            step = given.get("size_divisor", 32)
            return (_up(size[0], step), _up(size[1], step))
        case "RandomResize" | "RandomCrop" | "RandomExpand":
            return None
    return size


def _pair(value: Any) -> tuple[int, int] | None:
    pair = value if isinstance(value, list) else [value, value]
    right = len(pair) == 2 and all(isinstance(side, int) and side > 0 for side in pair)
    return (pair[0], pair[1]) if right else None


def _up(side: int, step: int) -> int:
    return -(-side // step) * step


def _one_size(ops: list[dict], stride: int) -> str:
    """What to write where images have sizes of their own."""
    targets = [op[name] for op in ops for name in op if "Resize" in str(name)]
    enough = _up(max([side for target in targets for side in _sides(target)] or [640]), stride)
    return tr(
        "images of several sizes, a detector here has one: give Resize keep_ratio "
        "False, or put `Pad: {{size: {enough}, fill_value: 0}}` behind Permute"
    ).format(enough=enough)


def _sides(parameters: Any) -> list[int]:
    """All numbers in a `target_size`."""
    given = parameters.get("target_size") if isinstance(parameters, dict) else None
    flat, left = [], [given]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left.extend(item)
        elif isinstance(item, int):
            flat.append(item)
    return flat
