# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What real versions have answered, read without a word of their messages (transcripts/README.md)."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import (
    Answer,
    Plan,
    found_packages,
    parse_answer,
    solver_works,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._documents import json_documents
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package, by_version, parse_package
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import KINDS, ToolError

NEW = ("conda-4.12.0", "conda-22.11.1", "conda-24.11.3", "conda-26.7.0")
OLD = ("conda-4.2.7", "conda-4.3.13", "conda-4.3.16")
MICROMAMBA = ("micromamba-2.3.3", "micromamba-2.8.1")
FOLDER = os.path.join(os.path.dirname(__file__), "transcripts")
CONDA = Tool("conda", "26.7.0", "/opt/conda/bin/conda", "/opt/conda")


def names(packages):
    return ["%s-%s-%s" % package[:3] for package in packages]


def outcome(answer):
    return answer.error.kind if answer.error else "nothing" if answer.nothing_to_do else "done"


def every_recording():
    for file_name in sorted(os.listdir(FOLDER)):
        if file_name.endswith(".json"):
            with open(os.path.join(FOLDER, file_name), encoding="utf-8") as stream:
                for name in sorted(json.load(stream)):
                    yield file_name[:-5], name


# --- plans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("conda-4.12.0", "4.12.0", "22.11.1"),
        ("conda-22.11.1", "22.11.1", "23.11.0"),
        ("conda-24.11.3", "24.11.3", "25.5.1"),
        ("conda-26.7.0", "26.7.0", "26.7.1"),
    ],
)
@pytest.mark.parametrize("name", ["selfupdate-next-dry", "selfupdate-next"])
def test_a_plan_and_its_execution(recorded, source, old, new, name):
    answer = recorded(source, name).answer()
    assert (answer.success, answer.nothing_to_do, answer.error) == (True, False, None)
    changes = {change.name: change for change in answer.actions.changes}
    conda = changes["conda"]
    assert (conda.before.version, conda.after.version, conda.kind) == (old, new, "updated")
    assert answer.actions.prefix == "/opt/" + source
    fetched = next(package for package in answer.actions.fetch if package.name == "conda")
    assert fetched.version == new and fetched.size > 100000 and len(fetched.sha256) == 64 and len(fetched.md5) == 32
    assert fetched.url.startswith("file:///srv/channels/conda-forge/linux-64/conda-" + new)
    assert answer.actions.download_size == sum(package.size for package in answer.actions.fetch)


@pytest.mark.parametrize("source", MICROMAMBA)
def test_a_plan_of_micromamba_which_writes_null_for_an_empty_list_in_2_3(recorded, source):
    plan = recorded(source, "update-dry").answer().actions
    assert (names(plan.unlink), names(plan.link)) == (["demo-1.0-0"], ["demo-2.0-0"])
    assert plan.download_size == 1425 and plan.link[0].depends == ()


@pytest.mark.parametrize("source", ["conda-4.3.13"])
def test_trap_conda_4_3_lists_its_actions(recorded, source):
    recording = recorded(source, "update-conda-dry")
    assert isinstance(json.loads(recording.stdout)["actions"], list)
    answer = recording.answer()
    assert answer.success and not answer.nothing_to_do
    assert names(answer.actions.unlink) == ["conda-4.3.13-py36_0"]
    assert names(answer.actions.link) == ["conda-4.3.16-py36_0"]
    assert answer.actions.prefix == "/lab/base-4.3.13"
    assert answer.actions.download_size is None  # it does not tell what it downloads


def test_trap_the_dry_run_of_conda_4_2_exits_1_with_two_documents_though_all_is_well(recorded):
    recording = recorded("conda-4.2.7", "update-conda-dry")
    assert recording.code == 1 and len(json_documents(recording.stdout)) == 2
    answer = recording.answer()
    assert (answer.success, answer.error, answer.nothing_to_do) == (True, None, False)
    assert names(answer.actions.link) == ["conda-4.3.16-py36_0"]
    assert names(answer.actions.fetch) == ["conda-4.3.16-py36_0"] and answer.actions.download_size is None


