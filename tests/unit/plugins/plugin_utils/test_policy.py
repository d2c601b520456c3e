# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers of a policy: how they merge, what locks hold, and what is refused with which words."""

from __future__ import annotations

import copy
import datetime
import json

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_keys as policy_keys
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import (
    PolicyError,
    expired_waivers,
    for_host,
    merge_layers,
)

KNOWN_RULES = ("chan.http", "chan.retired", "cfg.always_yes", "env.python_eol", "policy.locked_override", "telemetry")
WAIVER = {
    "rule": "chan.http",
    "subject": "/opt/conda",
    "reason": "The mirror moves in spring.",
    "owner": "alice",
    "expires": "2026-12-31",
}


def merged(base=None, platform=None, user=None, known_rules=None):
    return merge_layers({"base": base, "platform": platform, "user": user}, known_rules)


def value(form, key):
    found = form["values"]
    for part in key.split("."):
        found = found[part]
    return found


def problems(layer, known_rules=KNOWN_RULES):
    """What is wrong with a user layer, without the words that all lines begin with."""
    with pytest.raises(PolicyError) as refused:
        merge_layers({"user": layer}, known_rules)
    assert str(refused.value) == "\n".join(refused.value.problems)
    assert all(line.startswith("policy layer user: ") for line in refused.value.problems)
    return [line.partition(": ")[2] for line in refused.value.problems]


# ---- merging


@pytest.mark.parametrize("layers", [{}, {"base": None}, {"base": {}, "user": {}}])
def test_without_layers_the_defaults_count(layers):
    form = merge_layers(layers)
    for key in policy_keys.KEYS:
        assert value(form, key.name) == key.default, key.name
    assert set(form["layers"].values()) == {"default"}
    assert form["waivers"] == form["violations"] == []
    assert value(form, "versions.minimum") == {"conda": "26.5.2", "mamba": "2.7.0", "micromamba": "2.7.0"}


@pytest.mark.parametrize("upper, lower", [("platform", "base"), ("user", "platform"), ("user", "base")])
def test_a_higher_layer_replaces_a_lower_one(upper, lower):
    form = merge_layers({upper: {"gates": {"fail_on": "high"}}, lower: {"gates": {"fail_on": "low", "new_only": True}}})
    assert form["values"]["gates"] == {"fail_on": "high", "new_only": True}
    assert form["layers"]["gates.fail_on"] == upper
    assert form["layers"]["gates.new_only"] == lower


def test_lists_are_replaced_and_maps_merge_entry_by_entry():
    form = merged(
        base={"channels": {"denied": ["defaults"]}, "versions": {"minimum": {"conda": "26.1"}}},
        platform={"settings": {"required": {"ssl_verify": True, "plugins.auto_accept_tos": False}}},
        user={
            "channels": {"denied": []},
            "versions": {"minimum": {"mamba": "2.9.0"}},
            "settings": {"required": {"channels": ["conda-forge"]}},
        },
    )
    assert value(form, "channels.denied") == []
    assert value(form, "versions.minimum") == {"conda": "26.1", "mamba": "2.9.0", "micromamba": "2.7.0"}
    assert value(form, "settings.required") == {
        "ssl_verify": True,
        "plugins.auto_accept_tos": False,
        "channels": ["conda-forge"],
    }
    wanted = {
        "channels.denied": "user",
        "channels.allowed": "default",
        "versions.minimum.conda": "base",
        "versions.minimum.mamba": "user",
        "versions.minimum.micromamba": "default",
        "settings.required.ssl_verify": "platform",
        "settings.required.plugins.auto_accept_tos": "platform",
        "settings.required.channels": "user",
    }
    assert {key: form["layers"][key] for key in wanted} == wanted


def test_an_entry_can_be_taken_back():
    form = merged(
        base={"settings": {"required": {"ssl_verify": True}}, "rules": {"chan.http": "off", "chan.retired": "off"}},
        user={
            "versions": {"minimum": {"mamba": None}},
            "settings": {"required": {"ssl_verify": None}},
            "rules": {"chan.http": "on"},
        },
    )
    assert value(form, "versions.minimum") == {"conda": "26.5.2", "micromamba": "2.7.0"}
    assert value(form, "settings.required") == {}
    assert form["values"]["rules"] == {"chan.retired": "off"}
    assert form["layers"]["rules.chan.http"] == form["layers"]["versions.minimum.mamba"] == "user"


