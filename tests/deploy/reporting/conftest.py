"""Equal drawings are drawn once for all tests of reports: most of a report's time is theirs."""

import pytest

from ppghost.deploy.reporting.drawings import panels

_DRAWN: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch, request):
    """Not where a test asks whether two drawings are equal (marker `draws_anew`)."""
    if request.node.get_closest_marker("draws_anew"):
        return
    draw = panels.draw_curve

    def drawn(*arguments, **options):
        key = repr((arguments, options))
        if key not in _DRAWN:
            _DRAWN[key] = draw(*arguments, **options)
        return _DRAWN[key]

    monkeypatch.setattr(panels, "draw_curve", drawn)
