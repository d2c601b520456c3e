# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
type: stdout
short_description: Tells of a run on many hosts what a person wants to know, or a program
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - On a terminal, one line tells how many hosts are done, how many failed, and how long it will take; it is rewritten
    in place. Without a terminal, in a log, such a line is printed now and then.
  - A host has a line of its own only if there is something to tell, which is that it failed, was not reached, or that
    M(labfleet.conda.conda_audit) found something severe enough. What was changed is told at the end of a play, equal
    hosts in one line.
  - At the end come the counts, and a table of the hosts that failed or were not reached, those with the same reason in
    one line. Where a run has audited hosts without M(labfleet.conda.fleet_audit), the digest is printed as well.
  - With O(format=json), each line is an object of JSON, for a program that reads along.
  - Tokens and passwords in addresses are masked, results of tasks with C(no_log) are not shown.
  - An error in this callback is told once and does not end the run.
options:
  format:
    description:
      - V(auto) rewrites a line in place where the output goes to a terminal, and is as V(plain) elsewhere, also under
        ansible-runner and AWX.
      - V(plain) prints lines only.
      - V(json) prints objects of JSON, one a line, each with an C(event), which is V(play), V(task), V(host), V(report)
        or V(end).
    type: str
    choices: [auto, plain, json]
    default: auto
    env:
      - name: LABFLEET_CONDA_FLEET_FORMAT
    ini:
      - section: callback_labfleet_conda_fleet
        key: format
  severity:
    description:
      - The least severity of a finding that is worth a line of its host.
    type: str
    choices: [info, low, medium, high, critical]
    default: high
    env:
      - name: LABFLEET_CONDA_FLEET_SEVERITY
    ini:
      - section: callback_labfleet_conda_fleet
        key: severity
  interval:
    description:
      - Without a terminal, so many seconds are at least between two lines on the progress.
    type: int
    default: 30
    env:
      - name: LABFLEET_CONDA_FLEET_INTERVAL
    ini:
      - section: callback_labfleet_conda_fleet
        key: interval
  rows:
    description:
      - How many rows the digest has at most.
    type: int
    default: 30
    env:
      - name: LABFLEET_CONDA_FLEET_ROWS
    ini:
      - section: callback_labfleet_conda_fleet
        key: rows
requirements:
  - Set as C(stdout_callback) in C(ansible.cfg), or in the variable of the environment C(ANSIBLE_STDOUT_CALLBACK).
"""

import functools
import os
import sys
import time

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase

from ansible_collections.labfleet.conda.plugins.plugin_utils._fleet_output import Output
from ansible_collections.labfleet.conda.plugins.plugin_utils._outcome import outcome
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import use_json_lines

_DEFAULTS = {"format": "auto", "severity": "high", "interval": 30, "rows": 30}
# ansible-runner, and so AWX, put what a callback prints into events, and give it a terminal that nobody looks at.
_RUNNER = ("ORIGINAL_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")
_COLORS = {"failed": C.COLOR_ERROR, "unreachable": C.COLOR_UNREACHABLE, "changed": C.COLOR_CHANGED}


def _guarded(method):
    """An error in what a method does is told once, and does not end the run."""

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, a run on a fleet must not end for it
            if not self._broken:
                self._broken = True
                reason = "%s failed (%s: %s)" % (method.__name__, type(error).__name__, error)
                self._display.warning(
                    "The callback labfleet.conda.fleet shows less than it should, since %s. The run goes on." % reason
                )
            return None

    return call


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "labfleet.conda.fleet"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._broken = False
        self._output = None

    def set_options(self, *args, **kwargs):
        self._take_options(*args, **kwargs)
        self._begin()

    @_guarded
    def _take_options(self, *args, **kwargs):
        super().set_options(*args, **kwargs)

    @_guarded
    def _begin(self):
        form = self._option("format")
        terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not any(map(os.environ.get, _RUNNER))
        if form == "json":
            use_json_lines()
        self._output = Output(
            form if form != "auto" else "live" if terminal else "plain",
            severity=self._option("severity"),
            interval=int(self._option("interval")),
            rows=int(self._option("rows")),
            show=lambda text, status=None: self._display.display(text, color=_COLORS.get(status)),
            stream=sys.stdout,
            clock=time.monotonic,
        )

    def _option(self, name):
        try:
            value = self.get_option(name)
        except (KeyError, AnsibleError):  # the callback that ansible-runner makes of this one has no options of it
            value = os.environ.get("LABFLEET_CONDA_FLEET_%s" % name.upper())
        return _DEFAULTS[name] if value is None else value

    @_guarded
    def v2_playbook_on_play_start(self, play):
        values = play.get_variable_manager().get_vars(play=play)
        self._output.play(play.get_name(), list(values.get("ansible_play_batch") or ()))

    @_guarded
    def v2_playbook_on_no_hosts_matched(self):
        self._output.note("No hosts matched: the play is left out.")

    @_guarded
    def v2_playbook_on_no_hosts_remaining(self):
        self._output.note("No more hosts are left.")

    @_guarded
    def v2_playbook_on_task_start(self, task, is_conditional):
        self._output.task(task._uuid, task.get_name(), task.action, once=task.run_once is True)

    @_guarded
    def v2_playbook_on_handler_task_start(self, task):
        self._output.task(task._uuid, task.get_name(), task.action)

    @_guarded
    def v2_runner_on_start(self, host, task):
        self._output.started(task._uuid, host.get_name())

    @_guarded
    def v2_runner_on_ok(self, result):
        self._done(result)

    @_guarded
    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._done(result, failed=True)

    @_guarded
    def v2_runner_on_unreachable(self, result):
        self._done(result, unreachable=True)

    @_guarded
    def v2_runner_on_skipped(self, result):
        self._done(result, skipped=True)

    def _done(self, result, **how):
        task, values = _of(result, "task"), _of(result, "result")
        if self._output.form != "json":
            self._output.clear()
            self._handle_warnings(values)
        self._output.done(task._uuid, task.action, _of(result, "host").get_name(), values, outcome(values, **how))

    @_guarded
    def v2_on_file_diff(self, result):
        values = _of(result, "result")
        for part in values.get("results") or [values]:
            if isinstance(part, dict) and part.get("changed") and part.get("diff"):
                self._output.diff(_of(result, "host").get_name(), self._get_diff(part["diff"]))

    @_guarded
    def v2_playbook_on_stats(self, stats):
        counts = {host: stats.summarize(host) for host in stats.processed}
        self._output.end({host for host, count in counts.items() if count["failures"] or count["unreachable"]})


def _of(result, name):
    """A part of a result; before ansible-core 2.19 it has no public name."""
    return getattr(result, name) if hasattr(type(result), name) else getattr(result, "_" + name)