@pytest.mark.parametrize(
    "text, kept",
    [
        ("off", "off"),
        ("on", None),
        ("false", "off"),
        ("true", None),
        ("no", "off"),
        ('"off"', "off"),
        ('"on"', None),
        ("critical", "critical"),
    ],
)
def test_rules_are_switched_as_yaml_reads_them(text, kept):
    layer = yaml.safe_load("rules: {chan.http: %s}" % text)
    form = merged(base={"rules": {"chan.http": "low"}}, user=layer)
    assert form["values"]["rules"].get("chan.http") == kept


def test_the_layers_stay_as_they_were():
    layers = {
        "base": {"channels": {"denied": ["a"]}, "waivers": [dict(WAIVER)]},
        "user": {"rules": {"chan.http": "low"}},
    }
    before = copy.deepcopy(layers)
    form = merge_layers(layers)
    form["values"]["channels"]["retired"].append("x")
    form["values"]["channels"]["denied"].append("x")
    form["waivers"][0]["reason"] = "x"
    assert layers == before
    assert "x" not in value(merge_layers({}), "channels.retired")


_WORDS = st.lists(st.sampled_from(["defaults", "conda-forge", "bioconda", "internal"]), max_size=3)
_VERSIONS = st.dictionaries(st.sampled_from(policy_keys.TOOLS), st.sampled_from([None, "2.7.0", "26.5.2", "1!3.post1"]))
_LAYERS = st.fixed_dictionaries(
    {},
    optional={
        "organisation": st.fixed_dictionaries({}, optional={"commercial_use": st.sampled_from([True, False, None])}),
        "versions": st.fixed_dictionaries({}, optional={"minimum": _VERSIONS, "newest": _VERSIONS}),
        "channels": st.fixed_dictionaries({}, optional={"allowed": _WORDS, "denied": _WORDS}),
        "settings": st.fixed_dictionaries(
            {},
            optional={
                "required": st.dictionaries(
                    st.sampled_from(["ssl_verify", "plugins.x", "channels"]),
                    st.sampled_from([None, True, 1, ["a"], {"b": 2}]),
                )
            },
        ),
        "caches": st.fixed_dictionaries({}, optional={"max_gigabytes": st.one_of(st.none(), st.floats(0, 1e6))}),
        "environments": st.fixed_dictionaries({}, optional={"unused_days": st.integers(1, 10**6)}),
        "rules": st.dictionaries(
            st.sampled_from(KNOWN_RULES), st.sampled_from(["off", "on", True, False, "low", "high"])
        ),
    },
)


def _above(lower, upper):
    """Two layers as one, by plain reading of the rule: maps merge, all else is replaced."""
    result = dict(lower)
    for name, item in upper.items():
        inside = name not in ("ssl_verify", "plugins.x", "channels") or not isinstance(lower.get(name), list)
        both = isinstance(item, dict) and isinstance(lower.get(name), dict) and inside and name != "plugins.x"
        both = both and name != "ssl_verify"
        result[name] = _above(lower[name], item) if both else item
    return result


@settings(max_examples=60, deadline=None)
@given(_LAYERS, _LAYERS, _LAYERS)
def test_merging_is_associative_where_nothing_is_locked(first, second, third):
    whole = merge_layers({"base": first, "platform": second, "user": third})
    left = merge_layers({"base": _above(first, second), "user": third})
    right = merge_layers({"base": first, "user": _above(second, third)})
    assert whole["values"] == left["values"] == right["values"]
    assert whole["violations"] == []
    assert set(whole["layers"]) == set(left["layers"]) == set(right["layers"])


# ---- locks


