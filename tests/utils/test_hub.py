"""Fetching from a real server on this machine that answers well, and in every way that a server can fail."""

import errno
import hashlib
import http.server
import os
import pickle
import threading
import time

import numpy as np
import pytest
from safetensors.numpy import save

from utils.hub import DownloadError, default_cache, fetch_file, fetch_model

REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = save({"kernel": np.arange(6, dtype="float32").reshape(2, 3)})
FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS, "vocab.txt": b"[PAD]\n"}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.behave(self)

    def send(self, content, status=200, announced=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if announced is None else announced))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # the client has gone, as it should
        pass


def start():
    server = Server(("127.0.0.1", 0), Handler)
    server.asked, server.behave, server.closing = [], serve, threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


def fetch(server, cache, name="model.safetensors", sha256=None, **options):
    options = {"timeout": 0.3, "time_limit": 0.6} | options
    return fetch_file("owner/tiny", REVISION, name, sha256 or DIGESTS[name], cache, endpoint=server.url, **options)


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def serve(handler):
    handler.send(FILES[handler.path.rpartition("/")[2]])


def hang(handler):
    handler.server.closing.wait(5)


def hang_in_the_body(handler):
    handler.send(WEIGHTS[:20], announced=len(WEIGHTS))
    handler.wfile.flush()
    handler.server.closing.wait(5)


def trickle(handler):
    handler.send(b"", announced=len(WEIGHTS))
    for at in range(len(WEIGHTS)):
        handler.wfile.write(WEIGHTS[at : at + 1])
        handler.wfile.flush()
        if handler.server.closing.wait(0.05):
            return


def break_off_a_chunked_body(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(WEIGHTS) + WEIGHTS[:20])
    handler.close_connection = True


def break_off_the_answer(handler):
    handler.close_connection = True


def speak_something_else(handler):
    handler.wfile.write(b"220 mail ready\r\n")
    handler.close_connection = True


def redirect(to):
    return lambda handler: handler.send(b"", 302, Location=to)


def redirect_to_itself(handler):
    handler.send(b"", 302, Location=handler.path)


