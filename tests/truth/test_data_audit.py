"""A data audit finds what is planted in synthetic films, and nothing where nothing is."""

import json
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.helpers import ROOT, audit_films
from xraykit.datasets import pool
from xraykit.datasets.split import SplitPlan
from xraykit.films.stills import header
from xraykit.models.cards.card import Card
from xraykit.reports.truth.data_audit import charts
from xraykit.reports.truth.data_audit import report as data_audit_report
from xraykit.training import audited as audited_films
from xraykit.truth.data_audit import audit as audits
from xraykit.truth.data_audit import collect, columns, findings, patients, record

CLASSES = ("Normal", "Pneumonia")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    for variable in ("CACHE", "RUNS", "WEIGHTS", "DATASETS", "DATA"):
        monkeypatch.setenv(f"XRAYKIT_{variable}", str(tmp_path / variable.lower()))


def audited(folder: Path, *others: Path, plan: SplitPlan | None = None) -> record.Audit:
    return audits.audit(folder, plan or SplitPlan(), against=others, others=())


def codes(made: record.Audit, *severities: str) -> set[str]:
    return {finding.code for finding in made.findings if finding.severity in (severities or ("leak", "warn"))}


def named(made: record.Audit, code: str) -> str:
    return "\n".join(name for finding in made.findings if finding.code == code for name in finding.films)


def test_films_without_a_secret_have_no_finding(tmp_path):
    rows = audit_films.rows_of(CLASSES, 40)
    for number, row in enumerate(rows):
        row |= {"patient_id": f"A{number % 40}" if row["label"] == "Normal" else f"B{number % 40}"}
    made = audited(audit_films.make(tmp_path / "films", rows, ["patient_id"]))
    assert codes(made) == set() and made.stops == []
    assert all(not probe.why_not and (probe.balanced_accuracy.low or 0) < 0.6 for probe in made.probes)
    assert record.card_lines({"data_audit": record.summary(made)}) == [
        "The audit of its 80 films found nothing to warn of."
    ]


def test_copies_patients_and_what_goes_with_the_class_are_found(tmp_path):
    """Many faults in one folder, as films in the wild have them."""
    rows = audit_films.rows_of(CLASSES, 40)
    for number, row in enumerate(rows):
        row |= {
            "patient_id": f"P-{number:03}",
            "split": "train" if number % 4 else "test",
            "age": 5 + 60 * (number < 40),
        }
    pixels = audit_films.draw(0)
    planted = {
        "same": audit_films.coded(pixels),
        "bright": audit_films.coded(np.clip(pixels * 0.7 + 60, 0, 255).astype(np.uint8), "JPEG", quality=90),
        "mirrored": audit_films.coded(audit_films.draw(1)[:, ::-1]),
        "turned": audit_films.coded(np.rot90(audit_films.draw(2))),
        "inverted": audit_films.coded(255 - audit_films.draw(3)),
        "cropped": audit_films.coded(audit_films.draw(6)[7:-1, 4:-4]),
        "tuned-on": audit_films.coded(audit_films.draw(61)),
    }
    for number, (name, data) in enumerate(planted.items()):
        rows.append({"path": f"Pneumonia/{name}.png", "label": "Pneumonia", "bytes": data, "split": "test", "age": 5})
        rows[-1]["patient_id"] = f"Q{number}"
    rows[61]["split"] = "validation"
    rows[5]["patient_id"] = "p 8"  # rows[8] is P-008: training beside test
    rows[41]["patient_id"] = rows[42]["patient_id"] = rows[9]["patient_id"]
    made = audited(audit_films.make(tmp_path / "films", rows, ["patient_id", "split", "age"]))
    found_codes = codes(made)
    assert {"patients-in-two-classes", "twins-in-two-classes", "turned-duplicates", "patient-spelling"} <= found_codes
    assert {"patients-across-given-parts", "twins-across-given-parts", "class-against-age"} <= found_codes
    assert "Pneumonia/same.png" in named(made, "identical-files")
    assert "Pneumonia/bright.png" in named(made, "near-duplicates")
    for name in ("mirrored", "turned", "inverted"):
        assert f"Pneumonia/{name}.png ({name})" in named(made, "turned-duplicates")
    assert "Normal/0006.png, Pneumonia/cropped.png" in named(made, "moved-duplicates")
    assert "Normal/0005.png" in named(made, "patient-spelling")
    (lying,) = [across for across in made.across if across.division == "as it lies"]
    assert lying.twins["test"] == 5 and lying.patients["test"] >= 1
    assert "P-00" not in made.to_json(), "no patient's number leaves the audit"


