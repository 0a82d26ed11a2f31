"""The downloader against a real server on this machine that misbehaves in every way we know of."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from soundsearch.errors import ModelError
from soundsearch.model.download import RECORD, download
from soundsearch.model.hub import HUB_MODELS, HubFile, HubModel, hub_model
from soundsearch.records import Progress

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONFIG = b'{"model_type": "clap"}'
WEIGHTS = np.random.default_rng(0).bytes(3_000_000)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


MODEL = HubModel(
    name="test-model",
    title="Test model",
    repository="owner/test_model",
    revision=REVISION,
    files=(HubFile("config.json"), HubFile("weights.bin", len(WEIGHTS), sha256(WEIGHTS))),
    size_bytes=len(CONFIG) + len(WEIGHTS),
    description="",
    licence="Apache-2.0",
)
UNKNOWN = replace(MODEL, files=(HubFile("config.json"), HubFile("weights.bin")))


class Request:
    """What a client asked for, and the means to answer it well or badly."""

    def __init__(self, handler: "Handler") -> None:
        self.handler, self.headers = handler, handler.headers
        self.path = handler.path
        self.name = handler.path.rpartition("/")[2]
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        self.start = int(asked[1]) if asked else 0

    @property
    def range(self) -> str | None:
        return self.headers.get("Range")

    def head(self, status: int, **headers: object) -> None:
        self.handler.send_response(status)
        for key, value in headers.items():
            self.handler.send_header(key.replace("_", "-"), str(value))
        self.handler.end_headers()

    def error(self, status: int) -> None:
        self.head(status, Content_Length=0)

    def body(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def cut(self) -> None:
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)

    def serve(
        self, data: bytes, *, upto: int | None = None, ranges: bool = True, etag: str = "", **extra: object
    ) -> None:
        """Answer as the hub does; `upto` bytes of the body only, then cut the connection."""
        etag = etag or f'"{sha256(data) if len(data) > 1000 else git_blob(data)}"'
        start = self.start if ranges and self.headers.get("If-Range") in (None, etag) else 0
        span = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self.head(206 if start else 200, **{"Content_Length": len(data) - start, "ETag": etag, **span, **extra})
        self.body(data[start:] if upto is None else data[start : start + upto])
        if upto is not None and start + upto < len(data):
            self.cut()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None: ...

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client does not trust the certificate, or went away
            pass

    def do_GET(self) -> None:
        hub = self.server
        assert isinstance(hub, Hub)
        request = Request(self)
        hub.requests.append(request)
        try:
            hub.answer(request)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Hub(ThreadingHTTPServer):
    """A model hub on 127.0.0.1. `answer` may be replaced by one that misbehaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"config.json": CONFIG, "weights.bin": WEIGHTS}
        self.requests: list[Request] = []
        self.answer: Callable[[Request], None] = self.well
        self.closing = threading.Event()
        self.scheme = "http"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def well(self, request: Request) -> None:
        if request.path.endswith(f"/owner/test_model/resolve/{REVISION}/{request.name}"):
            request.serve(self.files[request.name])
        else:
            request.error(404)

    def weights_then(self, badly: Callable[[Request], None]) -> None:
        """Serve the small file well and the weights badly."""
        self.answer = lambda request: badly(request) if request.name == "weights.bin" else self.well(request)

    def ranges(self) -> list[str | None]:
        return [request.range for request in self.requests if request.name == "weights.bin"]

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    yield server
    server.stop()
    assert not [t for t in threading.enumerate() if t.name == "soundsearch-download"], "a download's thread is left"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "test-model"


def run(hub: Hub, folder: Path, model: HubModel = MODEL) -> list[Progress]:
    return list(download(model, folder, hub.url, timeout_s=2.0, pause_s=0.01))


def part(folder: Path) -> Path:
    return folder.parent / ".test-model.partial" / "weights.bin.part"


def assert_installed(folder: Path) -> None:
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert (folder / "config.json").read_bytes() == CONFIG
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", RECORD, "weights.bin"]
    assert not part(folder).parent.exists()