FAULTS = {
    "500": (lambda handler: handler.send(b"broken", 500), "status 500.*Try again later"),
    "503 with the right body": (lambda handler: handler.send(WEIGHTS, 503), "status 503"),
    "404": (lambda handler: handler.send(b"no such", 404), "status 404.*no such file at this revision"),
    "401": (lambda handler: handler.send(b"", 401), "status 401.*Check the name"),
    "206": (lambda handler: handler.send(WEIGHTS[:30], 206), "status 206"),
    "hang": (hang, "silent for 0.3 seconds|no answer within 0.3 seconds"),
    "hang in the body": (hang_in_the_body, "silent for 0.3 seconds"),
    "trickle": (trickle, "in time; .* bytes came"),
    "truncated body": (lambda h: h.send(WEIGHTS[:-3], announced=len(WEIGHTS)), "as announced; .* came. Try again"),
    "truncated, and announced so": (lambda handler: handler.send(WEIGHTS[:-3]), "with SHA-256 .*Nothing of it"),
    "empty body": (lambda handler: handler.send(b""), "SHA-256.* received 0 bytes"),
    "one bit changed": (lambda h: h.send(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1])), "with SHA-256 .*Nothing of it"),
    "more than the file": (lambda handler: handler.send(WEIGHTS + b"!"), "with SHA-256 .*Nothing of it"),
    "chunks broken off": (break_off_a_chunked_body, "cannot be reached or broke off.*Check the network"),
    "no answer": (break_off_the_answer, "cannot be reached or broke off.*Check the network"),
    "no HTTP": (speak_something_else, "cannot be reached or broke off"),
    "redirect to a file": (redirect("file:///etc/hostname"), "status 302"),
    "redirect to another port": (redirect("http://127.0.0.1:9/x"), "redirects to the host 127.0.0.1:9.*allowed_hosts"),
    "redirect behind a name": (redirect("http://127.0.0.1@example.org/x"), "redirects to the host .*example.org"),
    "redirect to no address": (redirect("http://127.0.0.1:port/x"), "cannot be reached or broke off"),
    "redirect for ever": (redirect_to_itself, "status 302"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_and_remedy_leaves_nothing_and_the_next_attempt_succeeds(server, tmp_path, fault):
    server.behave, message = FAULTS[fault]
    begin = time.monotonic()
    with pytest.raises(DownloadError, match=f"(?s)model.safetensors.*{message}|{message}.*model.safetensors"):
        fetch(server, tmp_path)
    assert time.monotonic() - begin < 3
    assert files_in(tmp_path) == []
    server.behave = serve
    assert fetch(server, tmp_path).read_bytes() == WEIGHTS


def test_a_file_is_fetched_once_under_the_addresses_of_the_hub(server, tmp_path):
    path = fetch(server, tmp_path)
    assert path == tmp_path / "models" / "owner--tiny" / REVISION / "model.safetensors"
    assert fetch(server, tmp_path) == path
    assert server.asked == [f"/owner/tiny/resolve/{REVISION}/model.safetensors"]


def test_what_was_fetched_needs_no_network_any_more(server, tmp_path):
    path = fetch(server, tmp_path)
    server.behave = break_off_the_answer
    assert fetch(server, tmp_path) == path


def test_a_file_that_changed_in_the_cache_is_fetched_again_or_not_given_at_all(server, tmp_path):
    path = fetch(server, tmp_path)
    path.write_bytes(WEIGHTS[:-1])
    assert fetch(server, tmp_path).read_bytes() == WEIGHTS
    path.write_bytes(b"!")
    server.behave = FAULTS["500"][0]
    with pytest.raises(DownloadError, match="status 500"):
        fetch(server, tmp_path)


def test_without_a_server_the_message_says_so(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"vocab.txt of owner/tiny.*cannot be reached.*Check the network"):
        fetch(server, tmp_path, "vocab.txt")
    assert files_in(tmp_path) == []


def test_a_redirect_is_followed_on_the_same_host_and_to_a_host_that_is_allowed(server, tmp_path):
    def once(handler):
        serve(handler) if handler.path.startswith("/moved") else handler.send(b"", 302, Location="/moved/vocab.txt")

    server.behave = once
    assert fetch(server, tmp_path, "vocab.txt").read_bytes() == b"[PAD]\n"
    other = start()
    server.behave = redirect(f"http://localhost:{other.server_port}/vocab.txt")
    with pytest.raises(DownloadError, match="redirects to the host localhost"):
        fetch(server, tmp_path / "second", "vocab.txt")
    assert other.asked == []  # refused before the other host hears of it
    path = fetch(server, tmp_path / "second", "vocab.txt", allowed_hosts=["*.example.org", "localhost"])
    assert path.read_bytes() == b"[PAD]\n"
    assert other.asked == ["/vocab.txt"]
    other.shutdown()
    other.server_close()


def test_a_host_that_merely_ends_like_an_allowed_one_is_refused(server, tmp_path):
    server.behave = redirect("http://evil-localhost:9/vocab.txt")
    with pytest.raises(DownloadError, match="redirects to the host evil-localhost"):
        fetch(server, tmp_path, "vocab.txt", allowed_hosts=["localhost", "*.localhost"])


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "model.h5", "modeling.py", "weights"])
def test_what_can_carry_code_is_refused_before_the_server_is_asked(server, tmp_path, name):
    with pytest.raises(ValueError, match=f"{name} can carry code"):
        fetch(server, tmp_path, name, sha256="0" * 64)
    assert server.asked == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (pickle.dumps({"kernel": [1.0] * 9}), "a pickle, which can run code"),
        (pickle.dumps({"kernel": [1.0] * 9}, 2), "a pickle, which can run code"),
        (b"PK\x03\x04" + bytes(60), "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a page of a website"),
        (b"", "something else"),
    ],
)
def test_another_format_under_the_name_of_safetensors_is_refused_though_its_digest_is_right(
    server, tmp_path, content, kind
):
    server.behave = lambda handler: handler.send(content)
    with pytest.raises(ValueError, match=f"safetensors format in model.safetensors of owner/tiny; it is {kind}"):
        fetch(server, tmp_path, sha256=hashlib.sha256(content).hexdigest())
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repository": "../../etc"}, "owner/name"),
        ({"repository": "a/b/c"}, "owner/name"),
        ({"repository": ""}, "owner/name"),
        ({"revision": "main"}, "a commit of 40 hexadecimal digits, which cannot move; received 'main'"),
        ({"revision": REVISION.upper()}, "a commit of 40"),
        ({"name": "../config.json"}, "plain name of a file"),
        ({"name": "sub/config.json"}, "plain name of a file"),
        ({"sha256": "abc"}, "SHA-256 of config.json as 64 hexadecimal digits"),
    ],
)
def test_arguments_that_could_mean_several_things_or_lead_elsewhere_are_refused(server, tmp_path, changes, message):
    given = {"repository": "owner/tiny", "revision": REVISION, "name": "config.json", "sha256": DIGESTS["config.json"]}
    with pytest.raises(ValueError, match=message):
        fetch_file(**(given | changes), cache=tmp_path, endpoint=server.url)
    assert server.asked == []
    assert files_in(tmp_path) == []


