"""One result of a campaign: begun, filled round by round, concluded."""

from collections.abc import Iterable
from typing import Any

from ppghost.deploy.devices.base import Burst, Device
from ppghost.deploy.devices.notes import Note, format_note
from ppghost.deploy.latency.results import Result, Round, shared_rounds
from ppghost.deploy.latency.schema import ThrottledRounds
from ppghost.deploy.latency.stats import MAX_RELATIVE_WIDTH, paired_ratio, summarize
from ppghost.deploy.nb.model import NbModel
from ppghost.i18n import tr

#: share of the rounds that may tell nothing new without a word
MIN_WORTH = 0.7
#: how much longer the first inference of a burst may take without a word
MIN_FIRST_RATIO = 1.2
#: percent of a battery below which many phones save power
LOW_BATTERY = 15
#: share of the time that the host's inferences may wait for a core without a word
MAX_WAITED = 0.1
UNFINISHED = tr("not finished; run again with --resume")


def begin(model: NbModel, device: Device, threads: int) -> Result:
    """A result without a sample.

    Args:
        model: what is to be timed.
        device: where.
        threads: with how many.
    """
    return Result(
        model=model.name,
        weights=model.weights,
        params=model.params,
        macs=model.macs,
        nb=str(model.path),
        nb_sha256=model.info.content_sha256,
        nb_bytes=model.info.bytes,
        opt_version=model.info.opt_version,
        convert_command=model.command,
        source_sha256=model.source_sha256,
        check=model.check,
        inputs=[dict(tensor) for tensor in model.inputs],
        device=device.describe(),
        threads=threads,
        power_mode=device.power_mode,
        affinity=device.affinity,
        image=model.feed.image if model.feed else None,
        image_sha256=model.feed.sha256 if model.feed else None,
        precision=model.info.precision,
        status="skipped",
        error=UNFINISHED,
        samples_are=device.sample_kind,
        stats=None,
        output_check=model.output_check,
    )


def add_round(
    result: Result, burst: Burst, conditions: dict[str, Any], throttled: Note | None
) -> None:
    """One round more, and the figures anew.

    Args:
        result: the one that was measured further.
        burst: what was measured.
        conditions: of the device and its sensors then.
        throttled: why it does not count, if so.
    """
    result.warmup_ms += burst.warmup_ms
    result.rounds.append(Round(burst.samples_ms, conditions, throttled))
    counted = result.counted_rounds()
    samples = [sample for number in counted for sample in result.rounds[number].samples_ms]
    inferences = result.samples_are == "inference"
    result.stats = summarize(samples, len(counted), percentiles=inferences)
    marked = sum(bool(each.throttled) for each in result.rounds)
    all_counted = len(counted) == len(result.rounds)
    result.throttled = ThrottledRounds(marked, in_stats=bool(marked) and all_counted)


def choose_reference(results: Iterable[Result], wanted: str | None) -> str | None:
    """The model that others are divided by: the wanted one, else the first that works.

    Args:
        results: of one device and thread count, in the order of the plan.
        wanted: the plan's.

    Returns:
        A model's name; None if no model has figures.
    """
    working = [each.model for each in results if each.status != "failed" and each.stats]
    return wanted if wanted in working else next(iter(working), None)


def add_ratio(result: Result, results: Iterable[Result], reference: str | None) -> None:
    """The ratio to a reference model, over the rounds that count for both.

    Few rounds in common (the reference was measured anew, by --resume) make no ratio: one of an
    earlier reference stays.

    Args:
        result: what gets the ratio.
        results: of the same device and threads.
        reference: a model's name; without a result of it there is no ratio.
    """
    base = next((each for each in results if each.model == reference), None)
    if base is None or not (base.stats and result.stats):
        return
    candidate_ms, base_ms = shared_rounds(result, base)
    if candidate_ms and 2 * len(candidate_ms) >= len(result.counted_rounds()):
        result.ratio = paired_ratio(candidate_ms, base_ms, base.model)


