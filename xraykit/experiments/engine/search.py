"""Search: which trials to try next, and which to end early; Optuna decides both. Trains nothing.

Optuna's study is kept in no file: it is built anew from the runs' own histories whenever it is asked, so that a study
which was killed decides as one that never was.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xraykit.experiments import grid
from xraykit.experiments.grid import Trial
from xraykit.experiments.study.design import Design, count_combinations
from xraykit.experiments.study.study import Study, StudyRefused
from xraykit.experiments.study_folder import CUT, StudyFolder, TrialRun
from xraykit.training.recipe.recipe import RecipeRefused
from xraykit.training.run.run import Run, RunRefused

if TYPE_CHECKING:
    import optuna

    from xraykit.training.fit.callbacks import Moment

BATCH = 4  # trials proposed together, so that several machines have work and still every engine tries the same ones
NEVER_CUT = 4  # the first trials: with fewer there is nothing to be behind of
KEPT_OF = 2  # one of so many trials goes on after half its epochs
ASKED = 200  # proposals that were tried before, or that no recipe can have, until the search is over


def propose(folder: StudyFolder) -> bool:
    """Add the next trials of a TPE search to trials.json, once those before have ended; False where there are none.

    Raises
    ------
    StudyRefused
        If the weights that a trial starts from are found nowhere.
    """
    study, known = folder.study(), folder.trials()
    if study.design is not Design.TPE:
        return False
    most = min(study.samples or 0, count_combinations(study.design, study.factors))
    wanted = min(BATCH, most - len(known))
    if wanted <= 0:
        return False
    added = list(_proposed(study, known, _outcomes(folder), wanted))
    folder.write_trials([*known, *added])
    return bool(added)


def _proposed(study: Study, known: Sequence[Trial], outcomes: Mapping[int, Outcome], wanted: int) -> Iterator[Trial]:
    import optuna

    tried, number = {trial.recipe for trial in known}, len(known)
    sampler = optuna.samplers.TPESampler(
        seed=study.seeds[0] * 1000 + number, constant_liar=True, n_startup_trials=2 * BATCH
    )
    asked = _study(sampler=sampler)
    distributions = {path: _distribution(values) for path, values in study.factors.items()}
    for trial in known:
        asked.add_trial(_as_optuna(study, trial, outcomes.get(trial.number), distributions))
    for _ in range(ASKED):
        asking = asked.ask(dict(distributions))
        settings = {path: _ordered(study.factors[path])[index] for path, index in asking.params.items()}
        try:
            trial = grid.resolve(study, grid.trial_of(study, number + 1, settings))
        except RecipeRefused:
            asked.tell(asking, state=optuna.trial.TrialState.FAIL)
            continue
        if trial.recipe in tried:
            _tell_again(asked, asking, trial, known, outcomes)
            continue
        tried.add(trial.recipe)
        number += 1
        yield trial
        if not (wanted := wanted - 1):
            return


def _tell_again(asked: optuna.Study, asking: Any, trial: Trial, known: Sequence[Trial], outcomes: Any) -> None:
    """Tell what a trial gave that is proposed a second time: TPE then looks elsewhere."""
    import optuna

    loss = next((outcomes.get(other.number) for other in known if other.recipe == trial.recipe), None)
    if loss is None:
        asked.tell(asking, state=optuna.trial.TrialState.FAIL)
    else:
        asked.tell(asking, loss)


Outcome = float  # mean over the runs of a trial: the best validation loss of each


def _outcomes(folder: StudyFolder) -> dict[int, Outcome]:
    """Of each trial that has ended: of those cut or failed what its runs gave so far, none where they gave nothing."""
    losses: dict[int, list[float]] = {}
    for tried in folder.runs():
        if (loss := _loss(tried.run, math.inf)) is not None:
            losses.setdefault(tried.trial.number, []).append(loss)
    return {number: sum(own) / len(own) for number, own in losses.items()}


def _as_optuna(study: Study, trial: Trial, outcome: Outcome | None, distributions: Mapping[str, Any]) -> Any:
    import optuna

    params = {path: _place(study, trial, path) for path in study.factors}
    failed, complete = optuna.trial.TrialState.FAIL, optuna.trial.TrialState.COMPLETE
    return optuna.trial.create_trial(
        params=params,
        distributions=dict(distributions),
        value=outcome,
        state=failed if outcome is None else complete,
    )


def _place(study: Study, trial: Trial, path: str) -> int:
    """Which of the `_ordered` values of a factor a trial has; it is written as the recipe has it."""
    own = trial.settings[path]
    for index, value in enumerate(_ordered(study.factors[path])):
        with contextlib.suppress(RecipeRefused):
            if value == own or grid.trial_of(study, 1, {**trial.settings, path: value}).settings[path] == own:
                return index
    raise StudyRefused(f"Trial {trial.number} has a value of {path} that the study does not try. Start the study anew.")


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Numbers in order, so that neighbours are alike; other values as the study has them."""
    return sorted(values) if _are_numbers(values) else list(values)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _distribution(values: Sequence[Any]) -> Any:
    """Of a value's place among `_ordered`."""
    import optuna

    if _are_numbers(values):
        return optuna.distributions.IntDistribution(0, len(values) - 1)
    return optuna.distributions.CategoricalDistribution(tuple(range(len(values))))


