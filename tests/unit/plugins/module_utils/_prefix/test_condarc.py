# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""condarc: where it is looked for, what a file says, and what is in force when all are merged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import (
    drop_ins,
    environment_settings,
    expand_path,
    is_condarc_name,
    parse_condarc,
    search_path,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import boolify, merge_settings

BOUNDED = settings(deadline=None, derandomize=True, max_examples=200)


def triple(tier, directory):
    return [(tier, "%s/%s" % (directory, name)) for name in (".condarc", "condarc", "condarc.d")]


def paths(*, root_prefix, home, **options):
    return [(entry.tier, entry.path) for entry in search_path(root_prefix=root_prefix, home=home, **options)]


def read(*texts):
    """Files with these texts, lowest precedence first, named f0, f1 and so on."""
    files = [parse_condarc(text.encode(), path="f%d" % number, tier="home") for number, text in enumerate(texts)]
    assert all(file.readable for file in files), files
    return files


def merged(*texts, **variables):
    return merge_settings(read(*texts) + [environment_settings(variables)])


def value(key, *texts, **variables):
    return merged(*texts, **variables)[key].value


def test_the_search_path_of_conda_has_nine_tiers():
    found = paths(
        root_prefix="/opt/conda", home="/home/u", prefix="/opt/conda/envs/e", xdg_config_home="/x", condarc="~/my.yml"
    )
    assert found == (
        triple("system", "/etc/conda")
        + triple("state", "/var/lib/conda")
        + triple("root_prefix", "/opt/conda")
        + triple("xdg", "/x/conda")
        + triple("user_config", "/home/u/.config/conda")
        + triple("user", "/home/u/.conda")
        + [("home", "/home/u/.condarc")]
        + triple("prefix", "/opt/conda/envs/e")
        + [("condarc_variable", "/home/u/my.yml")]
    )


def test_the_search_path_of_mamba_has_the_mambarc_files_as_well():
    found = paths(root_prefix="/m", home="/home/u", prefix="/m/envs/e", condarc="/c.yml", mambarc="/d.yml", mamba=True)
    assert found == (
        triple("system", "/etc/conda")
        + [("system", "/etc/conda/.mambarc")]
        + triple("state", "/var/lib/conda")
        + [("state", "/var/lib/conda/.mambarc")]
        + triple("root_prefix", "/m")
        + [("root_prefix", "/m/.mambarc")]
        + triple("user_config", "/home/u/.config/conda")
        + triple("user", "/home/u/.conda")
        + [("home", "/home/u/.condarc")]
        + triple("prefix", "/m/envs/e")
        + [("condarc_variable", "/c.yml")]
        + [("mamba_config", "/home/u/.config/mamba/" + name) for name in (".mambarc", "mambarc", "mambarc.d")]
        + [("mamba_user", "/home/u/.mamba/" + name) for name in (".mambarc", "mambarc", "mambarc.d")]
        + [("mamba_home", "/home/u/.mambarc"), ("mambarc_variable", "/d.yml"), ("prefix", "/m/envs/e/.mambarc")]
    )


def test_mamba_reads_xdg_config_home_instead_of_the_default():
    found = paths(root_prefix="/m", home="/home/u", xdg_config_home="/x", mamba=True)
    assert ("xdg", "/x/conda/.condarc") in found
    assert ("mamba_config", "/x/mamba/mambarc") in found
    assert not [path for _tier, path in found if ".config" in path]


def test_a_place_that_stands_twice_keeps_its_lower_precedence():
    found = paths(root_prefix="/opt/conda", home="/h", prefix="/opt/conda/", xdg_config_home="/h/.config")
    assert found[6:9] == triple("root_prefix", "/opt/conda")
    assert "prefix" not in [tier for tier, _path in found]
    assert "user_config" not in [tier for tier, _path in found]


def test_places_that_are_not_known_are_left_out():
    found = paths(root_prefix=None, home=None, xdg_config_home="relative", condarc="~/x.yml")
    assert found == triple("system", "/etc/conda") + triple("state", "/var/lib/conda")


def test_directories_of_drop_ins_are_told_from_files():
    found = {e.path: e.directory for e in search_path(root_prefix="/r", home=None, condarc="/c/config")}
    assert (found["/etc/conda/condarc.d"], found["/etc/conda/condarc"], found["/c/config"]) == (True, False, True)


def test_only_yaml_files_of_a_directory_are_read_in_their_order():
    names = ["20.yaml", "10.yml", "a.yml.bak", "README", ".yml", "condarc", "Z.yml"]
    assert drop_ins(names) == ["10.yml", "20.yaml", "Z.yml"]


def test_which_file_names_are_accepted():
    assert [n for n in (".condarc", "condarc", "x.yml", "x.yaml", "mambarc", "x") if is_condarc_name(n)] == [
        ".condarc", "condarc", "x.yml", "x.yaml"
    ]  # fmt: skip
    assert is_condarc_name(".mambarc", mamba=True)


