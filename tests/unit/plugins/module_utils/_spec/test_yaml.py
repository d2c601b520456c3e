# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The YAML reader: what it reads, what it refuses, and that it never reads otherwise than ruamel.yaml."""

from __future__ import annotations

import io
import sys
import time
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node, YamlError, read_yaml

BOUNDED = settings(deadline=None, derandomize=True, max_examples=150)


@pytest.fixture
def without_pyyaml(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)


def plain(node):
    """A node as Python values, with the types kept apart (1 is not True) and the order of keys kept."""
    if node.kind == "list":
        return [plain(item) for item in node.value]
    if node.kind == "map":
        return [(exact(key), plain(value)) for key, value in node.value.items()]
    return exact(node.value)


def exact(value):
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return [(exact(key), exact(item)) for key, item in value.items()]
    return (type(value).__name__, value)


def comments(text):
    """Which comment belongs to which value of a map, as {path: comment}."""
    found, nodes = {}, [("", read_yaml(text).root)]
    while nodes:
        path, node = nodes.pop()
        if node.comment:
            found[path] = node.comment
        children = enumerate(node.value) if node.kind == "list" else node.value.items() if node.kind == "map" else ()
        nodes += [("%s/%s" % (path, name), child) for name, child in children]
    return found


READ = [
    ("", None),
    ("# only a comment\n", None),
    ("---\n", None),
    ("\ufeffa: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
    ("--- # start\na: 1\n...\n# end\n", {"a": 1}),
    ("channels:\n  - conda-forge\n  - defaults\n", {"channels": ["conda-forge", "defaults"]}),
    ("channels:\n- a\n- b\nnext: 1\n", {"channels": ["a", "b"], "next": 1}),
    ("channels: [a, 'b', \"c\"]\n", {"channels": ["a", "b", "c"]}),
    ("channels: [\n  a,\n  b\n]\n", {"channels": ["a", "b"]}),
    ("proxy_servers: {http: http://p:3128, https: ''}", {"proxy_servers": {"http": "http://p:3128", "https": ""}}),
    ("a: {}\nb: []\nc: [[x], {y: z}]\n", {"a": {}, "b": [], "c": [["x"], {"y": "z"}]}),
    ("m:\n  x:\n    - 1\n    - - 2\n      - 3\n  y:\n", {"m": {"x": [1, [2, 3]], "y": None}}),
    ("- name: a\n  url: b\n-\n  name: c\n- d\n-\n", [{"name": "a", "url": "b"}, {"name": "c"}, "d", None]),
    ('http://h: x\n\'q: k\': y\n"d\\"k" : z\n', {"http://h": "x", "q: k": "y", 'd"k': "z"}),
    ("a: x#y # note\nb: it's\nc: 'it''s'\n", {"a": "x#y", "b": "it's", "c": "it's"}),
    ('"\\u00e9\\t\\\\\\x41\\/"', "é\t\\A/"),
    ("-\n- b\n-\n  - c\n", [None, "b", ["c"]]),
    ("[true, False, TRUE, yes, on, tRue]", [True, False, True, "yes", "on", "tRue"]),
    ("a: ~\nb: null\nc: None\nd: \n", {"a": None, "b": None, "c": "None", "d": None}),
    ("[0755, 0o17, 0x1F, -3, 0b11]", [755, 15, 31, -3, 3]),
    ("[3.10, 1e3, .5, 1., 1.2.3, 12:30]", [3.1, 1000.0, 0.5, 1.0, "1.2.3", "12:30"]),
    ("- -x\n- py >=3.9,<4\n- ${HOME}/p\n- ~/x\n", ["-x", "py >=3.9,<4", "${HOME}/p", "~/x"]),
    ("- http://u:p@h/t/x?y\n- a ? b\n- [a?b, c:d]\n", ["http://u:p@h/t/x?y", "a ? b", ["a?b", "c:d"]]),
]


@pytest.mark.parametrize("text, expected", READ)
def test_the_strict_reader_reads_the_common_forms(text, expected, without_pyyaml):
    assert plain(read_yaml(text).root) == exact(expected)


REFUSED = [
    ("a: b\n\tc: d\n", 2, "tab"),
    ("a:\tb\n", 1, "tab"),
    ("a: b\tc\n", 1, "tab"),
    ("a: &anchor b\n", 1, "anchor"),
    ("a: [1, *alias]\n", 1, "brackets"),
    ("a: 1\nb: *alias\n", 2, "alias"),
    ("a: !tag b\n", 1, "tag"),
    ("%YAML 1.1\n---\na: yes\n", 2, "document"),
    ("a: 1\n---\nb: 2\n", 2, "document"),
    ("--- a: 1\n", 1, "document"),
    ("a: 1\nb: 2\na: 3\n", 3, "already"),
    ("a: {b: 1, b: 2}\n", 1, "already"),
    ("1: a\n0x1: b\n", 2, "already"),
    ("? a\n: b\n", 1, "complex key"),
    ("a: 2026-01-31\n", 1, "date"),
    ("a: 2026-01-31 10:00:00\n", 1, "date"),
    ("a: 1_000\n", 1, "number"),
    ("a: .inf\n", 1, "number"),
    ("a: 1e999\n", 1, "number"),
    ("a: %s\n" % ("9" * 41), 1, "number"),
    ("<<: {a: 1}\n", 1, "merge key"),
    ("a: b: c\n", 1, "colon"),
    ("a: 'x' y\n", 1, "behind"),
    ("a: [x] y\n", 1, "behind"),
    ('a: "\\q"\n', 1, "escape"),
    ('a: "\\ud800"\n', 1, "escape"),
    ("a: - b\n", 1, "cannot start"),
    ("a: @b\n", 1, "cannot start"),
    ("a: 1\n- b\n", 2, "no key"),
    ("a: 1\nb\n", 2, "no key"),
    ("a:\n    b: 1\n  c: 2\n", 3, "indentation"),
    ("a: [1, 2\n", 1, "not closed"),
    ("a: [1, # one\n  2]\n", 1, "comment inside brackets"),
    ("a:\n  - # one\n    x\n", 2, "comment between"),
    ("a:\n- [b]\n# c\n- d\n", 4, "comment between"),
    ("a: b\x00\n", 1, "character"),
    ("a: b\nc: \u2028d\n", 2, "character"),
    ("- " * 40 + "1\n", 1, "deep"),
    ("a: %s\n" % ("[" * 40), 1, "deep"),
    ("a" * 1001 + ": 1\n", 1, "too long"),
]


@pytest.mark.parametrize("text, line, words", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_with_its_line(text, line, words):
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert (caught.value.line, words in caught.value.problem) == (line, True), caught.value
    assert str(caught.value) == "line %d: %s" % (line, caught.value.problem)


BEYOND = [
    ("a: |\n  one\n  two\nb: 1\n", {"a": "one\ntwo\n", "b": 1}),
    ("a: >-\n  one\n  two\nb: 1\n", {"a": "one two", "b": 1}),
    ("a: one\n  two\n", {"a": "one two"}),
    ("a:\n  one\n", {"a": "one"}),
    ("a: 'one\n  two'\n", {"a": "one two"}),
    ('a: {"b":1, c: [yes, 1.5]}\n', {"a": {"b": 1, "c": ["yes", 1.5]}}),
]


@pytest.mark.parametrize("text, expected", BEYOND)
def test_legal_yaml_beyond_the_strict_reader_needs_pyyaml(text, expected):
    pytest.importorskip("yaml", reason="PyYAML reads what the strict reader leaves out")
    document = read_yaml(text)
    assert (plain(document.root), document.comments) == (exact(expected), None)


@pytest.mark.parametrize("text", [text for text, _expected in BEYOND])
def test_without_pyyaml_it_is_refused(text, without_pyyaml):
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert caught.value.beyond


ALSO_REFUSED_BY_THE_FULL_READER = [
    "x: |\n  1\na: &b c\n",
    "x: |\n  1\na: [1, *b]\n",
    "x: |\n  1\na: !!str c\n",
    "x: |\n  1\nx: 2\n",
    "x: |\n  1\n---\ny: 2\n",
    "x: |\n  1\na: 2026-01-31\n",
    "x: |\n  1\n? a\n: b\n",
    "x: |\n  1\na: [1, # one\n 2]\n",
    "x: |\n  1\na: [b:,c]\n",
    "x: |\n  1\na: ['b':, c]\n",
    "x: |\n  1\na: {b:[c]}\n",
    "x: |\n  1\na:\n- [b]\n# c\n- d\n",
    'x: |\n  1\na: "\\ud800"\n',
    'x: |\n  1\na: "\\UFFFFFFFF"\n',
    "x: |\n  1\na: %s1%s\n" % ("[" * 40, "]" * 40),
    "x: |\n\n  1\n",
    "x: |\n  1\na: [",
]


@pytest.mark.parametrize("text", ALSO_REFUSED_BY_THE_FULL_READER)
def test_pyyaml_is_no_way_around_what_is_refused(text):
    pytest.importorskip("yaml", reason="PyYAML reads what the strict reader leaves out")
    with pytest.raises(YamlError):
        read_yaml(text)


def test_lines_are_those_of_keys_and_items():
    root = read_yaml("# c\na:\n\n  - x\n  - y\nb: {c: 1}\n").root.value
    assert (root["a"].line, [item.line for item in root["a"].value], root["b"].line) == (2, [4, 5], 6)


def test_lines_are_the_same_from_pyyaml():
    pytest.importorskip("yaml", reason="PyYAML reads what the strict reader leaves out")
    root = read_yaml("# c\na:\n\n  - x\n  - y\nb: {c: 1}\nz: |\n  1\n").root.value
    assert (root["a"].line, [item.line for item in root["a"].value], root["b"].line) == (2, [4, 5], 6)


# What ruamel.yaml attaches to which value. The last two decide whether conda sees a mark: it takes the whole comment.
ATTACHED = [
    ("a: 1 #!final\nb: 2\n", {"/a": "#!final"}),
    ("a: 1\n\n#!final\nb: 2\n", {"/a": "#!final"}),
    ("#!final\na: 1\n", {}),
    ("a: #!final\n  - x #!top\n  - y\n", {"/a": "#!final", "/a/0": "#!top"}),
    ("a:\n  #!final\n  - x\n", {}),
    ("a: [x] #!final\n", {"/a": "#!final"}),
    ("a: [x]\n#!final\nb: 1\n", {}),
    ("a: [x,\n  y] #!final\n", {"/a": "#!final"}),
    ("a: #!final\nb: 1\n", {"/a": "#!final"}),
    ("a:\n#!final\nb: 1\n", {}),
    ("a:\n  - x: 1 #!top\n    y: 2\n", {"/a/0/x": "#!top"}),
    ("a: 1 #!final\n# more\nb: 2\n", {"/a": "#!final\n# more"}),
    ("a: 1\n# more\n#!final\nb: 2\n", {"/a": "# more\n#!final"}),
]


@pytest.mark.parametrize("text, expected", ATTACHED)
def test_a_comment_belongs_to_the_value_before_it(text, expected, without_pyyaml):
    assert comments(text) == expected


@pytest.mark.parametrize("text, expected", ATTACHED)
def test_comments_are_the_same_from_pyyaml(text, expected):
    pytest.importorskip("yaml", reason="PyYAML reads what the strict reader leaves out")
    assert comments(text + "z: 'one\n  two'\n") == expected


words = st.text("abcxyz019._-/~ $:#'é\"[]{},&*!|>%@=<?\t\n", max_size=12) | st.sampled_from(
    ["true", "yes", "null", "~", "0x1F", "1e3", "3.10", "-", "- a", "a: b", "#c", " x", "x ", "<<", "2026-01-31", ""]
)
scalars = words | st.booleans() | st.none() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9, width=32)
keys = words | st.sampled_from(["channels", "ssl_verify", "http://h:1", "a b"]) | st.integers(0, 9)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
documents = st.dictionaries(keys, values, max_size=6)


def ruamel_yaml(**settings_):
    yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is the truth: conda reads with it").YAML(
        typ=settings_.pop("typ"), pure=True
    )
    for name, value in settings_.items():
        setattr(yaml, name, value)
    return yaml


