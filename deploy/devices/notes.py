"""What is to be known about a figure: a code with values, put into words where it is shown.

Results of older versions hold finished English sentences instead, which are shown as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ppghost.i18n import Message, tr


@dataclass(frozen=True)
class Note:
    """One thing to be known.

    Attributes:
        code: a key of WORDS.
        values: what its words are filled in with: numbers, names, or another note.
    """

    code: str
    values: dict[str, Any] = field(default_factory=dict)


#: a note, or what an older version wrote in its place
NoteOrText: TypeAlias = Note | str


def format_note(note: NoteOrText | Mapping[str, Any]) -> str:
    """A note in words, which can be translated.

    Args:
        note: what to say, also as it stands in a file. A text stays as it is; of a note of another
            version, whose code or values are not known here, the code is said.
    """
    if isinstance(note, str):
        return note
    if isinstance(note, Mapping):
        note = Note(str(note.get("code")), note.get("values") or {})
    words = WORDS.get(note.code)
    if words is None:
        return note.code
    values = {
        name: format_note(value) if isinstance(value, Note | Mapping) else value
        for name, value in note.values.items()
    }
    try:
        return words.format(**values)
    except (LookupError, ValueError, TypeError):
        return note.code


#: of every note, by code; {name} is filled in with its values
WORDS: dict[str, Message] = {
    # about the rounds of a result
    "too_few_rounds": tr(
        "too few rounds for an interval; measure again with more --rounds, and "
        "with nothing else running"
    ),
    "wide_interval": tr(
        "the 95 % interval is {width:.1%} of the median (trusted up to "
        "{trusted:.0%}); measure again with more --rounds, and with nothing else "
        "running"
    ),
    "dependent_rounds": tr(
        "the device was faster at one time than at another: {rounds} rounds "
        "tell as much as {worth:.0f} independent ones; more of them over a "
        "longer time (--round-every) tell more"
    ),
    "first_inference": tr(
        "the first inference of a burst takes {ratio:.2f} times as long as "
        "those right after it: so may a single one in an app"
    ),
    "throttled_left_out": tr(
        "{rounds} of {total} rounds were throttled ({reason}); kept, but not in the figures"
    ),
    "throttled_counted": tr(
        "{rounds} of {total} rounds were throttled ({reason}); counted, as too few others are left"
    ),
    "waited_for_core": tr(
        "other processes had the core for {share:.0%} of the time; that is not counted"
    ),
    "no_boxes_in_noise": tr(
        "the input was noise, of which it found no box: its suppression had "
        "nothing to do; time it on an image (--image)"
    ),
    "no_boxes_in_image": tr(
        "it found no box in the image: its suppression had nothing to do; "
        "take an image with objects that it finds"
    ),
    "screen_off": tr(
        "the screen was off in {rounds} of {total} rounds: many phones then compute "
        "slower; keep it on"
    ),
    "battery_low": tr(
        "the battery was at {battery} %: many phones then save power; charge it and measure again"
    ),
    "other_reference": tr("the ratio is to {reference}, as {wanted} has no figures beside it"),
    "no_ratio": tr(
        "no ratio to {reference}, which was not measured beside it; measure both in one campaign"
    ),
    # why a round was throttled
    "thermal_status": tr("thermal status {status}"),
    "core_capped": tr("core {core} capped at {cap_ghz:.2f} of {start_ghz:.2f} GHz"),
    "too_hot": tr("{temp_c:.1f} °C, above {max_temp:g}"),
    # about outputs
    "output_unchecked": tr("outputs not checked on the device: {reason}"),
    "no_reference": tr("no reference outputs came with the file; convert it with ppghost convert"),
    "benchmark_bin_hides_outputs": tr("a benchmark_bin before 2.10 does not show its outputs"),
    # what a device cannot show
    "benchmark_bin_cannot_check": tr("this old benchmark_bin cannot check outputs"),
    "translated": tr(
        "{abi} code, translated by the emulator ({bridge}): the figures say nothing of a phone"
    ),
    "x86_computes_on_one_core": tr(
        "the x86 runtime of Paddle-Lite computes on one core whatever the threads"
    ),
}
