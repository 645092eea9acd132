"""PyTorch's files without PyTorch: tensors come out as they are, and nothing that a file names is ever run."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from tests.helpers import torch_files
from xraykit.training import torch_file
from xraykit.training.torch_file import TorchFileRefused

STATE = OrderedDict(
    {
        "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
        "bn.half": np.array([0.5, 1.5], np.float16),
        "bn.num_batches_tracked": np.array(7, np.int64),
    }
)


def same(state):
    assert state.keys() == STATE.keys()
    for name, expected in STATE.items():
        assert state[name].dtype == expected.dtype and np.array_equal(state[name], expected), name


def test_tensors_of_a_zip_come_out_as_they_are(tmp_path):
    torch_files.save(STATE, tmp_path / "state.pth", root="resnet18")
    same(torch_file.read(tmp_path / "state.pth"))


def test_tensors_of_a_safetensors_file_come_out_as_they_are(tmp_path):
    torch_files.save_safetensors(STATE, tmp_path / "state.safetensors")
    same(torch_file.read(tmp_path / "state.safetensors"))


def test_what_pytorch_itself_wrote_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    state = OrderedDict((name, torch.tensor(numbers)) for name, numbers in STATE.items())
    state["conv.weight"] = state["conv.weight"].transpose(0, 1).contiguous().transpose(0, 1)  # strides of its own
    state["shared"] = state["bn.half"][1:]
    torch.save(state, tmp_path / "state.pth")
    read = torch_file.read(tmp_path / "state.pth")
    assert np.array_equal(read.pop("shared"), STATE["bn.half"][1:])
    same(read)


class Evil:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize(
    ("call", "arguments"),
    [(os.system, ("touch ran",)), (eval, ("open('ran', 'w')",)), (getattr, ("", "join")), (os.mkdir, ("ran",))],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_asks_for_anything_else_is_refused_and_nothing_runs(
    call, arguments, protocol, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps({"weight": Evil(call, *arguments)}, protocol)
    torch_files.save({}, tmp_path / "evil.pth", replaced=evil)
    with pytest.raises(TorchFileRefused, match=r"evil\.pth asks for .*nothing but tensors"):
        torch_file.read(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def pickled(lines: bytes) -> bytes:
    return b"\x80\x02" + lines + b"."


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK%ctQ"
TENSOR = b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(%sK%c(K%ct(K%ct\x89}tRs"


@pytest.mark.parametrize(
    ("numbers", "offset", "side", "stride", "sound"),
    [(4, 0, 4, 1, True), (4, 1, 4, 1, False), (4, 0, 3, 2, False), (4, 0, 9, 0, False), (9, 0, 4, 1, False)],
)
def test_a_tensor_stays_within_its_storage(numbers, offset, side, stride, sound, tmp_path):
    """The file has 4 numbers; what a tensor says of offset, size and stride is held against them."""
    path = tmp_path / "strange.pth"
    torch_files.save({}, path, replaced=pickled(TENSOR % (STORAGE % numbers, offset, side, stride)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", np.arange(4, dtype=np.float32).tobytes())
    if sound:
        assert torch_file.read(path)["w"].tolist() == [0, 1, 2, 3]
    else:
        with pytest.raises(TorchFileRefused, match="damaged"):
            torch_file.read(path)


def cut(path, length):
    path.write_bytes(path.read_bytes()[:length])


def test_damaged_files_and_files_of_another_kind_are_refused_in_words(tmp_path):
    path = tmp_path / "state.pth"
    for length in (0, 3, 200, 700):
        torch_files.save(STATE, path)
        cut(path, length)
        with pytest.raises(TorchFileRefused, match="damaged|no file of tensors"):
            torch_file.read(path)
    torch_files.save_safetensors(STATE, path)
    cut(path, 60)
    with pytest.raises(TorchFileRefused, match="damaged"):
        torch_file.read(path)
    path.write_bytes(pickle.dumps(STATE))
    with pytest.raises(TorchFileRefused, match="before version 1.6"):
        torch_file.read(path)
    torch_files.save({}, path, replaced=pickle.dumps([1, 2]))
    with pytest.raises(TorchFileRefused, match="no state dict"):
        torch_file.read(path)
    torch_files.save({}, path, replaced=pickled(TENSOR % (STORAGE.replace(b"Float", b"Strange") % 4, 0, 4, 1)))
    with pytest.raises(TorchFileRefused, match="StrangeStorage"):
        torch_file.read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "nothing")
    with pytest.raises(TorchFileRefused, match="data.pkl"):
        torch_file.read(path)
    with pytest.raises(TorchFileRefused, match="nowhere.pth cannot be read"):
        torch_file.read(tmp_path / "nowhere.pth")


def test_a_zip_that_unpacks_to_more_than_it_is_is_refused(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", bytes(10**6))
    (tmp_path / "bomb.pth").write_bytes(packed.getvalue())
    with pytest.raises(TorchFileRefused, match="declares more than it holds"):
        torch_file.read(tmp_path / "bomb.pth")