def ruamel_reads(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exact(ruamel_yaml(typ="safe").load(text))


def assert_never_read_otherwise(text):
    try:
        ours = plain(read_yaml(text).root)
    except YamlError:
        return False
    assert ours == ruamel_reads(text)
    return True


@BOUNDED
@given(documents, st.sampled_from([True, False, None]), st.sampled_from([20, 4096]))
def test_what_ruamel_yaml_writes_is_read_as_it_reads_it_or_refused(value, flow, width):
    stream = io.StringIO()
    ruamel_yaml(typ="safe", default_flow_style=flow, width=width, allow_unicode=True).dump(value, stream)
    assert_never_read_otherwise(stream.getvalue())


@BOUNDED
@given(documents, st.sampled_from([True, False, None]), st.sampled_from([None, "'", '"', "|"]), st.booleans())
def test_what_pyyaml_writes_is_read_as_ruamel_yaml_reads_it_or_refused(value, flow, style, start):
    yaml = pytest.importorskip("yaml", reason="PyYAML writes the documents")
    text = yaml.safe_dump(
        value, default_flow_style=flow, default_style=style, allow_unicode=True, explicit_start=start, width=30
    )
    assert_never_read_otherwise(text)


simple = st.builds("{}{}".format, st.sampled_from("abcxyz/~"), st.text("abcxyz019._-/~", max_size=12))
simple_values = st.recursive(
    simple | st.booleans() | st.none() | st.integers(-99, 99),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(simple, inner, max_size=4),
    max_leaves=10,
)


@BOUNDED
@given(st.dictionaries(simple, simple_values, max_size=6), st.sampled_from([True, False, None]))
def test_an_ordinary_condarc_is_read_and_not_refused(value, flow):
    yaml = pytest.importorskip("yaml", reason="PyYAML writes the documents")
    text = yaml.safe_dump(value, default_flow_style=flow, width=4096, sort_keys=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "yaml", None)
        assert plain(read_yaml(text).root) == exact(value)


SAMPLE = """---
channels:  #!final
  - https://h/t/tk-0/main  # note
  - 'q x'  #!top
proxy_servers: {http: "http://p:1", https: ~}
envs_dirs:
- ~/envs
custom_multichannels:
  lab: [a, b]  #!final
  more:
    - |
      text
    - x
      y
ssl_verify: yes
"""
pieces = st.sampled_from(list(" \n:-#[]{},'\"!|>&*?\t%@~.a1") + ["\n  ", ": ", "- ", " #!final", "---", "\r"])
edits = st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.integers(0, 3), pieces), max_size=4)


