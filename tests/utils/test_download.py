"""Downloads of weights, from a real server on this machine that does what bad ones do."""

import http.server
import logging
import subprocess
import sys
import threading

import numpy as np
import pytest

from ppghost import weights
from ppghost.errors import InputError
from ppghost.utils import download as module
from ppghost.utils.download import download
from ppghost.utils.files import cache_directory
from ppghost.weights import pretrained
from ppghost.weights.conversion import network
from ppghost.weights.pretrained import pretrained_path

CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.content`; `server` says how badly."""

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers) | {"path": self.path})
        if server.status != 200:
            self.send_error(server.status)
            return
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.end_headers()
            return
        start = self.start()
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            total = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in server.validators.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + server.lie))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        server.gate.wait(20)
        self.wfile.write(body[:cut])

    def start(self):
        """The first byte to send: a range counts if its validator is still ours."""
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if not self.server.ranges or not asked:
            return 0
        if condition not in self.server.validators.values():
            return 0
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "_WAITS", (0.01, 0.01))
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.content, made.status, made.redirect, made.lie = CONTENT, 200, None, 0
    made.validators, made.ranges, made.cuts, made.requests = {"ETag": '"1"'}, True, [], []
    made.gate = threading.Event()
    made.gate.set()
    made.url = f"http://127.0.0.1:{made.server_address[1]}/w.pdparams"
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def whole(path):
    return path.read_bytes() == CONTENT


def accept(path):
    pass


def left(target):
    return sorted(p.name for p in target.parent.iterdir() if not p.name.endswith(".lock"))


def test_a_file_is_downloaded_once(server, tmp_path, caplog, monkeypatch):
    target = tmp_path / "cache" / "w.pdparams"
    checked = []
    monkeypatch.setattr(logging.getLogger("ppghost"), "propagate", True)
    with caplog.at_level(logging.INFO, "ppghost.utils.download"):
        assert download(server.url, target, checked.append) == target
    assert whole(target)
    assert [p.name for p in checked] == ["w.pdparams.part"]
    assert download(server.url, target, checked.append) == target
    assert len(server.requests) == len(checked) == 1
    assert left(target) == ["w.pdparams"]
    assert "w.pdparams: 100 % of 3.0 MB" in caplog.messages


@pytest.mark.parametrize(
    "validators",
    [{"ETag": '"1"'}, {"ETag": 'W/"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}],
    ids=["ETag", "Last-Modified"],
)
def test_a_cut_connection_is_resumed(server, tmp_path, validators):
    server.validators, server.cuts = validators, [1_000_000, 500_000]
    download(server.url, tmp_path / "w.pdparams", accept)
    assert whole(tmp_path / "w.pdparams")
    ranges = [request.get("Range") for request in server.requests]
    assert ranges == [None, "bytes=1000000-", "bytes=1500000-"]
    assert server.requests[1]["If-Range"] == list(validators.values())[-1]


def test_a_later_run_goes_on_with_what_an_earlier_one_left(server, tmp_path):
    target = tmp_path / "w.pdparams"
    server.cuts = [1_000_000, 0, 0, 0]
    with pytest.raises(InputError, match=r"cannot download .* ended after 1000000 of 3000000"):
        download(server.url, target, accept)
    assert left(target) == ["w.pdparams.part", "w.pdparams.part.json"]
    download(server.url, target, accept)
    assert whole(target)
    assert server.requests[-1]["Range"] == "bytes=1000000-"


def test_a_file_that_changed_meanwhile_starts_anew(server, tmp_path):
    target = tmp_path / "w.pdparams"
    server.content, server.cuts = b"old" * 1_000_000, [1_000_000, 0, 0, 0]
    with pytest.raises(InputError, match="cannot download"):
        download(server.url, target, accept)
    server.content, server.validators = CONTENT, {"ETag": '"2"'}
    download(server.url, target, accept)
    assert whole(target)


@pytest.mark.parametrize("case", ["no ranges", "no validator"])
def test_a_server_that_cannot_resume_is_asked_for_the_whole(server, tmp_path, case):
    server.cuts = [1_000_000]
    if case == "no ranges":
        server.ranges = False
    else:
        server.validators = {}
    download(server.url, tmp_path / "w.pdparams", accept)
    assert whole(tmp_path / "w.pdparams")
    assert ("Range" in server.requests[1]) == (case == "no ranges")


def test_less_than_was_announced_is_not_accepted(server, tmp_path):
    server.lie = 10
    with pytest.raises(InputError, match="ended after 3000000 of 3000010 bytes"):
        download(server.url, tmp_path / "w.pdparams", accept)
    assert not (tmp_path / "w.pdparams").exists()


def test_what_is_no_weight_file_is_deleted(server, tmp_path):
    server.content = b"<html>Please log in</html>"
    with pytest.raises(InputError, match=r"what the server sent is of no use: .*not a weight file"):
        download(server.url, tmp_path / "w.pdparams", weights.read)
    assert left(tmp_path / "w.pdparams") == []


@pytest.mark.parametrize(("status", "text"), [(404, "says 404"), (503, "cannot download")])
def test_a_refusal_is_named(server, tmp_path, status, text):
    server.status = status
    with pytest.raises(InputError, match=text) as caught:
        download(server.url, tmp_path / "w.pdparams", accept)
    assert server.url in str(caught.value)


def test_offline_says_what_to_do(tmp_path):
    target = tmp_path / "w.pdparams"
    with pytest.raises(InputError) as caught:
        download("http://127.0.0.1:1/w.pdparams", target, accept)
    assert "cannot download http://127.0.0.1:1/w.pdparams" in str(caught.value)
    assert f"put it at {target}, or give its path as Global.pretrained_model" in str(caught.value)


@pytest.mark.parametrize("address", ["http://example.com/w", "ftp://x/w", "file:///etc/passwd"])
def test_only_https_is_trusted(tmp_path, address):
    with pytest.raises(InputError, match="only https"):
        download(address, tmp_path / "w", accept)


def test_a_redirect_out_of_https_is_not_followed(server, tmp_path):
    server.redirect = "http://example.com/w.pdparams"
    with pytest.raises(InputError, match=r"http://example\.com/w\.pdparams: only https"):
        download(server.url, tmp_path / "w", accept)


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        download(server.url, tmp_path / "file" / "w", accept)


def test_two_processes_download_once(server, tmp_path):
    code = (
        "import sys; from pathlib import Path; from ppghost.utils.download import download\n"
        "print('ready', flush=True)\n"
        "download(sys.argv[1], Path(sys.argv[2]), lambda part: None)"
    )
    target = tmp_path / "w.pdparams"
    server.gate.clear()
    command = [sys.executable, "-c", code, server.url, str(target)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        process.stdout.readline()
    server.gate.set()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert whole(target)
    assert len(server.requests) == 1


# Which file, and where it goes


@pytest.mark.parametrize(
    ("name", "ssld", "file"),
    [
        ("GhostNet_x1_0", False, "GhostNet_x1_0_pretrained.pdparams"),
        ("GhostNet_x1_3", True, "GhostNet_x1_3_ssld_pretrained.pdparams"),
        ("PPHGNetV2_B0", False, "PPHGNetV2_B0_ssld_stage1_pretrained.pdparams"),
        (
            "SwinTransformer_large_patch4_window7_224",
            False,
            "SwinTransformer_large_patch4_window7_224_22kto1k_pretrained.pdparams",
        ),
    ],
)
def test_the_address_is_what_paddleclas_says(name, ssld, file):
    address = pretrained.url(name, ssld)
    assert address.startswith("https://paddle-imagenet-models-name.bj.bcebos.com/dygraph/")
    assert address.endswith(f"/{file}")


@pytest.mark.parametrize("name", ["GhostResNet20", "MobileNeXt_x0_5", "cae_base_patch16_224"])
def test_no_published_weights_is_named(name):
    with pytest.raises(InputError, match=rf"PaddleClas publishes no .*weights of {name}"):
        pretrained.url(name)


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"PPGHOST_CACHE": "/a"}, "/a"),
        ({"PPGHOST_CACHE": "", "XDG_CACHE_HOME": "/b"}, "/b/ppghost"),
        ({"PPGHOST_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/c"}, "/c/.cache/ppghost"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, variables, place):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_directory()) == place


@pytest.fixture
def published(server, tmp_path, monkeypatch):
    """A mirror on this machine, and a config that asks for pretrained weights."""
    monkeypatch.setenv(pretrained.MIRROR, server.url.removesuffix("/w.pdparams") + "/mirror/")
    monkeypatch.setenv("PPGHOST_CACHE", str(tmp_path / "cache"))
    arch = {"name": "SqueezeNet1_1", "class_num": 5, "pretrained": True}
    return {"Arch": arch, "Global": {"pretrained_model": None}}


def file_of(name, tmp_path):
    slots = weights.tensor_specs(network(name))
    arrays = {slot.parameter: np.full(slot.shape, 0.5, "f4") for slot in slots}
    weights.write_state(tmp_path / "published.pdparams", arrays, slots)
    return (tmp_path / "published.pdparams").read_bytes()


def test_pretrained_true_downloads_and_fits(server, published, tmp_path):
    server.content = file_of("SqueezeNet1_1", tmp_path)
    path = pretrained_path(published)
    assert path == str(tmp_path / "cache" / "SqueezeNet1_1_pretrained.pdparams")
    [request] = server.requests
    assert request["path"] == "/mirror/dygraph/SqueezeNet1_1_pretrained.pdparams"
    found = weights.load(path, network("SqueezeNet1_1", 5), "SqueezeNet1_1", new_head_classes=5)
    assert len(found.arrays) == 50  # all but the classifier's two


def test_weights_of_another_network_do_not_enter_the_cache(server, published, tmp_path):
    server.content = file_of("SqueezeNet1_0", tmp_path)
    with pytest.raises(InputError, match=r"of no use: .*not the weights of SqueezeNet1_1"):
        pretrained_path(published)
    assert left(tmp_path / "cache" / "x") == []


def test_a_path_of_ones_own_goes_before_a_download(published):
    published["Global"]["pretrained_model"] = "own"
    assert pretrained_path(published) == "own"


def test_an_address_is_downloaded_once_and_read(server, published, tmp_path):
    server.content = file_of("SqueezeNet1_1", tmp_path)
    published["Global"]["pretrained_model"] = server.url
    path = pretrained_path(published)
    assert pretrained_path(published) == path
    published["Global"]["pretrained_model"] = f"{server.url}#ema"
    assert pretrained_path(published) == f"{path}#ema"
    assert len(server.requests) == 1
    assert len(weights.read_state(path)) == 104
    server.content = b"<html>not found</html>"
    published["Global"]["pretrained_model"] = server.url + "?other"
    with pytest.raises(InputError, match=r"of no use: .*not a weight file"):
        pretrained_path(published)
    published["Global"]["pretrained_model"] = "http://example.com/w.pdparams"
    with pytest.raises(InputError, match="only https is trusted"):
        pretrained_path(published)
