"""What was found out about a kept model later is added to its folder."""

import dataclasses
import shutil

import pytest

from tests.helpers import DATA
from xraykit.models.cards import amend, card
from xraykit.models.cards.card import ModelRefused

CONTENT = b'{"n": 3}'
NAME = amend.named("audit", CONTENT)


@pytest.fixture
def folder(tmp_path):
    """A kept model of its own."""
    folder = tmp_path / card.read(DATA / "tiny-model").name
    shutil.copytree(DATA / "tiny-model", folder)
    return folder


def noted(before):
    return dataclasses.replace(before, checks={"shortcuts": {"n": 3}})


def test_what_is_added_is_read_again_with_its_hash(folder):
    after = amend.amend(folder, noted, add={NAME: CONTENT})
    assert after == card.read(folder) and after.checks == {"shortcuts": {"n": 3}}
    card.verify(after, folder)
    (folder / NAME).write_bytes(b"{}")
    with pytest.raises(ModelRefused, match="another sha256"):
        card.verify(after, folder)


def test_what_is_dropped_is_gone_and_the_network_never(folder):
    amend.amend(folder, noted, add={NAME: CONTENT})
    after = amend.amend(folder, lambda before: before, drop=[NAME])
    assert NAME not in after.files and not (folder / NAME).exists()
    with pytest.raises(ValueError, match="new names"):
        amend.amend(folder, noted, add={card.NETWORK: CONTENT})


def test_a_card_that_would_be_invalid_is_not_written(folder):
    before = (folder / card.CARD).read_bytes()
    with pytest.raises(ModelRefused, match="card-invalid|cannot be read as a card"):
        amend.amend(folder, lambda old: dataclasses.replace(old, elsewhere=({"name": "kermany"},)))
    assert (folder / card.CARD).read_bytes() == before