def test_installs_all_files_with_a_record_of_their_digests(hub: Hub, folder: Path) -> None:
    steps = run(hub, folder)
    assert_installed(folder)
    record = json.loads((folder / RECORD).read_text())
    assert record["revision"] == REVISION
    assert record["files"]["config.json"] == {"size": len(CONFIG), "sha256": sha256(CONFIG)}
    assert record["files"]["weights.bin"] == {"size": len(WEIGHTS), "sha256": sha256(WEIGHTS)}
    assert {(s.phase, s.unit) for s in steps} == {("download", "bytes")}
    assert steps[-1].done == steps[-1].total == len(CONFIG) + len(WEIGHTS)
    assert [s.done for s in steps] == sorted(s.done for s in steps)


def test_an_installed_model_is_not_asked_for_again(hub: Hub, folder: Path) -> None:
    run(hub, folder)
    hub.requests.clear()
    assert run(hub, folder)[-1].done == MODEL.size_bytes
    assert not hub.requests


def test_a_damaged_installed_model_is_mended_and_what_else_is_there_stays(hub: Hub, folder: Path) -> None:
    run(hub, folder)
    (folder / "weights.bin").write_bytes(WEIGHTS[:-1] + b"?")
    (folder / "note.txt").write_text("mine")
    hub.requests.clear()
    run(hub, folder)
    assert [request.name for request in hub.requests] == ["weights.bin"]
    assert (folder / "note.txt").read_text() == "mine"
    (folder / "note.txt").unlink()
    assert_installed(folder)


def test_a_damaged_installed_model_stays_as_it_is_when_it_cannot_be_mended(hub: Hub, folder: Path) -> None:
    run(hub, folder)
    (folder / "weights.bin").write_bytes(b"damaged")
    hub.answer = lambda request: request.error(403)
    with pytest.raises(ModelError):
        run(hub, folder)
    assert (folder / "config.json").read_bytes() == CONFIG


@pytest.mark.parametrize("suffix", ["", "/", "/mirror/of/models", "/mirror/", "  "])
def test_a_mirror_may_have_a_path_and_a_final_slash(hub: Hub, folder: Path, suffix: str) -> None:
    list(download(MODEL, folder, hub.url + suffix))
    assert_installed(folder)
    assert hub.requests[0].path == suffix.strip().rstrip("/") + f"/owner/test_model/resolve/{REVISION}/config.json"


@pytest.mark.parametrize("address", ["", "huggingface.co", "ftp://example.org", "https://", "file:///etc"])
def test_what_is_no_web_address_is_refused(folder: Path, address: str) -> None:
    with pytest.raises(ModelError, match="not the address"):
        next(download(MODEL, folder, address))


def test_goes_on_by_range_each_time_the_connection_is_cut(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.serve(WEIGHTS, upto=700_000))
    run(hub, folder)
    assert_installed(folder)
    assert hub.ranges() == [None, "bytes=700000-", "bytes=1400000-", "bytes=2100000-", "bytes=2800000-"]
    assert all(request.headers["If-Range"] for request in hub.requests if request.range)


def test_gives_up_after_a_few_cuts_without_progress_and_keeps_what_came(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.serve(WEIGHTS, upto=0 if request.range else 100_000))
    with pytest.raises(ModelError, match="connection was lost") as caught:
        run(hub, folder)
    assert "goes on where it stopped" in caught.value.hint
    assert len(hub.ranges()) == 6
    assert part(folder).stat().st_size == 100_000
    assert not folder.exists()
    hub.answer = hub.well
    run(hub, folder)
    assert hub.ranges()[-1] == "bytes=100000-"
    assert_installed(folder)


def test_a_flipped_byte_is_found_and_removed(hub: Hub, folder: Path) -> None:
    wrong = WEIGHTS[:1_000_000] + bytes([WEIGHTS[1_000_000] ^ 1]) + WEIGHTS[1_000_001:]
    hub.weights_then(lambda request: request.serve(wrong))
    with pytest.raises(ModelError, match=r"weights\.bin of Test model arrived damaged"):
        run(hub, folder)
    assert not folder.exists()
    assert not part(folder).exists()
    hub.answer = hub.well
    run(hub, folder)
    assert_installed(folder)


