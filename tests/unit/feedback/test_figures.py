"""Own figures: from what a check judged, else from what the outputs leave no doubt about, else not at all."""

from __future__ import annotations

import math

import pytest

from grader.feedback import class_spread, figures
from grader.feedback.inputs import Spread
from grader.feedback.plots import Axis, bars, histogram, meter, metric_plot
from grader.model.assignment import Interval
from grader.model.finding import Finding
from grader.model.observation import LatencyMeasured, Number, Observations, TierTable, Trainable
from tests import builders_feedback as build

NONE = Observations()


def number(value: float, metric: str, model: str | None = "decoder", **changes: object) -> Number:
    return Number.model_validate(
        {"source": "recorded", "value": value, "text": str(value), "metric": metric, "model": model, **changes}
    )


def seen(*items: object) -> Observations:
    return Observations(items=items)  # type: ignore[arg-type]


def carrying(**values: float | str | bool) -> Finding:
    return Finding(verdict="passed", values=values)


def test_a_checks_own_figures_come_first() -> None:
    found = {"metrics.decoder": carrying(accuracy=0.6)}
    assert figures.own_metrics(found, seen(number(0.5, "accuracy"))) == {"decoder": {"accuracy": 0.6}}


def test_the_test_split_wins_over_others() -> None:
    items = seen(number(0.5, "accuracy", split="validation"), number(0.6, "accuracy", split="test"))
    assert figures.own_metrics({}, items) == {"decoder": {"accuracy": 0.6}}


@pytest.mark.parametrize(
    "items",
    [
        (number(0.5, "accuracy"), number(0.6, "accuracy")),
        (number(0.5, "accuracy", split="train"),),
        (number(0.5, "accuracy", model=None),),
        (number(0.5, "accuracy", subject="Mortgage"),),
        (number(0.5, "accuracy", source="dry_run"),),
        (number(0.5, "loss"),),
    ],
)
def test_what_is_not_clear_is_not_shown(items: tuple[Number, ...]) -> None:
    assert figures.own_metrics({}, seen(*items)) == {}


def test_the_same_figure_printed_twice_is_one() -> None:
    assert figures.own_metrics({}, seen(number(0.5, "accuracy"), number(0.5, "accuracy"))) == {
        "decoder": {"accuracy": 0.5}
    }


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (("0.2845", "0.285", "0.28"), 0.2845),
        (("0.2845", "28.5 %"), 0.2845),
        (("0.2845", "0.2845", "0.566"), 0.2845),
        (("0.2845", "0.566"), None),
        (("0.2845", "0.2845", "0.566", "0.566"), None),
        (("0,57", "0.20"), None),
        (("0.270", "0.2704", "0.274"), 0.2704),
        (("112", "112.0"), 112.0),
    ],
)
def test_a_rounded_print_is_the_same_figure_and_another_one_is_not(texts: tuple[str, ...], value: float | None) -> None:
    items = [
        number(float(text.rstrip(" %").replace(",", ".")) / (100 if "%" in text else 1), "accuracy").model_copy(
            update={"text": text, "unit": "percent" if "%" in text else "share"}
        )
        for text in texts
    ]
    expected = {} if value is None else {"decoder": {"accuracy": value}}
    assert figures.own_metrics({}, seen(*items)) == expected


def test_weighted_and_plain_runs_are_kept_apart() -> None:
    items = seen(number(0.25, "macro_f1", run="plain"), number(0.28, "macro_f1", run="weighted"))
    assert figures.own_metrics({}, items) == {"decoder": {"macro_f1": 0.25}, "decoder_weighted": {"macro_f1": 0.28}}


@pytest.mark.parametrize("value", [True, "0.5", None])
def test_only_numbers_are_figures(value: object) -> None:
    found = {"metrics.decoder": Finding.model_validate({"verdict": "passed", "values": {"accuracy": value}})}
    assert figures.own_metrics(found, NONE) == {}


def people(count: int) -> list[Observations]:
    return [seen(number(0.5 + index / 100, "accuracy")) for index in range(count)]


def test_nine_people_are_too_few_for_a_spread() -> None:
    assert class_spread(people(9)).metrics == {}


def test_ten_people_make_quantiles_and_no_single_value_at_the_ends() -> None:
    spread = class_spread(people(10)).metrics["decoder"]["accuracy"]
    assert (spread.people, round(spread.p50, 4)) == (10, 0.545)
    assert 0.5 < spread.p10 < spread.p25 < spread.p50 < spread.p75 < spread.p90 < 0.59


def test_spread_takes_findings_before_observations() -> None:
    found = [{"metrics.decoder": carrying(accuracy=0.7)}] * 10
    assert class_spread(people(10), found).metrics["decoder"]["accuracy"].p50 == 0.7