@pytest.mark.parametrize(
    "lock, layer, key",
    [
        ("channels.denied", {"channels": {"denied": ["x"]}}, "channels.denied"),
        ("channels", {"channels": {"priority": None}}, "channels.priority"),
        ("rules.chan.http", {"rules": {"chan.http": False}}, "rules.chan.http"),
        ("rules.chan", {"rules": {"chan.http": "low"}}, "rules.chan.http"),
        ("rules", {"rules": {"telemetry": "low"}}, "rules.telemetry"),
        ("versions.minimum.conda", {"versions": {"minimum": {"conda": None}}}, "versions.minimum.conda"),
        ("versions", {"versions": {"newest": {"conda": "1"}}}, "versions.newest.conda"),
        ("settings.required", {"settings": {"required": {"offline": True}}}, "settings.required.offline"),
        ("settings.required.plugins.x", {"settings": {"required": {"plugins.x": 1}}}, "settings.required.plugins.x"),
        ("settings.required.plugins.x", {"settings": {"required": {"plugins": {"x": 1}}}}, "settings.required.plugins"),
    ],
)
@pytest.mark.parametrize("locker, upper", [("base", "platform"), ("base", "user"), ("platform", "user")])
def test_a_locked_key_is_kept_and_the_attempt_is_told(lock, layer, key, locker, upper):
    alone = merge_layers({locker: {"locked": [lock]}}, KNOWN_RULES)
    form = merge_layers({locker: {"locked": [lock]}, upper: layer}, KNOWN_RULES)
    assert form["values"] == alone["values"]
    assert form["layers"] == alone["layers"]
    (violation,) = form["violations"]
    assert {**violation, "wanted": None} == {"key": key, "layer": upper, "locked_by": locker, "wanted": None}


@pytest.mark.parametrize(
    "lock, layer",
    [
        ("channels.denied", {"channels": {"allowed": ["x"]}}),
        ("rules.chan.http", {"rules": {"chan.retired": "low"}}),
        ("versions.minimum.conda", {"versions": {"minimum": {"mamba": "2.0"}}}),
        ("settings.required.plugins.x", {"settings": {"required": {"plugins.xy": 1}}}),
        ("base", {"permissions": {"base_owner": "conda"}}),
    ],
)
def test_what_is_not_locked_can_be_set(lock, layer):
    form = merge_layers({"base": {"locked": [lock]}, "user": layer}, KNOWN_RULES)
    assert form["violations"] == []
    assert form["values"] == merge_layers({"user": layer})["values"]


def test_what_the_locking_layer_or_one_below_sets_is_what_counts():
    form = merged(
        base={"channels": {"denied": ["a"], "allowed": ["b"]}},
        platform={"channels": {"denied": ["c"]}, "locked": ["channels"]},
        user={"channels": {"denied": ["d"], "allowed": ["e"]}},
    )
    assert (value(form, "channels.denied"), value(form, "channels.allowed")) == (["c"], ["b"])
    assert form["layers"]["channels.denied"] == "platform"
    assert form["layers"]["channels.allowed"] == "base"
    wanted = [(one["key"], one["wanted"]) for one in form["violations"]]
    assert wanted == [("channels.denied", ["d"]), ("channels.allowed", ["e"])]


@pytest.mark.parametrize("platform", [{"locked": []}, {"locked": ["channels.denied"]}, {"locked": ["channels"]}])
def test_a_higher_layer_neither_removes_a_lock_nor_takes_it_over(platform):
    form = merged(
        base={"channels": {"denied": ["a"]}, "locked": ["channels.denied"]},
        platform={**platform, "channels": {"denied": ["b"]}},
        user={"channels": {"denied": ["c"]}},
    )
    assert value(form, "channels.denied") == ["a"]
    assert [(one["layer"], one["locked_by"]) for one in form["violations"]] == [("platform", "base"), ("user", "base")]


@pytest.mark.parametrize(
    "base, user",
    [
        ({"channels": {"denied": ["a"]}, "locked": ["channels"]}, {"channels": {"denied": ["a"]}}),
        ({"rules": {"chan.http": "off"}, "locked": ["rules"]}, {"rules": {"chan.http": False}}),
        ({"locked": ["rules"]}, {"rules": {"chan.http": True}}),
        (
            {"versions": {"minimum": {"mamba": None}}, "locked": ["versions"]},
            {"versions": {"minimum": {"mamba": None}}},
        ),
    ],
)
def test_saying_the_same_as_a_locked_value_is_no_attempt(base, user):
    assert merged(base=base, user=user)["violations"] == []