def test_the_excuse_of_4_2_holds_for_its_dry_runs_only(recorded):
    recording = recorded("conda-4.2.7", "update-conda-dry")
    assert not recording.answer("search").success
    recording.tool = recording.tool._replace(version="4.3.16")
    assert recording.answer().error.kind == "crash"


@pytest.mark.parametrize(
    ("source", "link", "unlink"),
    [
        ("conda-4.2.7", "conda-4.3.16-py36_0", "conda-4.2.7-py36_0"),
        ("conda-4.3.13", "conda-4.3.16-py36_0", "conda-4.3.13-py36_0"),
    ],
)
@pytest.mark.parametrize("name", ["conda-pin-up", "update-conda-progress"])
def test_what_old_condas_have_done_is_told_in_texts(recorded, source, link, unlink, name):
    plan = recorded(source, name).answer().actions
    assert (names(plan.link), names(plan.unlink)) == ([link], [unlink])


@pytest.mark.parametrize("source", OLD)
def test_a_downgrade_by_an_exact_version(recorded, source):
    answer = recorded(source, "conda-pin-down").answer()
    assert [(c.name, c.kind) for c in answer.actions.changes] == [("conda", "downgraded")]


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("click-6.7-py36_0 1", ("click", "6.7", "py36_0", None)),
        ("defaults::conda-4.3.16-py36_0", ("conda", "4.3.16", "py36_0", "defaults")),
        ("http://h/ch/linux-64::a-b-1-0", ("a-b", "1", "0", "http://h/ch/linux-64")),
        ("a-1-0.tar.bz2", ("a", "1", "0", None)),
    ],
)
def test_a_package_in_a_text(text, package):
    found = parse_package(text)
    assert (*found[:3], found.channel) == package


@pytest.mark.parametrize("value", ["", "a-1", "a", None, 3, {}, {"name": "a", "version": 1, "build": "0"}, []])
def test_what_is_no_package(value):
    assert parse_package(value) is None


def test_a_map_with_no_more_than_a_dist_name_is_a_package():
    assert parse_package({"dist_name": "a-1-0"}) == Package("a", "1", "0")


# --- nothing to do ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name"),
    [
        *[(source, "selfupdate-again") for source in NEW],
        *[(source, "install-again") for source in OLD],
        *[(source, "update-conda-again") for source in OLD],
        ("conda-4.3.16", "update-conda-dry"),
        ("conda-4.3.16", "rollback-dry"),
        *[(source, "update-again") for source in MICROMAMBA],
    ],
)
def test_nothing_to_do_in_all_its_shapes(recorded, source, name):
    answer = recorded(source, name).answer()
    assert (answer.success, answer.nothing_to_do, answer.error) == (True, True, None)
    assert answer.actions.is_empty and answer.actions.download_size == 0


# --- text around the document ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["conda-4.2.7", "conda-4.3.13"])
def test_trap_progress_documents_between_nul_bytes(recorded, source):
    recording = recorded(source, "update-conda-progress")
    assert b"\0" in recording.stdout and recording.stdout.count(b'{"fetch"') > 2
    assert len(recording.answer().documents) == 1


@pytest.mark.parametrize("source", ["conda-4.12.0", "conda-22.11.1"])
def test_trap_progress_documents_before_an_error(recorded, source):
    recording = recorded(source, "readonly-update-base")
    assert recording.stdout.count(b'{"fetch"') > 50
    assert len(recording.answer().documents) == 1
    assert recording.answer().error.kind == "not_writable"


@pytest.mark.parametrize("name", ["self-buf", "self-unbuf"])
def test_trap_conda_self_mixes_text_into_its_answer_before_or_after_the_document(recorded, name):
    recording = recorded("conda-26.7.0", name)
    with pytest.raises(ValueError):
        json.loads(recording.stdout)
    answer = recording.answer("self_update")
    assert answer.success and names(answer.actions.unlink) == ["conda-26.7.0-py311h06a4308_0"]


