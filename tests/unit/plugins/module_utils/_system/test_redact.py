# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masking of secrets: none survives, what is none stays, and every text can be written as UTF-8."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import (
    MASK,
    clean,
    is_secret_name,
    mask_text,
)

BOUNDED = settings(deadline=None, derandomize=True, max_examples=300)


@pytest.mark.parametrize(
    "text, masked",
    [
        ("https://conda.anaconda.org/t/ab-1234-secret/private", "https://conda.anaconda.org/t/%s/private"),
        ("https://host/t/tk-123", "https://host/t/%s"),
        ("https://host/a/t/tk-1?x=1", "https://host/a/t/%s?x=1"),
        ("(see https://host/t/%41bc)", "(see https://host/t/%s)"),
        ("['https://host/t/tk-1/c', 'b']", "['https://host/t/%s/c', 'b']"),
        ("https://host/it's/t/tk-1", "https://host/it's/t/%s"),
        ("conda.anaconda.org/t/tk-1/c", "conda.anaconda.org/t/%s/c"),
        ("localhost:8080/t/tk-1", "localhost:8080/t/%s"),
        ("10.0.0.1/conda/t/tk-1", "10.0.0.1/conda/t/%s"),
        ("//host.org/t/tk-1", "//host.org/t/%s"),
        ("host%2Ft%2Ftk-1%2Fchannel", "host%2Ft%2F%s%2Fchannel"),
        ("https://alice:pw@host/channel", "https://%s@host/channel"),
        ("https://alice:p@ss:w@rd@host/channel/noarch", "https://%s@host/channel/noarch"),
        ("https://user:p@ss/word@host/channel", "https://%s@host/channel"),
        ("https://user:1/2@host/channel", "https://%s@host/channel"),
        ("https://me@lab.org:p/w@host", "https://%s@host"),
        ("https://user:a?b#c@host/channel", "https://%s@host/channel"),
        ("http://u:o'neill@proxy", "http://%s@proxy"),
        ('http://u:o"neill@proxy', "http://%s@proxy"),
        ("https://u:p@host/x?token=a@b/c&y=1", "https://%s@%s"),
        ("https://u:p@host/t/a@b", "https://%s@%s"),
        ("https://host.org/t/a@b/c", "https://host.org/t/%s/c"),
        ("https://token@host/x", "https://%s@host/x"),
        ("HTTPS://User:Pw@Host/", "HTTPS://%s@Host/"),
        ("https://u:p@a/1,https://u:p@b/2", "https://%s@a/1,https://%s@b/2"),
        ("//u:pw@host", "//%s@host"),
        ("user:pw@proxy:3128", "%s@proxy:3128"),
        ("http_proxy=user:pw@proxy", "http_proxy=%s@proxy"),
        ("{'http': 'lab\\user:pw@proxy'}", "{'http': '%s@proxy'}"),
        ("https%3A%2F%2Fu%3Apw%40host%2Fc", "https%3A%2F%2F%s%40host%2Fc"),
        ("u%3Apw@host", "%s@host"),
        ("conda install -c https://u:p@h/c numpy", "conda install -c https://%s@h/c numpy"),
        ("https://host/x?token=abc&y=1", "https://host/x?token=%s&y=1"),
        ("https://host/x?y=1&auth=abc#z", "https://host/x?y=1&auth=%s#z"),
        ("'https://host/x?key=o'neill'", "'https://host/x?key=%s'"),
        ("https://host/x?X-Amz-Signature=abc", "https://host/x?X-Amz-Signature=%s"),
        ("anaconda --token abc upload", "anaconda --token %s upload"),
        ("anaconda --token\tabc", "anaconda --token\t%s"),
        ("anaconda --token='a b' upload", "anaconda --token='%s' upload"),
        ("""anaconda --token 'a'"'"'b c' upload""", "anaconda --token '%s' upload"),
        ('anaconda --token "a \\" b" upload', 'anaconda --token "%s" upload'),
        ("anaconda --token 'a b", "anaconda --token '%s'"),
        ("anaconda --api-key=abc&d upload", "anaconda --api-key=%s upload"),
        ("['--token', 'abc', 'x']", "['--token', '%s', 'x']"),
        ("HF_TOKEN=abc PGPASSWORD=d x", "HF_TOKEN=%s PGPASSWORD=%s x"),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer %s' x"),
        ("authorization: abc", "authorization: %s"),
        ("Bearer Bearer abc", "Bearer Bearer %s"),
    ],
)
def test_secrets_in_texts_are_masked(text, masked):
    assert mask_text(text) == masked.replace("%s", MASK)