def conclude(result: Result, limitation: Note | None, reference: str | None = None) -> list[str]:
    """Mark a result that did not fail as done, and say what is to be known about its figures.

    `notes` are for the report; `warning` is one text that names model and threads too.

    Args:
        result: measured, or as far as that was possible.
        limitation: what the device cannot show at this thread count.
        reference: the plan's.

    Returns:
        What is to be known about this result alone, a sentence each.
    """
    if result.status == "failed" or not result.stats:
        return []
    result.status, result.error = "ok", None
    notes = [note for make in _NOTES if (note := make(result))]
    if reference and (note := _other_reference(result, reference)):
        notes.append(note)
    warnings = [
        tr("{model}, threads {threads}: {note}").format(
            model=result.model, threads=result.threads, note=format_note(note)
        )
        for note in notes
    ]
    own: list[str] = [*warnings]
    if limitation:
        notes.append(limitation)
        warnings.append(
            tr("threads {threads}: {note}").format(
                threads=result.threads, note=format_note(limitation)
            )
        )
    result.notes, result.warning = [*notes], tr("; ").join(warnings) or None
    return own


def _other_reference(result: Result, wanted: str) -> Note | None:
    if result.ratio is None:
        return Note("no_ratio", {"reference": wanted})
    if result.ratio.reference != wanted:
        return Note("other_reference", {"wanted": wanted, "reference": result.ratio.reference})
    return None


def _spread(result: Result) -> Note | None:
    if not result.stats or not result.stats.too_wide:
        return None
    width = result.stats.relative_width
    if width is None:
        return Note("too_few_rounds")
    return Note("wide_interval", {"width": width, "trusted": MAX_RELATIVE_WIDTH})


def _dependence(result: Result) -> Note | None:
    if result.stats is None or result.stats.effective_rounds is None:
        return None
    rounds, worth = len(result.counted_rounds()), result.stats.effective_rounds
    if worth > MIN_WORTH * rounds:
        return None
    return Note("dependent_rounds", {"rounds": rounds, "worth": worth})


def _first_inference(result: Result) -> Note | None:
    ratio = result.stats.first_ratio if result.stats else None
    if ratio is None or ratio < MIN_FIRST_RATIO:
        return None
    return Note("first_inference", {"ratio": ratio})


def _throttling(result: Result) -> Note | None:
    reasons = [each.throttled for each in result.rounds if each.throttled]
    if not reasons:
        return None
    counted = result.throttled is not None and result.throttled.in_stats
    values = {"rounds": len(reasons), "total": len(result.rounds), "reason": reasons[0]}
    return Note("throttled_counted" if counted else "throttled_left_out", values)


def _waiting(result: Result) -> Note | None:
    waited = sum(sum(each.conditions.get("waited_ms") or ()) for each in result.rounds)
    share = waited / (waited + sum(result.samples_ms))
    return Note("waited_for_core", {"share": share}) if share > MAX_WAITED else None


def _no_boxes(result: Result) -> Note | None:
    """Of a detector: its suppression had nothing to do, or it is not known."""
    found = [each.conditions.get("boxes") for each in result.rounds]
    if not any(boxes == 0 for boxes in found):
        return None
    return Note("no_boxes_in_image" if result.image else "no_boxes_in_noise")


def _unchecked(result: Result) -> Note | None:
    reason = (result.output_check or {}).get("why")
    return Note("output_unchecked", {"reason": reason}) if reason else None


def _doubtful_state(result: Result) -> Note | None:
    """Of a phone whose state lets it save power."""
    total = len(result.rounds)
    dark = sum(each.conditions.get("screen") == "off" for each in result.rounds)
    levels = [each.conditions.get("battery") for each in result.rounds]
    low = min((level for level in levels if level is not None), default=100)
    if low < LOW_BATTERY:
        return Note("battery_low", {"battery": low})
    return Note("screen_off", {"rounds": dark, "total": total}) if dark else None


_NOTES = (
    _spread,
    _dependence,
    _first_inference,
    _throttling,
    _waiting,
    _doubtful_state,
    _no_boxes,
    _unchecked,
)
