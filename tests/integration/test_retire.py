# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook retire on a real host: what is the fleet's goes, what is evidence is collected, and the rest stays."""

from __future__ import annotations

import json

import pytest
from lab import hosts

HOST, FOLDER = "conda4316", "/srv/labfleet-test-retire"
STATE = "/opt/conda/.labfleet-conda"
METRICS = f"{FOLDER}/metrics"
# What the roles have put on the host, under the names that they give it.
PUT = (
    "/etc/cron.d/labfleet-conda-nightly", "/usr/local/bin/labfleet-conda-nightly.sh",
    "/etc/labfleet-conda/nightly.conf", "/etc/labfleet-conda/nightly.yml", f"{METRICS}/labfleet_conda.prom",
    "/usr/local/bin/labfleet-conda-entrypoint.sh", "/usr/local/bin/labfleet-conda-refresh.sh",
    "/usr/local/bin/labfleet-conda-ledger.sh", "/etc/labfleet-conda/entrypoint.conf",
    "/usr/local/bin/condarefresh", "/var/lib/labfleet-conda/unused/alice.json", f"{STATE}/lock",
)  # fmt: skip
KEPT = (f"{STATE}/snapshots/one/manifest.json", "/opt/conda/pkgs/.labfleet-conda/lock", f"{METRICS}/other.prom")


def sh(script: str) -> str:
    done = hosts.run_on(HOST, "sh", "-ec", script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def there() -> list[str]:
    return sh(f"ls -d {' '.join(PUT + KEPT)} 2>/dev/null || true").split()


@pytest.fixture
def planted(lab_hosts):
    own = "/etc/labfleet-conda /var/lib/labfleet-conda /opt/conda/.labfleet-conda /opt/conda/pkgs/.labfleet-conda"
    assert sh(f"ls -d {own} 2>/dev/null || true") == "", "the host is not as the lab makes it"
    sh("".join(f"install -D -m 644 /dev/null {path}\n" for path in PUT + KEPT))
    try:
        yield
    finally:
        sh(f"rm -rf {own} {FOLDER} {' '.join(PUT)}")


@pytest.mark.long
def test_a_host_leaves_the_fleet(ansible, lab_inventory, planted, tmp_path):
    given = {
        "retire_dest": str(tmp_path / "kept"),
        "ledger_path": f"{FOLDER}/ledger.jsonl",
        "monitoring_textfiles": METRICS,
    }

    def run(*options: str):
        arguments = ("-e", json.dumps(given), *options)
        return ansible.playbook("retire", lab_inventory, *arguments, document=False)

    before = sh("cat /opt/conda/conda-meta/history /opt/conda/envs/work/conda-meta/history")
    done = run()
    assert done.code == 2 and "Name the hosts that leave" in done.output, done.output
    # Evidence first: a change that was interrupted is finished before anything goes.
    sh(f"touch {STATE}/journal.json")
    done = run("--limit", HOST, "--tags", "retire_remove")
    assert done.code == 2 and "A change was interrupted" in done.output and len(there()) == len(PUT + KEPT), done.output
    sh(f"rm {STATE}/journal.json")
    done = run("--limit", HOST, "--check")
    assert done.code == 0 and len(there()) == len(PUT + KEPT), done.output

    # A lock that somebody holds stays with them; the audit and the ledger are kept, with a last record.
    held = KEPT[1]
    pid = sh(f"setsid flock {held} sleep 300 >/dev/null 2>&1 </dev/null & echo $!").strip()
    try:
        sh(f"while flock -n {held} true; do :; done")
        done = run("--limit", HOST)
    finally:
        sh(f"kill -- -{pid}")
    assert done.code == 0 and there() == sorted(KEPT), done.output
    assert sh("cat /opt/conda/conda-meta/history /opt/conda/envs/work/conda-meta/history") == before
    assert json.loads(sh(f"tail -n 1 {FOLDER}/ledger.jsonl"))["message"] == "The host leaves the fleet."
    report = json.loads((tmp_path / "kept" / "audit" / "audit.json").read_text())
    assert list(report["hosts"]) == [HOST] and any((tmp_path / "kept" / "ledger").iterdir())
    assert "/opt/conda/envs/work" in done.output and f"{STATE}/snapshots" in done.output

    sh(f"rm {held}")
    done = run("--limit", HOST, "--tags", "retire_remove")
    assert done.code == 0 and done.recap(HOST)["changed"] == 0, done.output
