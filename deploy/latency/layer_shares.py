"""What each layer of a network takes, by a campaign that timed it whole and layer by layer.

In every round the layers, the whole and a model without work were timed one after the other. What a
layer takes is its latency in a round less that of the model without work, which is what a run
costs by itself; its share is that over the sum of all, each as often as the network has it. Medians
and intervals are of these figures, round by round: what slows a whole round down cancels out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.deploy.latency.intervals import MIN_ROUNDS
from ppghost.deploy.latency.results import LatencyResult, Result
from ppghost.deploy.latency.schema import LayerPlan, TimedLayer
from ppghost.deploy.latency.stats import Estimate, median_interval

#: a layer costs more than its MACs and bytes explain if its interval begins above so many times
#: what they explain,
EXCESS = 1.5
#: and if what is above it is at least this share of all layers' time
MATTERS = 0.01
#: a fit of three coefficients needs more layers than that
_MIN_LAYERS = 5


@dataclass(frozen=True)
class Fit:
    """What explains the layers' times: `ms = c + macs / macs_per_ms + bytes / bytes_per_ms`.

    Attributes:
        ms_per_mac, ms_per_byte, ms: the coefficients, none below 0.
    """

    ms_per_mac: float
    ms_per_byte: float
    ms: float

    def explain(self, layer: TimedLayer) -> float:
        """The time that it explains, in ms."""
        return self.ms + self.ms_per_mac * (layer.macs or 0) + self.ms_per_byte * layer.bytes


@dataclass(frozen=True)
class LayerShare:
    """What layers that are equal take.

    Attributes:
        layer: which they are.
        ms: of one of them.
        share: of all of them together, of the sum of all layers.
        explained_ms: what MACs and bytes explain of one of them; None without a fit.
        slow: whether one takes clearly more than that, and enough to matter.
    """

    layer: TimedLayer
    ms: Estimate
    share: Estimate
    explained_ms: float | None
    slow: bool

    @property
    def times_explained(self) -> float | None:
        """How many times as long as explained; None without a fit."""
        return self.ms.median / self.explained_ms if self.explained_ms else None


@dataclass(frozen=True)
class LayerShares:
    """What the layers of a network take on one device at one thread count.

    Attributes:
        plan: the network, and what was not timed.
        device: its description.
        threads: of the runtime.
        rounds: how many the figures are made of.
        shares: in the network's order.
        idle_ms: what a run costs without work.
        sum_ms: of all layers.
        whole_ms: of the network, less a run without work; None if it was not timed.
        sum_of_whole: how well the layers add up: their sum over the whole.
        fit: what explains their times; None for too few layers.
        without_figures: layers that should have been timed here, and were not.
    """

    plan: LayerPlan
    device: dict[str, Any]
    threads: int
    rounds: int
    shares: list[LayerShare]
    idle_ms: Estimate
    sum_ms: Estimate
    whole_ms: Estimate | None
    sum_of_whole: Estimate | None
    fit: Fit | None
    without_figures: list[str]


def layer_shares(measured: LatencyResult) -> list[LayerShares]:
    """What layers take, for each device and thread count that has figures of them.

    Args:
        measured: by a campaign that timed a network layer by layer.
    """
    groups: dict[tuple[str, int], dict[str, Result]] = {}
    for result in measured.results:
        groups.setdefault((result.device["serial"], result.threads), {})[result.nb_sha256] = result
    return [
        shares
        for results in groups.values()
        for plan in measured.plan.layers
        if (shares := _shares(plan, results))
    ]


def part_hashes(measured: LatencyResult) -> set[str]:
    """The files in a result that are no models of their own: layers, and the one without work."""
    return {
        sha256
        for plan in measured.plan.layers
        for sha256 in (plan.idle_sha256, *(layer.nb_sha256 for layer in plan.layers))
        if sha256 != plan.whole_sha256
    }


def _shares(plan: LayerPlan, results: Mapping[str, Result]) -> LayerShares | None:
    """None where no round has figures of the layers."""
    import numpy as np

    timed = [layer for layer in plan.layers if _is_timed(results.get(layer.nb_sha256))]
    idle = results.get(plan.idle_sha256)
    if not timed or idle is None or not _is_timed(idle):
        return None
    whole = results.get(plan.whole_sha256 or "")
    sources = [idle, *(results[layer.nb_sha256] for layer in timed)]
    if whole is not None and _is_timed(whole):
        sources.append(whole)
    table = _table(sources)
    if not table.size:
        return None
    own = table[1 : 1 + len(timed)] - table[0]
    counts = np.array([len(layer.layers) for layer in timed])[:, None]
    total = (counts * own).sum(axis=0)
    network = table[-1] - table[0] if len(sources) > 1 + len(timed) else None
    fit = _fit(timed, np.median(own, axis=1).tolist())
    sum_ms = _estimate(total)
    return LayerShares(
        plan=plan,
        device=idle.device,
        threads=idle.threads,
        rounds=table.shape[1],
        shares=[
            _share(layer, _estimate(ms), _estimate(share), fit, sum_ms.median)
            for layer, ms, share in zip(timed, own, counts * own / total, strict=True)
        ],
        idle_ms=_estimate(table[0]),
        sum_ms=sum_ms,
        whole_ms=None if network is None else _estimate(network),
        sum_of_whole=None if network is None else _estimate(total / network),
        fit=fit,
        without_figures=[
            name for layer in plan.layers if layer not in timed for name in layer.layers
        ],
    )


def _is_timed(result: Result | None) -> bool:
    return result is not None and result.status != "failed" and bool(result.rounds)


def _table(results: Sequence[Result]) -> Any:
    """Each result's median of each round that counts for all of them, in ms: [results, rounds].

    If these are too few for an interval, every round counts, as it does for a single result.
    """
    import numpy as np

    fair = [_by_round(result, result.counted_rounds()) for result in results]
    shared = _shared_keys(fair)
    if len(shared) < MIN_ROUNDS:
        fair = [_by_round(result, range(len(result.rounds))) for result in results]
        shared = _shared_keys(fair)
    return np.array([[rounds[key] for key in shared] for rounds in fair])


def _by_round(result: Result, numbers: Sequence[int]) -> dict[tuple[str, int], float]:
    medians = result.round_medians(numbers)
    return {result.rounds[number].key(number): median for number, median in medians.items()}


def _shared_keys(tables: Sequence[Mapping[tuple[str, int], float]]) -> list[tuple[str, int]]:
    return sorted(set(tables[0]).intersection(*tables[1:]))


def _estimate(values: Any) -> Estimate:
    import numpy as np

    return Estimate(float(np.median(values)), median_interval(values.tolist()))


def _share(
    layer: TimedLayer, ms: Estimate, share: Estimate, fit: Fit | None, sum_ms: float
) -> LayerShare:
    explained = fit.explain(layer) if fit else None
    slow = (
        explained is not None
        and ms.ci95 is not None
        and ms.ci95[0] > EXCESS * explained
        and len(layer.layers) * (ms.median - explained) >= MATTERS * sum_ms
    )
    return LayerShare(layer, ms, share, explained, slow)


def _fit(layers: Sequence[TimedLayer], ms: Sequence[float]) -> Fit | None:
    """The coefficients, none negative, for which the layers' relative deviations sum up to least.

    Least absolute deviations, as a linear program: a layer that is slow for another reason does not
    draw the fit towards itself, as it would with squares.
    """
    import numpy as np
    from scipy.optimize import linprog

    positive = [number for number, value in enumerate(ms) if value > 0]
    if len(positive) < _MIN_LAYERS:
        return None
    times = np.array([ms[number] for number in positive])
    causes = np.array(
        [(layers[number].macs or 0, layers[number].bytes, 1.0) for number in positive], float
    )
    scales = np.maximum(causes.max(axis=0), 1.0)
    relative = causes / scales / times[:, None]
    # coefficients, then each layer's deviation d: relative @ c - 1 <= d and 1 - relative @ c <= d
    eye = np.eye(len(times))
    solved = linprog(
        np.r_[np.zeros(3), np.ones(len(times))],
        A_ub=np.block([[relative, -eye], [-relative, -eye]]),
        b_ub=np.r_[np.ones(len(times)), -np.ones(len(times))],
    )
    return Fit(*(float(value) for value in solved.x[:3] / scales)) if solved.success else None


def slow_layers(shares: LayerShares) -> Iterator[LayerShare]:
    """The layers that cost more than their MACs and bytes explain, the dearest first."""
    slow = (each for each in shares.shares if each.slow)
    yield from sorted(slow, key=lambda each: -each.share.median)
