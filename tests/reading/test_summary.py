"""What a summary says where there is little to say, and what leaves a session as CSV and JSON."""

import csv
import io
import json
import statistics

import pytest
from click.testing import CliRunner

from xraykit import RESEARCH_ONLY
from xraykit.__main__ import main
from xraykit.reading import export, kept, summary
from xraykit.reading.impressions import Agreement, Impression, Mark
from xraykit.reading.kept import Answer, Options, ReadFilm, Record
from xraykit.reading.session import Session

CLASSES = ("COVID-19", "Normal")


def film(order, finding, answer=None, label=None, before=None, seconds=5.0, **values):
    answers = {"first": Answer(answer, {answer: 0.75, "other": 0.25})} if answer else {}
    blind = Impression(finding=before, blind=True, seconds=2.0) if before else None
    last = Impression(finding=finding, seconds=seconds, at="2026-11-29T14:00:00+00:00", **values)
    return ReadFilm(f"{order:064x}", order, last, blind, f"DOE_{order}.png", label, answers)


def record(*films, **options):
    return Record(Options(classes=CLASSES, **options), "2026-11-29T14:00:00+00:00", "", films)


def of(*films):
    return summary.summarise(record(*films))


def test_nothing_read_is_said_and_nothing_is_computed():
    result = of(film(1, None, flagged=True))
    assert result.counts["recorded"] == 1 and result.counts["read"] == 0 and result.counts["flagged"] == 1
    assert result.words == ("No film has a finding yet. Record one with the keys 1 to 9.",)
    assert result.models == () and result.reference.classes == () and result.seconds["whole"].n == 0
    json.dumps(result.to_dict(), allow_nan=False)


def test_few_films_and_no_reference_are_said():
    words = " ".join(of(film(1, "Normal", "Normal")).words)
    assert "Only 1 film read" in words and "No film has a reference standard" in words
    labelled = of(*(film(n, "Normal", "Normal", label=CLASSES[n > 3]) for n in range(1, 13)))
    assert "3 films with COVID-19 as reference" in " ".join(labelled.words)
    assert "not independent" in " ".join(labelled.words) and labelled.reference.basis == "last"


def test_agreement_where_chance_alone_agrees_has_no_kappa():
    (model,) = of(*(film(n, "Normal", "Normal") for n in range(1, 4))).models
    assert model.last.share.value == 1.0 and model.last.kappa is None and model.before.n == 0


def test_a_film_that_a_model_did_not_read_is_not_counted_with_it():
    (model,) = of(film(1, "Normal", "Normal"), film(2, "Normal")).models
    assert model.last.n == 1


def test_films_read_with_the_models_shown_are_left_out_beside_them():
    blind = [film(n, "Normal", "Normal", label=CLASSES[n % 2], before="Normal") for n in range(1, 11)]
    shown = [film(n, "COVID-19", "Normal", label=CLASSES[n % 2]) for n in range(11, 16)]
    result = of(*blind, *shown)
    assert result.reference.basis == "before" and result.reference.n == 15
    assert all(of_class.models[0].n == 10 and of_class.n == 15 for of_class in result.reference.classes)
    assert "5 of 15 films were read with the models shown" in " ".join(result.words)


def test_another_class_of_the_reference_counts_as_none_of_the_findings():
    result = of(film(1, "Normal", "Normal", label="Tuberculosis"), film(2, "Normal", "Normal", label="Normal"))
    normal = result.reference.classes[1]
    assert (normal.support, normal.reader.specificity.value, normal.reader.sensitivity.value) == (1, 0.0, 1.0)
    assert result.reference.accuracy["reader"].value == 0.5
    assert "Tuberculosis" in " ".join(result.words)


def test_a_models_own_classes_never_fit_a_finding_of_another_name():
    (model,) = of(film(1, "Normal", "Effusion"), film(2, "Normal", "Normal")).models
    assert (model.last.n, model.last.share.value) == (2, 0.5)


def test_seconds_are_told_apart():
    result = of(film(1, "Normal", before="Normal", seconds=9.0), film(2, "Normal", seconds=4.0))
    seconds = {name: (spent.n, spent.median) for name, spent in result.seconds.items()}
    whole = statistics.median([9.0, 4.0])
    assert seconds == {"before": (1, 2.0), "after": (1, 7.0), "shown": (1, 4.0), "whole": (2, whole)}


