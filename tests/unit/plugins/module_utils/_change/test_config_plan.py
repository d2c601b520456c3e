# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the text of a condarc: what was asked for, as ruamel.yaml and conda read it, and nothing else."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._change._config_plan import plan_text
from ansible_collections.labfleet.conda.plugins.module_utils._change._config_wish import wish_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import Readers

OPTIONS = {"state": "present", "allow_unknown": False}
OPTIONS.update(dict.fromkeys(("settings", "prepend", "append", "remove", "final", "marks")))


def plan(text, conda="26.7.1", mamba=None, **options):
    return plan_text(text, wish_of(dict(OPTIONS, **options), Readers(conda, mamba)), "/opt/conda/.condarc")


def edited(text, conda="26.7.1", **options):
    """The text that comes of it, on which the same wish changes nothing any more."""
    found = plan(text, conda, **options).text
    assert plan(found, conda, **options).text == found
    return found


HEAD = """\
# head
channels:   # ours
  - defaults
  # the good one
  - conda-forge  # x
# about TLS
ssl_verify: false
offline: no

# tail
"""


def test_a_value_is_exchanged_and_all_else_stays():
    assert edited(HEAD, settings={"ssl_verify": True}) == HEAD.replace("ssl_verify: false", "ssl_verify: true")


def test_what_holds_already_is_not_touched():
    """By what conda makes of it, however it is written."""
    text = "yes: 'yes'\nchannels: [ a,  b ]\nssl_verify: /x\nremote_read_timeout_secs: 60\n"
    wanted = {"always_yes": True, "channels": ["a", "b"], "ssl_verify": "/x", "remote_read_timeout_secs": "60.0"}
    assert plan(text, settings=wanted).text == text


def test_a_list_is_changed_item_by_item():
    changed = edited(HEAD, settings={"channels": ["new", "conda-forge"]})
    assert changed == HEAD.replace("  - defaults", "  - new")


def test_values_of_lists_come_first_come_last_and_go():
    assert edited("channels: [b, c]\n", prepend={"channels": ["a", "b"]}) == "channels: [a, b, c]\n"
    assert edited("channels:\n- b\n- c\n", append={"channels": "b"}) == "channels:\n- c\n- b\n"
    assert edited("channels:\n- b\n- c\n", remove={"channels": ["x", "b"]}) == "channels:\n- c\n"
    assert edited("channels:\n- b\n", remove={"channels": ["b"]}) == "channels: []\n"
    assert edited("", remove={"channels": ["b"]}) == ""
    assert edited("# c", append={"pkgs_dirs": ["/a"]}) == "# c\npkgs_dirs:\n  - /a\n"


def test_an_item_that_moves_keeps_its_comment():
    assert edited(HEAD, prepend={"channels": ["conda-forge"]}).splitlines()[2:4] == [
        "  - conda-forge  # x",
        "  - defaults",
    ]


def test_one_entry_of_a_map():
    text = "proxy_servers:\n  http: 'http://a'  # A\n  https: http://b\n"
    changed = edited(text, settings={"proxy_servers.http": "http://c"})
    assert changed == text.replace("'http://a'", "http://c")
    assert edited(text, state="absent", settings={"proxy_servers.http": None}) == (
        "proxy_servers:\n  https: http://b\n"
    )
    assert edited("proxy_servers:\n  http: x\n", state="absent", settings={"proxy_servers.http": ""}) == ""
    assert edited("proxy_servers: {http: x}\n", settings={"proxy_servers.https": "y: z"}) == (
        "proxy_servers: {http: x, https: 'y: z'}\n"
    )
    assert edited("", settings={"custom_multichannels.mine": ["a"]}) == "custom_multichannels:\n  mine:\n    - a\n"


def test_a_map_holds_exactly_what_is_given():
    text = "custom_channels:\n  a: http://x  # A\n  b: http://y\n"
    changed = edited(text, settings={"custom_channels": {"a": "http://x", "c": "http://z"}})
    assert changed == "custom_channels:\n  a: http://x  # A\n  c: http://z\n"
    assert edited(text, settings={"custom_channels": {"c": "http://z"}}) == "custom_channels:\n  c: http://z\n"