def test_a_file_says_its_settings_with_line_and_spelling():
    (file,) = read("# c\nchannels:\n  - a\nverify_ssl: false\nnew_thing: 1\n")
    assert [(e.key, e.name, e.line, e.origin) for e in file.settings.values()] == [
        ("channels", "channels", 2, "f0"),
        ("ssl_verify", "verify_ssl", 4, "f0"),
        ("new_thing", "new_thing", 5, "f0"),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n", "{}\n"])
def test_an_empty_file_is_readable_and_says_nothing(text):
    (file,) = read(text)
    assert (file.settings, file.problems) == ({}, ())


@pytest.mark.parametrize(
    "data, line",
    [
        (b"a: 1\nb: \xff\n", 2),
        (b"- a\n- b\n", 1),
        (b"\nsecret-token\n", 2),
        (b"a: 1\nb: [tk-secret\n", 2),
        (b"a: 1\na: 2\n", 2),
        (b"a: 1\n\tb: 2\n", 2),
        (b"a: \x00\n", 1),
        (b"channels: 2026-01-31\n", 1),
    ],
)
def test_a_file_that_cannot_be_read_is_left_out_with_its_line(data, line):
    file = parse_condarc(data, path="/p", tier="home")
    assert (file.readable, file.settings, [found for found, _text in file.problems]) == (False, {}, [line])
    assert "secret" not in file.problems[0][1]


@pytest.mark.parametrize(
    "text, lines",
    [
        ("channel_priority: strict  #!final\nchannels: #!final\n  - a #!top\n  - b #!bottom\n", []),
        ("#!final\nchannel_priority: strict\n", [1]),
        ("channel_priority: strict  #!final\n# because\nchannels: [a]\n", [1]),
        ("channels:\n  - a #!final\n", [2]),
        ("channel_priority: strict  #!top\n", [1]),
        ("channels: [a]  # final\n", []),
        ("proxy_servers:\n  #!final\n  http: x  #!final\n", [2]),
    ],
)
def test_a_mark_that_conda_does_not_see_is_reported(text, lines):
    (file,) = read(text)
    assert [line for line, _problem in file.problems] == lines


def test_a_scalar_of_higher_precedence_wins():
    setting = merged("solver: classic\n", "solver: libmamba\n")["solver"]
    assert (setting.value, setting.source, setting.final, setting.known) == ("libmamba", "f1", False, True)
    assert [(source.origin, source.line) for source in setting.sources] == [("f1", 1)]


@pytest.mark.parametrize(
    "comment, final",
    [("#!final", True), ("#final", True), ("##!final!", True), ("# !final", False), ("#!final x", False)],
)
def test_a_mark_is_the_whole_comment_without_signs(comment, final):
    assert merged("solver: a  %s\n" % comment)["solver"].final is final


def test_a_final_scalar_locks_what_comes_later():
    setting = merged("solver: a\n", "\nsolver: b #!final\n", "solver: c #!final\n", CONDA_SOLVER="d")["solver"]
    assert (setting.value, setting.source, setting.final, setting.locked_by.line) == ("b", "f1", True, 2)
    assert [source.origin for source in setting.ignored] == ["f2", "CONDA_SOLVER"]


LISTS = [
    (["- a\n- b", "- c\n- b"], ["c", "b", "a"]),
    (["- a\n- b #!top", "- c"], ["b", "c", "a"]),
    (["- a #!bottom\n- b", "- a\n- c"], ["c", "b", "a"]),
    (["- a #!top", "- b #!top", "- c"], ["a", "b", "c"]),
    (["- a #!bottom", "- b #!bottom", "- c"], ["c", "b", "a"]),
    (["- a #!top", "- a #!bottom\n- b"], ["b", "a"]),
    (["- 1\n- '1'\n- 3.10\n- yes\n- true\n- ~"], ["1", "1", "3.1", "yes", "None"]),
    (["- a", "~", "[]", "{}"], ["a"]),
]


@pytest.mark.parametrize("lists, expected", LISTS)
def test_lists_are_concatenated_with_the_higher_precedence_first(lists, expected):
    texts = ["channels:%s%s" % ("\n" if "-" in text else " ", text) for text in lists]
    assert value("channels", *texts) == expected


def test_a_final_list_keeps_what_is_below_and_cuts_what_is_above():
    setting = merged("channels: [a]", "channels: [b]  #!final", "channels: [c]", CONDA_CHANNELS="d")["channels"]
    assert (setting.value, setting.final) == (["b", "a"], True)
    assert [source.origin for source in setting.sources] == ["f1", "f0"]
    assert [source.origin for source in setting.ignored] == ["f2", "CONDA_CHANNELS"]


def test_maps_are_merged_key_by_key():
    low = "proxy_servers:\n  http: a  #!final\n  https: b\n  ftp: None\n"
    high = "proxy_servers:\n  http: x\n  https: ~\n  all: y\n"
    assert value("proxy_servers", low, high) == {"http": "a", "https": None, "ftp": None, "all": "y"}
    assert value("custom_channels", "custom_channels: {a: ~}", "custom_channels: {b: 1.0}") == {"a": "None", "b": "1.0"}


def test_the_lowest_of_several_final_keys_of_a_map_wins():
    texts = ["custom_channels:\n  a: %d  #!final\n" % number for number in (1, 2)]
    assert value("custom_channels", "custom_channels: {a: 0}", *texts) == {"a": "1"}


def test_a_final_map_cuts_what_is_above():
    setting = merged("proxy_servers: {a: 1}  #!final", "proxy_servers: {a: 2, b: 3}")["proxy_servers"]
    assert (setting.value, setting.final, [s.origin for s in setting.ignored]) == ({"a": "1"}, True, ["f1"])


def test_lists_inside_a_map_are_merged_unless_they_are_final():
    low = "custom_multichannels:\n  lab: [a]\n  own: [a]\n"
    high = "custom_multichannels:\n  lab:\n    - b\n    - c #!bottom\n  own: [b]  #!final\n"
    assert value("custom_multichannels", low, high) == {"lab": ["b", "a", "c"], "own": ["b"]}


def test_maps_inside_a_list_are_compared_as_a_whole():
    low = "channel_settings:\n  - channel: a\n    auth: x\n"
    high = "channel_settings:\n  - {channel: b, auth: y}\n  - {auth: x, channel: a}\n"
    assert value("channel_settings", low, high) == [{"channel": "b", "auth": "y"}, {"channel": "a", "auth": "x"}]


TYPES = [
    ("always_yes: yes", True),
    ("always_yes: 'off'", False),
    ("always_yes: ~", None),
    ("offline: ~", False),
    ("offline: 0.0", False),
    ("offline: 'y'", True),
    ("ssl_verify: yes", True),
    ("ssl_verify: /etc/ca.pem", "/etc/ca.pem"),
    ("ssl_verify: truststore", "truststore"),
    ("channel_priority: true", "flexible"),
    ("channel_priority: no", "disabled"),
    ("channel_priority: STRICT", "strict"),
    ("safety_checks: disabled", "disabled"),
    ("remote_max_retries: '5'", 5),
    ("remote_read_timeout_secs: 60", 60.0),
    ("local_repodata_ttl: yes", True),
    ("local_repodata_ttl: 30", 30),
    ("client_ssl_cert: None", None),
    ("default_python: 3.9", "3.9"),
    ("solver: ~", "None"),
]


@pytest.mark.parametrize("text, expected", TYPES)
def test_values_have_the_types_that_conda_gives_them(text, expected):
    found = value(text.partition(":")[0], text)
    assert (type(found), found) == (type(expected), expected)


REFUSED = [
    ("channels: conda-forge", "channels", "list"),
    ("proxy_servers: [a]", "proxy_servers", "map"),
    ("solver: [a]", "solver", "single value"),
    ("offline: perhaps", "offline", "type"),
    ("fetch_threads: many", "fetch_threads", "type"),
    ("fetch_threads: ~", "fetch_threads", "type"),
    ("channel_priority: high", "channel_priority", "values"),
    ("safety_checks: true", "safety_checks", "values"),
    ("local_repodata_ttl: 1.5", "local_repodata_ttl", "integer"),
    ("custom_multichannels: {a: b}", "custom_multichannels", "list"),
    ("proxy_servers: {1: a}", "proxy_servers", "key"),
    ("channels: [a]\nchannel: [b]", "channels", "names"),
    ("channel: [a]\nchannels: ~", "channels", "names"),
]


@pytest.mark.parametrize("text, key, words", REFUSED)
def test_what_conda_stops_at_has_no_value_but_a_problem(text, key, words):
    setting = merged(text)[key]
    assert (setting.value, setting.source, words in setting.problem) == (None, "f0", True), setting
    assert "perhaps" not in setting.problem


def test_a_list_of_the_wrong_shape_is_a_problem_even_above_a_final_mark():
    assert merged("channels: [a]  #!final", "channels: b")["channels"].problem is not None


def test_old_names_are_merged_with_the_names_of_today():
    setting = merged("whitelist_channels: [a]", "allowlist_channels: [b]")["allowlist_channels"]
    assert (setting.value, [source.name for source in setting.sources]) == (
        ["b", "a"],
        ["allowlist_channels", "whitelist_channels"],
    )
    assert value("auto_activate", "auto_activate_base: false") is False
    assert value("solver", "experimental_solver: libmamba") == "libmamba"
    assert value("envs_dirs", "envs_path: [/e]") == ["/e"]


def test_unknown_keys_are_merged_by_their_shape_and_flagged():
    found = merged("l: [a]\nm: {x: {y: [1]}}\ns: yes\nn: [a]", "l: [b]\nm: {x: {y: [2]}}\ns: 2\nn: 1")
    assert {key: setting.value for key, setting in found.items()} == {
        "l": ["b", "a"],
        "m": {"x": {"y": [2, 1]}},
        "s": 2,
        "n": 1,
    }
    assert not any(setting.known for setting in found.values())


def test_the_settings_of_plugins_are_known():
    assert merged("plugins: {auto_accept_tos: true}")["plugins"].known


def test_variables_are_the_highest_tier():
    found = merged(
        "always_yes: false\nchannels: [a]\n",
        CONDA_ALWAYS_YES="yes",
        CONDA_CHANNELS=" b, ,c",
        CONDA_PINNED_PACKAGES="x >=1,<2&y",
        CONDA_ENVS_PATH="/e:/f",
        CONDA_SOLVER=" classic!important",
        CONDA_PREFIX="/opt/conda",
        CONDA_EXE="/opt/conda/bin/conda",
        SOLVER="x",
    )
    assert {key: (setting.value, setting.source) for key, setting in found.items()} == {
        "always_yes": (True, "CONDA_ALWAYS_YES"),
        "channels": (["b", "c", "a"], "CONDA_CHANNELS"),
        "pinned_packages": (["x >=1,<2", "y"], "CONDA_PINNED_PACKAGES"),
        "envs_dirs": (["/e", "/f"], "CONDA_ENVS_PATH"),
        "solver": ("classic", "CONDA_SOLVER"),
    }
    assert found["always_yes"].sources[0].line is None


def test_variables_cannot_hold_a_map_nor_two_names_of_one_setting():
    found = merged(CONDA_PROXY_SERVERS="http:x", CONDA_SSL_VERIFY="no", CONDA_VERIFY_SSL="yes")
    assert (found["proxy_servers"].problem, found["ssl_verify"].problem) == (
        "a variable cannot hold a map",
        "one setting under two of its names (ssl_verify)",
    )


@pytest.mark.parametrize(
    "path, expected",
    [
        ("~/envs", "/home/u/envs"),
        ("~", "/home/u"),
        ("$HOME/x/../y/", "/home/u/y"),
        ("${DATA}/$USER/pkgs", "/data/u/pkgs"),
        ("/a//b", "/a/b"),
        ("$MINE", "/data/mine"),
        ("$OTHER/x", None),
        ("~other/x", None),
        ("relative/x", None),
    ],
)
def test_paths_are_expanded_as_far_as_they_can_be_known(path, expected):
    assert (
        expand_path(path, home="/home/u", environment={"DATA": "/data", "USER": "u", "MINE": "$DATA/mine"}) == expected
    )


@pytest.mark.parametrize(
    "word, expected",
    [
        ("Yes", True),
        (" on ", True),
        ("non", False),
        ("", False),
        ("0.0", False),
        ("2", True),
        ("1e5", True),
        (0, False),
    ],
)
def test_booleans_are_read_as_conda_reads_them(word, expected):
    assert boolify(word) is expected


items = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["", " #!top", " #!bottom"])), min_size=1, max_size=5
)
layers = st.lists(st.tuples(items, st.sampled_from(["", " #!final"])), min_size=1, max_size=4)


