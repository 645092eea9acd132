"""A study: what it asks (study), the choices of its design (design), what its fields may hold (rules), its films."""

from xraykit.experiments.study.design import Design, FoldKind
from xraykit.experiments.study.study import (
    FoldPlan,
    Study,
    StudyRefused,
    from_dict,
    read,
    with_settings,
)

__all__ = ["Design", "FoldKind", "FoldPlan", "Study", "StudyRefused", "from_dict", "read", "with_settings"]