def test_a_list_of_maps():
    wanted = [{"channel": "https://x/*", "auth": "a"}, {"channel": "y"}]
    text = edited("offline: true\n", settings={"channel_settings": wanted})
    assert text == "offline: true\nchannel_settings:\n  - channel: https://x/*\n    auth: a\n  - channel: 'y'\n"
    assert edited(text, settings={"channel_settings": wanted[1:]}) == (
        "offline: true\nchannel_settings:\n  - channel: 'y'\n"
    )


def test_a_key_goes_and_comments_behind_it_stay():
    assert edited(HEAD, state="absent", settings={"channels": [], "no_such": 1}) == (
        "# head\n# about TLS\nssl_verify: false\noffline: no\n\n# tail\n"
    )


def test_a_new_key_comes_last_as_the_others_stand():
    assert edited("  offline: true", settings={"debug": False}) == "  offline: true\n  debug: false\n"
    assert edited("---\noffline: true\n...\n# end\n", settings={"debug": False}) == (
        "---\noffline: true\ndebug: false\n...\n# end\n"
    )
    assert edited("\ufeffoffline: true\r\n", settings={"debug": False}) == "\ufeffoffline: true\r\ndebug: false\r\n"


def test_brackets_at_the_top_are_opened():
    assert edited("{}  # none\n", settings={"debug": False}) == "# none\ndebug: false\n"
    assert edited('{"a": [1], "offline": true}', settings={"debug": False}) == (
        "a:\n  - 1\noffline: true\ndebug: false\n"
    )
    assert plan("{offline: true}", settings={"offline": True}).text == "{offline: true}"


def test_a_setting_is_never_written_under_two_names():
    assert edited("verify_ssl: false\n", settings={"ssl_verify": True}) == "verify_ssl: true\n"
    assert edited("verify_ssl: false\nssl_verify: true\n", settings={"verify_ssl": True}) == "verify_ssl: true\n"
    assert edited("verify_ssl: false\nssl_verify: true\n", state="absent", settings={"ssl_verify": 0}) == ""


def test_a_name_is_the_one_that_this_conda_knows():
    assert edited("", "4.12.0", settings={"solver": "libmamba"}) == "experimental_solver: libmamba\n"
    assert edited("", "24.1.0", settings={"auto_activate": False}) == "auto_activate_base: false\n"
    text = "a: 1\nauto_activate: true  # x\n"
    assert edited(text, "24.1.0", settings={"auto_activate": False}, allow_unknown=False) == (
        "a: 1\nauto_activate_base: false  # x\n"
    )


def test_final_marks():
    assert edited("channels:\n  - a\noffline: no\n", final=["channels"]) == "channels:  #!final\n  - a\noffline: no\n"
    assert edited("channels: [a]  # x\n", final=["channels"]) == "# x\nchannels: [a]  #!final\n"
    assert edited("offline: true #!final\n", settings={"offline": False}) == "offline: false #!final\n"
    assert edited("offline: true #!final\n", settings={"offline": False}, final=[]) == "offline: false\n"
    assert edited("offline: true #!final\n", settings={"debug": True}, final=["debug"]) == (
        "offline: true #!final\ndebug: true  #!final\n"
    )
    assert edited("proxy_servers: {http: a, https: b}\n", final=["proxy_servers.https"]) == (
        "proxy_servers:\n  http: a\n  https: b  #!final\n"
    )
    with pytest.raises(Refused, match="it has no setting offline to mark"):
        plan("", final=["offline"])


def test_what_is_marked_moves_behind_comments():
    text = "debug: true\n# about offline\noffline: true\n"
    assert edited(text, final=["debug"]) == "# about offline\ndebug: true  #!final\noffline: true\n"
    assert edited("debug: true\n# end", final=["debug"]) == "# end\ndebug: true  #!final\n"
    text = "debug: true #!final\njson: false\n# about offline\noffline: true\n"
    assert edited(text, state="absent", settings={"json": 0}) == (
        "# about offline\ndebug: true #!final\noffline: true\n"
    )
    text = "channels:\n  # first\n  - a\n  - b\n"
    assert edited(text, final=["channels"]) == "channels:  #!final\n  - a\n  # first\n  - b\n"


