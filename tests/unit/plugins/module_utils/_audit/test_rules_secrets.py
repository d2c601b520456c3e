# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on secrets: each place where one can lie is searched, and nothing that is told holds a character of one."""

from __future__ import annotations

import json
import os
import struct
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._rules_secrets import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._audit._secret_texts import (
    CREDENTIALS,
    TOKEN,
    VALUE,
    kind_in,
    kinds_by_line,
)

# The planted secrets: each holds a word of its own, so that a piece of one would be noticed.
WORD = "Hunter2Xyzzy"
CHANNEL = "https://conda.lab.org/t/tk-%s/private" % WORD
PROXY = "http://alice:%s@proxy.lab.org:3128" % WORD


def rules(*names):
    return [rule for rule in RULES if rule.id in names]


def record(host, prefix, name, **fields):
    content = {"name": name, "version": "1.0", "build": "0", "build_number": 0, "files": [], "depends": [], **fields}
    host.write("%s/conda-meta/%s-1.0-0.json" % (prefix, name), json.dumps(content, indent=2, sort_keys=True))


def plant(host):
    """Plant a secret in every place; returns the files."""
    host.user("alice", 1000)
    base = host.environment("/opt/conda", ["conda-26.7.1-py313_0", "python-3.13.1-h1_0"])
    environment = host.environment("/opt/conda/envs/train", history="==> 2026-01-01 10:00:00 <==\n# cmd: conda list\n")
    record(host, base, "by_url", url=CHANNEL + "/linux-64/by_url-1.0-0.conda")
    record(host, base, "by_channel", channel=CHANNEL + "/linux-64")
    record(host, base, "by_spec", requested_spec="%s::by_spec" % CHANNEL)
    host.write(base + "/conda-meta/initial-state.explicit.txt", "@EXPLICIT\n%s/linux-64/x-1-0.conda\n" % CHANNEL)
    host.write(base + "/.condarc", "channels: [%s]\n" % CHANNEL)
    host.write(base + "/condarc.d/lab.yml", "proxy_servers:\n  http: %s\n" % PROXY)
    host.write(base + "/pkgs/urls.txt", CHANNEL + "/linux-64/x-1-0.conda\n")
    host.write(base + "/pkgs/urls", CHANNEL + "/linux-64/x-1-0.conda\n")
    host.write("/etc/conda/condarc.bak", "custom_channels: {lab: '%s'}\n" % PROXY)
    host.write("/home/alice/.condarc", "channel_alias: %s\n" % CHANNEL)
    host.write("/home/alice/.condarc.orig", "channel_alias: %s\n" % CHANNEL)
    host.write("/home/alice/.mambarc", "api_token: %s\n" % WORD)
    host.write("/home/alice/.config/mamba/mambarc", "channels: [%s]\n" % CHANNEL)
    host.write(environment + "/.mambarc", "channels: [%s]\n" % CHANNEL)
    history = "==> 2026-01-01 10:00:00 <==\n# cmd: conda install -c %s x\n# cmd: conda install --token %s y\n"
    host.write(environment + "/conda-meta/history", history % (CHANNEL, WORD))
    variables = {"WANDB_API_KEY": WORD, "HTTP_PROXY": PROXY, "PLAIN": "1"}
    host.write(environment + "/conda-meta/state", json.dumps({"version": 1, "env_vars": variables}))
    host.write(environment + "/etc/conda/env_vars.d/lab.json", json.dumps({"DB_PASSWORD": WORD}))
    host.write(environment + "/etc/conda/activate.d/keys.sh", "export AWS_SECRET_ACCESS_KEY=%s\n" % WORD)
    host.write(environment + "/environment.yml", "variables:\n  HF_TOKEN: %s\n" % WORD)
    host.write(environment + "/pip.conf", "[global]\nindex-url = https://alice:%s@pypi.lab.org/simple\n" % WORD)
    host.write("/home/alice/.config/binstar/https%3A%2F%2Fapi.anaconda.org.token", WORD, mode=0o644)
    host.write("/home/alice/.mamba/auth/authentication.json", json.dumps({"x": WORD}), mode=0o640)


