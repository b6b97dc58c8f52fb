"""When a campaign has enough rounds: all that were asked for, or fewer that are precise enough."""

from collections.abc import Collection

from ppghost.deploy.latency import record
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.power import MS_DRIFT, RATIO_DRIFT, detectable_by_two
from ppghost.deploy.latency.results import Result
from ppghost.deploy.latency.stats import Stats

#: never stopped earlier by a wanted precision: intervals of very few rounds are often too short
MIN_ROUNDS = 10
#: an interval that is narrow once may be so by chance, and stopping there picks such chances
STEADY_ROUNDS = 5


class Stopping:
    """Watches the rounds of one device at one thread count."""

    def __init__(self, campaign: Campaign, reference: str | None) -> None:
        """Before the first round.

        Args:
            campaign: what is asked for.
            reference: the plan's.
        """
        self.campaign, self.reference = campaign, reference
        self._precise_rounds = 0

    def is_over(self, rounds: int, running: Collection[Result], every: Collection[Result]) -> bool:
        """Whether nothing of what was asked for needs more rounds; to be asked once a round.

        Args:
            rounds: so many were run.
            running: results that get more.
            every: all of this device and thread count, with those that do not.
        """
        if self.campaign.precision is None and self.campaign.detect is None:
            return False
        if self.campaign.detect is not None:
            base = record.choose_reference(every, self.reference)
            for result in running:
                record.add_ratio(result, every, base)
        precise = all(is_enough(each, self.campaign, len(every) > 1) for each in running)
        self._precise_rounds = self._precise_rounds + 1 if precise else 0
        return rounds >= MIN_ROUNDS and self._precise_rounds >= STEADY_ROUNDS


def is_done(result: Result, campaign: Campaign, has_others: bool) -> bool:
    """Whether an earlier run did all that this campaign asks for.

    Args:
        result: of that run.
        campaign: what is asked for.
        has_others: whether other models are timed beside it.
    """
    if len(result.rounds) >= campaign.max_rounds:
        return True
    wanted = campaign.precision or campaign.detect
    return wanted is not None and is_enough(result, campaign, has_others)


def is_enough(result: Result, campaign: Campaign, has_others: bool) -> bool:
    """Whether a result is as precise as is wanted.

    Args:
        result: with its figures.
        campaign: what is asked for.
        has_others: whether other models are timed beside it.
    """
    wanted, detect = campaign.precision, campaign.detect
    narrow = wanted is None or is_narrower(result.stats, wanted)
    return narrow and (detect is None or _finds(result, detect, has_others))


def is_narrower(stats: Stats | None, wanted: float) -> bool:
    """Whether an interval is no wider than a share of its median.

    Args:
        stats: figures; None: there are none.
        wanted: the share.
    """
    width = stats.relative_width if stats else None
    return width is not None and width <= wanted


def _finds(result: Result, slowdown: float, has_others: bool) -> bool:
    """Whether a later campaign like this one would show a slowdown of the model."""
    ratio = result.ratio
    if has_others and ratio and ratio.reference == result.model:
        return True  # its file is what the others are compared by
    figure, drift = (ratio, RATIO_DRIFT) if has_others else (result.stats, MS_DRIFT)
    if figure is None or figure.ci95 is None:
        return False
    return detectable_by_two(figure.ci95, drift) <= slowdown
