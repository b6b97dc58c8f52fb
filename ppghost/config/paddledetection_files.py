"""PaddleDetection's YAML: its tags as plain data, and its rule of how a file inherits."""

from typing import TypeGuard

import yaml

from ppghost.config.paddledetection_keys import TAGS
from ppghost.i18n import tr
from ppghost.utils.text import nearest


class TaggedSection(dict):
    """A section with a tag: a file that inherits it replaces it whole."""


class Loader(yaml.SafeLoader):
    """Plain data, and sections with PaddleDetection's tags: `!Name` becomes the key `name`."""


def _construct(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> TaggedSection:
    if name not in TAGS:
        problem = tr("the tag !{name} is not supported{nearest}").format(
            name=name, nearest=nearest(name, TAGS)
        )
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return TaggedSection(name=name)
    if not isinstance(node, yaml.MappingNode):
        problem = tr("behind the tag !{name} a section has to stand").format(name=name)
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return TaggedSection({**loader.construct_mapping(node, deep=True), "name": name})


Loader.add_multi_constructor("!", _construct)


def merge(base: dict, own: dict) -> dict:
    """`own` over `base`: sections key by key, whatever their names; anything else is replaced."""
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        if _is_plain(below) and _is_plain(value):
            value = merge(below, value)
        merged[key] = value
    return merged


def _is_plain(value: object) -> TypeGuard[dict]:
    return isinstance(value, dict) and not isinstance(value, TaggedSection)