HONEST = [
    "https://conda.anaconda.org/conda-forge/linux-64/numpy-2.3.0-py313_0.conda",
    "https://repo.anaconda.com/pkgs/main",
    "https://mirror.lab:8080/channel/a@b",
    "https://host/pkg?x=1",
    "https://host/x?author=a&monkey=b",
    "https://conda.anaconda.org/t",
    "git+ssh://git@github.com/org/repo.git@v1",
    "git+https://github.com/org/repo@main",
    "git@github.com:org/repo.git",
    "file:///home/t/tom",
    "file:///home/alice@lab.org/channel",
    "pkgs/main",
    "/opt/test/bin/python",
    "/home/alice/at/tokens",
    "/home/t/tom",
    "/home/t/tom/miniconda3/envs/x.y",
    "/home/alice@lab.org/t/x",
    "/t/tk-123/channel",
    "~/.x/t/y",
    "./x.y/t/z",
    "numpy-1.2/t/x",
    "PATH=/home/t/tom/bin:/usr/bin:/home/alice@lab.org/bin",
    "numpy >=1.5,<2|==1.4",
    "python=3.12",
    "google-auth=2.0",
    "python-token 1.0",
    "numpy@1.2",
    "defaults::numpy@1.2",
    "defaults::conda-4.3.16-py36_0",
    "conda-forge/linux-64::numpy[version='>=1.2',build=py*]",
    "mail@host",
    "Alice <alice@lab.org>",
    "author: x, keyring, passed: 3",
    "/opt/conda/bin/conda create -n x --yes --file /home/t/spec.txt",
    "conda config --set add_anaconda_token true",
    "a%2Fb%40c",
]


@pytest.mark.parametrize("text", HONEST)
def test_what_is_no_secret_stays(text):
    assert mask_text(text) == text
    assert clean({"path": [text]}) == {"path": [text]}


HOME_PART = st.text(alphabet="abct019_-.", min_size=1, max_size=8)


@given(st.lists(HOME_PART, min_size=1, max_size=6), st.sampled_from(["/", "/home/t/", "file:///t/", "PATH=/t/"]))
@BOUNDED
def test_no_path_on_disk_is_changed(parts, start):
    path = start + "/".join(parts)
    assert mask_text(path) == path


@given(
    st.sampled_from(
        ["conda-forge", "defaults", "pkgs/main", "https://conda.anaconda.org/bioconda", "http://mirror:80/c"]
    ),
    st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True).filter(lambda name: not is_secret_name(name)),
    st.from_regex(r"(==?|>=|<)?[0-9]{1,4}(\.[0-9]{1,3}){0,3}(=py[0-9]{1,3}_[0-9])?", fullmatch=True),
)
@BOUNDED
def test_no_match_spec_or_command_line_is_changed(channel, name, version):
    for text in (
        "%s::%s%s" % (channel, name, version),
        "conda install -c %s '%s%s'" % (channel, name, version),
        "['%s', '%s%s']" % (channel, name, version),
        "%s/linux-64/%s-1.0-0.tar.bz2" % (channel, name),
    ):
        assert mask_text(text) == text


# A mark on both ends tells the secret apart from the text around it; whatever is in between may not stay whole, and
# neither mark may stay.
def assert_masked(form, secret):
    masked = mask_text(form.replace("{}", "Q7" + secret + "Z9"))
    assert "Q7" not in masked
    assert "Z9" not in masked
    assert mask_text(masked) == masked


@given(
    st.text(alphabet="abcXYZ019-_.~%!$&'\"()*+,;=:@/?#[]\\\xe9", max_size=30),
    st.sampled_from(
        [
            "https://user:{}@host/ch",
            "http://{}:x@host:80/ch/linux-64/x-1-0.conda",
            "conda install -c ftp://u:{}@host.org",
            "['https://u:{}@host', 'b']",
            "//u:{}@host",
            "user:{}@proxy:3128",
            "http_proxy=user:{}@proxy",
        ]
    ),
)
@BOUNDED
def test_no_password_in_a_url_survives(secret, form):
    if "{}:x" in form:
        secret = secret.replace("/", "").replace("?", "").replace("#", "")
    assert_masked(form, secret)


@given(
    st.text(alphabet="abc019-_.~%!$&*+=@\xe9", max_size=1000),
    st.sampled_from(
        ["https://host{}", "https://host:8080/a{}", "x host.org/b{} y", "localhost{}", '{"a":"http://h{}"}']
    ),
    st.sampled_from(["", "/c/noarch", "?x", "#x", ")", "]", ",", ";", ":", '"', " "]),
)
@BOUNDED
def test_no_token_in_a_url_survives(secret, form, after):
    assert_masked(form.replace("{}", "/t/{}" + after), secret)


@given(
    st.text(alphabet="abc019-_.~%!$*+=:@/?,;()[]\xe9", max_size=40),
    st.sampled_from(
        [
            "anaconda --token {} upload",
            "anaconda --token={}",
            "anaconda --token\t{}",
            "x --auth-token '{} {}' y",
            'x --db-password="{} {}"',
            "-H 'Authorization: Bearer {}' x",
            "Authorization: token {}",
            "Bearer {}",
            "https://host.org/x?token={}&y=1",
            "https://u:p@host/x?y=1&auth={}",
            "https://host.org/x?access_key={}",
            "MY_SECRET={} x",
        ]
    ),
)
@BOUNDED
def test_no_secret_of_an_option_header_or_parameter_survives(secret, form):
    assert_masked(form, secret)


