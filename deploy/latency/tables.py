"""Results as text for people."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ppghost.deploy.latency.compare import Comparison
from ppghost.deploy.latency.guideline_ratios import Guidelines
from ppghost.deploy.latency.layer_shares import EXCESS, MATTERS, LayerShares, slow_layers
from ppghost.deploy.latency.power import POWER
from ppghost.deploy.latency.results import LatencyResult
from ppghost.deploy.latency.stats import Estimate, Interval
from ppghost.i18n import say, tr, translate
from ppghost.utils.text import pad

Row = TypeVar("Row")

#: words of results, as they stand in files, for people
STATUS = {"ok": tr("ok"), "failed": tr("failed"), "skipped": tr("skipped")}
VERDICTS = {
    "faster": tr("faster"),
    "slower": tr("slower"),
    "cannot tell": tr("cannot tell"),
}

#: so many layers are shown, the dearest first; all are in the file and the report
SHOWN_LAYERS = 25


def latency_table(measured: LatencyResult) -> str:
    """A line a model: median and interval in ms and the ratio, or what went wrong."""
    references = {result.ratio.reference for result in measured.results if result.ratio}
    width = max([5, *(len(result.model) for result in measured.results)])
    lines = [
        f"{pad(say('model'), width)} {pad(say('threads'), 7, right=True)} "
        f"{pad(say('median ms'), 10, right=True)}  {pad(say('95 % interval'), 18)} {'p90':>8}  "
        f"{say('ratio')}"
    ]
    for heading, result in _by_device(measured.results, lambda row: row.device["serial"]):
        lines += heading
        head = f"{result.model:<{width}} {result.threads:>7}"
        stats, ratio = result.stats, result.ratio
        if result.status != "ok" or stats is None:
            # the device and the model stand before it already
            error = say(result.error or "").removeprefix(f"{result.device['serial']}: ")
            error = error.removeprefix(f"{result.model}: ")
            lines.append(f"{head} {translate(STATUS[result.status])}: {error}")
            continue
        interval = say(" to ").join(map(format_ms, stats.ci95)) if stats.ci95 else "-"
        p90 = "-" if stats.p90 is None else format_ms(stats.p90)
        times = f"{ratio.median:.3f}" if ratio else "-"
        if ratio and len(references) > 1:
            times += f" x {ratio.reference}"
        cells = f"{format_ms(stats.median):>10}  {pad(interval, 18)} {p90:>8}  {times}"
        lines.append(f"{head} {cells}")
    if len(references) == 1:
        lines.append(say("(ratios are times {reference})", reference=references.pop()))
    if any(result.stats and result.stats.ci95 for result in measured.results):
        lines.append(
            say("(intervals in ms are of this campaign on this day; ratios hold for longer)")
        )
    return "\n".join(lines)


def comparison_table(comparison: Comparison) -> str:
    """A line a model: the verdict, how many times as long, and why nothing can be said."""
    lines = [
        f"{pad(say('model'), 28)} {pad(say('threads'), 7, right=True)}  {pad(say('verdict'), 12)} "
        f"{pad(say('new/old'), 8, right=True)}  {say('95 % interval')}"
    ]
    for heading, row in _by_device(comparison.rows, lambda row: row.device):
        lines += heading
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        interval = say(" to ").join(f"{end:.3f}" for end in row.ci95) if row.ci95 else ""
        regression = say("REGRESSION") if row.regression else ""
        note = ": ".join(filter(None, (regression, say(row.why or ""))))
        head = f"{row.model:<28} {row.threads:>7}"
        verdict = pad(translate(VERDICTS[row.verdict]), 12)
        lines.append(f"{head}  {verdict} {ratio:>8}  {pad(interval, 18)} {note}".rstrip())
    if references := sorted({row.reference for row in comparison.rows if row.reference}):
        lines.append(
            say(
                "(compared by their ratios to {references} in the same rounds)",
                references=", ".join(references),
            )
        )
    if shown := [row.detectable for row in comparison.rows if row.detectable is not None]:
        lines.append(
            say(
                "(a slowdown of {slowdown:.1%} would have been found in {power:.0%} of such pairs)",
                slowdown=max(shown),
                power=POWER,
            )
        )
    return "\n".join(lines)


def layers_table(shares: LayerShares) -> str:
    """The layers that take most, how well all add up, and which cost more than is explained."""
    plan, dearest = shares.plan, sorted(shares.shares, key=lambda each: -each.share.median)
    width = max(len("layer"), *(len(each.layer.model) for each in dearest[:SHOWN_LAYERS]))
    lines = [
        say(
            "{network} on {serial}, threads {threads}, {rounds} rounds",
            network=plan.network,
            serial=shares.device["serial"],
            threads=shares.threads,
            rounds=shares.rounds,
        ),
        f"{pad(say('layer'), width)} {pad(say('times'), 5, right=True)} "
        f"{pad(say('ms each'), 8, right=True)} {pad(say('share %'), 8, right=True)}  "
        f"{pad(say('95 % interval'), 16)} {'MMACs':>8} {'MB':>7}  {say('x explained')}",
    ]
    for each in dearest[:SHOWN_LAYERS]:
        layer = each.layer
        interval = _percents(each.share.ci95)
        macs = "-" if layer.macs is None else f"{layer.macs / 1e6:.2f}"
        share = format_percent(each.share.median)
        times = "-" if each.times_explained is None else f"{each.times_explained:.1f}"
        lines.append(
            f"{layer.model:<{width}} {len(layer.layers):>5} {format_ms(each.ms.median):>8} "
            f"{share:>8}  {pad(interval, 16)} {macs:>8} {layer.bytes / 1e6:>7.2f}  "
            f"{times}{' *' if each.slow else ''}"
        )
    if rest := dearest[SHOWN_LAYERS:]:
        left = format_percent(sum(each.share.median for each in rest), 1)
        lines.append(say("(and {count} more with {share} % together)", count=len(rest), share=left))
    return "\n".join([*lines, *_layers_summary(shares)])


def _layers_summary(shares: LayerShares) -> Iterator[str]:
    plan = shares.plan
    together = say(
        "{layers} layers, {different} different: {ms} together",
        layers=sum(len(each.layer.layers) for each in shares.shares),
        different=len(shares.shares),
        ms=_ms(shares.sum_ms),
    )
    if shares.whole_ms and shares.sum_of_whole:
        together = say(
            "{together}, {ratio} of the whole's {ms}",
            together=together,
            ratio=_with_interval(shares.sum_of_whole, "{:.3f}".format),
            ms=_ms(shares.whole_ms),
        )
    yield say(
        "{together}; a run without work, {ms}, is taken off each",
        together=together,
        ms=_ms(shares.idle_ms),
    )
    if any(each.slow for each in shares.shares):
        names = ", ".join(each.layer.model for each in slow_layers(shares))
        yield say(
            "* cost more than MACs and bytes explain (over {excess:g} times, and "
            "{matters:.0%} of the time or more): {names}",
            excess=EXCESS,
            matters=MATTERS,
            names=names,
        )
    if plan.is_same_kernels:
        yield say("the whole is made of exactly the kernels that its layers are made of")
    for operator, count in plan.other_kernels.items():
        yield say(
            "kernels of {operator}: {whole} in the whole, {layers} in the layers",
            operator=operator,
            whole=count.whole,
            layers=count.layers,
        )
    for untimed in plan.not_timed:
        yield say(
            "not timed: {layer} ({operator}): {reason}",
            layer=untimed.layer,
            operator=untimed.ops[0],
            reason=untimed.reason,
        )
    if shares.without_figures:
        yield say("failed: {names}", names=", ".join(shares.without_figures))


def guidelines_table(nets: Guidelines) -> str:
    """A line a net: latency, images a second, and the ratio to the first of its guideline."""
    lines = [
        say("{serial}, threads {threads}", serial=nets.device["serial"], threads=nets.threads),
        f"{pad(say('net'), 26)} {'MMACs':>7} {'MB':>7} {'ms':>8} "
        f"{pad(say('images/s'), 9, right=True)}  {say('times the first')}",
    ]
    for row in (row for rows in nets.rows.values() for row in rows):
        name = f"{row.net.guideline} {row.net.variant}"
        macs = "-" if row.net.macs is None else f"{row.net.macs / 1e6:.1f}"
        ms = "-" if row.stats is None else format_ms(row.stats.median)
        speed = "-" if row.images_per_second is None else f"{row.images_per_second:.0f}"
        ratio = _with_interval(row.ratio, "{:.3f}".format) if row.ratio else "-"
        lines.append(
            f"{name:<26} {macs:>7} {row.net.bytes / 1e6:>7.2f} {ms:>8} {speed:>9}  {ratio}"
        )
    return "\n".join(lines)


def _ms(estimate: Estimate) -> str:
    return f"{_with_interval(estimate, format_ms)} ms"


def _with_interval(estimate: Estimate, form: Callable[[float], str]) -> str:
    ends = f" ({say(' to ').join(map(form, estimate.ci95))})" if estimate.ci95 else ""
    return f"{form(estimate.median)}{ends}"


def _percents(ci95: Interval | None) -> str:
    return say(" to ").join(format_percent(end) for end in ci95) if ci95 else "-"


def format_percent(share: float, digits: int = 2) -> str:
    """A share as a number of percent: "12.50"; what rounds to nothing has no minus."""
    return f"{round(100 * share, digits) + 0.0:.{digits}f}"


def _by_device(
    rows: Iterable[Row], serial: Callable[[Row], str]
) -> Iterator[tuple[list[str], Row]]:
    """Rows grouped by device, each with the heading lines before it; none for a single device."""
    ordered = sorted(rows, key=serial)
    several = bool(ordered) and serial(ordered[0]) != serial(ordered[-1])
    last = None
    for row in ordered:
        heading = [f"{serial(row)}:"] if several and serial(row) != last else []
        last = serial(row)
        yield heading, row


def format_ms(value: float) -> str:
    """Two decimals, or three digits below 1 ms."""
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
