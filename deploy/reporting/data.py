"""What the sections of a report are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ppghost.deploy.latency.results import LatencyResult, Result
from ppghost.deploy.reporting.drawings.panels import MeasuredCurves, draw_measured
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.notes import gather_warnings
from ppghost.deploy.reporting.published import Published, why_missing


@dataclass(frozen=True)
class ReportData:
    """What was measured, and what it is shown beside.

    Attributes:
        measured: the result files, in the order given.
        groups: the results of models by device; none where only layers or test nets were timed.
        all_groups: every result by device; at least one group.
        published: figures of others.
        command: what made the report; None if not known.
        t: the common words, in the reader's language.
        accuracies: what was measured here, metrics by model.
    """

    measured: Sequence[tuple[Path, LatencyResult]]
    groups: Sequence[Group]
    all_groups: Sequence[Group]
    published: Published
    command: str | None
    t: Messages
    accuracies: Mapping[str, dict[str, float]] = field(default_factory=dict)

    @property
    def rows(self) -> list[Result]:
        """Every result, by group."""
        return [row for group in self.groups for row in group.rows]

    @property
    def files(self) -> list[Result]:
        """One result for each `.nb` file, by model."""
        files = {row.nb_sha256: row for row in self.rows}
        return sorted(files.values(), key=lambda row: (row.model, row.precision))

    @cached_property
    def curves(self) -> MeasuredCurves:
        """Measured latency against published accuracy, drawn."""
        return draw_measured(self.groups, self.published, self.t)

    @property
    def is_unpublished(self) -> bool:
        """Whether accuracies were measured here, of models of which none is published."""
        return bool(self.accuracies) and not any(panel.points for _, panel, _ in self.curves.panels)

    @cached_property
    def missing(self) -> list[str]:
        """The models that are not on a curve, and why."""
        reasons = {
            row.model: self.t[why].format(precision=row.precision)
            for row in self.rows
            if row.model not in self.accuracies and (why := why_missing(row, self.published))
        }
        return [
            self.t["missing_model"].format(model=model, why=why) for model, why in reasons.items()
        ]

    @cached_property
    def warnings(self) -> list[str]:
        """What is to be known about the figures."""
        return gather_warnings(self.all_groups, self.t)