def test_tiers_keep_their_order_and_say_what_is_missing() -> None:
    found = {
        "tiers.reported": Finding(
            verdict="passed", values={"encoder.rare": 0.1, "decoder.rare": 0.2, "decoder.common": 0.6}
        )
    }
    assert figures.tiers(found, NONE) == (figures.Tier("rare", 0.1, 0.2), figures.Tier("common", None, 0.6))


def test_tiers_are_read_from_the_outputs_where_no_check_carries_them() -> None:
    items = seen(
        TierTable(source="recorded", models=("encoder", "decoder"), tiers=("rare", "common", "odd")),
        number(0.1, "f1", "encoder", subject="rare"),
        number(0.2, "f1", "decoder", subject="rare"),
        number(0.9, "f1", "decoder", subject="rare", run="weighted"),
        number(0.6, "macro_f1", "decoder", subject="common"),
    )
    assert figures.tiers({}, items) == (figures.Tier("rare", 0.1, 0.2), figures.Tier("common", None, 0.6))


def test_timings_of_one_model_are_shown_as_such() -> None:
    items = seen(number(27.0, "latency_ms"), LatencyMeasured(source="source", batch_size=32))
    assert figures.timings({}, items) == (figures.Timing("decoder", 27.0, None),)
    assert figures.batch_size(items) == 32


def test_our_own_count_comes_before_a_printed_one() -> None:
    items = seen(
        Trainable(source="recorded", model="decoder", count=5), Trainable(source="dry_run", model="decoder", count=7)
    )
    judged = carrying()
    assert figures.trainables("decoder", judged, items, 9) == figures.Trainables(7, 9)
    assert figures.trainables("encoder", judged, items, 9) is None
    assert figures.trainables("decoder", judged, items, None) is None


@pytest.mark.parametrize("verdict", ["not_assessed", "crashed"])
def test_a_count_that_no_check_could_judge_is_not_drawn(verdict: str) -> None:
    items = seen(Trainable(source="recorded", model="decoder", count=89_632))
    finding = Finding.model_validate({"verdict": verdict})
    assert figures.trainables("decoder", finding, items, 2_263_936) is None
    assert figures.trainables("decoder", None, items, 2_263_936) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_not_drawn(value: float) -> None:
    assert metric_plot("accuracy", value, None, None) is None


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5, 57.1, -0.2, 1e9, 1e-9])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "zero_f1_classes"])
@pytest.mark.parametrize(
    "expected", [None, Interval(), Interval(low=0.4), Interval(high=0.6), Interval(low=0.4, high=0.6)]
)
def test_any_figure_lies_on_its_axis(metric: str, value: float, expected: Interval | None) -> None:
    plot = metric_plot(metric, value, expected, None)
    assert plot is not None
    assert 0 <= plot.own <= 300
    assert plot.band is None or (plot.band.x >= 0 and plot.band.x + plot.band.width <= 302)


def test_a_plot_can_be_heard() -> None:
    spread = build.class_of().metrics["encoder"]["accuracy"]
    plot = metric_plot("accuracy", 0.5643, Interval(low=0.548, high=0.579), spread)
    assert plot is not None
    assert plot.spoken == (
        "Accuracy: yours 56.4 %; expected range 54.8–57.9 %; middle half of the class 55.3–57.0 %. Axis from 52.0 % to 61.0 %."
    )
    assert plot.inside is True


def test_a_small_class_is_not_drawn_whoever_made_its_spread() -> None:
    spread = Spread(people=9, p10=0.1, p25=0.2, p50=0.3, p75=0.4, p90=0.5)
    plot = metric_plot("accuracy", 0.5, None, spread)
    assert plot is not None
    assert (plot.whole, plot.middle, plot.median, plot.classmates, plot.people) == (None, None, None, "", 0)


def test_values_beyond_an_axis_lie_on_its_end() -> None:
    assert (Axis(0, 1).x(-5), Axis(0, 1).x(5)) == (8.0, 292.0)


def test_bars_share_one_scale() -> None:
    rows = [
        ("encoder", "E", 1.0, "1"),
        ("decoder", "D", 4.0, "4"),
        ("decoder", "none", None, ""),
        ("x", "zero", 0.0, "0"),
    ]
    assert [(bar.label, bar.width) for bar in bars(rows)] == [("E", 25.0), ("D", 100.0), ("zero", 0.0)]
    assert bars([]) == ()


def test_a_meter_shows_what_is_sure_and_what_is_possible() -> None:
    from decimal import Decimal

    assert meter(Decimal(5), Decimal("7.5"), Decimal(10)) == (50.0, 25.0)
    assert meter(Decimal(-5), Decimal(20), Decimal(10)) == (0.0, 100.0)
    assert meter(Decimal(0), Decimal(0), Decimal(0)) == (0.0, 0.0)


def test_a_histogram_counts_everybody_once() -> None:
    assert histogram([0.0, 0.05, 0.55, 1.0, 1.2, -0.1]) == (3, 0, 0, 0, 0, 1, 0, 0, 0, 2)
