"""What a report says, in English or Chinese.

The words of one section stand in its module, those that several use in COMMON, and those of notes
beside the notes (`ppghost.deploy.devices.notes`).
"""

from collections.abc import Mapping

from ppghost.errors import InputError
from ppghost.i18n import LANGUAGES, Message, tr, tr_as, translate


class Messages(dict[str, str]):
    """Texts by key, in one language."""

    def __init__(self, lang: str, words: Mapping[str, Message] | None = None) -> None:
        """Take the common words and others.

        Args:
            lang: "en" or "zh".
            words: further ones by key.

        Raises:
            InputError: there is no such language.
        """
        if lang not in LANGUAGES:
            raise InputError(
                "lang: no language {lang!r}; choose one of: {languages}",
                lang=lang,
                languages=", ".join(LANGUAGES),
            )
        words = COMMON | dict(words or {})
        super().__init__({key: translate(text, lang) for key, text in words.items()})
        self["space"] = self["sentences"].format(one="", next="")
        self.lang = lang

    def with_words(self, words: Mapping[str, Message]) -> "Messages":
        """The common words and `words`, in the same language."""
        return Messages(self.lang, words)

    def format_threads(self, threads: int) -> str:
        """'1 thread', '2 threads'."""
        return self["one_thread"] if threads == 1 else self["threads_of"].format(n=threads)


#: words that several parts of a report use; {name} is filled in. Headers of latency.csv are for
#: programs and stay English.
COMMON: dict[str, Message] = {
    # the page
    "html_lang": tr_as("HTML lang", "en"),
    "page_title": tr("ppghost: measured latency"),
    "heading": tr("Measured latency"),
    "intro": tr(
        "Batch 1, milliseconds per inference. Figures are ranks, not means: the median, "
        "its 95 % confidence interval (from the medians of the rounds), the median "
        "absolute deviation (MAD) and the 90th percentile."
    ),
    # signs
    "comma": tr(", "),
    "sentences": tr("{one} {next}"),
    "semicolon": tr("; "),
    "colon": tr(": "),
    "list_comma": tr_as("between names", ", "),
    "interval": tr("{low} to {high}"),
    "with_interval": tr("{value} ({interval})"),
    # columns
    "model": tr("Model"),
    "precision": tr("Precision"),
    "threads_ms": tr("{threads} ms"),
    "params_m": tr("Params M"),
    "weights_random": tr("random, never trained"),
    "weights_unknown": tr("unknown"),
    # devices
    "host_name": tr("Host computer"),
    "host_short": tr("Host"),
    "host_in_sentence": tr("a host computer"),
    "no_phone": tr("{device}, not a phone"),
    "device_title": tr("{device}: {name}, {runtime}"),
    "runtime": tr("Paddle-Lite {version}"),
    "runtime_unknown": tr("Paddle-Lite of unknown version"),
    "one_thread": tr("1 thread"),
    "threads_of": tr("{n} threads"),
    "panel_title": tr("{device}, {threads}, batch 1"),
    "android": tr("Android {version}"),
    "cores": tr("cores {cores}"),
    "power_mode": tr("power mode {mode}"),
    "affinity": tr("affinity mask {mask}"),
    # what `ppghost report --json` tells too: models that are not on a curve, and warnings
    "missing_model": tr("{model}: {why}"),
    "not_finished": tr("not measured to the end"),
    "no_accuracy": tr("no published accuracy"),
    "no_input": tr("the result does not tell its input size"),
    "other_input": tr("the published accuracy is for another input size"),
    "other_precision": tr("the published accuracy is not that of {precision}"),
    "warning_of": tr("{models} ({where}): {text}"),
    "models_and_more": tr("{model} and {more} others"),
    # curves
    "curve_alt": tr("Accuracy against latency: latency measured, accuracy published"),
    "measured_axis": tr("measured latency (ms), median and 95 % interval"),
    "accuracy_axis": tr("published ImageNet top-1 (%), {source}"),
    "no_points": tr("no model here has a published accuracy"),
    "published_title": tr("Published, not measured here\nSnapdragon 855, 1 thread, batch 1"),
    "published_axis": tr("published latency (ms)\n{source}\n{url}"),
    "published_accuracy_axis": tr("published ImageNet top-1 (%)"),
    "front": tr("Pareto front"),
    "front_of": tr("{where}: {models}."),
    "ties": tr("Not told apart from it, as intervals overlap or are unknown: {models}."),
    # traces
    "round": tr("round"),
    "relative_axis": tr("latency / median"),
    "temperature_axis": tr("°C"),
    "frequency_axis": tr("GHz"),
    "core": tr("core {cores}"),
    "fastest_core": tr("fastest core"),
    "slowest_core": tr("slowest core"),
    "throttled": tr("throttled"),
    "throttled_round": tr("Round {first} throttled: {why}."),
    "throttled_rounds": tr("Rounds {first} to {last} throttled: {why}."),
}
