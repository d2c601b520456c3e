# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is published about policies agrees with what is taken: the JSON Schema, the reference page and its example."""

from __future__ import annotations

import datetime
import functools
import json
import re
import textwrap
from pathlib import Path

import jsonschema
import pytest
import yaml
from gates import policy_reference
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import SEVERITIES as severities_of_rules
from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_keys as policy_keys
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, merge_layers

CHECKOUT = Path(policy_reference.__file__).resolve().parents[2]
WAIVER = {"rule": "chan.http", "subject": "/opt", "reason": "r", "owner": "o", "expires": "2026-12-31"}


@functools.cache
def _validator():
    form = json.loads((CHECKOUT / policy_reference.SCHEMA).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(form)
    return jsonschema.Draft202012Validator(form)


def fits(layer):
    """Whether the published JSON Schema takes a layer."""
    return _validator().is_valid(layer)


@pytest.fixture(scope="module")
def page():
    return (CHECKOUT / policy_reference.PAGE).read_text("utf-8")


@pytest.fixture(scope="module")
def example(page):
    block = re.search(r"\.\. code-block:: yaml\n\n((?:  .*\n|\n)+)", page).group(1)
    return yaml.safe_load(textwrap.dedent(block))


@pytest.mark.parametrize("name", policy_reference.texts())
def test_the_generated_files_are_up_to_date(name):
    wanted = policy_reference.texts()[name]
    again = "PYTHONPATH=tests .venv/bin/python -m gates.policy_reference"
    assert (CHECKOUT / name).read_text("utf-8") == wanted, f"{name} is not up to date; run {again}"


def test_the_page_tells_of_every_key_and_field(page):
    for name in [key.name for key in policy_keys.KEYS] + [field.name for field in policy_keys.WAIVER] + ["locked"]:
        assert page.count("* - ``%s``" % name) == 1, name
    assert "C(" not in page
    assert [line for line in page.splitlines() if line != line.rstrip()] == []


def test_the_example_of_the_page(example):
    for layer in example.values():
        # JSON has no dates; editors read them as text
        assert fits(json.loads(json.dumps(layer, default=str)))
    form = merge_layers(example)
    values = form["values"]
    assert values["versions"]["minimum"] == {"conda": "26.9.4", "mamba": "2.7.0"}
    assert values["channels"]["denied"] == ["defaults", "pkgs/main", "pkgs/r"]
    assert values["rules"] == {"chan.http": "critical"}
    assert values["environments"]["unused_days"] == 90
    assert form["layers"]["rules.cfg.always_yes"] == form["layers"]["environments.unused_days"] == "user"
    assert form["layers"]["gates.fail_on"] == "platform"
    assert form["waivers"][0]["expires"] == "2027-03-31"
    assert form["violations"] == []
    tried = {**example, "user": {"channels": {"denied": []}, "rules": {"chan.http": "off"}}}
    assert [one["key"] for one in merge_layers(tried)["violations"]] == ["channels.denied", "rules.chan.http"]


def test_defaults_are_values_that_a_layer_may_set():
    layer = {}
    for key in policy_keys.KEYS:
        *above, last = key.name.split(".")
        place = layer
        for part in above:
            place = place.setdefault(part, {})
        place[last] = key.default
    assert fits(layer)
    assert merge_layers({"base": layer})["values"] == merge_layers({})["values"] == layer


def test_severities_are_those_of_the_rules():
    assert severities_of_rules == SEVERITIES


def taken(layer):
    try:
        merge_layers({"user": layer})
    except PolicyError:
        return False
    return True


# Where the two differ on purpose: a day that no calendar has, a version with a part missing, an infinite number and
# blanks are not said in JSON Schema.
_SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        2.5,
        "",
        "off",
        "on",
        "high",
        "never",
        "strict",
        "libmamba",
        "read_only",
        "2.7.0",
        ">=2",
    ]
    + ["/srv", "conda-forge", [], ["a"], ["/a"], [1], [""], {}, {"conda": "1"}, {"chan.http": True}, {"Bad Key": 1}]
)
_LEAVES = st.sampled_from([key.name for key in policy_keys.KEYS] + ["channels.deny", "nothing", "gpu", "channels"])
_LOCKS = st.sampled_from(
    ["channels", "channels.denied", "rules.x", "rules.Bad", "waivers", "locked", "versions.newest.conda"]
    + ["versions.newest.x", "settings.required.a.b", "settings.required", "settings.", "", 5]
)
_FIELDS = st.sampled_from(["2026-12-31", "soon", "*", "", 5, None, ["a"], [], {}])


@st.composite
def _any_layer(draw):
    layer = {}
    for name, item in draw(st.lists(st.tuples(_LEAVES, _SCALARS), max_size=2)):
        *above, last = name.split(".")
        place = layer
        for part in above:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = item
    if draw(st.booleans()):
        layer["locked"] = draw(st.lists(_LOCKS, max_size=2))
    if draw(st.booleans()):
        waiver = {
            **WAIVER,
            **draw(st.dictionaries(st.sampled_from([*WAIVER, "hosts", "item", "host"]), _FIELDS, max_size=1)),
        }
        waiver.pop(draw(st.sampled_from(["none", *WAIVER])), None)
        layer["waivers"] = [waiver]
    return layer


@settings(max_examples=100, deadline=None)
@given(_any_layer())
def test_the_json_schema_takes_what_the_merge_takes(layer):
    assert fits(layer) == taken(layer), layer


@pytest.mark.parametrize(
    "layer",
    [
        {"waivers": [{**WAIVER, "expires": "2026-02-30"}]},
        {"gpu": {"driver": "1..2"}},
        {"permissions": {"base_owner": " "}},
    ],
)
def test_what_only_the_merge_refuses(layer):
    assert fits(layer) and not taken(layer)


def test_what_only_yaml_can_say():
    layer = {"waivers": [{**WAIVER, "expires": datetime.date(2026, 12, 31)}]}
    assert taken(layer) and not fits(layer)