def test_trap_conda_self_prints_a_success_and_then_a_failure(recorded):
    answer = recorded("conda-26.7.0", "self-install-nonplugin").answer("self_update")
    assert [document.get("success") for document in answer.documents] == [True, None]
    assert not answer.success and answer.error.name == "NotAPluginError"


@pytest.mark.parametrize(
    ("name", "nothing"), [("self-update", False), ("self-update-again", True), ("self-update-all-dry", True)]
)
def test_conda_self_update(recorded, name, nothing):
    answer = recorded("conda-26.7.0", name).answer("self_update")
    assert (answer.success, answer.nothing_to_do) == (True, nothing)


@pytest.mark.parametrize("source", MICROMAMBA)
def test_trap_micromamba_prints_its_question_in_front_of_the_document(recorded, source):
    recording = recorded(source, "install-noyes-json")
    assert recording.stdout.startswith(b"Confirm changes: [Y/n] {")
    assert names(recording.answer().actions.link) == ["demo-1.1-0"]


def test_trap_download_only_answers_on_stderr():
    document = b'{"exception_name": "CondaExitZero", "message": "Package caches prepared."}'
    assert parse_answer(b"", document, 0, tool=CONDA, what="apply").success
    failed = b'{"exception_name": "CondaHTTPError", "message": "no"}'
    assert not parse_answer(b"", failed, 0, tool=CONDA, what="apply").success


def test_trap_a_banner_on_stderr_is_no_error(recorded):
    recording = recorded("conda-24.11.3", "auto-noupdatedeps")
    assert recording.stderr and recording.answer().success


def test_trap_no_update_deps_does_not_keep_conda_from_being_updated(recorded):
    recording = recorded("conda-24.11.3", "auto-noupdatedeps")
    assert "--no-update-deps" in recording.command
    assert "conda" in {change.name for change in recording.answer().actions.changes}


def test_a_document_that_is_cut_off_is_none_and_neither_is_what_is_inside_it(recorded):
    whole = recorded("conda-26.7.0", "selfupdate-next").stdout
    for length in range(1, len(whole) - 1, 97):
        assert json_documents(whole[:length]) == []
    assert len(json_documents(whole)) == 1


@pytest.mark.parametrize(
    "output", [b"", b"{", b"[1, 2]", b"text {with} braces", b"\xff\xfe{\n", b'{"a":' * 5000, b"\0" * 50, b'"{"']
)
def test_what_holds_no_document(output):
    assert json_documents(output) == []
    assert parse_answer(output, b"", 0, tool=CONDA, what="plan").error.kind == "crash"


def test_documents_stand_in_any_text():
    progress = b'{"fetch": "a", "progress": 1, "finished": true}'
    text = b'x {y}\n{"a": {"b": 1}}Updating conda (installed: 1)...\n%s\n\0{"c": 2} z' % progress
    assert json_documents(text) == [{"a": {"b": 1}}, {"c": 2}]


# --- errors ----------------------------------------------------------------------------------------------------------