@BOUNDED
@given(layers)
def test_what_holds_for_every_merged_list(layers):
    texts = ["channels:%s\n%s" % (final, "".join("  - %s%s\n" % item for item in found)) for found, final in layers]
    setting = merged(*texts)["channels"]
    finals = [number for number, (_found, final) in enumerate(layers) if final]
    relevant = [found for found, _final in layers[: finals[0] + 1 if finals else None]]
    flat = [item for found in reversed(relevant) for item in found]
    assert sorted(setting.value) == sorted({name for name, _mark in flat})
    bottom = {name for name, mark in flat if mark == " #!bottom"}
    top = {name for name, mark in flat if mark == " #!top"} - bottom
    ranks = [2 if name in bottom else 0 if name in top else 1 for name in setting.value]
    assert ranks == sorted(ranks)
    middle = [name for name, _mark in flat if name not in bottom | top]
    assert [name for name in setting.value if name not in bottom | top] == list(dict.fromkeys(middle))
    assert setting.final == bool(finals)


@BOUNDED
@given(st.binary(max_size=80) | st.text("chanels: -#!final\n[]{},'\"|&*\t~", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_left_out(data):
    file = parse_condarc(data, path="/p", tier="home")
    assert file.readable or (not file.settings and file.problems)
    merge_settings([file, file])
