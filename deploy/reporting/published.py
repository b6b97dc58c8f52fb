"""Figures that others published, and which results they are comparable with."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ppghost.deploy.latency.results import Result
from ppghost.i18n import tr, translate

SOURCE = tr("PaddleClas model zoo")
_FILE = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class PublishedModel:
    """A model's figures, as published.

    Attributes:
        top1, top5: accuracy on ImageNet-1k, shares.
        sd855_ms: latency on a Snapdragon 855 at each of the thread counts; None if not published.
    """

    name: str
    family: str
    top1: float
    top5: float
    sd855_ms: list[float] | None
    mflops: float
    params_m: float


@dataclass(frozen=True)
class Published:
    """Figures of one source.

    Attributes:
        source: its name, in the reader's language.
        path: of the page within its repository, `url` of the page.
        threads: the thread counts of the latencies.
        input: the shape of the input that the figures hold for.
    """

    source: str
    path: str
    url: str
    threads: list[int]
    input: list[int]
    models: list[PublishedModel]

    @cached_property
    def by_name(self) -> dict[str, PublishedModel]:
        """The models by name."""
        return {model.name: model for model in self.models}

    @property
    def families(self) -> list[str]:
        """Families of models, in the order of the file."""
        return list(dict.fromkeys(model.family for model in self.models))


def load_published(lang: str = "en") -> Published:
    """The figures of published.yaml.

    Args:
        lang: of the source's name, "en" or "zh".
    """
    import yaml

    content = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    models = [PublishedModel(**model) for model in content.pop("models")]
    return Published(**content, source=translate(SOURCE, lang), models=models)


def why_missing(row: Result, published: Published) -> str | None:
    """Why the published accuracy is not that of what was timed.

    Returns:
        The key of a message, which has a field {precision}; None if it is.
    """
    if row.status != "ok" or row.stats is None:
        return "not_finished"
    if row.model not in published.by_name:
        return "no_accuracy"
    if not row.inputs:
        return "no_input"
    if [tensor["shape"] for tensor in row.inputs] != [published.input]:
        return "other_input"
    if row.precision != "fp32":
        return "other_precision"
    return None