ERRORS = [
    *[(source, "notfound", "not_found") for source in NEW],
    *[(source, "create-missing", "not_found") for source in OLD],
    *[(source, "update-notinst", "not_found") for source in OLD],
    *[(source, "update-notinstalled", "not_found") for source in NEW],
    *[(source, "conflict-dry", "unsatisfiable") for source in NEW],
    *[(source, "unsat-dep", "unsatisfiable") for source in NEW],
    ("conda-4.3.16", "create-conflict", "unsatisfiable"),
    ("conda-26.7.0-classic", "conflict", "unsatisfiable"),
    ("conda-26.7.0-rattler", "conflict", "unsatisfiable"),
    ("conda-26.7.0-rattler", "notfound", "not_found"),
    ("conda-26.7.0", "frozen-update", "frozen"),
    *[(source, "readonly-update-base", "not_writable") for source in NEW],
    *[(source, "http-404-channel", "channel_unreachable") for source in NEW],
    *[(source, "http-404-package", "channel_unreachable") for source in NEW],
    *[(source, "http-500-channel", "channel_unreachable") for source in NEW],
    *[(source, "http-refused", "channel_unreachable") for source in NEW],
    *[(source, "package-gone", "channel_unreachable") for source in NEW],
    *[(source, "http-checksum", "checksum") for source in NEW],
    ("conda-26.7.0", "corrupt-checksum", "checksum"),
    ("conda-4.12.0", "http-html-channel", "bad_index"),
    ("conda-22.11.1", "http-html-channel", "bad_index"),
    ("conda-26.7.0", "http-html-channel", "bad_index"),
    ("conda-26.7.0", "postlink-fail", "link_failed"),
    ("conda-26.7.0", "term-update", "interrupted"),
    ("conda-26.7.0", "term-selfupdate", "interrupted"),
    ("conda-26.7.0", "int-selfupdate", "interrupted"),
    ("micromamba-2.8.1", "term-update", "interrupted"),
    ("conda-26.7.0", "update-dry", "terms_of_service"),
    ("conda-26.7.0", "update-dry-3", "terms_of_service"),
    ("conda-26.7.0", "search", "terms_of_service"),
    ("conda-24.11.3", "enospc-link", "no_space"),
    ("conda-26.7.0", "enospc-link", "no_space"),
    ("conda-26.7.0", "enospc-selfupdate-warm", "no_space"),
    *[(source, "install-noenv", "not_an_environment") for source in NEW],
    ("conda-4.12.0", "badspec", "bad_spec"),
    ("conda-22.11.1", "badspec", "bad_spec"),
    *[(source, "badflag", "usage") for source in (*NEW, *MICROMAMBA)],
    *[(source, "badarg", "usage") for source in OLD],
    ("conda-4.12.0", "base-then-update", "crash"),
    ("conda-4.3.16", "rollback-O", "crash"),
    ("conda-26.7.0", "enospc-fetch", "crash"),
    *[(source, "notfound", "unsatisfiable") for source in MICROMAMBA],
    *[(source, "conflict", "unsatisfiable") for source in MICROMAMBA],
    *[(source, "http-404-channel", "other") for source in MICROMAMBA],
]


@pytest.mark.parametrize(("source", "name", "kind"), ERRORS)
def test_errors_by_kind(recorded, source, name, kind):
    answer = recorded(source, name).answer()
    assert (answer.success, answer.nothing_to_do) == (False, False)
    assert answer.error.kind == kind
    assert answer.error.message


@pytest.mark.parametrize(
    ("source", "name"),
    [
        *[(source, "postlink-fail") for source in NEW[:3]],
        *[(source, "term-update") for source in NEW[:3]],
        *[(source, "corrupt-checksum") for source in NEW[:3]],
        ("conda-24.11.3", "term-selfupdate"),
        ("conda-24.11.3", "enospc-fetch"),
        ("conda-24.11.3", "badspec"),
        ("conda-26.7.0", "badspec"),
    ],
)
def test_trap_errors_with_no_json_at_all_are_failures(recorded, source, name):
    recording = recorded(source, name)
    answer = recording.answer()
    assert not answer.success and answer.documents == ()
    assert answer.error.kind == "crash" and answer.error.details == {"exit_code": 1}
    assert "Traceback" not in recording.stderr.decode() or answer.error.message


@pytest.mark.parametrize("name", ["http-checksum", "readonly-install"])
def test_trap_micromamba_2_3_says_success_with_exit_code_1(recorded, name):
    recording = recorded("micromamba-2.3.3", name)
    assert json_documents(recording.stdout)[0]["success"] is True
    answer = recording.answer()
    assert (answer.success, answer.nothing_to_do, answer.error.kind) == (False, False, "other")
    assert "libmamba" in answer.error.message