def test_a_part_that_was_damaged_on_disk_is_found(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.serve(WEIGHTS, upto=0 if request.range else 100_000))
    with pytest.raises(ModelError):
        run(hub, folder)
    part(folder).write_bytes(b"x" * 100_000)
    hub.answer = hub.well
    with pytest.raises(ModelError, match="damaged"):
        run(hub, folder)
    run(hub, folder)
    assert_installed(folder)


def test_a_server_that_ignores_ranges_is_read_from_the_start_again(hub: Hub, folder: Path) -> None:
    def once_cut(request: Request) -> None:
        request.serve(WEIGHTS, upto=None if len(hub.ranges()) > 1 else 500_000, ranges=False)

    hub.weights_then(once_cut)
    run(hub, folder)
    assert hub.ranges() == [None, "bytes=500000-"]
    assert_installed(folder)


def test_a_file_that_changed_on_the_server_is_read_from_the_start_again(hub: Hub, folder: Path) -> None:
    older = bytes(len(WEIGHTS))
    hub.weights_then(lambda request: request.serve(older, upto=0 if request.range else 500_000))
    with pytest.raises(ModelError, match="connection was lost"):
        run(hub, folder, UNKNOWN)
    hub.answer = hub.well
    run(hub, folder, UNKNOWN)
    assert hub.ranges()[-1] == "bytes=500000-"
    assert_installed(folder)


def test_a_range_that_was_not_asked_for_is_refused(hub: Hub, folder: Path) -> None:
    def badly(request: Request) -> None:
        if len(hub.ranges()) == 1:
            request.serve(WEIGHTS, upto=500_000)
        elif request.range:
            request.head(206, Content_Range=f"bytes 0-9/{len(WEIGHTS)}", Content_Length=10)
            request.body(WEIGHTS[:10])
        else:
            request.serve(WEIGHTS)

    hub.weights_then(badly)
    run(hub, folder)
    assert_installed(folder)


def test_range_goes_along_to_another_host_but_if_range_only_to_its_own(hub: Hub, folder: Path) -> None:
    storage = Hub()
    try:
        storage.answer = lambda request: request.serve(WEIGHTS, etag='"storage-1"', upto=800_000)
        linked = {"X_Linked_Etag": f'"{sha256(WEIGHTS)}"', "X_Linked_Size": len(WEIGHTS), "ETag": '"hub-1"'}
        hub.weights_then(lambda r: r.head(302, Location=f"{storage.url}/blob?signature=1", Content_Length=0, **linked))
        run(hub, folder, UNKNOWN)
        assert_installed(folder)
        assert [request.range for request in storage.requests][:2] == [None, "bytes=800000-"]
        assert {request.headers["If-Range"] for request in storage.requests} == {None, '"storage-1"'}
        assert {request.headers["If-Range"] for request in hub.requests} == {None}
    finally:
        storage.stop()


def test_a_relative_redirect_is_followed(hub: Hub, folder: Path) -> None:
    def badly(request: Request) -> None:
        if request.path.startswith("/api/cache/"):
            request.serve(hub.files[request.name], upto=900_000)
        else:
            request.head(307, Location=f"/api/cache/{request.name}", Content_Length=0)

    hub.answer = badly
    run(hub, folder)
    assert_installed(folder)
    assert "bytes=900000-" in hub.ranges()


