"""Notes on films: one line of a film, and the count of a folder."""

from xraykit.films import note
from xraykit.films.note import Note, Tally

BITS, OTHER_BITS = Note("bits", "12 bits stored."), Note("bits", "10 bits stored.")
LATERAL, TINY = Note("lateral", "A lateral view.", warning=True), Note("tiny", "Too few pixels.", warning=True)


def test_warnings_come_first_in_a_films_line():
    assert note.line([BITS, LATERAL, TINY]) == "lateral: A lateral view; tiny: Too few pixels; bits: 12 bits stored"
    assert note.line([]) == ""
    assert note.warnings([BITS, LATERAL]) == (LATERAL,)


def test_notes_are_counted_by_code_with_the_first_film_as_example():
    films = {"a": (BITS, TINY), "b": (OTHER_BITS, LATERAL), "c": (BITS, LATERAL, LATERAL)}
    assert note.tally(films) == [Tally(LATERAL, 2, "b"), Tally(TINY, 1, "a"), Tally(BITS, 3, "a")]
    assert Tally(BITS, 3, "a").to_json() == {
        "code": "bits",
        "words": "12 bits stored.",
        "warning": False,
        "films": 3,
        "example": "a",
    }
