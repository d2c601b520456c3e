# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a mirror: each channel that the settings of a policy lead to, once, and no secret in its name."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.filter import mirrors as face

MIRROR = "https://mirror.example.org"


def mirrors(**required):
    return face.mirrors({"base": {"settings": {"required": required}}})


def indexes(*names: str) -> list[str]:
    return [f"{MIRROR}/{name}/noarch/repodata.json" for name in names]


@pytest.mark.parametrize(("required", "expected"), [
    ({}, []),
    ({"ssl_verify": True}, []),
    ({"channel_alias": MIRROR, "channels": ["conda-forge", "defaults", "nodefaults"], "default_channels": ["main"]},
     indexes("conda-forge", "main")),
    ({"default_channels": [f"{MIRROR}/main/", f"{MIRROR}/r"]}, indexes("main", "r")),
    ({"custom_channels": {"lab": f"{MIRROR}/"}}, indexes("lab")),
    ({"mirrored_channels": {"conda-forge": [f"{MIRROR}/a", "oci://ghcr.example/x", f"{MIRROR}/a"]}}, indexes("a")),
])  # fmt: skip
def test_where_the_settings_lead(required, expected):
    found = mirrors(**required)
    assert [item["url"] for item in found["indexes"]] == expected
    assert found["settings"] == {name: value for name, value in required.items() if name != "ssl_verify"}


def test_the_alias_leads_to_the_channels_that_are_allowed():
    policy = {"settings": {"required": {"channel_alias": MIRROR}}, "channels": {"allowed": ["conda-forge", "lab-*"]}}
    assert [item["url"] for item in face.mirrors({"base": policy})["indexes"]] == indexes("conda-forge")


def test_directories_and_secrets():
    token = f"{MIRROR}/t/tk-0123456789abcdef0123/internal"
    found = mirrors(channels=["file:///srv/a%20b", "/srv/c", token])["indexes"]
    assert [item.get("path") for item in found] == [
        "/srv/a b/noarch/repodata.json",
        "/srv/c/noarch/repodata.json",
        None,
    ]
    assert found[2]["url"].startswith(token) and "tk-0123456789abcdef0123" not in found[2]["channel"]


@pytest.mark.parametrize(("answer", "wrong"), [
    ({"status": 206, "content": '{\n "info": {"subdir": "noar'}, None),
    ({"status": 200, "content": '{"packages":{}}'}, None),
    ({"status": 200, "content": "<!doctype html>"}, "no JSON of conda"),
    ({"status": 200, "content": '{"error": "log in"}'}, "no JSON of conda"),
    ({"status": 404, "content": "gone"}, "the status is 404"),
    ({"status": -1, "msg": "refused"}, "nobody answers"),
    ({"failed": True}, "nobody answers"),
    ({"stat": {"exists": True}}, None),
    ({"stat": {"exists": False}}, "there is no /srv/x"),
])  # fmt: skip
def test_what_a_channel_answers(answer, wrong):
    found = face.mirror_problems([{**answer, "item": {"channel": MIRROR, "path": "/srv/x", "url": "a token"}}])
    assert len(found) == (wrong is not None) and "a token" not in str(found)
    assert not wrong or (MIRROR in found[0] and wrong in found[0])


def test_what_is_no_policy_is_told():
    with pytest.raises(face.AnsibleFilterError, match="mirrors: "):
        face.mirrors({"base": {"no_such": 1}})
    with pytest.raises(face.AnsibleFilterError, match="mirrors: "):
        mirrors(mirrored_channels=["lab"])