@pytest.mark.parametrize("name", ["http-checksum", "readonly-install"])
def test_micromamba_2_8_says_failure_and_why_on_stderr(recorded, name):
    answer = recorded("micromamba-2.8.1", name).answer()
    assert (answer.success, answer.error.kind) == (False, "other")
    assert "libmamba" in answer.error.message


@pytest.mark.parametrize("source", NEW)
def test_several_errors_at_once_tell_the_one_that_says_most(recorded, source):
    error = recorded(source, "http-checksum").answer().error
    assert error.name == "ChecksumMismatchError"
    assert error.details["expected_checksum"] != error.details["actual_checksum"]


def test_the_tuple_of_an_internal_failure_among_several_errors_is_passed_over(recorded):
    error = recorded("conda-26.7.0", "term-update").answer().error
    assert (error.name, error.details["signal_name"]) == ("CondaSignalInterrupt", "SIGTERM")
    assert "all_names" not in error.details


def test_several_errors_of_which_none_can_be_read():
    text = b'{"exception_name": "CondaMultiError", "error": "Multiple", "errors": ["()", 3, {}]}'
    error = parse_answer(text, b"", 1, tool=CONDA, what="apply").error
    assert (error.name, error.kind, error.message) == ("CondaMultiError", "other", "Multiple")


@pytest.mark.parametrize("code", [-15, -9, 143, 137])
def test_a_tool_that_a_signal_has_ended_was_interrupted_whatever_it_has_written(recorded, code):
    recording = recorded("conda-26.7.0", "selfupdate-next")
    answer = parse_answer(recording.stdout, b"", code, tool=recording.tool, what="apply")
    assert (answer.success, answer.error.kind) == (False, "interrupted")
    assert answer.error.details == {"signal": 15 if code in (-15, 143) else 9}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NoChannelsConfiguredError", "no_channels"),
        ("NoBaseEnvironmentError", "not_an_environment"),
        ("DirectoryNotACondaEnvironmentError", "not_an_environment"),
        ("PackagesNotFoundInPrefixError", "not_found"),
        ("SpecsConfigurationConflictError", "unsatisfiable"),
        ("RemoveError", "protected"),
        ("ChannelDenied", "channel_not_allowed"),
        ("SomethingNewError", "other"),
    ],
)
def test_errors_that_were_not_recorded(name, kind):
    text = json.dumps({"exception_name": name, "message": "m", "error": name + ": m"}).encode()
    assert parse_answer(text, b"", 1, tool=CONDA, what="plan").error == ToolError(name, kind, "m", {})


@pytest.mark.parametrize("document", [b'{"success": false}', b'{"error": "x"}', b'{"exception_name": "X"}'])
def test_a_failure_in_the_document_is_one_whatever_the_exit_code_says(document):
    assert not parse_answer(document, b"", 0, tool=CONDA, what="apply").success


def test_no_word_of_a_message_decides():
    for message in ("frozen", "No space left on device", "not writable", "All requested packages already installed."):
        text = json.dumps({"exception_name": "StrangeError", "message": message, "error": message}).encode()
        assert parse_answer(text, b"", 1, tool=CONDA, what="plan").error.kind == "other"


@pytest.mark.parametrize(
    ("number", "kind"), [(28, "no_space"), (13, "not_writable"), (30, "not_writable"), (5, "other")]
)
def test_errors_of_the_operating_system_by_their_numbers(number, kind):
    text = json.dumps({"exception_name": "CondaOSError", "message": "m", "caused_by": "OSError(%d, 'x')" % number})
    assert parse_answer(text.encode(), b"", 1, tool=CONDA, what="apply").error.kind == kind


