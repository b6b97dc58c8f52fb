"""What a report works out: the Pareto front, thread scaling, the rounds of a trace."""

import csv

import pytest
from support.latency_results import PHONE, result, rounds, write

from ppghost.deploy.latency.results import load_result
from ppghost.deploy.latency.stats import Estimate
from ppghost.deploy.reporting.drawings.pareto import Point, pareto_front
from ppghost.deploy.reporting.drawings.traces import format_throttling, gather_trace
from ppghost.deploy.reporting.groups import group_results, speedups
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.write import report

ENGLISH = Messages("en")


def point(name, latency, top1, spread=0.0):
    interval = None if spread is None else (latency - spread, latency + spread)
    return Point(name, "F", latency, interval, top1)


def names(points):
    return [point.model for point in points]


def loaded(tmp_path, *results):
    """The results as a report reads them."""
    return load_result(write(tmp_path / "results.json", list(results)))


def test_the_front_is_what_no_other_beats_in_both():
    front = pareto_front(
        [
            point("exact", 20, 0.76),
            point("fast", 5, 0.66),
            point("slow and bad", 21, 0.65),
            point("middle", 10, 0.70),
            point("slower than middle", 11, 0.70),
            point("worse than middle", 10, 0.69),
        ]
    )
    assert names(front.best) == ["fast", "middle", "exact"]
    assert front.ties == []


def test_models_whose_intervals_overlap_are_not_called_beaten():
    front = pareto_front(
        [
            point("good", 10, 0.70, 1.0),
            point("overlaps", 11.5, 0.69, 1.0),
            point("apart", 13, 0.69, 1.0),
            point("unknown", 30, 0.60, None),
        ]
    )
    assert names(front.best) == ["good"]
    assert names(front.ties) == ["overlaps", "unknown"]


def test_equal_models_are_both_on_the_front():
    twins = [point("one", 10, 0.7), point("other", 10, 0.7)]
    assert names(pareto_front(twins).best) == ["one", "other"]
    assert pareto_front([]) == ([], [])


def test_an_interval_that_ends_where_the_better_begins_does_not_save_a_model():
    front = pareto_front([point("good", 10, 0.70, 1.0), point("bad", 12, 0.69, 1.0)])
    assert (names(front.best), front.ties) == (["good"], [])