def test_a_model_is_a_folder_of_its_files_and_an_attempt_goes_on_where_the_last_one_failed(server, tmp_path):
    def fail_for_weights(handler):
        handler.send(b"", 500) if "safetensors" in handler.path else serve(handler)

    server.behave = fail_for_weights
    with pytest.raises(DownloadError, match=r"model.safetensors.*status 500"):
        fetch_model("owner/tiny", REVISION, DIGESTS, tmp_path, endpoint=server.url)
    server.behave = serve
    folder = fetch_model("owner/tiny", REVISION, DIGESTS, tmp_path, endpoint=server.url)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert [path.rpartition("/")[2] for path in server.asked] == [
        *("config.json", "model.safetensors"),
        *("model.safetensors", "vocab.txt"),
    ]


def test_a_model_with_one_wrong_pin_is_refused_before_anything_is_fetched(server, tmp_path):
    with pytest.raises(ValueError, match=r"pytorch_model.bin can carry code"):
        fetch_model("o/n", REVISION, DIGESTS | {"pytorch_model.bin": "0" * 64}, tmp_path, endpoint=server.url)
    with pytest.raises(ValueError, match="at least one file"):
        fetch_model("o/n", REVISION, {}, tmp_path, endpoint=server.url)
    assert server.asked == []


def test_a_cache_that_cannot_be_written_is_named_with_the_variable_that_moves_it(server, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DownloadError, match=r"keep vocab.txt in .*cache.*BOOK_CACHE_DIR"):
        fetch(server, tmp_path / "cache", "vocab.txt")


def test_a_disk_that_is_full_leaves_nothing_and_what_was_there(server, tmp_path, monkeypatch):
    path = fetch(server, tmp_path)
    path.write_bytes(b"changed")

    def refuse(*_):
        assert path.read_bytes() == b"changed"
        raise OSError(errno.ENOSPC, "No space left on device")

    for step in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, refuse)
            with pytest.raises(DownloadError, match=r"No space left on device.*BOOK_CACHE_DIR"):
                fetch(server, tmp_path)
        assert files_in(tmp_path) == [path]
    assert fetch(server, tmp_path).read_bytes() == WEIGHTS


def test_two_processes_that_fetch_one_file_at_a_time_leave_it_whole(server, tmp_path):
    threads = [threading.Thread(target=fetch, args=(server, tmp_path)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() for path in files_in(tmp_path)] == [WEIGHTS]


def test_the_cache_stands_where_the_reader_says(monkeypatch, tmp_path):
    monkeypatch.setenv("BOOK_CACHE_DIR", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("BOOK_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "executable-transformer"
