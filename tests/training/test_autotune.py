"""The fastest way to train: chosen from what was measured, remembered, given up when it takes too long."""

import dataclasses
import json
import subprocess
import sys

import pytest

from tests.helpers import processes
from xraykit.training.fit import autotune
from xraykit.training.recipe import presets

TINY = presets.NAMED["tiny"].change(precision="auto")
FASTEST = {("float32", False): 100.0, ("mixed_bfloat16", False): 150.0, ("mixed_bfloat16", True): 240.0}


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """A GPU that is not there, and an empty cache folder."""
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(autotune, "compute_capability", lambda: (9, 0))
    return tmp_path / "speed"


def measured(asked):
    def measure(chosen, precision, jit):
        asked.append((precision, jit))
        pace = FASTEST.get((precision, jit), 0.0)
        return autotune.Trial(precision, jit, pace, 1.0, "" if pace else "given up")

    return measure


def test_a_recipe_that_names_its_precision_gets_it(gpu):
    asked = []
    chosen = autotune.choose(TINY.change(precision="mixed_float16"), "some card", measured(asked))
    assert (chosen.precision, asked) == ("mixed_float16", [])


def test_the_processor_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(autotune, "compute_capability", lambda: None)
    asked = []
    assert autotune.choose(TINY, "two cores", measured(asked)) == autotune.Speed("float32", False)
    assert not asked and not list(tmp_path.iterdir())


def test_a_gpu_gets_the_fastest_measured_way_and_it_is_remembered(gpu):
    asked = []
    chosen = autotune.choose(TINY, "some card", measured(asked))
    assert (chosen.precision, chosen.jit) == ("mixed_bfloat16", True)
    assert asked == autotune.candidates("tensorflow", (9, 0)) and len(chosen.trials) == 6
    again = autotune.choose(TINY, "some card", measured(asked))
    assert again == chosen and len(asked) == 6, "it was measured again"
    kept = json.loads(next(gpu.iterdir()).read_text())
    assert kept["of"]["device"] == "some card" and kept["of"]["batch_size"] == TINY.batch_size


@pytest.mark.parametrize("change", [{"batch_size": 8}, {"image_size": 64}])
def test_what_the_pace_depends_on_is_measured_anew(change, gpu):
    asked = []
    autotune.choose(TINY, "some card", measured(asked))
    autotune.choose(TINY.change(**change), "some card", measured(asked))
    autotune.choose(TINY, "another card", measured(asked))
    assert len(asked) == 18


def test_a_broken_memory_is_measured_again(gpu):
    asked = []
    autotune.choose(TINY, "some card", measured(asked))
    next(gpu.iterdir()).write_text('{"precision": "float')
    assert autotune.choose(TINY, "some card", measured(asked)).precision == "mixed_bfloat16" and len(asked) == 12


def test_where_nothing_could_be_measured_it_is_single_precision_and_not_remembered(gpu):
    nothing = lambda chosen, precision, jit: autotune.Trial(precision, jit, note="out of memory")  # noqa: E731
    chosen = autotune.choose(TINY, "some card", nothing)
    assert (chosen.precision, chosen.jit) == ("float32", False)
    assert {trial.note for trial in chosen.trials} == {"out of memory"} and not gpu.exists()


def test_a_way_must_be_clearly_faster_than_a_plainer_one(gpu):
    close = lambda chosen, precision, jit: autotune.Trial(precision, jit, 100.0 + (precision != "float32"))  # noqa: E731
    assert autotune.choose(TINY, "some card", close).precision == "float32"


@pytest.mark.parametrize(
    ("backend", "capability", "ways"),
    [
        ("tensorflow", (6, 1), {("float32", False), ("float32", True)}),
        ("torch", (7, 5), {(p, jit) for p in ("float32", "mixed_float16") for jit in (False, True)}),
        ("jax", (9, 0), {(p, True) for p in ("float32", "mixed_float16", "mixed_bfloat16")}),
    ],
)
def test_only_what_the_card_and_the_backend_can_do_is_tried(backend, capability, ways):
    assert set(autotune.candidates(backend, capability)) == ways


def test_measuring_ends_when_the_time_is_up(gpu, monkeypatch):
    monkeypatch.setattr(autotune, "BUDGET_SECONDS", -1.0)
    asked = []
    chosen = autotune.choose(TINY, "some card", measured(asked))
    assert not asked and all("not tried" in trial.note for trial in chosen.trials)


@pytest.mark.slow
def test_a_tiny_network_is_really_measured_in_a_process_of_its_own():
    said = []
    trial = autotune.measure_apart(TINY, "float32", False, lambda: said.append(1))
    assert trial.note == "" and trial.images_per_second > 0 and said
    assert autotune.Trial(**dataclasses.asdict(trial)) == trial


def test_a_way_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(autotune, "LIMIT_SECONDS", 0.5)
    trial = autotune.measure_apart(TINY, "float32", False)
    assert trial.images_per_second == 0 and "given up" in trial.note


@pytest.mark.longest
def test_what_goes_wrong_in_measuring_is_a_note():
    trial = autotune.measure_apart(TINY, "no_such_policy", False)
    assert trial.images_per_second == 0 and "did not run here" in trial.note


def test_a_stop_ends_the_measuring_and_its_process(monkeypatch):
    def stop():
        raise InterruptedError

    monkeypatch.setattr(autotune, "LIMIT_SECONDS", 3600)  # nothing else would end it before this test is given up
    with pytest.raises(InterruptedError):
        autotune.measure_apart(TINY, "float32", False, stop)
    assert not processes.below(name="xraykit.training.fit.autotune")


@pytest.mark.slow
def test_a_fine_tune_needs_keras_numpy_and_pillow_alone():
    """What benchmarks/gpu_finetune.py imports on a machine that has nothing else."""
    absent = "streamlit click pebble pydicom altair psutil sklearn scipy pandas pynvml ai_edge_litert tf_keras_vis"
    code = (
        f"import sys; sys.modules.update(dict.fromkeys('{absent}'.split()));"
        "from xraykit.training.fit import autotune, network, optimizer; from xraykit.training.fit.input import batches;"
        "from xraykit.training.recipe import presets"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