def test_secrets_are_masked_in_messages_details_and_stderr():
    secret = "https://ann:s3cr3t@host/t/t0k3n/main"
    named = {"exception_name": "CondaHTTPError", "message": secret, "url": secret, "list": [{"password": "s3cr3t"}]}
    shapes = [
        parse_answer(json.dumps(named).encode(), b"", 1, tool=CONDA, what="plan"),
        parse_answer(b"", secret.encode(), 1, tool=CONDA, what="plan"),
        parse_answer(json.dumps({"solver_problems": [secret]}).encode(), b"", 1, tool=CONDA, what="plan"),
        parse_answer(json.dumps({"success": False}).encode(), secret.encode(), 1, tool=CONDA, what="plan"),
        parse_answer(json.dumps({"error": secret}).encode(), b"", 1, tool=CONDA, what="plan"),
    ]
    for answer in shapes:
        text = repr(answer.error)
        assert "s3cr3t" not in text and "t0k3n" not in text and "host" in text


# --- what an answer cannot tell --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name"),
    [("conda-24.11.3", "html-update-dry"), *[(source, "html-update-dry") for source in MICROMAMBA]],
)
def test_trap_html_in_place_of_an_index_looks_like_nothing_to_do(recorded, source, name):
    assert outcome(recorded(source, name).answer()) == "nothing"


def test_trap_html_is_a_failure_for_26_7(recorded):
    assert outcome(recorded("conda-26.7.0", "html-update-dry").answer()) == "bad_index"


@pytest.mark.parametrize(("source", "told"), [*zip(NEW, ("done", "done", "done", "not_writable"))])
def test_trap_the_dry_run_on_a_read_only_base_succeeds_before_25_5(recorded, source, told):
    recording = recorded(source, "readonly-update-base-dry")
    assert outcome(recording.answer()) == told
    assert recording.tool.plans_when_read_only is (told == "done")


@pytest.mark.parametrize("name", ["postlink-fail", "base-frozen-install"])
@pytest.mark.parametrize("source", MICROMAMBA)
def test_trap_micromamba_succeeds_after_a_failed_script_and_in_a_frozen_base(recorded, source, name):
    assert recorded(source, name).answer().success


@pytest.mark.parametrize("source", MICROMAMBA)
def test_trap_micromamba_succeeds_in_updating_what_is_not_installed(recorded, source):
    assert outcome(recorded(source, "update-notinstalled").answer()) == "nothing"


def test_trap_micromamba_tells_its_plan_and_success_after_it_was_interrupted_and_rolled_back(recorded):
    assert outcome(recorded("micromamba-2.8.1", "int-update").answer()) == "done"


# --- self-update, info, search, silent answers -----------------------------------------------------------------------


@pytest.mark.parametrize(("source", "nothing"), [("micromamba-2.3.3", False), ("micromamba-2.8.1", True)])
def test_trap_the_self_update_of_micromamba_says_next_to_nothing(recorded, source, nothing):
    answer = recorded(source, "self-update").answer("self_update")
    assert (answer.success, answer.nothing_to_do) == (True, nothing)


def test_trap_the_dry_run_of_the_self_update_of_micromamba_2_3_is_not_dry(recorded):
    recording = recorded("micromamba-2.3.3", "self-update-dry")
    assert not recording.answer("self_update").success and b"copy" in recording.stderr


@pytest.mark.parametrize("what", ["version", "import", "explicit"])
def test_answers_that_are_an_exit_code(what):
    assert parse_answer(b"", b"", 0, tool=CONDA, what=what).success
    failed = parse_answer(b"", b"ImportError: no", 1, tool=CONDA, what=what)
    assert (failed.success, failed.error.kind, failed.error.message) == (False, "crash", "ImportError: no")


@pytest.mark.parametrize("source", [*OLD, *NEW, *MICROMAMBA])
def test_info(recorded, source):
    name = "info-json" if source in OLD else "info"
    recording = recorded(source, name)
    answer = recording.answer("info")
    told = answer.documents[0].get("conda_version") or answer.documents[0].get("micromamba version")
    assert (answer.success, answer.nothing_to_do, told) == (True, False, recording.version)


