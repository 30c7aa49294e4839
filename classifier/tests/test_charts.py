import re

import numpy as np

from classifier import charts


def test_a_chart_escapes_what_it_names():
    chart = charts.intervals([("<b>", 0.5, (0.4, 0.6))], "<i>", "&")
    assert "<b>" not in chart
    assert "<i>" not in chart
    assert "&lt;b&gt;" in chart


def test_a_whisker_reaches_from_the_low_to_the_high_end_of_an_interval():
    chart = charts.intervals([("all", 0.5, (0.0, 1.0))], "Accuracy", "day")
    assert f'd="M210.0,{charts.HEIGHT:.1f} V0.0"' in chart
    assert f'cy="{charts.HEIGHT / 2:.1f}"' in chart


def test_bars_are_as_high_as_their_shares():
    chart = charts.pairs(["a", "b"], np.array([0.2, 0.8]), np.array([0.4, 0.6]), "Mix", "kind")
    heights = [float(each) for each in re.findall(r'class="bar[^>]*height="([\d.]+)"', chart)]
    assert np.allclose(np.array(heights) / charts.HEIGHT * 0.8, [0.2, 0.8, 0.4, 0.6], atol=1e-3)


def test_columns_stand_on_each_other_below_a_round_number():
    chart = charts.columns([("Monday", 30, 10)], "Uploads", "day", ("certain", "uncertain"))
    tops = [float(each) for each in re.findall(r'class="bar[^>]* y="([\d.]+)"', chart)]
    assert np.allclose(np.array(tops) / charts.HEIGHT, [0.25, 0.0])
    assert ">40</text>" in chart


def test_large_counts_are_written_short():
    assert [charts.short(each) for each in (7, 950, 1500, 20_000, 8e6)] == [
        "7", "950", "1.5k", "20k", "8M"
    ]  # fmt: skip


def test_a_matrix_writes_counts_and_tells_right_from_wrong():
    chart = charts.matrix(np.array([[5, 0], [2, 0]]), ["0", "1"], ["0", "1"], "Confusion", "answer")
    assert chart.count("<rect") == 3
    assert 'class="right"' in chart
    assert "1 read as 0: 2" in chart


def test_charts_without_anything_to_draw_are_still_charts():
    assert charts.intervals([], "Accuracy", "day").startswith("<svg")


def test_a_chart_carries_no_script_and_no_style():
    chart = charts.intervals([("a", 0.5, (0.4, 0.6))] * 40, "Accuracy", "day")
    assert not re.search(r"<script|style=|\son\w+=", chart)
    assert chart.count('class="tick"') <= charts.MOST_TICKS
