"""Charts are judged by their specification: data, axes and words, not pixels."""

from xraykit.reports.charts import bars

VALUES = {"COVID-19": 0.0312, "Normal": 0.9012, "Viral Pneumonia": 0.0676}


def rows(chart) -> list[dict]:
    spec = chart.to_dict()
    return spec["data"]["values"] if "values" in spec["data"] else spec["datasets"][spec["data"]["name"]]


def test_every_class_has_a_bar_with_its_model_probability():
    drawn = {row["class"]: row["probability"] for row in rows(bars.probabilities(VALUES, "A model"))}
    assert drawn == VALUES


def test_the_predicted_class_alone_is_marked():
    marked = [row["class"] for row in rows(bars.probabilities(VALUES, "A model")) if row["predicted"]]
    assert marked == ["Normal"]


def test_the_axis_says_model_probability_and_runs_from_zero_past_one():
    spec = bars.probabilities(VALUES, "A model").to_dict()
    across = spec["layer"][0]["encoding"]["x"]
    assert across["title"] == "model probability"
    assert across["scale"]["domain"][0] == 0 and across["scale"]["domain"][1] >= 1
    assert "confidence" not in str(spec) and "diagnosis" not in str(spec)


def test_values_are_written_beside_the_bars_to_three_decimals():
    text = bars.probabilities(VALUES, "A model").to_dict()["layer"][1]
    assert text["mark"]["type"] == "text"
    assert text["encoding"]["text"] == {"field": "probability", "format": ".3f", "type": "quantitative"}


def test_two_models_with_other_class_orders_line_up():
    other = dict(reversed(VALUES.items()))
    order = tuple(VALUES)
    specs = [bars.probabilities(values, "A model", order).to_dict() for values in (VALUES, other)]
    assert [spec["layer"][0]["encoding"]["y"]["scale"]["domain"] for spec in specs] == [list(order)] * 2


def test_a_class_the_model_does_not_know_keeps_an_empty_row():
    spec = bars.probabilities(VALUES, "A model", (*VALUES, "Pneumonia")).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][-1] == "Pneumonia"
    assert len(rows(bars.probabilities(VALUES, "A model", (*VALUES, "Pneumonia")))) == 3
