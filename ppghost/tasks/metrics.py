"""Accuracy in the Program, averages over batches outside of it."""

from dataclasses import dataclass, field

import paddle

from ppghost.errors import InputError


def topk_accuracy(entries: list[dict], logits, label) -> dict[str, paddle.static.Variable]:
    """`Metric`'s TopkAcc and GoogLeNetTopkAcc: {"top1": share of the batch, ...}.

    The two differ in what they ask of a network with several outputs; here the logits [N, C] are
    those that count in either case. Nothing for no entry.

    A k above the class count is left out.

    logits [N, C], label [N, 1] int64. (Paddle's op fails on k > C.) Ranked by logits, as PaddleClas
    does: of scores that softmax rounds to 0 or 1 many are equal.

    Raises:
        InputError: no k is left, or a metric that is not for classifiers.
    """
    if not entries:
        return {}
    ks = wanted_ks(entries)
    usable = sorted(k for k in ks if k <= logits.shape[-1])
    if not usable:
        raise InputError("Metric: TopkAcc: every k of {ks} is above the class count", ks=sorted(ks))
    return {f"top{k}": paddle.metric.accuracy(logits, label, k=k) for k in usable}


def wanted_ks(entries: list[dict]) -> set[int]:
    """The numbers of classes that count as a hit if the right one is among them.

    Raises:
        InputError: a metric that is not for classifiers.
    """
    wanted = []
    for entry in entries:
        [(name, settings)] = entry.items()
        if "topk" not in settings:
            raise InputError(
                "Metric: {name} is for detectors; a classifier takes TopkAcc", name=name
            )
        wanted.append(settings["topk"])
    return {k for value in wanted for k in (value if isinstance(value, list) else [value])}


@dataclass
class Averages:
    """Means of named figures over the samples seen, batches weighted by their size."""

    sums: dict[str, float] = field(default_factory=dict)
    samples: int = 0

    def add(self, values: dict[str, float], samples: int) -> None:
        """Count in the means `values` of a batch of `samples`."""
        self.samples += samples
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * samples

    def means(self) -> dict[str, float]:
        """The mean of each figure; empty before the first batch."""
        return {name: total / self.samples for name, total in self.sums.items()}
