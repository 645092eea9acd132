"""Rewrites constraints.txt from what is installed here: the versions that the tests last passed with.

`make constraints` runs it after the tests. It follows requirements.txt and requirements-dev.txt through everything they
need; jax and ray are added, as CI tests them. Packages for one system only are simply not constrained elsewhere.
"""

from __future__ import annotations

import importlib.metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers import ROOT

HEAD = "# What the tests last passed with (`make constraints`); `pip install -r requirements.txt` alone stays open.\n"
ALSO = ("jax", "ray")  # extras; CI trains with them
NEVER = {"pip", "setuptools", "wheel"}  # the installer's own


def requirements(file: str) -> list[Requirement]:
    """The requirements a file names, those of the files it refers to among them."""
    named = []
    for line in (ROOT / file).read_text("utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            named += requirements(line.removeprefix("-r ").strip())
        elif line:
            named.append(Requirement(line))
    return named


def needed(pending: list[Requirement]) -> dict[str, str]:
    """Every installed package that these requirements lead to, with its version."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        requirement = pending.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or another Python
        versions[name] = package.version
        for text in package.requires or ():
            part = Requirement(text)
            if part.marker is None or any(part.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                pending.append(part)
    return versions


def main() -> None:
    """Write constraints.txt."""
    wanted = [*requirements("requirements-dev.txt"), *map(Requirement, ALSO)]
    lines = [f"{name}=={version}" for name, version in sorted(needed(wanted).items()) if name not in NEVER]
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