def test_one_and_true_are_not_the_same():
    base = {"settings": {"required": {"ssl_verify": True}}, "locked": ["settings"]}
    form = merged(base=base, user={"settings": {"required": {"ssl_verify": 1}}})
    assert value(form, "settings.required")["ssl_verify"] is True
    assert [one["key"] for one in form["violations"]] == ["settings.required.ssl_verify"]


# ---- waivers


def test_waivers_of_all_layers_are_collected():
    form = merged(base={"waivers": [WAIVER]}, user={"waivers": [{**WAIVER, "item": "x", "hosts": ["gpu*"]}]})
    assert form["waivers"] == [
        {**WAIVER, "layer": "base"},
        {**WAIVER, "item": "x", "hosts": ["gpu*"], "layer": "user"},
    ]


def test_locked_waivers_are_refused_above():
    form = merged(base={"waivers": [WAIVER], "locked": ["waivers"]}, platform={}, user={"waivers": [WAIVER, WAIVER]})
    assert [waiver["layer"] for waiver in form["waivers"]] == ["base"]
    assert form["violations"] == [
        {"key": "waivers", "layer": "user", "locked_by": "base", "wanted": [WAIVER, WAIVER]},
    ]


@pytest.mark.parametrize("text", ["2026-12-31", '"2026-12-31"'])
def test_the_last_day_is_a_date_or_a_text(text):
    form = merged(user={"waivers": [{**WAIVER, "expires": yaml.safe_load(text)}]})
    assert form["waivers"][0]["expires"] == "2026-12-31"


@pytest.mark.parametrize("today, expired", [("2026-12-30", False), ("2026-12-31", False), ("2027-01-01", True)])
def test_a_waiver_counts_through_its_last_day(today, expired):
    form = merged(user={"waivers": [WAIVER, {**WAIVER, "expires": "2099-01-01"}]})
    found = expired_waivers(form, datetime.date.fromisoformat(today))
    assert found == ([{**WAIVER, "layer": "user"}] if expired else [])


@pytest.mark.parametrize(
    "hosts, kept",
    [
        (None, True),
        (["gpu01"], True),
        (["gpu0?"], True),
        (["login", "gpu*"], True),
        (["teaching"], True),
        (["gpu02"], False),
        (["GPU01"], False),
        (["gpu"], False),
        (["teach"], False),
    ],
)
def test_a_waiver_goes_to_the_hosts_that_it_names(hosts, kept):
    waiver = WAIVER if hosts is None else {**WAIVER, "hosts": hosts}
    form = merged(user={"waivers": [waiver], "rules": {"chan.http": "low"}})
    mine = for_host(form, "gpu01", ["all", "teaching"])
    assert len(mine["waivers"]) == int(kept)
    assert {**mine, "waivers": None} == {**form, "waivers": None}
    assert len(form["waivers"]) == 1


# ---- what is refused