@pytest.fixture
def tls_hub(hub: Hub, tmp_path: Path) -> tuple[Hub, Path]:
    """The hub over TLS with a certificate of its own, and the file to trust it by."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    command = ["openssl", *options.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    hub.socket = context.wrap_socket(hub.socket, server_side=True)
    hub.scheme = "https"
    return hub, certificate


def test_over_tls_a_cut_connection_is_resumed(
    tls_hub: tuple[Hub, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, certificate = tls_hub
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    hub.weights_then(lambda request: request.serve(WEIGHTS, upto=1_700_000))
    run(hub, folder)
    assert hub.ranges() == [None, "bytes=1700000-"]
    assert_installed(folder)


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_hub: tuple[Hub, Path], folder: Path) -> None:
    with pytest.raises(ModelError, match=r"certificate of 127\.0\.0\.1:\d+ cannot be verified"):
        run(tls_hub[0], folder)


def test_tls_does_not_lead_to_an_unprotected_address(
    tls_hub: tuple[Hub, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, certificate = tls_hub
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    hub.answer = lambda request: request.head(302, Location="http://127.0.0.1:9/", Content_Length=0)
    with pytest.raises(ModelError, match="HTTP 302"):
        run(hub, folder)


def test_redirects_in_a_circle_are_an_error(hub: Hub, folder: Path) -> None:
    hub.answer = lambda request: request.head(302, Location=request.path, Content_Length=0)
    with pytest.raises(ModelError, match="HTTP 302"):
        run(hub, folder)


def test_unknown_digests_are_taken_from_the_server_and_checked(hub: Hub, folder: Path) -> None:
    run(hub, folder, UNKNOWN)
    assert_installed(folder)


@pytest.mark.parametrize("name", ["config.json", "weights.bin"])
def test_what_differs_from_the_servers_own_digest_is_refused(hub: Hub, folder: Path, name: str) -> None:
    data = hub.files[name]
    digest = sha256(data) if name == "weights.bin" else git_blob(data)
    wrong = bytes([data[0] ^ 1]) + data[1:]
    hub.answer = lambda r: r.serve(wrong, X_Linked_Etag=f'"{digest}"') if r.name == name else hub.well(r)
    with pytest.raises(ModelError, match=f"{re.escape(name)} of Test model arrived damaged"):
        run(hub, folder, UNKNOWN)
    assert not folder.exists()


def test_a_plain_file_server_without_digests_will_do(hub: Hub, folder: Path) -> None:
    hub.answer = lambda request: request.serve(hub.files[request.name], etag='"5f1-abc"')
    run(hub, folder, UNKNOWN)
    assert_installed(folder)


@pytest.mark.parametrize(
    ("status", "words"), [(404, "does not have"), (403, "refuses"), (401, "refuses"), (410, "gives an error for")]
)
def test_what_the_server_will_not_give_is_an_error_at_once(hub: Hub, folder: Path, status: int, words: str) -> None:
    hub.weights_then(lambda request: request.error(status))
    with pytest.raises(ModelError, match=rf"{words} weights\.bin of owner/test_model \(HTTP {status}\)"):
        run(hub, folder)
    assert len(hub.ranges()) == 1


def test_a_server_in_trouble_is_asked_again(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.error(503) if len(hub.ranges()) < 3 else hub.well(request))
    run(hub, folder)
    assert len(hub.ranges()) == 3
    assert_installed(folder)


def test_a_server_that_stays_in_trouble_is_an_error(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.error(500))
    with pytest.raises(ModelError, match="answers with error 500"):
        run(hub, folder)


def test_a_login_page_is_not_taken_for_a_file(hub: Hub, folder: Path) -> None:
    hub.answer = lambda request: request.serve(b"<html>Log in</html>", Content_Type="text/html; charset=utf-8")
    with pytest.raises(ModelError, match="a web page instead of"):
        run(hub, folder)


def test_a_size_other_than_published_is_refused_before_it_is_read(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.serve(WEIGHTS[:-5]))
    with pytest.raises(ModelError, match=r"offers weights\.bin .* with 2,999,995 bytes; it has 3,000,000"):
        run(hub, folder)


def test_a_body_shorter_than_announced_is_not_installed(hub: Hub, folder: Path) -> None:
    def badly(request: Request) -> None:
        request.head(200, Content_Length=len(WEIGHTS), ETag='"x"')
        request.body(WEIGHTS[:1000])
        request.cut()

    hub.weights_then(badly)
    with pytest.raises(ModelError, match="connection was lost"):
        run(hub, folder, UNKNOWN)
    assert not folder.exists()


def test_a_longer_body_than_published_is_refused(hub: Hub, folder: Path) -> None:
    def badly(request: Request) -> None:  # no length said: the end of the connection ends the file
        request.head(200, ETag='"x"', Connection="close")
        request.body(WEIGHTS + b"more")
        request.cut()

    hub.weights_then(badly)
    with pytest.raises(ModelError, match="damaged"):
        run(hub, folder, replace(UNKNOWN, files=(HubFile("weights.bin", len(WEIGHTS)),)))


def test_reports_on_while_the_server_is_silent_and_then_goes_on(hub: Hub, folder: Path) -> None:
    def stall_once(request: Request) -> None:
        if len(hub.ranges()) == 1:
            request.head(200, Content_Length=len(WEIGHTS), ETag=f'"{sha256(WEIGHTS)}"')
            request.body(WEIGHTS[:1_000_000])
            hub.closing.wait(1.0)
        request.serve(WEIGHTS)

    hub.weights_then(stall_once)
    gaps, before = [], time.monotonic()
    for _ in download(MODEL, folder, hub.url, timeout_s=0.4, pause_s=0.01):
        gaps.append(time.monotonic() - before)
        before = time.monotonic()
    assert len(gaps) >= 6  # 0.4 s of silence in steps of 50 ms
    assert sorted(gaps)[len(gaps) // 2] < 0.1
    assert hub.ranges() == [None, "bytes=1000000-"]
    assert_installed(folder)


def test_closing_while_the_server_is_silent_ends_at_once_and_keeps_what_came(hub: Hub, folder: Path) -> None:
    def stall(request: Request) -> None:
        request.head(200, Content_Length=len(WEIGHTS), ETag='"x"')
        request.body(WEIGHTS[:1_000_000])
        hub.closing.wait(20)

    hub.weights_then(stall)
    job = download(MODEL, folder, hub.url)
    for progress in job:
        if progress.done >= 1_000_000:
            break
    started = time.monotonic()
    job.close()
    assert time.monotonic() - started < 0.5
    assert part(folder).stat().st_size == 1_000_000
    assert not folder.exists()
    hub.answer = hub.well
    run(hub, folder)
    assert hub.ranges()[-1] == "bytes=1000000-"
    assert_installed(folder)


CHILD = """
import sys
from pathlib import Path
from soundsearch.model.download import download
from soundsearch.model.hub import HubFile, HubModel
model = HubModel("test-model", "Test model", "owner/test_model", sys.argv[3],
    (HubFile("config.json"), HubFile("weights.bin", int(sys.argv[4]), sys.argv[5])), int(sys.argv[4]), "", "")