def test_trap_a_search_of_26_7_is_not_in_the_order_of_versions(recorded):
    answer = recorded("conda-26.7.0", "search-conda").answer("search")
    told = [record["version"] for record in answer.documents[0]["conda"]]
    assert told.index("25.11.1") < told.index("25.5.1") and told[-1] == "4.12.0"
    found = [package.version for package in found_packages(answer, "conda")]
    assert found[:2] == ["4.10.3", "4.12.0"] and found[-1] == "26.7.1"
    assert found.index("25.5.1") < found.index("25.11.1")


@pytest.mark.parametrize("source", [*NEW, *MICROMAMBA])
def test_a_search_tells_depends(recorded, source):
    name = "search-conda" if source in NEW else "search"
    found = found_packages(recorded(source, name).answer("search"), "conda")
    assert found[-1].version == "26.7.1" and "python >=3.11,<3.12.0a0" in found[-1].depends


@pytest.mark.parametrize("source", OLD)
def test_an_old_search(recorded, source):
    found = found_packages(recorded(source, "search-json").answer("search"), "conda")
    assert found[-1].version == "4.3.16" and "python 3.6*" in found[-1].depends
    assert {package.name for package in found} == {"conda"}


@pytest.mark.parametrize("source", OLD)
def test_an_old_search_for_what_is_not_there_is_an_empty_success(recorded, source):
    answer = recorded(source, "search-missing").answer("search")
    assert answer.success and found_packages(answer, "nosuchpkg") == []


@pytest.mark.parametrize("source", NEW)
def test_a_search_for_what_is_not_there_is_an_error(recorded, source):
    answer = recorded(source, "search-notfound").answer("search")
    assert answer.error.kind == "not_found" and found_packages(answer, "nosuchpkg") == []


def test_a_version_that_is_none_comes_first():
    packages = [Package("a", "2", "0"), Package("a", "??", "0"), Package("a", "10", "0", 1), Package("a", "10", "0", 0)]
    assert [(p.version, p.build_number) for p in by_version(packages)] == [
        ("??", None),
        ("2", None),
        ("10", 0),
        ("10", 1),
    ]


def test_a_solver_works_when_it_finds_nothing_in_empty_caches(recorded):
    assert solver_works(recorded("conda-26.7.0", "selfupdate-again").answer("solve"))
    assert solver_works(recorded("conda-24.11.3", "notfound").answer("solve"))
    assert not solver_works(recorded("conda-4.12.0", "base-then-update").answer("solve"))
    assert not solver_works(Answer(False, False, Plan(), ToolError("", "interrupted", "", {}), ()))


@pytest.mark.parametrize(("source", "name"), list(every_recording()))
def test_every_recording_is_read_without_trouble(recorded, source, name):
    answer = recorded(source, name).answer("version" if name == "version" else "apply")
    assert answer.success is (answer.error is None)
    assert answer.error is None or answer.error.kind in KINDS


_KEYS = st.sampled_from(
    "success actions LINK UNLINK FETCH prefix message error errors exception_name solver_problems result pkgs conda"
    " name version build depends channel url size dry_run caused_by fetch progress finished op_order".split()
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a-1-0", "CondaMultiError", "defaults::a-1-0 1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=20,
)


@settings(deadline=None, derandomize=True, max_examples=150, database=None)
@given(
    documents=st.lists(st.dictionaries(_KEYS, _VALUES, max_size=8), max_size=3),
    code=st.sampled_from([0, 1, 2, 109, -9, 143]),
    what=st.sampled_from(["plan", "apply", "search", "self_update", "explicit", "info", "solve"]),
    source=st.sampled_from([CONDA, CONDA._replace(version="4.2.7"), Tool("micromamba", "2.8.1", "/m", "/r")]),
)
def test_no_shape_of_an_answer_is_too_strange(documents, code, what, source):
    stdout = "text\n".join(json.dumps(document) for document in documents).encode()
    answer = parse_answer(stdout, b"", code, tool=source, what=what)
    assert answer.success is (answer.error is None)
    assert isinstance(answer.actions.changes, list) and isinstance(found_packages(answer, "conda"), list)
    assert not (answer.success and code not in (0, 1))