@given(st.text(alphabet="abc019-_.~%2F:", max_size=30))
@BOUNDED
def test_no_encoded_secret_survives(secret):
    assert_masked("https%3A%2F%2Fuser%3A{}%40host%2Fc", secret)
    assert_masked("https%3A%2F%2Fhost%2Ft%2F{}", secret.replace("%", "").replace(":", ""))


@pytest.mark.parametrize(
    "name",
    "token anaconda_token authtoken auth_token accessToken pass DB_PASS pwd MYSQL_PWD passphrase PASSWORD2 PGPASSWORD "
    "auth bearer api_key apiKey client-secret credentials".split(),
)
def test_names_of_secrets_are_known(name):
    assert is_secret_name(name)
    assert clean({name: "x"}) == {name: MASK}


@pytest.mark.parametrize(
    "name", "path PATH passed bypass compass keys key author authority monkey tokenizer client_ssl_cert name".split()
)
def test_names_of_no_secrets_are_known(name):
    assert not is_secret_name(name)
    assert clean({name: "x"}) == {name: "x"}


def test_all_under_a_secret_name_is_masked_but_true_false_and_null():
    assert clean({"my_token": [1, 2.5, "x", {"a": ("y", None), "source": "z"}, True, ""]}) == {
        "my_token": [MASK, MASK, MASK, {"a": [MASK, None], "source": MASK}, True, ""]
    }
    assert clean({"add_anaconda_token": True, "password": None}) == {"add_anaconda_token": True, "password": None}


def test_what_is_told_about_a_setting_stays():
    about = {
        "source": "/home/t/tom/.condarc",
        "sources": ["/home/t/tom/.condarc", "https://u:p@h/"],
        "line": 3,
        "final": False,
        "known": True,
        "ignored": [],
        "problem": None,
    }
    cleaned = clean({"anaconda_token": dict(about, value={"source": "S", "known": 7})})
    assert cleaned == {
        "anaconda_token": dict(
            about, sources=["/home/t/tom/.condarc", "https://%s@h/" % MASK], value={"source": MASK, "known": MASK}
        )
    }
    assert clean({"add_anaconda_token": dict(about, value=True)})["add_anaconda_token"]["value"] is True
    assert clean({"token": {"source": "S"}}) == {"token": {"source": MASK}}


def test_a_value_is_masked_all_through_and_its_odd_bytes_are_readable():
    value = {
        "https://u:p@h/": [("https://h/t/tk-1/c",), 1, None, True],
        "bytes": os.fsdecode(b"/home/\xff\xfe"),
        "lone": "\ud800 \udfff",
        "utf8": "\udcc3\udca9",
        7: 1.5,
    }
    assert clean(value) == {
        "https://%s@h/" % MASK: [["https://h/t/%s/c" % MASK], 1, None, True],
        "bytes": "/home/\\xff\\xfe",
        "lone": "\\ud800 \\udfff",
        "utf8": "\xe9",
        "7": 1.5,
    }


ANY_TEXT = st.text(alphabet=st.characters(blacklist_categories=()), max_size=200)


@given(ANY_TEXT)
@BOUNDED
def test_every_text_can_be_written_as_utf8_and_read_by_any_json_reader(text):
    cleaned = clean({text: [text], "password": text})
    assert json.loads(json.dumps(cleaned, ensure_ascii=False).encode("utf-8").decode("utf-8")) == cleaned
    assert clean(cleaned) == cleaned


PIECES = (
    "https:// // / /t/ : @ ? & ; = ' \" , ( [ ] % %3A %2F %40 -- token password key auth Bearer host.org a \\".split()
)


@given(st.lists(st.sampled_from(PIECES + [" ", "\t", "\n", "\xe9"]), max_size=30).map("".join))
@settings(deadline=None, derandomize=True, max_examples=1500)
def test_masking_twice_is_masking_once(text):
    once = mask_text(text)
    assert mask_text(once) == once


@pytest.mark.parametrize(
    "unit",
    PIECES
    + [
        "a:b@",
        "https://h/t/x",
        "a.",
        "a.b/",
        "[:",
        "--token=",
        "--token '",
        '"\\',
        "bearer ",
        "?a_",
        "_key",
        "-",
        "=\t",
    ],
)
@pytest.mark.parametrize("start, end", [("", ""), ("u:", "@h"), ("", "/t/x token"), ("--token='", "\n")])
def test_a_hostile_text_takes_linear_time(unit, start, end):
    text = start + unit * (200000 // len(unit)) + end
    begun = time.process_time()
    mask_text(text)
    # A quadratic pattern takes minutes.
    assert time.process_time() - begun < 4


def test_the_name_of_a_setting_that_is_to_be_removed_is_no_secret():
    assert (
        mask_text("conda config --remove-key solver --api-key abc")
        == "conda config --remove-key solver --api-key ********"
    )
