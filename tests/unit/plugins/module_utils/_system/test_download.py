# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are fetched: whole and with the right sum, or not at all."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import threading

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system._download import (
    Limits,
    NotFetched,
    fetch,
    is_address,
)

DATA = b"#!/bin/sh\n" + b"x" * 100000
SUM = hashlib.sha256(DATA).hexdigest()
LIMITS = Limits(1000000, 30.0)


class Answers(http.server.BaseHTTPRequestHandler):
    """A server that is good, and bad in several ways."""

    def do_GET(self):
        kind = self.path.rpartition("/")[2]
        if kind == "missing":
            self.send_error(404)
        elif kind in ("to-file", "to-good"):
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd" if kind == "to-file" else "good")
            self.end_headers()
        else:
            self.send_response(200)
            if kind == "short":
                self.send_header("Content-Length", str(len(DATA) + 10))
            self.end_headers()
            self.wfile.write(DATA)
            self.server.seen.append(self.path)
            self.server.authorizations.append(self.headers["Authorization"])

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as made:
        made.seen = []
        made.authorizations = []
        made.address = "http://127.0.0.1:%d" % made.server_address[1]
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path):
    descriptor = os.open(str(tmp_path), os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def take(folder, source, **options):
    options = {"sha256": SUM, "limits": LIMITS, **options}
    return fetch(source, folder, "new.sh", **options)


@pytest.mark.parametrize("name", ["good", "to-good"])
def test_from_a_server(server, folder, tmp_path, name):
    assert take(folder, server.address + "/" + name, sha256=SUM.upper()) == len(DATA)
    path = tmp_path / "new.sh"
    assert path.read_bytes() == DATA and path.stat().st_mode & 0o777 == 0o600


def test_from_this_host(folder, tmp_path):
    (tmp_path / "old.sh").write_bytes(DATA)
    for source in (str(tmp_path / "old.sh"), "file://" + str(tmp_path / "old.sh")):
        assert take(folder, source) == len(DATA)
        assert (tmp_path / "new.sh").read_bytes() == DATA


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("good", {"sha256": "0" * 64}, "its SHA-256 sum is " + SUM),
        ("good", {"limits": Limits(1000, 30.0)}, "more than the 1000 bytes"),
        ("good", {"limits": Limits(1000000, 0.0)}, "did not arrive within 0 s|timed out"),
        ("good", {"limits": Limits(1000000, 30.0, lambda: 15)}, "this run was ended"),
        ("short", {"sha256": "0" * 64}, "SHA-256 sum|could not be fetched"),
        ("missing", {}, "could not be fetched: not found"),
        ("to-file", {}, "is not allowed"),
    ],
)
def test_what_is_not_right_is_not_kept(server, folder, tmp_path, name, options, why):
    with pytest.raises(NotFetched, match=why):
        take(folder, server.address + "/" + name, **options)
    assert os.listdir(str(tmp_path)) == []


def test_what_is_not_there_is_told(folder, tmp_path):
    for source in (
        str(tmp_path / "nowhere"),
        str(tmp_path),
        "http://127.0.0.1:9/x",
        "http://[",
        "https://127.0.0.1:9/",
    ):
        with pytest.raises(NotFetched):
            take(folder, source)
        assert os.listdir(str(tmp_path)) == []


def test_a_user_and_a_password_in_the_address_go_to_its_server(server, folder):
    assert take(folder, server.address.replace("//", "//al%40ice:pass-word@") + "/good") == len(DATA)
    assert server.authorizations == ["Basic " + base64.b64encode(b"al@ice:pass-word").decode()]


@pytest.mark.parametrize("address", ["http://alice:pass-word@h:x/a.sh", "https://alice:pass-word@127.0.0.1:9/a.sh"])
def test_no_password_of_an_address_is_told(folder, address):
    with pytest.raises(NotFetched) as error:
        take(folder, address)
    assert "pass-word" not in str(error.value).partition(" could not be fetched")[2]


def test_the_proxy_of_the_environment_is_used(server, folder, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address)
    assert take(folder, "http://nowhere.invalid/good") == len(DATA)
    assert server.seen == ["http://nowhere.invalid/good"]


def test_a_fifo_does_not_hold_us(folder, tmp_path):
    os.mkfifo(str(tmp_path / "fifo"))
    with pytest.raises(NotFetched):
        take(folder, str(tmp_path / "fifo"))


def test_what_an_address_is():
    assert is_address("https://example.org/a.sh") and not is_address("/srv/a.sh")


@pytest.mark.parametrize("source", ["/dev/zero", "fifo"])
def test_what_is_no_regular_file_is_not_read(tmp_path, source):
    os.mkfifo(str(tmp_path / "fifo"))
    folder = os.open(str(tmp_path), os.O_RDONLY)
    try:
        with pytest.raises(NotFetched, match="is no regular file"):
            fetch(os.path.join(str(tmp_path), source), folder, "file", sha256="0" * 64, limits=Limits(10, 10.0))
        assert os.listdir(str(tmp_path)) == ["fifo"]
    finally:
        os.close(folder)