def test_marks_of_items():
    text = "channels:\n  - a\n  # b is good\n  - b\n# tail\noffline: no\n"
    assert edited(text, marks={"channels": {"a": "top", "b": "bottom"}}) == (
        "# tail\nchannels:\n  # b is good\n  - a  #!top\n  - b  #!bottom\noffline: no\n"
    )
    assert edited("channels: [a]\n", marks={"channels": {"a": "top"}}) == "channels:\n  - a  #!top\n"
    assert edited("channels:\n  - a #!top\n", marks={"channels": {"a": "none"}}) == "channels:\n  - a\n"
    with pytest.raises(Refused, match="marks names c, which the list channels has not"):
        plan("channels: [a]\n", marks={"channels": {"c": "top"}})


@pytest.mark.parametrize(
    "text", ["- a\n", "a: *x\n", "a: b: c\n", "offline: true\noffline: false\n", "a: 2001-01-01\n"]
)
def test_what_cannot_be_read_is_not_changed(text):
    with pytest.raises(Refused, match="is not changed, as it cannot be read for certain"):
        plan(text, settings={"offline": True})


def test_a_value_of_the_wrong_kind_gives_way():
    assert edited("channels: x\n", settings={"channels": ["a"]}) == "channels:\n  - a\n"
    assert edited("ssl_verify:\n  - a\n", settings={"ssl_verify": True}) == "ssl_verify: true\n"
    with pytest.raises(Refused, match="channels is no list there"):
        plan("channels: x\n", append={"channels": ["a"]})


def test_what_changes_is_told_and_the_difference_hides_secrets():
    found = plan("proxy_servers:\n  http: http://u:old@h\n", settings={"proxy_servers.http": "http://u:new@h"})
    assert found.before == {"proxy_servers.http": "http://u:old@h"}
    assert "new" not in found.diff[1]
    assert "old" not in found.diff[0]
    found = plan("debug: true\n", settings={"debug": True, "channels": ["a"]}, final=["debug"])
    assert (found.before, found.after) == ({"debug": True}, {"debug": True, "channels": ["a"]})
    assert found.diff == ("debug: true\n", "debug: true  #!final\nchannels:\n  - a\n")


# Random documents and wishes.
NAMES = ("channels", "pkgs_dirs", "ssl_verify", "offline", "proxy_servers", "custom_channels", "env_prompt", "foreign")
TEXTS = st.sampled_from(
    [
        "a",
        "conda-forge",
        "https://u:p@h/t/x",
        "yes",
        "1.0",
        "0x1",
        "",
        " x",
        "x: y",
        "a #b",
        "'",
        '"',
        "é\n",
        "- a",
        "~",
        "%",
    ]
)
LISTS = st.lists(TEXTS, max_size=4, unique=True)
MAPS = st.dictionaries(st.sampled_from(["http", "https", "a b", "1", "x:y"]), TEXTS, max_size=3)
VALUES = {"channels": LISTS, "pkgs_dirs": LISTS, "proxy_servers": MAPS, "custom_channels": MAPS, "env_prompt": TEXTS}
VALUES.update(ssl_verify=st.booleans(), offline=st.booleans(), foreign=LISTS | MAPS | TEXTS)
MARKS = st.sampled_from(["", "", "", "  # note", "  #!final"])


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@st.composite
def entries(draw, name):
    """The lines of one setting, in one of the styles people write, and whether they hold comments."""
    value = draw(VALUES[name])
    if isinstance(value, bool):
        return ["%s: %s%s" % (name, str(value).lower(), draw(MARKS))]
    if isinstance(value, str):
        return ["%s:   %s%s" % (name, quoted(value), draw(MARKS))]
    if not value or draw(st.booleans()):
        if isinstance(value, list):
            return ["%s: [%s]%s" % (name, ", ".join(map(quoted, value)), draw(MARKS))]
        return [
            "%s: {%s}%s"
            % (
                name,
                ", ".join(map("%s: %s".__mod__, zip(map(quoted, value), map(quoted, value.values())))),
                draw(MARKS),
            )
        ]
    lines, margin = [name + ":" + draw(MARKS)], draw(st.sampled_from(["  ", "    "]))
    for item in value:
        if len(lines) > 1 and draw(st.integers(0, 4)) == 0:
            lines.append(margin + "# inside")
        text = "- " + quoted(item) if isinstance(value, list) else "%s: %s" % (quoted(item), quoted(value[item]))
        mark = draw(st.sampled_from(["", "", " # why", " #!top"] if isinstance(value, list) else ["", "", " # why"]))
        lines.append(margin + text + mark)
    return lines