for progress in download(model, Path(sys.argv[1]), sys.argv[2]):
    print(progress.done, flush=True)
"""


def child_arguments(hub: Hub, folder: Path) -> list[str]:
    return [str(folder), hub.url, REVISION, str(len(WEIGHTS)), sha256(WEIGHTS)]


def test_a_killed_process_is_resumed_by_the_next(hub: Hub, folder: Path) -> None:
    def slowly(request: Request) -> None:
        request.head(200, Content_Length=len(WEIGHTS), ETag=f'"{sha256(WEIGHTS)}"')
        for start in range(0, len(WEIGHTS), 50_000):
            request.body(WEIGHTS[start : start + 50_000])
            if hub.closing.wait(0.02):
                return

    hub.weights_then(slowly)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *child_arguments(hub, folder)], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout
        for line in child.stdout:
            if int(line) > 400_000:
                os.kill(child.pid, signal.SIGKILL)
                break
    size = part(folder).stat().st_size
    assert 400_000 <= size < len(WEIGHTS)
    hub.answer = hub.well
    run(hub, folder)
    assert hub.ranges() == [None, f"bytes={size}-"]
    assert_installed(folder)


def test_a_whole_part_needs_no_network(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.serve(WEIGHTS, upto=0 if request.range else 100_000))
    with pytest.raises(ModelError):
        run(hub, folder)
    part(folder).write_bytes(WEIGHTS)
    hub.requests.clear()
    run(hub, folder)
    assert not hub.requests
    assert_installed(folder)


def test_a_part_that_is_too_long_is_dropped(hub: Hub, folder: Path) -> None:
    def properly(request: Request) -> None:
        request.error(416) if request.start >= len(WEIGHTS) else hub.well(request)

    part(folder).parent.mkdir(parents=True)
    part(folder).write_bytes(WEIGHTS + b"more")
    hub.weights_then(properly)
    run(hub, folder)
    assert hub.ranges() == [f"bytes={len(WEIGHTS) + 4}-", None]
    assert_installed(folder)


def test_what_came_of_another_revision_is_not_used(hub: Hub, folder: Path) -> None:
    hub.weights_then(lambda request: request.serve(WEIGHTS, upto=0 if request.range else 100_000))
    with pytest.raises(ModelError):
        run(hub, folder)
    newer = replace(MODEL, revision="f" * 40)
    hub.answer = lambda request: request.serve(hub.files[request.name])
    hub.requests.clear()
    run(hub, folder, newer)
    assert hub.ranges() == [None]
    assert_installed(folder)


def test_a_second_download_of_the_same_model_is_refused_while_one_runs(hub: Hub, folder: Path) -> None:
    first = download(MODEL, folder, hub.url)
    next(first)
    with pytest.raises(ModelError, match="by another soundsearch"):
        run(hub, folder)
    first.close()
    run(hub, folder)
    assert_installed(folder)


def test_a_server_that_is_not_there_is_told_within_seconds(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(ModelError, match=f"Cannot reach 127.0.0.1:{port}"):
        list(download(MODEL, folder, f"http://127.0.0.1:{port}"))
    with pytest.raises(ModelError, match=r"(Cannot find|Cannot reach|does not answer)"):
        list(download(MODEL, folder, "http://no-such-host.invalid"))
    assert time.monotonic() - started < 12


def test_too_little_room_is_told_before_anything_is_asked_for(hub: Hub, folder: Path) -> None:
    with pytest.raises(ModelError, match="MB are free") as caught:
        run(hub, folder, replace(MODEL, size_bytes=10**18))
    assert "Free some space" in caught.value.hint
    assert not hub.requests


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_an_error_with_a_remedy_and_loses_nothing(hub: Hub, folder: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))\n"
    child = subprocess.run(
        [sys.executable, "-c", limit + CHILD, *child_arguments(hub, folder)], capture_output=True, text=True
    )
    assert "The disk became full while downloading Test model. Free some space." in child.stderr
    size = part(folder).stat().st_size
    assert 0 < size <= 1_000_000
    run(hub, folder)
    assert hub.ranges() == [None, f"bytes={size}-"]
    assert_installed(folder)


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="Cannot write Test model to") as caught:
        run(hub, tmp_path / "models" / "test-model")
    assert "--data-dir" in caught.value.hint


def test_the_table_pins_revisions_and_digests() -> None:
    assert [model.name for model in HUB_MODELS if model.recommended] == ["clap-htsat-fused"]
    for model in HUB_MODELS:
        assert re.fullmatch("[0-9a-f]{40}", model.revision)
        assert model.licence == "Apache-2.0"
        names = [file.name for file in model.files]
        assert len(names) == len(set(names)) == 8
        assert names[-1] in ("model.safetensors", "pytorch_model.bin")
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in model.files if file.sha256)
        assert sum(file.size or 0 for file in model.files) <= model.size_bytes


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("clap-htsat-fused", "clap-htsat-fused"),
        ("laion/clap-htsat-unfused", "clap-htsat-unfused"),
        ("laion/larger_clap_general", "larger-clap-general"),
        ("larger-clap-general", "larger-clap-general"),
    ],
)
def test_a_model_is_found_by_its_short_name_and_its_repository(given: str, name: str) -> None:
    assert hub_model(given).name == name


@pytest.mark.parametrize("name", ["", "larger_clap_music", "other/clap-htsat-fused", "clap"])
def test_other_names_are_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ModelError, match="There is no model") as caught:
        hub_model(name)
    assert "clap-htsat-fused" in caught.value.hint