QUOTES = "Write it in quotes: YAML reads yes, no, on and off as booleans."
REFUSED = [
    # keys
    ({"channels": {"deny": []}}, "channels.deny: there is no such key. Did you mean channels.denied?"),
    ({"Channels": {}}, "Channels: there is no such key. Did you mean channels?"),
    ({"waiver": []}, "waiver: there is no such key. Did you mean waivers?"),
    ({"unused_days": 3}, "unused_days: there is no such key. Did you mean environments.unused_days?"),
    ({"gates": {"x": 1}}, "gates.x: there is no such key. The keys here are: fail_on, new_only."),
    ({"channels.denied": []}, 'channels.denied: there is no such key. Write "channels:", and "denied:" below it.'),
    ({"gates": {"rules": {}}}, "gates.rules: there is no such key. Did you mean rules?"),
    ({("a", "b"): []}, '["a", "b"]: the name of a key was expected'),
    ({"rules": {("a", "b"): "off"}}, 'rules.["a", "b"]: a name was expected'),
    ({True: []}, "true: the name of a key was expected, this is the boolean true."),
    ({"a\x1b[2J": 1}, "a\\x1b[2J: there is no such key."),
    # shapes
    ([], "a map was expected, this is a list."),
    ({"gpu": None}, "gpu: a map was expected, this is nothing (null). Leave the key out, or write {}."),
    ({"gpu": "x"}, 'gpu: a map was expected, this is the text "x".'),
    ({"rules": ["chan.http"]}, "rules: a map was expected, this is a list."),
    ({"versions": {"minimum": "26.5"}}, 'versions.minimum: a map was expected, this is the text "26.5".'),
    # texts and lists
    (
        {"channels": {"denied": ["a", "b", 5]}},
        'channels.denied[2]: a text was expected, this is the number 5. Write "5", in quotes.',
    ),
    ({"channels": {"denied": [True]}}, "channels.denied[0]: a text was expected, this is the boolean true. " + QUOTES),
    ({"channels": {"denied": [" "]}}, "channels.denied[0]: the text is empty."),
    (
        {"channels": {"allowed": "main"}},
        'channels.allowed: a list of texts was expected, this is the text "main". Write ["main"].',
    ),
    ({"channels": {"allowed": {"a": 1}}}, "channels.allowed: a list of texts was expected, this is a map."),
    ({"channels": {"allowed": None}}, "channels.allowed: it has no value (null). Leave the key out"),
    (
        {"permissions": {"base_owner": 0}},
        'permissions.base_owner: a text was expected, this is the number 0. Write "0"',
    ),
    (
        {"permissions": {"shared_roots": ["opt"]}},
        'permissions.shared_roots[0]: an absolute path was expected, this is the text "opt". Begin it with /.',
    ),
    # versions
    (
        {"versions": {"minimum": {"conda": 26.5}}},
        'versions.minimum.conda: a version as text was expected, this is the number 26.5. Write "26.5", in quotes:',
    ),
    ({"environments": {"python_minimum": 3}}, "environments.python_minimum: a version as text was expected"),
    ({"gpu": {"driver": ">=535"}}, 'gpu.driver: a version was expected, this is the text ">=535". Write one version'),
    ({"gpu": {"driver": "1..2"}}, 'gpu.driver: a version was expected, this is the text "1..2".'),
    ({"gpu": {"driver": "5.*"}}, 'gpu.driver: a version was expected, this is the text "5.*".'),
    ({"gpu": {"driver": True}}, "gpu.driver: a version was expected, this is the boolean true."),
    ({"versions": {"newest": {"cond": "1"}}}, "versions.newest.cond: there is no such tool. Did you mean conda?"),
    ({"versions": {"newest": {1: "1"}}}, "versions.newest.1: a name was expected, this is the number 1."),
    # booleans, numbers, choices
    (
        {"base": {"frozen": "yes"}},
        'base.frozen: true or false was expected, this is the text "yes". Write true or false',
    ),
    ({"gates": {"new_only": 1}}, "gates.new_only: true or false was expected, this is the number 1."),
    ({"gates": {"new_only": None}}, "gates.new_only: it has no value (null)."),
    ({"caches": {"max_gigabytes": "5"}}, 'caches.max_gigabytes: a number was expected, this is the text "5".'),
    ({"caches": {"max_gigabytes": True}}, "caches.max_gigabytes: a number was expected, this is the boolean true."),
    ({"caches": {"max_gigabytes": -1}}, "caches.max_gigabytes: a number of at least 0 was expected"),
    ({"caches": {"max_gigabytes": float("inf")}}, "caches.max_gigabytes: a number of at least 0 was expected"),
    ({"environments": {"unused_days": 1.5}}, "environments.unused_days: a whole number was expected"),
    ({"environments": {"unused_days": 0}}, "environments.unused_days: a whole number of at least 1 was expected"),
    (
        {"solver": {"wanted": "Libmamba"}},
        "solver.wanted: one of libmamba, rattler, classic, null was expected, this is the text"
        ' "Libmamba". Did you mean libmamba?',
    ),
    (
        {"caches": {"shared": False}},
        "caches.shared: one of forbid, read_only, allow was expected, this is the boolean false. Write one of:",
    ),
    # rules and settings
    ({"rules": {"chan.htp": "off"}}, "rules.chan.htp: there is no such rule. Did you mean chan.http?"),
    ({"rules": {"chan.http": "High"}}, "rules.chan.http: a severity, off or on was expected, this is the text"),
    ({"rules": {"chan.http": "fatal"}}, "Write one of: off, on, info, low, medium, high, critical."),
    ({"rules": {"chan.http": None}}, "rules.chan.http: a severity, off or on was expected, this is nothing (null)."),
    ({"settings": {"required": {"SSL verify": 1}}}, "settings.required.SSL verify: this is no key of a condarc file."),
    (
        {"settings": {"required": {"a": [1, {"b": datetime.date(2026, 1, 2)}]}}},
        "settings.required.a[1].b: a value that a condarc file can hold was expected, this is",
    ),
    ({"settings": {"required": {"a": {1: 2}}}}, "settings.required.a: a name was expected, this is the number 1."),
    # locks
    ({"locked": "channels"}, 'locked: a list of texts was expected, this is the text "channels". Write ["channels"].'),
    ({"locked": ["chanels"]}, 'locked[0]: there is no key "chanels" to lock. Did you mean channels?'),
    ({"locked": ["rules", "rules.chan.htp"]}, "locked[1]: there is no key"),
    ({"locked": ["rules.cha"]}, "locked[0]: there is no key"),
    ({"locked": ["locked"]}, 'locked[0]: there is no key "locked" to lock.'),
    ({"locked": ["versions.minimum.pixi"]}, "locked[0]: there is no key"),
    ({"locked": ["channels.denied.defaults"]}, "locked[0]: there is no key"),
    # waivers
    ({"waivers": WAIVER}, "waivers: a list of waivers was expected, this is a map. Begin each waiver with a dash."),
    ({"waivers": [WAIVER, "chan.http"]}, 'waivers[1]: a map was expected, this is the text "chan.http".'),
    ({"waivers": [{**WAIVER, "host": ["a"]}]}, "waivers[0].host: there is no such key. Did you mean waivers[0].hosts?"),
    ({"waivers": [{**WAIVER, "hosts": "a"}]}, "waivers[0].hosts: a list of texts was expected"),
    ({"waivers": [{**WAIVER, "hosts": []}]}, "waivers[0].hosts: the list is empty. Leave the field out for all hosts."),
    ({"waivers": [{**WAIVER, "reason": ""}]}, "waivers[0].reason: the text is empty."),
    ({"waivers": [{**WAIVER, "rule": "chan.htp"}]}, 'waivers[0].rule: no rule is called "chan.htp". Did you mean'),
    ({"waivers": [{**WAIVER, "rule": "can.*"}]}, 'waivers[0].rule: no rule is called "can.*".'),
    *(
        ({"waivers": [{**WAIVER, "expires": wrong}]}, "waivers[0].expires: a day was expected, this is")
        for wrong in (
            "soon",
            "2026-02-30",
            "31.12.2026",
            "20261231",
            "2026-12-31\n",
            20261231,
            None,
            datetime.datetime(2026, 12, 31, 10, 0),
        )
    ),
    *(
        ({"waivers": [{name: item for name, item in WAIVER.items() if name != field}]}, "the waiver has no %s." % field)
        for field in WAIVER
    ),
]