class Judge:
    """Looks at a run's epochs while it is trained, and ends it where its trial is behind those before it.

    The first run of a trial speaks for all. It is judged once, after half its epochs, so that a small learning rate has
    time to show what it can; what it is compared with are the trials of smaller numbers, after as many epochs.
    """

    def __init__(self, folder: StudyFolder, tried: TrialRun) -> None:
        study = folder.study()
        first = tried.fold == 0 and tried.seed == study.seeds[0]
        self.folder, self.tried = folder, tried
        self.judges = study.cut and first and tried.trial.number > NEVER_CUT
        self.rung = math.ceil(tried.trial.recipe.epochs / 2)

    def look(self, moment: Moment) -> None:
        """Ask the run to stop, and mark it as cut, where it is behind; called at each moment of its training."""
        if not self.judges or moment.step or moment.epoch != self.rung:
            return
        self.judges = False
        if (loss := _loss(self.tried.run, self.rung)) is not None and self.is_behind(loss):
            mark = {"epochs": self.rung, "val_loss": loss, "time": time.time()}
            self.tried.run.write(CUT, mark)
            with contextlib.suppress(RunRefused):
                self.tried.run.ask_to_stop()

    def is_behind(self, loss: float) -> bool:
        """Does Optuna's successive halving end a trial of this loss?"""
        import optuna

        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=self.rung, reduction_factor=KEPT_OF)
        asked = _study(pruner=pruner)
        for other in self._before():
            trial = asked.ask()
            trial.report(other, self.rung)
            trial.should_prune()  # which notes that it came so far
            asked.tell(trial, other)
        trial = asked.ask()
        trial.report(loss, self.rung)
        return trial.should_prune()

    def _before(self) -> list[float]:
        """The losses of the trials before, after as many epochs."""
        own, seed = self.tried.trial.number, self.tried.seed
        first = [run for run in self.folder.runs() if run.trial.number < own and run.fold == 0 and run.seed == seed]
        return [loss for run in first if (loss := _loss(run.run, self.rung)) is not None]


def _loss(run: Run, epochs: float) -> float | None:
    """The best validation loss of a run's first epochs; None where it has not learned so many, or as many as it has."""
    losses = []
    for row in run.history():
        with contextlib.suppress(KeyError, ValueError):
            losses.append(float(row["val_loss"]))
    if not losses or (math.isfinite(epochs) and len(losses) < epochs):
        return None
    return min(losses[: int(epochs)] if math.isfinite(epochs) else losses)


def _study(**named: Any) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="minimize", **named)


def cut_trials(runs: Sequence[TrialRun]) -> set[int]:
    """The numbers of the trials that were ended early."""
    return {tried.trial.number for tried in runs if tried.is_cut()}
