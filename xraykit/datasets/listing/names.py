"""What the names of folders, files and columns mean: classes that are the same, masks, parts of a division."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

MASK_WORDS = {"mask", "masks", "lungmask", "lungmasks", "labelmap", "labelmaps", "segmap", "segmaps"}
NO_MASKS = {"no", "non", "not", "without", "with", "face", "wearing"}  # "with mask" is a class of people
LAST_MASK_WORDS = {"segmentation", "segmentations", "seg", "segs"}
LABELS_OF_PIXELS = {"label", "labels", "annotation", "annotations", "gt", "groundtruth", "contour", "contours"}
IMAGE_WORDS = {"image", "images", "img", "imgs", "film", "films", "cxr", "xray", "xrays", "picture", "pictures"}
FILLING = IMAGE_WORDS | {
    *("set", "data", "dataset", "folder", "split", "part", "partition", "subset", "seg", "chest", "x", "ray", "rays"),
    *("png", "jpg", "jpeg", "dicom", "dcm"),
}
PART_WORDS = {
    **dict.fromkeys(("train", "training", "trainset", "traindata"), "train"),
    **dict.fromkeys(
        ("val", "vali", "valid", "validation", "validate", "valset", "dev", "development", "tuning"), "validation"
    ),
    **dict.fromkeys(("test", "testing", "tst", "testset", "testdata", "holdout"), "test"),
}
NOTHING = {"nan", "na", "n/a", "<na>", "none", "null", "unknown", "?", "-"}
COMPANION = re.compile(
    r"(?P<film>.+?)[ _.-]*(?:lung)?[ _.-]*(?:mask|seg|segmentation|labelmap)s?(?:[ _.-]*\d+)?", re.IGNORECASE
)


def said(cell: str) -> str:
    """A cell as it is written; "" where it says that nothing is known, as programs write it that save tables."""
    text = cell.strip()
    return "" if text.casefold() in NOTHING else text


@lru_cache(maxsize=1024)
def label_of(name: str) -> str:
    """The class that a folder or a row of a manifest names: in Unicode's composed form, without space around it."""
    text = unicodedata.normalize("NFC", name)
    blank = [letter.isspace() or unicodedata.category(letter) in ("Cf", "Cc") for letter in text]
    if all(blank):
        return ""
    text = text[blank.index(False) : len(text) - blank[::-1].index(False)]
    return text.encode("utf-8", "backslashreplace").decode()


def alike(labels: Iterable[str]) -> list[list[str]]:
    """Sets of labels that differ in upper and lower case, spaces, underscores and punctuation alone."""
    sets: dict[str, list[str]] = defaultdict(list)
    for label in sorted(set(labels)):
        sets[essence(label)].append(label)
    return [labels for labels in sets.values() if len(labels) > 1]


def essence(label: str) -> str:
    """What tells a label from others: letters, digits, signs such as + and <, a minus at the end."""
    text = unicodedata.normalize("NFKC", label).casefold()
    minus = "-" if unicodedata.category(text[-1:] or " ") == "Pd" or text.endswith("−") else ""
    text = "".join(letter if letter.isalnum() or unicodedata.category(letter)[0] in "MS" else " " for letter in text)
    text = re.sub(r"(?<=\d) +(?=\d)", "_", text.strip())  # 1.5 is not 15
    return text.replace(" ", "") + minus


def is_mask_folder(name: str) -> bool:
    """Whether a folder of this name holds masks or label maps, pictures of where something is."""
    words = _words(name)
    if not words or NO_MASKS & set(words):
        return False
    return bool(
        MASK_WORDS & set(words) or words[-1] in LAST_MASK_WORDS or words[-2:] in (["label", "map"], ["label", "maps"])
    )


def may_hold_masks(name: str) -> bool:
    """Whether a folder of this name holds label maps where it lies beside a folder of images."""
    return "".join(_words(name)) in LABELS_OF_PIXELS


def holds_images(name: str) -> bool:
    """Whether a folder is named for pictures, and says no class."""
    words = _words(name)
    return bool(words) and set(words) <= IMAGE_WORDS


def masks_among(stems: Iterable[str]) -> set[str]:
    """Stems of files that are masks of another one beside them: "one_mask" beside "one"."""
    known = set(stems)
    return {stem for stem in known if (match := COMPANION.fullmatch(stem)) and match["film"] in known}


def part_of(name: str) -> str:
    """The part of a division that a folder or a row names: "train", "validation", "test", or "" where it is none."""
    words = [word for word in _words(name) if word not in FILLING]
    return PART_WORDS.get(words[0], "") if len(words) == 1 else ""


def _words(name: str) -> list[str]:
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)  # LungMasks
    return re.findall(r"[^\W\d_]+", text.casefold())
