# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hub's part of the portal offers, refuses and limits; the real hub is in tests/integration/test_portal.py."""

from __future__ import annotations

import html.parser
import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest

PART = Path(__file__).resolve().parents[3] / "roles" / "portal" / "files" / "labfleet_portal.py"
LIMITS = {"cpus": 2.5, "memory_gigabytes": 1.5, "gpus": 0, "shared_memory_gigabytes": 0.5}


def load():
    spec = importlib.util.spec_from_file_location("labfleet_portal", PART)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


part = load()


def image(version="1", status="current", startable=True, **more):
    return {
        "key": "PyTorch-" + version, "name": "PyTorch", "version": version, "description": "", "labels": {},
        "image": "ai/base:" + version, "start": "sha256:" + version, "status": status, "reason": "Because of it.",
        "age_days": 3, "findings": {}, "startable": startable, **more,
    }  # fmt: skip


BLOCKED = image("2", "blocked", False, findings={"low": 1, "critical": 2})


def catalogue(*images, **limits):
    return {"as_of": "2026-11-26", "limits": {**LIMITS, **limits}, "images": list(images)}


@pytest.fixture
def portal(tmp_path):
    def write(content, option="image"):
        path = tmp_path / "catalogue.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return part.Portal(str(path), option)

    return write


class Page(html.parser.HTMLParser):
    """The attributes of the elements of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data + " "

    def inputs(self):
        return [attributes for tag, attributes in self.tags if tag == "input"]


def test_the_form_shows_all_and_lets_choose_what_can_be_started(portal):
    page = Page(portal(catalogue(BLOCKED, image(), image("3", "supported"))).form(None))
    states = [(item["value"], "disabled" in item, "checked" in item) for item in page.inputs()]
    assert states == [("PyTorch-2", True, False), ("PyTorch-1", False, True), ("PyTorch-3", False, False)]
    assert {item["name"] for item in page.inputs()} == {"image"}
    for text in ("blocked", "Because of it.", "2 critical, 1 low", "3 days ago", "2.5 processors", "1.5 GB of memory"):
        assert text in page.text
    assert "2026-11-26" in page.text and "No image can be started" not in page.text


def test_hostile_texts_stay_texts(portal):
    evil = '"><script>alert(1)</script>'
    entry = image(version="1", description=evil, labels={evil: evil}, reason=evil, status="unknown", name=evil)
    page = Page(portal(catalogue(entry)).form(None))
    assert "script" not in {tag for tag, _attributes in page.tags} and evil in page.text


def test_a_portal_with_nothing_to_start_says_so(portal):
    assert "No image can be started now." in portal(catalogue(BLOCKED)).form(None)
    assert "unknown" in portal(catalogue(image("1", "unknown", False, age_days=None))).form(None)


@pytest.mark.parametrize("content", ["", "{", "[]"[:1]])
def test_a_catalogue_that_cannot_be_read_starts_nothing(portal, content):
    broken = portal(content)
    assert "cannot be read" in broken.form(None)
    with pytest.raises(part.Refused):
        broken.allowed_images(None)


def test_only_what_can_be_started_is_offered_to_the_spawners(portal):
    both = catalogue(BLOCKED, image())
    assert portal(both).allowed_images(None) == {"PyTorch-1": "sha256:1"}
    (profile,) = portal({**both, "limits": {**LIMITS, "gpus": 2, "gpu_resource": "amd.com/gpu"}}).profiles(None)
    assert profile["slug"] == "PyTorch-1" and profile["kubespawner_override"] == {
        "image": "sha256:1", "cpu_limit": 2.5, "mem_limit": 1610612736, "extra_resource_limits": {"amd.com/gpu": "2"},
    }  # fmt: skip


def test_a_new_catalogue_counts_at_once(portal):
    shown = portal(catalogue(image()))
    assert shown.allowed_images(None) == {"PyTorch-1": "sha256:1"}
    portal(catalogue(image("1", "blocked", False)))
    assert shown.allowed_images(None) == {}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("PyTorch-2", "PyTorch 2 is blocked and cannot be started: Because of it. Choose another one."),
        ("sha256:2", "There is no image 'sha256:2' in the catalogue."),
        ("", "No image was chosen."),
        (None, "No image was chosen."),
        (["PyTorch-1"], "No image was chosen."),
        ({"a": 1}, "No image was chosen."),
    ],
)
def test_whatever_else_is_asked_for_is_refused(key, said):
    with pytest.raises(part.Refused) as refused:
        part.chosen(catalogue(BLOCKED, image()), key)
    assert str(refused.value).startswith(said)


class Http(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = code, text


@pytest.fixture
def tornado(monkeypatch):
    monkeypatch.setitem(sys.modules, "tornado", types.ModuleType("tornado"))
    web = types.ModuleType("tornado.web")
    web.HTTPError = Http
    monkeypatch.setitem(sys.modules, "tornado.web", web)


@pytest.mark.usefixtures("tornado")
@pytest.mark.parametrize("option", ["image", "profile"])
@pytest.mark.parametrize("options", [{"image": "PyTorch-2", "profile": "PyTorch-2"}, {}, None])
def test_the_start_is_refused_on_the_server_side(portal, option, options):
    with pytest.raises(Http) as refused:
        portal(catalogue(BLOCKED, image()), option).before_start(types.SimpleNamespace(user_options=options))
    assert refused.value.code == 403


@pytest.mark.usefixtures("tornado")
def test_a_container_gets_the_image_and_the_limits(portal):
    spawner = types.SimpleNamespace(user_options={"image": "PyTorch-1"}, extra_host_config={"security_opt": ["x"]})
    portal(catalogue(image())).before_start(spawner)
    assert (spawner.image, spawner.cpu_limit, spawner.mem_limit) == ("sha256:1", 2.5, 1610612736)
    wanted = {"security_opt": ["x"], "shm_size": 536870912, "device_requests": []}
    assert spawner.extra_host_config == wanted


def test_no_limit_is_none():
    assert part.container_limits({**LIMITS, "cpus": None, "memory_gigabytes": None}).keys() == {"extra_host_config"}
    assert part.pod_limits({**LIMITS, "cpus": None, "memory_gigabytes": None}) == {}