@pytest.mark.parametrize("layer, told", REFUSED, ids=[told[:50] for _layer, told in REFUSED])
def test_what_is_wrong_is_refused_with_its_place(layer, told):
    (line,) = problems(layer)
    assert told in line
    assert line.startswith(told) or not told.partition(":")[1] or told.startswith(("Write", "the waiver")), line


@pytest.mark.parametrize(
    "layer",
    [
        {},
        {"organisation": {"commercial_use": None}, "base": {"frozen": None, "packages": []}},
        {"versions": {"minimum": {}, "newest": {"conda": "1!26.10.0_1", "mamba": "2.0.0rc1"}}},
        {"channels": {"priority": None}, "solver": {"wanted": None}},
        {"caches": {"shared": "forbid", "max_gigabytes": 0}},
        {"caches": {"max_gigabytes": 0.5}, "gpu": {"driver": "535.129.03", "required_cuda": False}},
        {
            "settings": {
                "required": {"proxy_servers": {"http": "x"}, "channels": ["a"], "remote_read_timeout_secs": 9.5}
            }
        },
        {"permissions": {"shared_roots": ["/srv/conda"], "writer_groups": ["conda"], "base_owner": "conda"}},
        {"rules": {"chan.http": "critical", "telemetry": False}},
        {"locked": ["waivers", "rules", "rules.chan", "rules.chan.http", "settings.required.offline", "base"]},
        {"waivers": [{**WAIVER, "rule": "chan.*", "item": "http://*", "hosts": ["gpu*"]}]},
    ],
)
def test_what_is_right_is_taken(layer):
    json.dumps(merge_layers({"user": layer}, KNOWN_RULES), allow_nan=False)