@st.composite
def documents(draw):
    """The lines between and of the settings: [(name or None, lines)]."""
    parts = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5)):
        parts.append((None, draw(st.lists(st.sampled_from(["", "# between"]), max_size=2))))
        parts.append((name, draw(entries(name))))
    return [*parts, (None, draw(st.lists(st.sampled_from(["", "# between"]), max_size=2)))]


@st.composite
def wishes(draw):
    name = draw(st.sampled_from(NAMES[:-1]))
    kind = draw(st.sampled_from(["settings", "absent", "prepend", "remove"]))
    if kind == "absent":
        return {"state": "absent", "settings": {name: None}}
    if kind == "settings" or name not in ("channels", "pkgs_dirs"):
        wish = {"settings": {name: draw(VALUES[name])}}
        return dict(wish, final=draw(st.sampled_from([None, [], [name]])))
    return {kind: {name: draw(LISTS)}}


def ruamel_reads(yaml, text):
    """What conda finds in a file: {name: (value, mark)}; marks as conda/common/configuration.py takes them."""
    found = yaml.load(io.StringIO(text)) or {}
    marks = {}
    for name in found:
        token = found.ca.items.get(name, (None, None, None, None))[2]
        marks[name] = token.value.strip().strip("!#") if token is not None else ""
    return {name: (plain(value), marks[name] == "final") for name, value in found.items()}


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return (
        [plain(item) for item in value]
        if isinstance(value, list)
        else value
        if not isinstance(value, str)
        else str(value)
    )


@settings(deadline=None, derandomize=True, max_examples=400)
@given(documents(), wishes())
def test_any_document_takes_any_wish(parts, wish):
    ruamel = pytest.importorskip("ruamel.yaml")
    yaml = ruamel.YAML(typ="rt")
    text = "".join(line + "\n" for _name, lines in parts for line in lines)
    try:
        new = plan(text, **wish).text
    except Refused as error:
        assert "for certain" in str(error) or "would be lost" in str(error)
        return
    assert plan(new, **wish).text == new
    before, after = ruamel_reads(yaml, text), ruamel_reads(yaml, new)
    asked = next(iter(next(iter(wish[kind] for kind in ("settings", "prepend", "remove") if kind in wish))))
    assert {name: found for name, found in before.items() if name != asked} == {
        name: found for name, found in after.items() if name != asked
    }
    for name, lines in parts:
        if name is not None and name != asked:
            assert "\n".join(lines) in new
    assert new.count("# between") == text.count("# between")
    old = before.get(asked, (None, False))[0]
    if wish.get("state"):
        assert asked not in after
    elif "settings" in wish:
        assert after[asked][0] == wish["settings"][asked]
        assert wish["final"] is None or after[asked][1] == (asked in wish["final"])
    elif "prepend" in wish:
        first = wish["prepend"][asked]
        rest = [item for item in old or [] if item not in first]
        assert after.get(asked, ([], False))[0] == first + rest
    elif "remove" in wish and old is not None:
        assert after[asked][0] == [item for item in old if item not in wish["remove"][asked]]