@settings(BOUNDED, max_examples=400)
@given(edits)
@example([(0, 0, "%YAML 1.1\n")])
@example([(18, 0, "!!str ")])
def test_a_damaged_file_is_never_read_otherwise(changes):
    text = SAMPLE
    for position, size, piece in changes:
        text = text[:position] + piece + text[position + size :]
    assert_never_read_otherwise(text)


@settings(BOUNDED, max_examples=400)
@given(st.text(max_size=60) | st.text(" \n:-#[]{},'\"!|>&*?ax1", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        root = read_yaml(text).root
    except YamlError as err:
        assert 1 <= err.line <= text.count("\n") + text.count("\r") + 1
    else:
        assert isinstance(root, Node)


HOSTILE = {
    "list": "a:\n" + "  - x  # c\n" * 20000,
    "comments": "a: x\n" + "# c\n" * 50000,
    "values in comments": ("k:\n" + "# c\n" * 200) * 200,
    "spaces": "a: x" + " " * 200000 + "y\n",
    "brackets": "a: " + "[" * 100000,
    "flow": "a: [" + "x, " * 40000 + "]",
    "flow over lines": "a: [" + "x,\n" * 40000 + "]",
    "dashes": "- " * 100000,
    "colons": "a" + ":b" * 100000,
    "quotes": "a: '" + "''" * 100000,
    "escapes": 'a: "' + "\\n" * 100000,
    "digits": "a: " + "1" * 200000,
    "underscores": "a: " + "1_" * 100000 + "x",
    "indentation": "".join(" " * depth + "a:\n" for depth in range(600)),
    "block scalars": "".join("k%d: |\n  x\n" % number for number in range(4000)),
    "text over lines": "a: x\n" + "  y\n" * 20000,
    "unprintable": "a" * 200000 + "\x01",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_takes_time_in_proportion_to_its_size(name):
    start = time.process_time()
    try:
        read_yaml(HOSTILE[name])
    except YamlError as err:
        assert len(str(err)) < 120
    # A quadratic step over such a text takes minutes.
    assert time.process_time() - start < 10
