"""Drawings of a report: names that stay names, and can be read."""

import html

import numpy as np


def test_hostile_name_on_the_curve_is_escaped():
    from ppghost.deploy.reporting.drawings.curve import Panel, draw_curve
    from ppghost.deploy.reporting.drawings.pareto import Point

    name = "<script>alert(1)</script> $x^2$"
    points = [Point(name, name, 5.0, (4.0, 6.0), 0.7)]
    svg = draw_curve([Panel(name, points, "latency", "accuracy")], [name], "front")
    assert "<script" not in svg
    # the title and the label, whole: no part of them is read as a formula
    assert svg.count(f">{html.escape(name, quote=False)}</text>") == 2


def test_labels_of_close_points_do_not_overlap():
    from ppghost.deploy.reporting.drawings import canvas
    from ppghost.deploy.reporting.drawings.curve import Panel, draw_panel
    from ppghost.deploy.reporting.drawings.labels import label_points, overlap
    from ppghost.deploy.reporting.drawings.pareto import Point

    points = [
        Point(f"MobileNetV3_small_x{index}", "F", 15 + index, (14.0, 19.0), 0.70 + index / 900)
        for index in range(4)
    ]
    # far away, so that the others are close
    points += [Point("low", "F", 2, None, 0.60), Point("high", "F", 40, None, 0.80)]
    with canvas.settings():
        figure = canvas.new_figure(4.2)
        axes = figure.subplots()
        draw_panel(axes, Panel("", points, "", ""), {"F": ("#000000", "o")}, "front")
        figure.canvas.draw()
        label_points(axes, points, [])
    renderer = figure.canvas.get_renderer()
    boxes = np.array([text.get_window_extent(renderer).extents for text in axes.texts])
    assert len(boxes) == 1 + len(points)
    common = overlap(boxes, boxes)
    assert (np.diag(common) > 100).all()
    assert (common - np.diag(np.diag(common)) == 0).all()


def test_a_name_steps_aside_for_a_line():
    from ppghost.deploy.reporting.drawings import canvas
    from ppghost.deploy.reporting.drawings.curve import Panel, draw_panel
    from ppghost.deploy.reporting.drawings.labels import label_points
    from ppghost.deploy.reporting.drawings.pareto import Point

    points = [Point("one", "F", 10, None, 0.7), Point("other", "F", 40, None, 0.9)]
    places = []
    for line in ([], [(10, 70), (40, 70)]):
        with canvas.settings():
            figure = canvas.new_figure(4.2)
            axes = figure.subplots()
            draw_panel(axes, Panel("", points, "", ""), {"F": ("#000000", "o")}, "front")
            figure.canvas.draw()
            label_points(axes, points, [line] if line else [])
        places.append({text.get_text(): text.get_position() for text in axes.texts}["one"])
    free, moved = places
    # to the other side of its point
    assert moved[0] < free[0]
