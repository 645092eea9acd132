"""ImageNet weights: where they are looked for, and how they are fetched, without Keras and without the network."""

import hashlib
import http.server
import re
import sys
import threading
from pathlib import Path

import pytest

from xraykit.training import pretrained
from xraykit.training.recipe import presets, rules
from xraykit.training.run.failures import WeightsMissing

IMAGENET = presets.NAMED["published-imagenet"]
CONTENT = b"weights of a network" * 1000
DIGEST = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.delenv("XRAYKIT_IMAGENET", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def lay(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("backbone", [name for name in rules.BACKBONES if name != "Tiny"])
def test_files_are_those_that_keras_downloads(backbone):
    """Names, addresses and checksums stand in the source of keras.applications; torchvision's in none of it."""
    spec = Path(sys.modules["numpy"].__file__).parents[1] / "keras" / "src" / "applications"
    modules = {"MobileNetV2": "mobilenet_v2", "ResNet50": "resnet", "DenseNet121": "densenet"}
    for alpha in rules.WIDTHS.get(backbone, (1.0,)):
        file = pretrained.file_of(backbone, alpha)
        assert file is not None and file.url.endswith(f"/{file.published}") and file.name.endswith(".weights.h5")
        if backbone == "ResNet18":
            assert file.digest.startswith("sha256:f37072fd") and "f37072fd" in file.published
            continue
        module = modules.get(backbone, "efficientnet_v2" if "Efficient" in backbone else backbone.lower())
        source = re.sub(r'"\s+"', "", (spec / f"{module}.py").read_text("utf-8"))
        assert file.url.rpartition("/")[0] in source
        assert (file.digest is None) == ("file_hash" not in source)
        assert file.digest is None or f'"{file.digest.removeprefix("md5:")}"' in source


def test_names_of_widths():
    names = [pretrained.file_of("MobileNet", alpha) for alpha in (0.25, 0.5, 0.75, 1.0)]
    assert [file.published.split("_224")[0] for file in names] == [
        "mobilenet_2_5",
        "mobilenet_5_0",
        "mobilenet_7_5",
        "mobilenet_1_0",
    ]
    assert pretrained.file_of("MobileNetV2", 0.35).name == "mobilenet_v2_0.35_224_no_top.weights.h5"
    assert pretrained.file_of("Tiny") is None


def test_weights_are_looked_for_in_the_named_folder_then_in_the_caches(tmp_path, monkeypatch):
    assert pretrained.locate(IMAGENET) is None
    file = pretrained.file_of("MobileNetV2")
    cached = lay(tmp_path / "keras" / "models" / file.published)
    assert pretrained.locate(IMAGENET) == cached
    monkeypatch.setenv("XRAYKIT_IMAGENET", str(tmp_path / "here"))
    assert pretrained.locate(IMAGENET) == cached
    published = lay(tmp_path / "here" / file.published)
    assert pretrained.locate(IMAGENET) == published
    ours = lay(tmp_path / "here" / file.name)
    assert pretrained.locate(IMAGENET) == ours == pretrained.fetch(IMAGENET)
    assert pretrained.locate(IMAGENET.change(alpha=0.35)) is None
    resnet = lay(tmp_path / "torch" / "hub" / "checkpoints" / "resnet18-f37072fd.pth")
    assert pretrained.locate(IMAGENET.change(backbone="ResNet18")) == resnet


def test_a_recipe_without_a_file_or_with_its_own(tmp_path):
    assert pretrained.locate(IMAGENET.change(weights=None)) is None
    assert pretrained.locate(IMAGENET.change(weights="model:mine")) is None
    own = lay(tmp_path / "own.weights.h5")
    assert pretrained.locate(IMAGENET.change(weights=str(own))) == own
    missing = IMAGENET.change(weights=str(tmp_path / "none.h5"))
    assert pretrained.locate(missing) is None
    with pytest.raises(WeightsMissing, match="There is no weight file at .*none.h5"):
        pretrained.fetch(missing)
    with pytest.raises(WeightsMissing, match="Tiny has no pretrained weights"):
        pretrained.fetch_imagenet("Tiny")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with one file, and the table that says the VGG16 weights are there; gives a way to say its checksum."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status = 200 if self.path == "/vgg16.h5" else 404
            self.send_response(status)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *words): ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()

        def publish(name="vgg16.h5", digest=DIGEST):
            url = f"http://127.0.0.1:{httpd.server_port}/{name}"
            monkeypatch.setitem(pretrained._FILES, "VGG16", (url, digest))

        yield publish
        httpd.shutdown()


def test_weights_are_downloaded_once_with_progress_and_checksum(server, tmp_path):
    server()
    ticks = []
    path = pretrained.fetch(IMAGENET.change(backbone="VGG16"), lambda done, total: ticks.append((done, total)))
    assert path == tmp_path / "keras" / "models" / "vgg16.h5" and path.read_bytes() == CONTENT
    assert ticks[-1] == (len(CONTENT), len(CONTENT))
    before = len(ticks)
    assert pretrained.fetch_imagenet("VGG16", tick=lambda *state: ticks.append(state)) == path
    assert len(ticks) == before


def test_what_cannot_be_downloaded_says_what_to_get_and_where_to_put_it(server, tmp_path):
    server("gone.h5")
    with pytest.raises(
        WeightsMissing, match=r"VGG16 are not on this computer.*gone\.h5.*set XRAYKIT_IMAGENET"
    ) as error:
        pretrained.fetch_imagenet("VGG16")
    assert "404" not in error.value.words
    server(digest="md5:" + "0" * 32)
    with pytest.raises(WeightsMissing, match="its checksum is not md5:000"):
        pretrained.fetch_imagenet("VGG16")
    assert not any((tmp_path / "keras" / "models").iterdir())


def test_a_backbone_or_width_that_there_is_not():
    pretrained.check("MobileNet", 0.25)
    with pytest.raises(WeightsMissing, match="Expected one of the backbones"):
        pretrained.check("VGG7", 1.0)
    with pytest.raises(WeightsMissing, match="of VGG16 for the widths 1; got 0.5"):
        pretrained.check("VGG16", 0.5)