EVIL = "=cmd|' /C calc'!A0"


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_holds_no_formula_no_name_and_one_line_a_film():
    marks = (Mark("arrow", ((1.0, 2.0),), "=1+1"),)
    films = film(1, "Normal", "Normal", text=f"{EVIL}\nsecond line", marks=marks, agrees={"first": Agreement.UNSURE})
    text = export.to_csv(record(films))
    assert text.count("\n") == 2 and "DOE" not in text
    (row,) = rows_of(text)
    assert row["text"] == f"'{EVIL} second line" and json.loads(row["marks"])[0]["points"] == [[1.0, 2.0]]
    assert (row["first answer"], row["first probability"], row["first reader_says"]) == ("Normal", "0.75", "unsure")
    assert (row["changed"], row["finding_before_models"], row["reference"]) == ("", "", "")
    assert rows_of(export.to_csv(record(films, names=True)))[0]["name"] == "DOE_1.png"


def test_a_finding_or_model_that_is_a_formula_is_text():
    evil = Record(
        Options(classes=(EVIL, "B")),
        "",
        "",
        (ReadFilm("0" * 64, 1, Impression(finding=EVIL), None, "", None, {EVIL: Answer(EVIL, {EVIL: 1.0})}),),
    )
    for line in csv.reader(io.StringIO(export.to_csv(evil))):
        assert not any(cell.startswith(("=", "+", "@", "-")) for cell in line)


def test_the_json_is_the_session_with_its_summary_and_the_note():
    data = json.loads(export.to_json(record(film(1, "Normal", "Normal", before="COVID-19", label="Normal"))))
    assert data["note"] == RESEARCH_ONLY and data["session"]["films"][0]["name"] == ""
    assert data["session"]["films"][0]["before"]["finding"] == "COVID-19"
    assert data["summary"]["changes"]["corrected"] == 1 and data["summary"]["format"] == 1


@pytest.fixture
def name(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_RUNS", str(tmp_path))
    session = Session(Options(classes=CLASSES))
    session.choose(Options(keep=True, title="Ward 3", classes=CLASSES, blind=True))
    answers = {"first": Answer("Normal", {"COVID-19": 0.25, "Normal": 0.75})}
    session.put("a" * 64, Impression(finding="COVID-19", blind=True, seconds=3), label="Normal", answers=answers)
    session.put("a" * 64, Impression(finding="Normal", seconds=7, agrees={"first": Agreement.AGREE}))
    name = session.name
    session.close()
    return name


def call(*words, code=0):
    done = CliRunner().invoke(main, ["readings", *words])
    assert done.exit_code == code, done.output
    return done.output


def test_a_terminal_lists_shows_and_exports(name, tmp_path):
    assert call("list").startswith(f"{name}  1 films") and "Ward 3  read blind" in call("list")
    assert json.loads(call("list", "--json"))[0]["films"] == 1
    shown = call("show", name)
    assert "changed after the models were shown: 1 of 1 (corrected 1, spoiled 0)" in shown
    assert "reader or first: " in shown and "seconds, after: median 4.0" in shown
    assert json.loads(call("show", "--json", name))["changes"]["changed"] == 1
    call("export", "--csv", str(tmp_path / "a.csv"), "--json", str(tmp_path / "a.json"), name)
    assert rows_of((tmp_path / "a.csv").read_text())[0]["finding"] == "Normal"
    assert json.loads((tmp_path / "a.json").read_text())["summary"]["counts"]["blind"] == 1
    assert call("export", "--csv", "-", name).startswith("order,sha256,name,reference")


def test_a_terminal_is_told_what_is_wrong(name, tmp_path):
    assert "No reading session is named none" in call("show", "none", code=1)
    assert "--csv FILE" in call("export", name, code=2)
    path = tmp_path / "readings" / name / "session.json"
    path.write_text("{")
    assert "Restore the file" in call("show", name, code=1) and "Restore the file" in call("list")
    assert kept.list_kept()[0].refused
