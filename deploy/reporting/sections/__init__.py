"""The sections of a report.

A section is one module here, with its words and the function that builds it, and its line below.
"""

from ppghost.deploy.reporting.sections import (
    accuracy,
    checks,
    guidelines,
    latency,
    layers,
    measured_accuracy,
    published,
    repeat,
    rounds,
    scaling,
    size,
    warnings,
)

#: in the order in which they are shown
SECTIONS = (
    accuracy.SECTION,
    latency.SECTION,
    measured_accuracy.SECTION,
    warnings.SECTION,
    layers.SECTION,
    guidelines.SECTION,
    published.SECTION,
    scaling.SECTION,
    size.SECTION,
    rounds.SECTION,
    checks.SECTION,
    repeat.SECTION,
)
