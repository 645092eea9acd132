"""Where each film comes from, as a manifest says it."""

import pytest

from tests.helpers import film_folders
from xraykit.datasets import dataset


@pytest.fixture
def folder(tmp_path):
    return film_folders.make(tmp_path / "films", classes=("COVID-19", "Normal"), films=3)


def write(folder, header, *cells):
    films = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    rows = [f"{film},{film.split('/')[0]},{cell}" for film, cell in zip(films, cells, strict=True)]
    (folder / "manifest.csv").write_text("\n".join([f"path,label,{header}", *rows]), "utf-8")


@pytest.mark.parametrize("column", ["source", "Dataset", "origin", "Hospital"])
def test_a_manifest_says_where_films_come_from(column, folder):
    write(folder, column, "Rome", " Rome ", "Guangzhou", "Rome", "", "ieee8023/covid-chestxray-dataset")
    films = dataset.read(folder)
    assert films.sources == ("Rome", "Rome", "Guangzhou", "Rome", "", "ieee8023/covid-chestxray-dataset")
    assert films.choose([2, 4]).sources == ("Guangzhou", "")


def test_of_several_columns_the_one_called_source_is_taken(folder):
    write(folder, "dataset,source", *["A,B"] * 6)
    assert set(dataset.read(folder).sources) == {"B"}


def test_without_a_source_there_are_none(folder):
    assert dataset.read(folder).sources == ()
    write(folder, "source", *[""] * 6)
    films = dataset.read(folder)
    assert films.sources == () and films.choose([0]).sources == ()
