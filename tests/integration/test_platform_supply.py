# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where packages come from: mirrors that are asked before they are used, and a shared cache that users only read."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import typing as t
from pathlib import Path

import pytest
from integration.alerting import free_port
from lab import channel, hosts, podman

HOST = "conda4316"
ROOT, FOLDER, CACHE = "/opt/labfleet-published", "/var/log/labfleet-test-supply", "/opt/conda/pkgs"
DROPIN = "/etc/conda/condarc.d/labfleet.yml"
CHANNEL = f"{hosts.CHANNEL_URL}/pkgs/main"
CONTENT = f"channels: [{CHANNEL}, nodefaults]\ndependencies: [python=3.6, click=6.7]\n"
TRAIN = {"name": "train", "version": "1", "content": CONTENT}
MIRRORS = ("--tags", "conda_platform_mirrors")
HERE = podman.SUBNET.rsplit(".", 1)[0] + ".1"


def sh(script: str) -> str:
    done = hosts.run_on(HOST, "sh", "-ec", script)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Supply:
    def __init__(self, ansible, lab: dict[str, t.Any]) -> None:
        self.ansible, self.inventory = ansible, ansible.scratch / "inventory.json"
        lab["lab"]["hosts"] = {HOST: lab["lab"]["hosts"][HOST]}
        self.inventory.write_text(json.dumps(lab))

    def run(self, *options: str, **given: t.Any) -> tuple[int, int, str]:
        """One run of the role: the exit code, the number of changed tasks, and the output on one line."""
        ledger = {"ledger": f"{FOLDER}/ledger.jsonl"}
        defaults = {f"labfleet.conda.{name}": ledger for name in ("conda_env", "conda_config", "conda_cache")}
        given = {"platform_root": ROOT, "platform_configuration": False, **given}
        done = self.ansible.role("platform", self.inventory, *options, variables=given, module_defaults=defaults)
        code, changed, output = done.of_one
        return code, changed, " ".join(output.split())


@pytest.fixture
def supply(ansible, lab_inventory):
    before = set(sh(f"ls -A {CACHE}").split())
    yield Supply(ansible, json.loads(lab_inventory.read_text()))
    sh(f"rm -rf {ROOT} {FOLDER} {CACHE}/.labfleet-conda /etc/conda/.labfleet-conda {DROPIN} /home/ops/made /root/aside")
    sh("rm -rf /home/ops/.conda; rmdir /etc/conda/condarc.d /etc/conda 2>/dev/null || true")
    for name in set(sh(f"ls -A {CACHE}").split()) - before:
        sh(f"rm -rf {CACHE}/{name}")


@contextlib.contextmanager
def mirror(channels: Path) -> t.Iterator[str]:
    """A mirror over HTTP; below /portal a page answers for everything, as before a login."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: t.Any) -> None:
            super().__init__(*arguments, directory=str(channels))

        def do_GET(self) -> None:
            if not self.path.startswith("/portal/"):
                super().do_GET()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Please log in</title>")

        def log_message(self, *unused: t.Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer((HERE, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{HERE}:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def policy(*channels: str) -> dict[str, t.Any]:
    return {"settings": {"required": {"channels": ["defaults"], "default_channels": list(channels)}}}


def test_a_mirror_is_used_once_it_answers_with_an_index(supply):
    with mirror(channel.channels()) as url:
        wrong = {
            f"{url}/portal/t/tk-0123456789abcdef0123/main": "the answer is no JSON of conda",
            f"{url}/nothing": "the status is 404",
            f"http://{HERE}:{free_port()}/main": "nobody answers",
            "file:///srv/nothing": "there is no /srv/nothing/noarch/repodata.json",
        }
        given = policy(f"{url}/pkgs/main", *wrong)
        code, _changed, output = supply.run(*MIRRORS, platform_mirrors=True, conda_policy_platform=given)
        assert code == 2 and [said for said in wrong.values() if said not in output] == [], output
        assert f"{url}/pkgs/main of the policy" not in output and "tk-0123456789abcdef0123" not in output
        assert hosts.run_on(HOST, "test", "-e", DROPIN).returncode == 1
        given = {"platform_mirrors": True, "conda_policy_platform": policy(f"{url}/pkgs/main", CHANNEL)}
        code, changed, output = supply.run(*MIRRORS, "--check", **given)
        assert (code, changed) == (0, 1) and hosts.run_on(HOST, "test", "-e", DROPIN).returncode == 1, output
        assert supply.run(*MIRRORS, **given)[:2] == (0, 1)
        assert f"{url}/pkgs/main" in sh(f"cat {DROPIN}")
        assert supply.run(*MIRRORS, **given)[:2] == (0, 0)
        # conda takes it from there too.
        sources = json.loads(sh("/opt/conda/bin/conda config --show-sources --json"))
        assert sources[DROPIN]["default_channels"] == [f"{url}/pkgs/main", CHANNEL]
    code, _changed, output = supply.run(*MIRRORS, platform_mirrors=True)
    assert code == 2 and "has none of channels" in output


@pytest.mark.long
def test_users_have_all_that_is_published_without_a_network_and_cannot_change_it(supply):
    given = {"platform_environments": [TRAIN], "platform_cache": CACHE}
    code, _changed, output = supply.run(**given)
    assert code == 0, output[-3000:]
    # The cache was cleaned since.
    sh(f"mkdir /root/aside; mv {CACHE}/click-6.7-* /root/aside")
    code, changed, output = supply.run("--check", **given)
    assert code == 0 and changed > 0 and not sh(f"find {CACHE} -name 'click-6.7-*'"), output
    assert supply.run(**given)[0] == 0
    assert sh(f"ls {CACHE} | grep -c '^click-6.7-.*[^2]$'").strip() == "1"
    assert supply.run(**given)[:2] == (0, 0)
    assert sh(f"ls -A {ROOT}/.versions").split() == ["train"]
    # What a user makes of it needs no channel, and the cache is closed to them.
    sh("su ops -c '/opt/conda/bin/conda create -y -q --offline -p /home/ops/made python=3.6 click=6.7'")
    assert sh("/home/ops/made/bin/python -c 'import click; print(click.__version__)'").strip() == "6.7"
    assert hosts.run_on(HOST, "su", "ops", "-c", f"touch {CACHE}/x").returncode != 0