def test_one_number_in_two_sources_is_one_patient_to_the_audit_as_to_the_division(tmp_path):
    """A division joins them, and the audit took them for two; spellings count within one source alone."""
    rows = audit_films.rows_of(CLASSES, 20)
    for number, row in enumerate(rows):
        row |= {"patient_id": f"{number % 20 + 1}", "source": "Oslo" if row["label"] == "Normal" else "Bergen"}
    rows[3]["patient_id"], rows[24]["patient_id"] = "P-77", "77"  # numbers of two hospitals, spelt differently
    folder = audit_films.make(tmp_path / "films", rows, ["patient_id", "source"])
    collection = collect.read(folder)
    made = audited(folder)
    (finding,) = [finding for finding in made.findings if finding.code == "patients-in-several-sources"]
    assert (finding.severity, finding.count) == ("warn", 18)
    assert "Normal/0000.png (Oslo)" in finding.films[0] and "(Bergen)" in finding.films[0]
    persons = patients.identify(collection).persons
    assert len(set(persons)) == len(set(collection.films.groups.tolist())) == made.groups == 22
    joined = {frozenset(np.flatnonzero(collection.films.groups == g).tolist()) for g in collection.films.groups}
    assert {frozenset(places) for places in patients.identify(collection).films_by_person().values()} == joined
    assert "patients-in-two-classes" in codes(made)


def test_an_audit_is_made_again_when_the_manifest_says_something_else(tmp_path):
    """Films and classes are the same: the audit of before stood in the way although its advice was followed."""
    rows = audit_films.rows_of(CLASSES, 20)
    for number, row in enumerate(rows):
        row |= {"patient_id": f"{number}", "split": "train" if number % 20 < 14 else "test"}
    rows[0]["patient_id"] = rows[19]["patient_id"] = "77"
    plan = SplitPlan(division="given")

    def before_training() -> record.Audit:
        folder = audit_films.make(tmp_path / "films", rows, ["patient_id", "split"])
        return audited_films.before_training(folder, plan, accepted=True)

    first = before_training()
    assert "patients-across-given-parts" in codes(first) and before_training().made == first.made
    assert record.kept(first.listing, plan) == first
    rows[19]["patient_id"] = "19"
    mended = before_training()
    assert "patients-across-given-parts" not in codes(mended) and mended.digest == first.digest


def test_a_pool_s_patients_of_copies_in_two_sources_are_no_finding(tmp_path):
    """`data pool` gives the same picture in two sources one patient: it knows that it is one."""
    rows = audit_films.rows_of(CLASSES, 14)
    folders = {name: audit_films.make(tmp_path / name, rows) for name in ("oslo", "bergen")}
    made = audited(pool.pool(folders, {}, "both", tmp_path / "datasets"))
    assert "patients-in-several-sources" not in codes(made) and "identical-files" in codes(made)
    assert made.groups == 28


def test_films_whose_patient_is_not_known_are_not_of_one_patient(tmp_path):
    """As tables are written by programs: "nan" is no patient that all of them share."""
    rows = audit_films.rows_of(CLASSES, 20)
    for number, row in enumerate(rows):
        row["patient_id"] = ("nan", "NaN", "None", "unknown", "N/A", "-", "?", "<NA>")[number % 8]
    made = audited(audit_films.make(tmp_path / "films", rows, ["patient_id"]))
    assert made.groups == 40 and codes(made) == set()
    assert "no-patients" in codes(made, "info")


