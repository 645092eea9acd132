"""The command audit: what it is asked, what it says and writes; the audit itself is a fake."""

import pytest
from click.testing import CliRunner

from tests.helpers import audits
from xraykit.__main__ import main
from xraykit.truth import model_audit
from xraykit.truth.model_audit import AuditRefused


@pytest.fixture
def asked(monkeypatch):
    """What the command asks for."""
    asked = []

    def audit(models, folder, out, wish, progress):
        asked.append((models, folder, wish))
        progress("Readings", 1, 1)
        return [audits.audited(name) for name in models]

    monkeypatch.setattr(model_audit, "audit", audit)
    return asked


def run(*words):
    return CliRunner().invoke(main, ["audit", *map(str, words)])


def test_two_models_are_audited_and_the_result_lies_in_the_folder(asked, tmp_path):
    result = run("--model", "first", "--model", "second", "--data", tmp_path / "films", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert asked[0][0] == ("first", "second") and asked[0][2] == model_audit.Wish()
    assert "Without the centre of the film it still answers" in result.stdout
    assert "Grad-CAM of second: better than a random map by 0.12 [0.08, 0.16], 40 films." in result.stdout
    page = (tmp_path / "audit.md").read_text()
    for picture in ("altered-films", "curves-first", "curves-second"):
        assert f"({picture}.svg)" in page and (tmp_path / f"{picture}.svg").read_text().startswith("<svg")
    assert "--model first --model second --data films" in page and str(tmp_path) not in page
    assert page.count(": every figure") == 2
    assert "<svg" in (tmp_path / "audit.html").read_text()


def test_classes_of_other_names_are_mapped(asked, tmp_path):
    words = ("--model", "first", "--data", tmp_path, "--map", "Viral Pneumonia = Pneumonia", "--no-keep")
    assert run(*words, "--films", 90, "--scored", 0).exit_code == 0
    wish = asked[0][2]
    assert wish.mapped == {"Viral Pneumonia": "Pneumonia"} and not wish.keep and (wish.films, wish.scored) == (90, 0)
    wrong = run("--model", "first", "--data", tmp_path, "--map", "Pneumonia")
    assert wrong.exit_code == 2 and "THEIRS=OURS" in wrong.stderr


def test_a_refusal_is_words(monkeypatch, tmp_path):
    def refuse(*_):
        raise AuditRefused("an audit needs two classes or more.")

    monkeypatch.setattr(model_audit, "audit", refuse)
    result = run("--model", "first", "--data", tmp_path)
    assert result.exit_code == 1 and "two classes" in result.stderr
