"""What a process of ours is started with, whatever other threads start meanwhile."""

import os
import threading

from xraykit.system import processes


class _Seen:
    """A lock that tells when it is waited for."""

    def __init__(self, waited: threading.Event) -> None:
        self.lock, self.waited = threading.Lock(), waited

    def __enter__(self) -> None:
        if self.lock.locked():
            self.waited.set()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_a_run_that_is_launched_while_a_decoder_starts_has_all_threads(monkeypatch):
    """A bare process has thread caps, which the environment of this one has for the instant of its start."""
    met, seen = threading.Event(), []
    monkeypatch.setattr(processes, "_spawning", _Seen(met))
    for name in processes.THREAD_CAPS:
        monkeypatch.delenv(name, raising=False)
    thread = threading.Thread(target=lambda: (seen.append(processes.our_environment()), met.set()))
    with processes._bare_parent():
        assert os.environ["OMP_NUM_THREADS"] == "1"
        thread.start()
        assert met.wait(60)
    thread.join(60)
    assert seen and not seen[0].keys() & set(processes.THREAD_CAPS)