def test_rules_are_not_checked_where_they_are_not_known():
    form = merged(
        user={"rules": {"new.rule": "low"}, "locked": ["rules.new"], "waivers": [{**WAIVER, "rule": "new.*"}]}
    )
    assert form["values"]["rules"] == {"new.rule": "low"}
    assert problems({"rules": {"New rule": "low"}}, None) == [
        "rules.New rule: there is no such rule. The page of the rules lists all of them."
    ]


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(PolicyError) as refused:
        merge_layers(
            {
                "user": {"gates": {"fail_on": "hih"}},
                "base": {"channels": {"deny": [], "denied": [1, 2]}, "waivers": [{}]},
                "plattform": {},
            }
        )
    places = [line.split(": ")[:2] for line in refused.value.problems]
    assert places == [
        ["policy", 'there is no layer "plattform". The layers are base, platform, user.'],
        ["policy layer base", "channels.deny"],
        ["policy layer base", "channels.denied[0]"],
        ["policy layer base", "channels.denied[1]"],
        *([["policy layer base", "waivers[0]"]] * 5),
        ["policy layer user", "gates.fail_on"],
    ]


@pytest.mark.parametrize("layers", [None, [], "base", [{"base": {}}]])
def test_layers_that_are_no_map_are_refused(layers):
    with pytest.raises(PolicyError, match="a map from layer to policy was expected"):
        merge_layers(layers)


@pytest.mark.parametrize(
    "layer",
    [
        {"channels": {"denied": "https://alice:hunter2@example.org/main"}},
        {"solver": {"wanted": "https://alice:hunter2@example.org/main"}},
        {"waivers": [{**WAIVER, "hosts": "https://alice:hunter2@example.org/main"}]},
    ],
)
def test_a_url_with_a_password_is_not_repeated(layer):
    assert "hunter2" not in " ".join(problems(layer))


_NAMES = [part for key in policy_keys.KEYS for part in key.name.split(".")] + [
    field.name for field in policy_keys.WAIVER
]
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=3),
)
_ODD_KEYS = st.one_of(
    st.sampled_from([*_NAMES, "locked", "waivers", *policy_keys.TOOLS]), st.text(max_size=5), st.integers()
)
_ANYTHING = st.recursive(
    _ODD,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_ODD_KEYS, inner, max_size=4), st.sets(st.integers(), max_size=2)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_ODD_KEYS, _ANYTHING, max_size=4))
def test_whatever_a_layer_holds_is_taken_or_refused_with_words(layer):
    try:
        json.dumps(merge_layers({"user": layer}, KNOWN_RULES), allow_nan=False)
    except PolicyError as error:
        assert error.problems and all("\n" not in line for line in error.problems)


# ---- what Ansible hands over


def test_values_that_ansible_has_marked_come_back_plain():
    text = """
    channels: {denied: [defaults]}
    caches: {max_gigabytes: 1.5}
    environments: {unused_days: 30}
    settings: {required: {ssl_verify: true, pkgs_dirs: [/srv/pkgs], proxy_servers: {http: x}}}
    rules: {chan.http: off}
    locked: [channels]
    waivers:
      - {rule: x, subject: /opt, reason: r, owner: o, expires: 2026-12-31, hosts: [a]}
    """
    loaded = DataLoader().load(text)
    assert loaded["channels"]["denied"][0].__class__ is not str  # else this test shows nothing
    form = merge_layers({"base": loaded, "user": {"channels": {"denied": DataLoader().load("[x]")}}})
    assert form["violations"] and form["waivers"][0]["expires"] == "2026-12-31"

    def odd(item):
        if item.__class__ is dict:
            return [name for key, one in item.items() for name in odd(key) + odd(one)]
        if item.__class__ is list:
            return [name for one in item for name in odd(one)]
        return [] if item.__class__ in (str, int, float, bool, type(None)) else [item.__class__.__name__]

    assert odd(form) == []
