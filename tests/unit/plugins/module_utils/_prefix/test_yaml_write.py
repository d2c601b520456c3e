# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values written as YAML: our reader, ruamel.yaml as conda uses it, and PyYAML all read the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import (
    Unwritable,
    flow,
    identity,
    pair,
    plain,
    scalar,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import read_yaml

BOUNDED = settings(deadline=None, derandomize=True, max_examples=300)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
NUMBERS = st.integers(-(10**12), 10**12) | st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
SCALARS = TEXTS | NUMBERS | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def test_text_has_quotes_where_it_needs_them():
    for text in ("conda-forge", "https://host/t/x", "/opt/conda", "~/envs", "$HOME/x", "a b", "x=1"):
        assert scalar(text) == text
    for text in (
        "",
        "yes",
        "No",
        "null",
        "~",
        "1.0",
        "0x1",
        "2001-01-01",
        " x",
        "x ",
        "- a",
        "a: b",
        "a #b",
        "x:",
        "it's",
    ):
        assert scalar(text)[0] == "'"
    assert scalar("é\nb\x07\u2028") == '"\\xe9\\nb\\x07\\u2028"'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\udc80", {}, []])
def test_what_yaml_has_not_is_not_written(value):
    with pytest.raises(Unwritable):
        scalar(value)


@BOUNDED
@given(TEXTS.filter(lambda key: len(key) < 100), VALUES)
@example("k", {"a": [{"b": [[], {}]}, "x"], "y": None})
def test_our_reader_reads_what_was_written(key, value):
    text = "".join(line + "\n" for line in pair(key, value, 2))
    assert identity(plain(read_yaml(text).root)) == identity({key: value})


@BOUNDED
@given(st.lists(SCALARS, max_size=4) | st.dictionaries(TEXTS, SCALARS, max_size=4))
def test_our_reader_reads_brackets(value):
    assert identity(plain(read_yaml("k: %s\n" % flow(value)).root)) == identity({"k": value})


@BOUNDED
@given(TEXTS, VALUES)
def test_others_read_the_same(key, value):
    ruamel, yaml = pytest.importorskip("ruamel.yaml"), pytest.importorskip("yaml")
    text = "".join(line + "\n" for line in pair(key, value, 0))
    for read in (ruamel.YAML(typ="safe", pure=True).load, yaml.safe_load):
        assert identity(read(text)) == identity({key: value})