def brighter(label, number, pixels):
    return audit_films.coded(np.clip(pixels.astype(int) + 40 * (label == "Pneumonia"), 0, 255).astype(np.uint8))


def marked(label, number, pixels):
    pixels[6:12, 80:90] = 255 if label == "Normal" else pixels[6:12, 80:90]
    return audit_films.coded(pixels)


def framed(label, number, pixels):
    if label == "Pneumonia":
        pixels[:2] = pixels[-2:] = 0
        pixels[:, :2] = pixels[:, -2:] = 0
    return audit_films.coded(pixels)


def in_two_formats(label, number, pixels):
    return audit_films.coded(pixels, "JPEG" if label == "Normal" else "PNG")


def in_two_qualities(label, number, pixels):
    return audit_films.coded(pixels, "JPEG", quality=90 if label == "Normal" else 92)


def with_exif(label, number, pixels):
    exif = Image.Exif()
    exif[0x0131] = "Scanner"
    return audit_films.coded(pixels, "JPEG", **({"exif": exif} if label == "Pneumonia" else {}))


def in_two_depths(label, number, pixels):
    return audit_films.coded(pixels.astype(np.uint16) * 257 if label == "Normal" else pixels)


def of_two_scanners(label, number, pixels):
    exif = Image.Exif()
    exif[0x0131] = "Scanner" if label == "Normal" else "A scanner of another maker"
    return audit_films.coded(pixels, "JPEG", exif=exif)


def with_words_at_the_end(label, number, pixels):
    """As ImageMagick writes them: after the picture."""
    data, words = audit_films.coded(pixels), b"tEXtdate:create\0"
    chunk = (len(words) - 4).to_bytes(4, "big") + words + zlib.crc32(words).to_bytes(4, "big")
    return data[:-12] + chunk + data[-12:] if label == "Normal" else data


def with_restarts(label, number, pixels):
    return audit_films.coded(pixels, "JPEG", **({"restart_marker_blocks": 8} if label == "Normal" else {}))


def with_a_density(label, number, pixels):
    return audit_films.coded(pixels, **({"dpi": (300, 300)} if label == "Normal" else {}))


@pytest.mark.parametrize(
    ("plant", "cause"),
    [
        (in_two_depths, "bits"),
        (in_two_qualities, "quantisation"),
        (of_two_scanners, "bytes of EXIF"),
        (with_words_at_the_end, "bytes of text"),
        (with_restarts, "restart interval"),
        (with_a_density, "density"),
    ],
)
def test_the_cause_in_a_header_is_named(plant, cause, tmp_path):
    """Each changes the size of the files too, of which nobody can tell what to mend."""
    made = audited(audit_films.make(tmp_path / "films", audit_films.rows_of(CLASSES, 20, plant=plant)))
    (finding,) = [finding for finding in made.findings if finding.code == "header-alone"]
    probe = next(probe for probe in made.probes if probe.key == "header")
    assert probe.used[0].startswith(cause) and f"It looks at {cause}" in finding.words
    assert probe.balanced_accuracy.value > 0.95 and "[" in finding.words


@pytest.mark.parametrize(
    ("plant", "code", "classes"),
    [
        (brighter, "histogram-alone", CLASSES),
        (marked, "corners-alone", CLASSES),
        (framed, "border-alone", CLASSES),
        (in_two_formats, "header-alone", CLASSES),
        (in_two_qualities, "header-alone", CLASSES),
        (with_exif, "header-alone", (*CLASSES, "COVID-19")),
    ],
)
def test_what_tells_the_class_without_a_lung_is_found(plant, code, classes, tmp_path):
    made = audited(audit_films.make(tmp_path / "films", audit_films.rows_of(classes, 36, plant=plant)))
    (finding,) = [finding for finding in made.findings if finding.code == code]
    lungless = code != "histogram-alone"
    assert (finding.severity, finding.stops) == (("leak", True) if lungless else ("warn", False)), finding
    (probe,) = [probe for probe in made.probes if f"{probe.key}-alone" == code]
    assert max(share.value or 0 for share in probe.against_rest.values()) > 0.9