def test_a_secret_in_every_place_is_found_and_told_nowhere(host, run_audit):
    plant(host)
    auditing = run_audit(host, RULES)
    assert not auditing.judgement.unjudged
    found = {(item["rule"], item["path"], item["item"]) for item in auditing.judgement.findings}
    train, settings = "/opt/conda/envs/train/", "secret.condarc"
    assert found == {
        (settings, "/opt/conda/.condarc", TOKEN),
        (settings, "/opt/conda/condarc.d/lab.yml", CREDENTIALS),
        (settings, "/etc/conda/condarc.bak", CREDENTIALS),
        (settings, "/home/alice/.condarc", TOKEN),
        (settings, "/home/alice/.condarc.orig", TOKEN),
        (settings, "/home/alice/.mambarc", VALUE),
        (settings, "/home/alice/.config/mamba/mambarc", TOKEN),
        (settings, train + ".mambarc", TOKEN),
        ("secret.conda_meta", "/opt/conda/conda-meta/by_channel-1.0-0.json", "records: " + TOKEN),
        (
            "secret.conda_meta",
            "/opt/conda/conda-meta/initial-state.explicit.txt",
            "initial-state.explicit.txt: " + TOKEN,
        ),
        ("secret.urls_txt", "/opt/conda/pkgs/urls.txt", "urls.txt: " + TOKEN),
        ("secret.urls_txt", "/opt/conda/pkgs/urls", "urls: " + TOKEN),
        ("secret.history", train + "conda-meta/history", TOKEN),
        ("secret.history", train + "conda-meta/history", VALUE),
        ("secret.state", train + "conda-meta/state", "conda-meta/state"),
        ("secret.state", train + "etc/conda/env_vars.d/lab.json", "etc/conda/env_vars.d/lab.json"),
        ("secret.state", train + "etc/conda/activate.d/keys.sh", "etc/conda/activate.d/keys.sh: " + VALUE),
        ("secret.prefix_file", train + "environment.yml", "environment.yml: " + VALUE),
        ("secret.prefix_file", train + "pip.conf", "pip.conf: " + CREDENTIALS),
        *(
            ("secret.tokenfile", path, path)
            for path in (
                "/home/alice/.config/binstar/https%3A%2F%2Fapi.anaconda.org.token",
                "/home/alice/.mamba/auth/authentication.json",
            )
        ),
    }
    evidence = {(item["rule"], item["path"]): item["evidence"] for item in auditing.judgement.findings}
    assert "3 records" in evidence["secret.conda_meta", "/opt/conda/conda-meta/by_channel-1.0-0.json"]
    assert "line 1" in evidence["secret.state", train + "conda-meta/state"]
    everything = json.dumps([auditing.judgement.__dict__, auditing.look.report.entries])
    for length in range(4, len(WORD) + 1):
        assert WORD[:length] not in everything and WORD[-length:] not in everything


def test_nothing_secret_gives_no_finding(host, findings):
    """What conda, mamba and healthy packages write, and settings that only sound like secrets."""
    host.user("alice", 1000)
    prefix = host.environment("/opt/conda", ["conda-26.7.1-py313_0", "google-auth-2.0-0", "keyring-25.0-0"])
    record(host, prefix, "masked", url="https://conda.lab.org/t/<TOKEN>/private/linux-64/masked-1.0-0.conda")
    host.write(
        "/home/alice/.condarc",
        "add_anaconda_token: true\n"
        "channels: ['https://conda.lab.org/t/${LAB_TOKEN}/private', conda-forge, 'file:///mnt/t/mirror/x']\n"
        "channel_settings:\n  - channel: https://conda.lab.org/x\n    auth: anaconda-auth\n"
        "proxy_servers:\n  http: http://${PROXY_USER}:${PROXY_PASS}@proxy:3128\n"
        "client_ssl_cert_key: /home/alice/key.pem\n# ask mailto:ops@lab.org\n",
    )
    host.write(
        prefix + "/conda-meta/history",
        "==> 2026-01-01 10:00:00 <==\n# cmd: conda install -c https://conda.lab.org/t/<TOKEN>/private pkg-auth=1.0\n"
        "# cmd: conda install --token $TOKEN -c https://*****@conda.lab.org/x pip git+ssh://git@github.com/lab/x\n",
    )
    host.write(prefix + "/conda-meta/state", json.dumps({"env_vars": {"TOKENIZERS_PARALLELISM": "false", "TOKEN": ""}}))
    host.write(prefix + "/environment.yml", "name: auth\ndependencies: [google-auth=2.0, secretstorage=3.3, keyring]\n")
    host.write("/home/alice/.config/binstar/a.token", WORD, mode=0o600)
    assert findings(host, RULES) == []


