"""The datasets of the five studies: what each is, its licence and known faults, how to get it, and whether it is here.

Downloads nothing, opens no film.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xraykit.datasets.catalog import known
from xraykit.datasets.catalog.known import Known
from xraykit.datasets.listing import pool_record
from xraykit.refused import Refused
from xraykit.system.folders import datasets_folder


class UnknownDataset(Refused):
    """A name that no published dataset has; the words list those there are."""

    code = "unknown-dataset"


@dataclass(frozen=True)
class Kaggle:
    """On Kaggle, public: kagglehub fetches it by its handle."""

    handle: str

    @property
    def address(self) -> str:
        return f"https://www.kaggle.com/datasets/{self.handle}"


@dataclass(frozen=True)
class Archive:
    """A zip file at an address; `sha256` is that of the file, "" where none is published.

    `inside` is the folder in it that holds the classes; "" where that is all there is.
    """

    address: str
    sha256: str = ""
    inside: str = ""


@dataclass(frozen=True)
class Pooled:
    """No archive has it: other datasets of this table are pooled, their classes renamed."""

    sources: tuple[str, ...]
    classes: Mapping[str, str]


@dataclass(frozen=True)
class Published:
    """A dataset of a study.

    Attributes
    ----------
    key : str
        Its name here and on the command line; the folder that `data get` makes has it.
    what : str
        A sentence.
    classes : tuple of tuple of str
        Each class with its other spellings; the first is the original one.
    optional : tuple of str
        Classes, by the first spelling, that a copy may lack.
    films : int
        Labelled films of the original; a copy has as many or fewer.
    size : int
        Bytes of the download, about.
    layout : str
        What lies where after unpacking.
    faults : tuple of str
        What is known to be wrong with it, a sentence each.
    studies : str
        Letters of the studies that use it.
    """

    key: str
    title: str
    what: str
    classes: tuple[tuple[str, ...], ...]
    films: int
    size: int
    licence: str
    citation: str
    way: Kaggle | Archive | Pooled
    layout: str
    faults: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    studies: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """How to get it by hand, a sentence a step."""
        if isinstance(self.way, Pooled):
            *first, last = self.way.sources
            return (
                f"Get {', '.join(first)} and {last}.",
                f"Then pool them: python -m xraykit data get {self.key}",
            )
        name = self.way.handle.split("/")[1] if isinstance(self.way, Kaggle) else "the zip file"
        return (
            f"Download {name} from {self.way.address}.",
            "Open the zip on the page Datasets, or unpack it and give the folder's path.",
        )

    def fits(self, folder: Known) -> bool:
        """Whether a folder may be a copy: by its classes and its number of films, never by its name."""
        if sum(folder.counts.values()) > self.films:
            return False
        spelt = [{_essence(name) for name in names} for names in self.classes]
        has = [{place for place, names in enumerate(spelt) if _essence(label) in names} for label in folder.counts]
        needed = {place for place, names in enumerate(self.classes) if names[0] not in self.optional}
        pooled = pool_record.read_record(folder.path) is not None
        return all(has) and needed <= set().union(*has) and pooled == isinstance(self.way, Pooled)

    def is_sure(self, folder: Known) -> bool:
        """Whether a folder that fits is certainly this dataset: it was got or pooled here, or has as many films."""
        got_here = folder.path == datasets_folder() / self.key
        return got_here or isinstance(self.way, Pooled) or sum(folder.counts.values()) == self.films

    def to_json(self) -> dict[str, Any]:
        """Plain data for `data list --json`."""
        way: dict[str, Any]
        if isinstance(self.way, Pooled):
            way = {"pooled_from": list(self.way.sources)}
        else:
            way = {"address": self.way.address}
        return {
            "name": self.key,
            "title": self.title,
            "what": self.what,
            "classes": [names[0] for names in self.classes],
            "films": self.films,
            "bytes": self.size,
            "licence": self.licence,
            "citation": self.citation,
            "layout": self.layout,
            "faults": list(self.faults),
            "studies": self.studies,
            "how_to_get": list(self.steps),
            **way,
        }


_COVID = ("COVID", "COVID-19", "Covid19", "COVID19")
_NORMAL = ("Normal", "No_findings", "No Finding", "Healthy")
_PNEUMONIA = ("Pneumonia",)
_ILL = (*_COVID, "Covid-19", *_PNEUMONIA, "PNEUMONIA", "Viral Pneumonia", "Lung_Opacity", "Lung Opacity")

TABLE = (
    Published(
        key="radiography",
        title="COVID-19 Radiography Database",
        what="Frontal chest films, 299 x 299 pixels, gathered from many sources at Qatar and Dhaka universities.",
        classes=(_COVID, ("Lung_Opacity", "Lung Opacity"), _NORMAL, ("Viral Pneumonia",)),
        optional=("Lung_Opacity",),
        films=21_165,
        size=816_000_000,
        licence="Differs by film; the films belong to their original authors",
        citation="Chowdhury et al., IEEE Access 2020; Rahman et al., Computers in Biology and Medicine 2021",
        way=Kaggle("tawsifurrahman/covid19-radiography-database"),
        layout="COVID-19_Radiography_Dataset / COVID, Lung_Opacity, Normal, Viral Pneumonia / images, masks",
        faults=(
            "No patient ids: films of one patient can lie on both sides of a split.",
            "Viral Pneumonia is from children, most of Normal from adults: a network can learn age for illness.",
        ),
        studies="A, B, C",
    ),
    Published(
        key="intel",
        title="Intel Image Classification",
        what="Colour photographs of landscapes and streets, 150 x 150 pixels; a test of the method without films.",
        classes=(("buildings",), ("forest",), ("glacier",), ("mountain",), ("sea",), ("street",)),
        films=17_034,
        size=363_000_000,
        licence="Not stated; the photographs belong to their original authors",
        citation="Intel, for a challenge of Analytics Vidhya, 2018",
        way=Kaggle("puneet6060/intel-image-classification"),
        layout="seg_train, seg_test / six classes; seg_pred has no classes and is left out",
        faults=("Some labels are wrong: glacier and mountain, buildings and street share photographs.",),
        studies="D",
    ),
    Published(
        key="darkcovid",
        title="DarkCovidNet",
        what="Chest films of the first months of 2020 (ieee8023) beside films of NIH ChestX-ray8.",
        classes=((*_COVID[1:], "COVID"), (_NORMAL[1], *_NORMAL), _PNEUMONIA),
        films=1_125,
        size=418_000_000,
        licence="None stated: measure with it, do not pass it on",
        citation="Ozturk et al., Computers in Biology and Medicine 2020",
        way=Archive(
            "https://github.com/muhammedtalo/COVID-19/archive/refs/heads/master.zip", "", "X-Ray Image DataSet"
        ),
        layout="X-Ray Image DataSet / Covid-19, No_findings, Pneumonia",
        faults=(
            "Patients have films in Normal and in Pneumonia: divide by patient where the ids are known.",
            "Classes differ in size and shape of the film: a tree on the file's header alone reaches 92 %.",
            "About 70 films are also in COVID-19 Radiography, some with another class.",
            "Labels of NIH films are mined from reports and noisy.",
        ),
        studies="E",
    ),
    Published(
        key="infected-normal",
        title="Infected and normal",
        what="The two classes of study E. Its own films were never published as one archive: it is pooled from others.",
        classes=(("infected",), ("normal",)),
        films=30_000,
        size=0,
        licence="That of each source",
        citation="Study E: 15,000 films, 6,149 infected and 8,851 normal",
        way=Pooled(
            ("radiography", "darkcovid", "kermany"),
            {label: "infected" for label in _ILL} | {label: "normal" for label in (*_NORMAL, "NORMAL")},
        ),
        layout="a folder a source, and a manifest.csv with the column source",
        faults=("The faults of its sources: leave one source out to see what a network learned.",),
        studies="E",
    ),
    Published(
        key="kermany",
        title="Chest X-Ray Images (Pneumonia)",
        what="Films of children of one to five years from Guangzhou, with and without pneumonia.",
        classes=(("NORMAL", "Normal"), ("PNEUMONIA", "Pneumonia")),
        films=5_856,
        size=2_300_000_000,
        licence="CC BY 4.0",
        citation="Kermany et al., Cell 2018",
        way=Kaggle("paultimothymooney/chest-xray-pneumonia"),
        layout="chest_xray / train, val, test / NORMAL, PNEUMONIA; a copy of it inside is left out",
        faults=(
            "Its validation part has 16 films: draw the parts anew.",
            "A quarter of Viral Pneumonia in COVID-19 Radiography are films from here.",
        ),
        studies="E",
    ),
)


def named(key: str) -> Published:
    """The published dataset of this name. Raises UnknownDataset."""
    for dataset in TABLE:
        if dataset.key == key:
            return dataset
    names = ", ".join(dataset.key for dataset in TABLE)
    raise UnknownDataset(f"No published dataset is called {key}. There are {names}.")


def copies(folders: Iterable[Known]) -> dict[str, list[Known]]:
    """Folders on this computer that may be a published dataset, by its name: the sure ones first, then the fullest."""
    folders = list(folders)

    def fitting(dataset: Published) -> list[Known]:
        fit = [folder for folder in folders if dataset.fits(folder)]
        return sorted(fit, key=lambda folder: (not dataset.is_sure(folder), -sum(folder.counts.values())))

    return {each.key: fitting(each) for each in TABLE}


def folder_of(name: str, earlier: Iterable[Path] = ()) -> Path | None:
    """The folder of a dataset by name: one known on this computer that is called so, else a copy of a published one."""
    folders = known.known(earlier)
    for folder in folders:
        if folder.name == name:
            return folder.path
    fitting = copies(folders).get(name)
    return fitting[0].path if fitting else None


def _essence(label: str) -> str:
    return re.sub(r"[\W_]+", "", label.casefold())
