"""Refused: the base of everything the house will not do as asked, with a code for programs and words for people."""


class Refused(ValueError):
    """Something that cannot be done as asked. Pages and the command line show its words and nothing else.

    Attributes
    ----------
    code : str
        Short, for programs: "model-corrupt", "recipe", ... A class has its own; one raise may name a narrower one.
    words : str
        One or two sentences for people: what was found, what was expected, what to do.
    """

    code = "refused"

    def __init__(self, words: str, *, code: str | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.code = code or self.code