def test_a_file_that_others_can_read_is_one_step_worse(host, findings):
    home = host.user("alice", 1000)
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    path = host.write(home + "/.condarc", "channel_alias: %s\n" % CHANNEL, mode=0o600)

    def severity():
        (found,) = findings(host, rules("secret.condarc"))
        return found["severity"]

    assert severity() == "high"
    os.chmod(host.path(path), 0o644)
    assert severity() == "critical"
    os.chmod(host.path(home), 0o700)
    assert severity() == "high", "nobody else comes through the home"


def test_an_access_control_list_lets_others_read(host, findings, as_root):
    home = host.user("alice", 1000)
    host.user("bob", 1001)
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    path = host.path(host.write(home + "/.condarc", "channel_alias: %s\n" % CHANNEL, mode=0o600))
    os.chown(path, 1000, 1000)
    # user::rw- user:1001:r-- group::--- mask::r-- other::---, as setfacl -m u:1001:r writes it
    entries = [(1, 6, 0xFFFFFFFF), (2, 4, 1001), (4, 0, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    data = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", data)
    except OSError as error:
        pytest.skip("this file system has no access control lists: %s" % error)
    (found,) = findings(host, rules("secret.condarc"))
    assert found["severity"] == "critical" and "user bob" in found["evidence"]
    assert found["owner"] == "alice"


def test_the_private_group_of_the_owner_is_nobody_else(host, findings, as_root):
    home = host.user("alice", 1000)
    host.write("/etc/group", "alice:x:1000:\nlab:x:2000:bob\n")
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    path = host.path(host.write(home + "/.condarc", "channel_alias: %s\n" % CHANNEL, mode=0o640))
    os.chown(path, 1000, 1000)
    assert [item["severity"] for item in findings(host, rules("secret.condarc"))] == ["high"]
    os.chown(path, 1000, 2000)
    assert [item["severity"] for item in findings(host, rules("secret.condarc"))] == ["critical"]


@pytest.mark.parametrize("mode, found", [(0o600, 0), (0o400, 0), (0o640, 1), (0o666, 1)])
def test_modes_of_token_files(host, findings, mode, found):
    host.user("alice", 1000)
    host.write("/etc/environment", "BINSTAR_CONFIG_DIR=/srv/tokens\n")
    host.write("/srv/tokens/data/a.token", WORD, mode=mode)
    os.chown(host.path("/home/alice"), os.stat(host.path("/srv/tokens/data/a.token")).st_uid, -1)
    items = findings(host, rules("secret.tokenfile"))
    assert {item["item"] for item in items} == ({"/srv/tokens/data/a.token"} if found else set())


def test_hostile_files_are_unknown_and_hang_nothing(host, run_audit):
    home = host.user("alice", 1000)
    host.write("/etc/shadow", "root:%s:1::::::\n" % WORD, mode=0o600)
    prefix = host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    os.makedirs(host.path(prefix + "/pkgs"))
    os.mkfifo(host.path(prefix + "/pkgs/urls.txt"))
    host.write(prefix + "/pkgs/urls", (CHANNEL + "/x\n") * 10 + "https://conda.lab.org/x\n" * 400000)
    host.link(home + "/.condarc", home + "/.condarc")
    host.link(home + "/.mambarc", "../../../../../../../../etc/shadow")
    host.write(prefix + "/conda-meta/state", "[" * 100000)
    strange = os.fsdecode(b"/etc/conda/condarc.d/\xff\n.yml")
    host.write(strange, "channels: [%s]\n" % CHANNEL)
    started = time.process_time()
    auditing = run_audit(host, RULES)
    assert time.process_time() - started < 5
    assert not auditing.judgement.unjudged
    reasons = {(entry["path"], entry["reason"]) for entry in auditing.look.report.entries}
    assert any(path.endswith("pkgs/urls.txt") and "FIFO" in reason for path, reason in reasons)
    assert any(path.endswith("pkgs/urls") and "only these were searched" in reason for path, reason in reasons)
    assert any(path.endswith("conda-meta/state") and "JSON" in reason for path, reason in reasons)
    assert {item["path"] for item in auditing.judgement.findings} == {prefix + "/pkgs/urls", strange}
    assert WORD not in json.dumps([auditing.judgement.findings, auditing.look.report.entries])


def test_a_link_does_not_lead_to_another_users_file(host, run_audit, as_root):
    home = host.user("alice", 1000)
    host.user("bob", 1001)
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    os.chown(host.path(host.write("/home/bob/.condarc", "channel_alias: %s\n" % CHANNEL, mode=0o600)), 1001, 1001)
    host.link(home + "/.condarc", "/home/bob/.condarc")
    os.lchown(host.path(home + "/.condarc"), 1000, 1000)
    auditing = run_audit(host, rules("secret.condarc"))
    assert [item["subject"] for item in auditing.judgement.findings] == ["/home/bob/.condarc"]
    assert any(entry["path"] == home + "/.condarc" for entry in auditing.look.report.entries)


@pytest.mark.parametrize(
    "text, kind",
    [
        ("https://host/t/abc/x", TOKEN),
        ("https%3A%2F%2Fhost%2Ft%2Fabc%2Fx", TOKEN),
        ("https://u:p@host/x", CREDENTIALS),
        ("https://token@host/x", CREDENTIALS),
        ("conda install --password pw x", VALUE),
        ("curl -H 'Authorization: Bearer abc'", VALUE),
        ("https://host/t/<TOKEN>/x and https://u:p@host/y", CREDENTIALS),
        ("https://host/t/<TOKEN>/x", None),
        ("https://u:*****@host/x", None),
        ("--token $TOKEN -c x", None),
        ("--token '{{ token }}' -c x", None),
        ("https://host/t/x.html?y", TOKEN),
    ],
)
def test_kinds(text, kind):
    assert kind_in(text) == kind


@pytest.mark.load
def test_lines_and_a_huge_line_take_linear_time():
    assert kinds_by_line("a\nhttps://u:p@h/\n\nhttps://u:p@h/") == {CREDENTIALS: [2, 4]}
    started = time.process_time()
    for piece in ("https://u:p@h/,", "a-", "--token ", "//", "=$", "/t/<", "{{", "mailto:"):
        kinds_by_line("https://u:p@h/ " + piece * (100000 // len(piece)), keyed=True)
    assert time.process_time() - started < 5


def test_a_link_to_the_file_of_another_is_the_finding_of_who_made_the_link(as_root, host, findings):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    alice, mallory = host.user("alice", 1000), host.user("mallory", 4711)
    host.write(alice + "/notes", "channels: [https://conda.anaconda.org/t/ab-12345678-abcd/x]\n", mode=0o644)
    host.link(mallory + "/.condarc", alice + "/notes")
    os.chown(host.path(alice + "/notes"), 1000, 1000)
    os.chown(host.path(mallory + "/.condarc"), 4711, 4711, follow_symlinks=False)
    found = findings(host, [rule for rule in RULES if rule.id == "secret.condarc"])
    assert {(item["subject"], item["owner"]) for item in found} == {("/home/mallory/.condarc", "mallory")}