def test_the_page_names_the_front_and_the_ties(tmp_path):
    tied = result("GhostNet_x0_5", 6.0)
    source = write(tmp_path / "r.json", [result("MobileNetV3_small_x1_0", 5.8), tied])
    report([source], tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Some CPU: MobileNetV3_small_x1_0." in page
    assert "intervals overlap or are unknown: GhostNet_x0_5." in page
    assert "Pareto front" in (tmp_path / "out" / "curve.svg").read_text()


def test_speedups_are_over_one_thread_with_an_interval_where_rounds_give_one(tmp_path):
    single = [10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 10.7, 10.8]
    double = [value / 2 for value in single]
    document = loaded(
        tmp_path,
        result("A", 10.4, **rounds(single)),
        result("A", 5.2, threads=2, **rounds(double)),
        result("A", 2.6, threads=4),
        result("B", 30.0),
        result("B", 15.0, threads=2),
        result("C", 1.0, threads=2),
    )
    (group,) = group_results([document])
    a, b = speedups(group)
    assert (a.single.model, b.single.model) == ("A", "B")
    assert a.more[2].median == pytest.approx(2.0, rel=0.01)
    low, high = a.more[2].ci95
    assert 1.9 < low < 2.0 < high < 2.1
    # no rounds, no interval; not measured, nothing
    assert a.more[4] == Estimate(pytest.approx(4.0), None)
    assert b.more == {2: Estimate(2.0, None), 4: None}
    report([tmp_path / "results.json"], tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert f"<td>2.000 × ({low:.3f} to {high:.3f})</td><td>4.000 ×</td>" in page
    with (tmp_path / "out" / "latency.csv").open() as file:
        lines = {(row["model"], row["threads"]): row for row in csv.DictReader(file)}
    assert float(lines["A", "2"]["speedup_low"]) == low
    assert (lines["B", "2"]["speedup"], lines["B", "2"]["speedup_low"]) == ("2.0", "")
    assert lines["A", "1"]["speedup"] == lines["C", "2"]["speedup"] == ""


def test_throttled_rounds_do_not_count_for_a_speedup(tmp_path):
    slow = [10.0] * 6 + [40.0] * 6
    marked = [None] * 6 + ["thermal status light"] * 6
    document = loaded(
        tmp_path,
        result("A", 10.0, **rounds(slow, throttled=marked)),
        result("A", 5.0, threads=2, **rounds([5.0] * 12)),
    )
    (scaled,) = speedups(group_results([document])[0])
    assert scaled.more[2].median == 2.0


def test_without_one_thread_no_scaling_is_claimed(tmp_path):
    source = write(tmp_path / "r.json", [result("A", 5.0, threads=2), result("A", 4.0, threads=4)])
    report([source], tmp_path / "out")
    assert "Not measured with 1 thread and with more." in (tmp_path / "out/index.html").read_text()


def throttling_phone(**changes):
    capped = "core 1 capped at 1.50 of 2.84 GHz"
    made = rounds(
        [5.0, 5.0, 10.0, 10.0, 5.0, 5.0],
        temp_c=[30.0, 31.0, 32.0, 33.0, 34.0, None],
        freq_khz=[[1785600, 2841600]] * 2 + [[1785600, 1500000]] * 2 + [[1785600, 2841600]] * 2,
        freq_cap_khz=[[1785600, 2841600]] * 2 + [[1785600, 1500000]] * 2 + [None] * 2,
        throttled=[None, None, capped, capped, None, "35.0 °C, above 34"],
    )
    made["conditions"][1]["after"] = {"freq_cap_khz": [1785600, 2500000]}
    made["conditions"][4]["after"] = {"temp_c": 36.5, "freq_khz": [1785600, 2841600]}
    return result("GhostNet_x0_5", 5.0, device=PHONE, **{**made, **changes})


def test_a_trace_holds_latency_temperature_frequency_and_throttling(tmp_path):
    trace = gather_trace("phone", loaded(tmp_path, throttling_phone()).results, ENGLISH)
    assert trace.rounds == 6
    assert trace.latency == [
        ("GhostNet_x0_5", [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 1.0), (6, 1.0)])
    ]
    # the highest around each round; no reading, no point
    assert trace.temperature == [(1, 30), (2, 31), (3, 32), (4, 33), (5, 36.5)]
    little, big = trace.cores
    assert (little.label, big.label) == ("core 0", "core 1")
    assert [ghz for _, ghz in big.frequency] == [2.8416, 2.8416, 1.5, 1.5, 2.8416, 2.8416]
    # the lowest
    assert big.cap == [(1, 2.8416), (2, 2.5), (3, 1.5), (4, 1.5)]
    assert format_throttling(trace, ENGLISH) == [
        "Rounds 3 to 4 throttled: core 1 capped at 1.50 of 2.84 GHz.",
        "Round 6 throttled: 35.0 °C, above 34.",
    ]


def test_models_of_one_round_share_it_and_a_resumed_run_has_rounds_of_its_own(tmp_path):
    first = result("A", 5.0, **rounds([5.0, 5.0]))
    second = result("B", 8.0, **rounds([8.0, 8.0, 12.0]))
    second["conditions"][2] |= {"run": "2026-01-02", "round": 0}
    trace = gather_trace("host", loaded(tmp_path, first, second).results, ENGLISH)
    assert trace.rounds == 3
    assert trace.latency[1] == ("B", [(1, 1.0), (2, 1.0), (3, 1.5)])


def test_like_cores_are_one_line_and_many_kinds_are_two(tmp_path):
    same = [[2000000] * 4 + [2500000] * 2 + [2000000]]
    document = loaded(tmp_path, result("A", 5.0, **rounds([5.0], freq_khz=same)))
    trace = gather_trace("host", document.results, ENGLISH)
    assert [cores.label for cores in trace.cores] == ["core 0-3, 6", "core 4-5"]
    many = [[2000000 + 1000 * core for core in range(9)]]
    document = loaded(tmp_path, result("A", 5.0, **rounds([5.0], freq_khz=many)))
    trace = gather_trace("host", document.results, ENGLISH)
    assert [(cores.label, cores.frequency[0][1]) for cores in trace.cores] == [
        ("fastest core", 2.008), ("slowest core", 2.0),
    ]  # fmt: skip


def test_the_drawing_marks_throttled_rounds_and_leaves_out_what_no_sensor_told(tmp_path):
    report([write(tmp_path / "hot.json", [throttling_phone()])], tmp_path / "hot")
    drawing = (tmp_path / "hot" / "traces.svg").read_text()
    for text in ("latency / median", "°C", "GHz", "core 0", "throttled", "GhostNet_x0_5"):
        assert f">{text}</text>" in drawing
    page = (tmp_path / "hot" / "index.html").read_text()
    assert "Rounds 3 to 4 throttled: core 1 capped at 1.50 of 2.84 GHz." in page
    quiet = result("_GhostNet", 5.0, **rounds([5.0] * 6))
    report([write(tmp_path / "quiet.json", [quiet])], tmp_path / "quiet")
    drawing = (tmp_path / "quiet" / "traces.svg").read_text()
    assert ">_GhostNet</text>" in drawing
    for text in ("°C", "GHz", "throttled"):
        assert f">{text}</text>" not in drawing
    page = (tmp_path / "quiet" / "index.html").read_text()
    for text in ("No round was marked", "tells no temperature", "tells no core frequency"):
        assert text in page


def test_results_without_rounds_have_no_trace(tmp_path):
    report([write(tmp_path / "r.json", [result("A", 5.0)])], tmp_path / "out")
    assert "hold no record of single rounds" in (tmp_path / "out" / "index.html").read_text()
    assert not (tmp_path / "out" / "traces.svg").exists()


def test_notes_that_differ_in_numbers_only_are_one_sentence(tmp_path):
    wide = "the 95 % interval is {}% of the median (trusted up to 5%)"
    results = [
        result("A", 5.0, notes=[wide.format("6.5"), "one core"]),
        result("B", 6.0, notes=[wide.format("12.1"), "one core"]),
        result("C", 7.0, notes=[wide.format("8.0")]),
        result("C", 7.0, threads=2, notes=[wide.format("7.0")]),
        result("D", 8.0, status="failed", error="D: D: exit code 3", notes=[]),
        result("E", 8.0, status="failed", error="E: exit code 4", notes=[]),
    ]
    summary = report([write(tmp_path / "r.json", results)], tmp_path / "out")
    assert summary.warnings == [
        "A, B, C (1 thread): the 95 % interval is 6.5 to 12.1% of the median (trusted up to 5%)",
        "A, B (1 thread): one core",
        "D (1 thread): exit code 3",
        "E (1 thread): exit code 4",
        "C (2 threads): the 95 % interval is 7.0% of the median (trusted up to 5%)",
    ]


def test_notes_of_one_code_are_one_sentence_with_the_span_of_their_numbers(tmp_path):
    def wide(width):
        return {"code": "wide_interval", "values": {"width": width, "trusted": 0.05}}

    def hot(degrees):
        reason = {"code": "too_hot", "values": {"temp_c": degrees, "max_temp": 40}}
        values = {"rounds": 1, "total": 7, "reason": reason}
        return {"code": "throttled_left_out", "values": values}

    results = [
        result("A", 5.0, notes=[wide(0.065), hot(41.0)]),
        result("B", 6.0, notes=[wide(0.121), hot(43.5)]),
        result("C", 7.0, notes=[{"code": "of_a_newer_version", "values": {"x": 1}}]),
    ]
    summary = report([write(tmp_path / "r.json", results)], tmp_path / "out")
    assert summary.warnings == [
        "A, B (1 thread): the 95 % interval is 6.5 to 12.1% of the median (trusted up to 5%); "
        "measure again with more --rounds, and with nothing else running",
        "A, B (1 thread): 1 of 7 rounds were throttled (41.0 to 43.5 °C, above 40); kept, but not "
        "in the figures",
        "C (1 thread): of_a_newer_version",
    ]


def test_notes_whose_words_differ_are_told_one_after_the_other(tmp_path):
    def hot(degrees):
        return {"code": "too_hot", "values": {"temp_c": degrees, "max_temp": 1.0}}

    results = [
        result("A", 5.0, notes=[hot(41.0), "at -3 %"]),
        result("B", 6.0, notes=[hot(float("inf")), "at 1e+3 %"]),
    ]
    summary = report([write(tmp_path / "r.json", results)], tmp_path / "out")
    assert summary.warnings == [
        "A, B (1 thread): 41.0 °C, above 1; inf °C, above 1",
        "A, B (1 thread): at -3 to 1e+3 %",
    ]


def test_beside_the_published_picture_stands_a_phone_if_there_is_one(tmp_path):
    host, phone = result("MobileNetV2", 5.0), result("MobileNetV2", 9.0, device=PHONE)
    for results in ([host, phone], [phone, host]):
        report([write(tmp_path / "r.json", results)], tmp_path / "out")
        page = (tmp_path / "out" / "index.html").read_text()
        beside = page[page.index("<b>measured here</b>") :]
        beside = beside[: beside.index("</figure>")]
        assert ">emulated-1, 1 thread, batch 1</" in beside
        assert "Host, not a phone" not in beside
