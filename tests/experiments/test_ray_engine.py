"""A study on a Ray cluster: the same table as on this computer, whatever dies on the way."""

import importlib.util
import threading

import pytest

from tests.experiments.test_local_engine import run as run_locally
from tests.experiments.test_local_engine import table, until
from tests.helpers import study_folders, study_hands
from xraykit.experiments.engine import ray as engine
from xraykit.system import processes

HANG = 240


def test_without_ray_there_are_words(films, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    folder = study_folders.make(tmp_path, films)
    with pytest.raises(engine.RayRefused, match=r"requirements-ray\.txt"):
        engine.run(folder)
    assert folder.recorded().state == "queued"


@pytest.mark.slow
def test_a_machine_that_dies_costs_nothing_and_the_table_is_that_of_this_computer(films, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    gates = tmp_path / "gates"
    gates.mkdir()
    folder = study_folders.make(tmp_path / "ray", films)
    first, second = folder.runs()[0].name, folder.runs()[1].name
    for name in (first, second):
        (gates / f"{name}.gate").touch()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
        ends = []

        def at_work():
            hands = {"fit": study_hands.learn, "reader": study_hands.read}
            settings = {study_hands.GATES: str(gates)}
            ends.append(engine.run(folder, cluster.address, cpus=1, gpus=0, settings=settings, **hands))

        thread = threading.Thread(target=at_work, daemon=True)
        thread.start()
        for name in (first, second):  # both machines are in the middle of a run
            study_hands.wait_for(gates / f"{name}.waits", HANG)
        cluster.remove_node(machines[0], allow_graceful=False)
        until(lambda: not all(tried.run.alive() for tried in folder.runs()[:2]), "its run went on")
        (gates / f"{first}.go").touch()
        (gates / f"{second}.go").touch()
        thread.join(HANG)
    finally:
        cluster.shutdown()
    assert ends and (ends[0].state, ends[0].done, ends[0].engine) == ("finished", 4, "ray"), folder.state()
    begun = [sum(event["event"] == "started" for event in tried.run.events()) for tried in folder.runs()]
    assert sorted(begun) == [1, 1, 1, 2]  # the run of the dead machine, once more

    monkeypatch.setattr(processes, "CONTEXT", study_hands.Threads)
    here = study_folders.make(tmp_path / "here", films)
    run_locally(here)
    assert table(folder) == table(here)