def test_a_folder_split_at_random_has_its_patients_found_by_another_copy(tmp_path):
    """Class folders below train and test, without a manifest: another dataset knows whose films they are."""
    rows = audit_films.rows_of(CLASSES, 30)
    for number, row in enumerate(rows):
        row["patient_id"] = f"N{number // 3}"
    hospital = audit_films.make(tmp_path / "hospital", rows, ["patient_id"])
    lot = np.random.default_rng(0).permutation(len(rows))
    for place, number in enumerate(lot.tolist()):
        path = tmp_path / "copy" / ("test" if place < 15 else "train") / rows[number]["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows[number]["bytes"])
    made = audited(tmp_path / "copy", hospital, plan=SplitPlan(division="given"))
    leaks = {finding.code: finding for finding in made.findings if finding.severity == "leak"}
    assert {"patients-across-parts", "patients-across-given-parts"} <= set(leaks)
    assert leaks["patients-across-parts"].stops and not leaks["patients-across-given-parts"].stops
    assert [shared.identical for shared in made.shared] == [60]
    given = [across for across in made.across if across.division == "as it lies"][0]
    test = {number for place, number in enumerate(lot.tolist()) if place < 15}
    alone = {number // 3 for number in set(range(60)) - test}
    assert given.patients["test"] == sum(number // 3 in alone for number in test)


def test_too_few_films_are_not_judged(tmp_path):
    made = audited(audit_films.make(tmp_path / "films", audit_films.rows_of(CLASSES, 6, plant=framed)))
    assert all("nothing can be told" in probe.why_not for probe in made.probes) and made.stops == []
    assert made.across[0].why_not == "" or "Too few" in made.across[0].why_not


@pytest.mark.parametrize(
    ("several", "alike"),
    [
        (("P-007", "p 7", "patient_7", "7.0", "0007"), True),
        (("IM-0115", "im_115"), True),
        (("person1-virus", "person1-bacteria"), False),
        (("A1", "B1"), False),
        (("10", "1"), False),
    ],
)
def test_a_patients_number_in_one_spelling(several, alike):
    assert (len({patients.plain(written) for written in several}) == 1) is alike


@pytest.mark.parametrize(
    ("film", "patient"),
    [
        ("Normal/00001280_004.png", "00001280"),
        ("train/patient00012/study1/view1_frontal.jpg", "patient00012"),
        ("Pneumonia/person100_virus_184.jpeg", "person100_virus"),
        ("Normal/NORMAL2-IM-0115-0001.jpeg", "IM-0115"),
        ("Normal/subject-12-a.png", "subject-12"),
        ("Normal/COVID-12.png", ""),
    ],
)
def test_patients_in_names_of_files(film, patient):
    ids, origin = patients._by_names([film, film.replace("004", "005")])
    assert ids[0] == patient and bool(origin) == bool(patient)


def test_cramers_v_by_hand():
    """Bergsma 2013: phi^2 of a 2 x 2 table with a perfect diagonal is 1 - 1/(n-1) after its correction, as is V^2."""
    assert columns.cramers_v(np.array([[50, 0], [0, 50]])) == pytest.approx(1, abs=1e-9)
    assert columns.cramers_v(np.array([[25, 25], [25, 25]])) == 0
    assert columns.cramers_v(np.array([[30, 20], [20, 30]])) == pytest.approx(
        np.sqrt((4 / 100 - 1 / 99) / (1 - 1 / 99)), abs=1e-9
    )


def test_the_interval_of_a_weak_tie_of_many_values_holds_its_figure():
    """Of 20 classes and five values every bootstrap draw lay above: 0.25 [0.29, 0.41]."""
    noise = np.random.default_rng(0)
    labels = [f"class {place % 20:02}" for place in range(260)]
    values = [str(min(4, int(noise.integers(5) * (1 + place % 20 / 20)))) for place in range(260)]
    v = columns._associate("column-0", "Column", values, labels, np.arange(260)).v
    assert v.low <= v.value <= v.high and v.value < 0.5
    counts = columns._counts(values, labels)
    drawn = [columns.cramers_v(noise.multinomial(260, counts.ravel() / 260).reshape(counts.shape)) for _ in range(200)]
    assert np.quantile(drawn, 0.025) > v.value, "else there would be nothing to hold"


def test_chance_alone_by_hand():
    """Fisher's exact test: of the 252 ways to give five of ten films a value, two part the classes wholly."""
    parted = columns.by_chance([0] * 5 + [3] * 5, np.arange(10), (2, 2))
    assert parted == pytest.approx(2 / 252, abs=0.006)
    assert columns.by_chance([0, 3] * 5, np.arange(10), (2, 2)) == parted
    one_patient = columns.by_chance([0] * 50 + [3] * 50, np.repeat([0, 1], 50), (2, 2))
    assert one_patient == 1, "a hundred films of two patients are two witnesses"


def test_columns_that_say_nothing_of_the_class_are_not_accused():
    """Values by lot of 80 films: the interval of Cramer's V alone accused 5 of 40 such folders."""
    labels, films = np.repeat(CLASSES, 40).tolist(), np.arange(80)
    values = {"year": 14, "age": 6, "sex": 3, "source": 3}
    close, accused = 0, []
    for seed in range(40):
        noise = np.random.default_rng(seed)
        drawn = {key: map(str, noise.integers(0, count, len(films))) for key, count in values.items()}
        looked = [columns._associate(key, key, list(each), labels, films) for key, each in drawn.items()]
        close += sum(
            (each.v.value or 0) >= findings.CLOSE and (each.v.low or 0) >= findings.CLOSE_SURE for each in looked
        )
        accused += [finding.code for each in looked for finding in findings.associated(each, among=len(looked))]
    assert close >= 3 and accused == []


UNKNOWN_COLUMNS = {
    "ward": lambda sick, number, noise: ("ICU" if sick else "Ward 4") if noise.random() < 0.95 else "Ambulance",
    "Operator": lambda sick, number, noise: f"op {noise.integers(4) + 4 * sick}",
    "col7": lambda sick, number, noise: f"{noise.normal(2 * sick):.3f}",
    "col8": lambda sick, number, noise: f"{noise.normal(2 * sick):.3f}".replace(".", ","),
    "batch": lambda sick, number, noise: f"{'AB'[sick]}-{number:05}",
    "when": lambda sick, number, noise: (
        f"{2016 + 3 * sick}-{noise.integers(1, 13):02}-{noise.integers(1, 29):02} 11:02"
    ),
    "day": lambda sick, number, noise: f"{noise.integers(1, 29)}.{noise.integers(1, 13)}.{2016 + 3 * sick}",
    "comment": lambda sick, number, noise: "" if sick else f"seen by no. {noise.integers(10**6)}",
    "set": lambda sick, number, noise: "AB"[sick],  # parts of no division: the layout reads it as nothing
    "city": lambda sick, number, noise: "AB"[sick],  # a second column of a kind that is read
}


@pytest.mark.parametrize("column", UNKNOWN_COLUMNS)
def test_a_column_that_tells_the_class_is_found_whatever_it_is_called(column, tmp_path):
    noise = np.random.default_rng(0)
    rows = audit_films.rows_of(CLASSES, 40)
    for number, row in enumerate(rows):
        row |= {column: UNKNOWN_COLUMNS[column](int(row["label"] == "Pneumonia"), number, noise), "country": "Norway"}
    made = audited(audit_films.make(tmp_path / "films", rows, [column, "country"]))
    (finding,) = [finding for finding in made.findings if finding.code.startswith("class-against-")]
    assert finding.code in ("class-against-column", "class-against-place") and finding.severity == "warn"
    if finding.code == "class-against-column":
        assert finding.title == f"Class against column “{column}”"
        assert finding.words.startswith(f"Column “{column}” and class go together: Cramer's V ")


@pytest.mark.parametrize("films", [1, 5, 11])
def test_a_class_of_a_few_films_hides_nothing_of_the_others(films, tmp_path):
    rows = audit_films.rows_of(CLASSES, 24, plant=in_two_formats)
    rows += audit_films.rows_of(("肺炎, rare",), films, first=900)
    made = audited(audit_films.make(tmp_path / "films", rows))
    (finding,) = [finding for finding in made.findings if finding.code == "header-alone"]
    assert finding.stops and f"no part of it: 肺炎, rare ({films})" in finding.words
    probe = made.probes[0]
    assert (probe.n, probe.chance, {*probe.sensitivity}) == (48, 0.5, {*CLASSES})
    assert f"肺炎, rare ({films})" in "\n".join(data_audit_report.lines(made))


@pytest.mark.parametrize("classes", [2, 4, 5, 20])
def test_names_of_classes_above_a_chart_have_room(classes):
    names = [f"Pneumonia, atypical, interstitial, of the lower lobes, {place:02}" for place in range(classes)]
    rows = charts.rows_of({"ICU": dict.fromkeys(names, 3), "ER": dict.fromkeys(names, 4)})
    drawn = charts.shares(rows, "Ward").to_dict()
    axis = drawn["layer"][0]["encoding"]["x"]["axis"]
    if axis["labelAngle"] == 0:
        assert axis["labelLimit"] * classes <= charts.ROOM
    else:
        assert classes > charts.FEW and axis["labelLimit"] < drawn["height"] - 2 * 20


def test_a_column_of_a_kind_that_another_one_is_of_counts_too(tmp_path):
    rows = audit_films.rows_of(CLASSES, 20)
    for number, row in enumerate(rows):
        row |= {"city": "ab"[number % 2], "country": "ab"[row["label"] == "Pneumonia"]}
    made = audited(audit_films.make(tmp_path / "films", rows, ["city", "country"]))
    assert "Class against column “country”" in {finding.title for finding in made.findings}


def test_no_column_gives_away_whose_film_it_is(tmp_path):
    """What few share is not told apart, numbers are told by their fifth, and names and numbers of people not at all."""
    rows = audit_films.rows_of(CLASSES, 40)
    for number, row in enumerate(rows):
        sick = int(row["label"] == "Pneumonia")
        row |= {
            "chart": f"{7_300_000 + 50_000 * sick + 37 * number}",
            "visitor": ["Meier", "Huber"][sick] if number % 8 == 0 else ["Ida", "Ole"][sick] + "x" * (number % 8),
            "PatientName": "AB"[sick] * 9,
            "study_uid": f"1.2.{sick}",
            "birth_date": f"19{sick}4-01-01",
            "row": number,
        }
    columns_of = [name for name in rows[0] if name not in ("path", "label", "bytes")]
    made = audited(audit_films.make(tmp_path / "films", rows, columns_of))
    assert {each.title for each in made.associations} == {"Column “chart”", "Column “visitor”"}
    told = made.to_json()
    assert "730" not in told and "lowest fifth" in told and "AAAA" not in told


def test_many_columns_by_lot_accuse_nobody_and_hide_none_that_tells(tmp_path):
    """Each of many must be rarer by chance than one of few; what 2,000 tables can tell did not go so far."""
    noise = np.random.default_rng(3)
    rows = audit_films.rows_of(CLASSES, 40)
    for row in rows:
        row |= {f"c{place}": str(noise.integers(2 + place % 9)) for place in range(60)}
        row["c17"] = str(int(row["label"] == "Pneumonia"))
    made = audited(audit_films.make(tmp_path / "films", rows, [f"c{place}" for place in range(60)]))
    found = {finding.title for finding in made.findings if finding.code.startswith("class-against-")}
    assert found == {"Class against column “c17”"}
    assert len(made.associations) == columns.MOST


@pytest.mark.parametrize(("low", "severity"), [(0.52, "info"), (0.62, "leak")])
def test_a_probe_of_a_few_films_stops_only_where_its_interval_is_far_from_chance(low, severity):
    share = record.Share(0.77, low, 0.9, 26)
    probe = record.Probe(
        "border", "Border alone", "line", share, share, 0.5, 0.5, 26, 26, against_rest={"Normal": share}
    )
    (finding,) = findings.probed(probe, [], 2)
    assert (finding.severity, finding.stops) == (severity, severity == "leak")


@pytest.mark.parametrize(
    ("cell", "span"),
    [
        ("045Y", "40 to 64 years"),
        ("006M", "under 1 year"),
        ("3", "1 to 5 years"),
        ("61,5", "40 to 64 years"),
        (">89", "65 years or more"),
        ("90+", "65 years or more"),
        ("<1", "under 1 year"),
        ("<18", "6 to 17 years"),
        ("< 65", "40 to 64 years"),
        ("", "not said"),
        ("411", "not said"),
        ("-1", "not said"),
    ],
)
def test_ages_as_manifests_write_them(cell, span):
    assert columns._read("age", cell) == span


@pytest.mark.parametrize(
    ("column", "cell", "key", "value"),
    [
        ("acquisition_year", "2019", "year", "2019"),
        ("Exam Date", "01/03/20", "year", "2020"),
        ("study_date", "31.12.98", "year", "1998"),
        ("study_date", "20160301", "year", "2016"),
        ("sex", "weiblich", "sex", "female"),
        ("Gender", "W", "sex", "female"),
        ("sex", "Woman", "sex", "female"),
    ],
)
def test_years_and_sexes_as_manifests_write_them(column, cell, key, value):
    assert (columns._key(column), columns._read(key, cell)) == (key, value)


def test_what_a_file_says_is_read_and_damage_does_no_harm():
    pixels = audit_films.draw(0)
    exif = Image.Exif()
    exif[0x0131] = "Scanner"
    jpeg, png = audit_films.coded(pixels, "JPEG", exif=exif, comment=b"x"), audit_films.coded(pixels, dpi=(300, 300))
    facts = header.facts(jpeg)
    assert (
        facts["bytes of EXIF"] > 20
        and facts["bytes of comment"] == 3
        and facts["process"] == "SOF0"
        and facts["components"] == 1
    )
    assert header.facts(png)["depth"] == 8 and header.facts(png)["density"] == 11811
    assert "Scanner" not in json.dumps(facts)
    end = with_words_at_the_end("Normal", 0, pixels)[-header.LAST :]
    assert header.facts(png[:60], end)["bytes of text"] == 12 and "bytes of text" not in header.facts(png)
    random = np.random.default_rng(0)
    for data in (jpeg, png, with_words_at_the_end("Normal", 0, pixels)):
        for _ in range(300):
            damaged = bytearray(data[: random.integers(len(data))])
            for place in random.integers(0, max(1, len(damaged)), 8):
                damaged[place : place + 1] = random.bytes(1)
            json.dumps(header.facts(bytes(damaged[:80]), bytes(damaged[80:])))


def test_a_card_takes_what_the_audit_says(tmp_path):
    made = audited(audit_films.make(tmp_path / "films", audit_films.rows_of(CLASSES, 20, plant=in_two_formats)))
    card = json.loads((ROOT / "tests" / "data" / "tiny-model" / "card.json").read_text())
    card["checks"] = {"data_audit": record.summary(made, accepted=True)}
    kept = Card.from_json(json.dumps(card)).checks
    lines = record.card_lines(kept)
    assert "the user accepted the leaks" in lines[0] and any("File header alone" in line for line in lines)
    assert "not audited" in record.card_lines({})[0]
    with_names = json.dumps(kept)
    assert ".png" not in with_names and ".jpg" not in with_names


@pytest.mark.slow
def test_darkcovid_gives_its_classes_away(real_films):
    """Its faults are known: two sources, sizes that tell COVID-19, patients in two classes."""
    made = audited(real_films / "darkcovid")
    header = next(probe for probe in made.probes if probe.key == "header")
    assert (header.balanced_accuracy.low or 0) > header.halfway and (header.against_rest["COVID-19"].low or 0) > 0.9
    words = next(finding.words for finding in made.findings if finding.code == "header-alone")
    assert "DarkCovidNet had plain accuracy 87.0%" in words and "no less than DarkCovidNet" in words
    original = next(probe for probe in made.probes if probe.key == "original")
    assert (original.accuracy.value or 0) >= 0.8702, "no pixel, and what the published network did"
    mixed = next(finding for finding in made.findings if finding.code == "patients-in-two-classes")
    assert mixed.count == 13 and {"header-alone", "source-alone"} <= {finding.code for finding in made.stops}


@pytest.mark.longest
def test_a_copy_of_darkcovid_split_at_random_leaks_its_patients(real_films, tmp_path):
    """The names of NIH's files say whose they are."""
    films = sorted((real_films / "darkcovid").glob("*/*.jpg"))
    for place, number in enumerate(np.random.default_rng(0).permutation(len(films)).tolist()):
        path = tmp_path / "films" / ("test" if place < 180 else "train") / films[number].parent.name
        path.mkdir(parents=True, exist_ok=True)
        (path / films[number].name).write_bytes(films[number].read_bytes())
    made = audited(tmp_path / "films")
    leak = next(finding for finding in made.findings if finding.code == "patients-across-given-parts")
    assert leak.severity == "leak" and leak.count > 45, "a quarter of the test films and more"


@pytest.mark.longest
def test_radiography_shares_films_with_kermany(real_films):
    made = audited(real_films / "radiography", real_films / "kermany")
    (shared,) = made.shared
    assert shared.identical + shared.near >= 263
    assert "turned-duplicates" not in codes(made), "no film there is another one turned"


def test_films_that_come_and_go_while_a_folder_is_read_end_no_audit(tmp_path, monkeypatch):
    """Files change between the listing and the reading: what is gone is named, what is new is no part of it."""
    folder = audit_films.make(tmp_path / "films", audit_films.rows_of(CLASSES, 6))
    (folder / "manifest.csv").unlink()
    listed = collect.listing.read

    def then_change(root):
        layout = listed(root)
        (folder / "Normal" / "0000.png").unlink(missing_ok=True)
        if (folder / "Normal" / "0001.png").is_file():
            (folder / "Normal" / "0001.png").unlink()
            (folder / "Normal" / "0001.png").mkdir()
        (folder / "Normal" / "new.png").write_bytes(audit_films.coded(audit_films.draw(99)))
        return layout

    monkeypatch.setattr(collect, "listing", SimpleNamespace(read=then_change))
    made = audited(folder)
    assert made.films == 10 and made.refused == 2
    (unread,) = (finding for finding in made.findings if finding.code == "refused-films")
    assert unread.count == 2 and "2 unreadable" in unread.words
    assert "Normal/0000.png" in named(made, "refused-films") and "new.png" not in named(made, "refused-films")


def test_the_number_in_an_original_files_name_tells_the_class(tmp_path):
    """Named in the order of filing, one class after the other; the saved copies show nothing of it."""
    rows = audit_films.rows_of(CLASSES, 30)
    for number, row in enumerate(rows):
        row |= {"taken_from": f"scans/IMG_{1000 + number:05}_001.png"}
    made = audited(audit_films.make(tmp_path / "films", rows, ["taken_from"]))
    header, original = (next(p for p in made.probes if p.key == key) for key in ("header", "original"))
    assert (original.accuracy.value or 0) > 0.9 > (header.accuracy.value or 0)
    assert original.used[0] == "number in taken_from (manifest)"
