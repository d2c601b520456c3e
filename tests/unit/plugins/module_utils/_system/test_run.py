# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that are started and supervised; the programs are real shells and Pythons."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system._run import (
    MAX_OUTPUT,
    Command,
    Interrupts,
    NotStarted,
    Supervised,
)

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def shell(script, **options):
    return Command(("/bin/sh", "-c", script), ENVIRONMENT, **options)


def wait_until(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.01)


def is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_code_and_output_come_back():
    done = Supervised().run(shell("echo out; echo err >&2; exit 3"))
    assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert not done.timed_out and not done.interrupted and not done.killed


def test_the_environment_and_directory_are_those_given(tmp_path, monkeypatch):
    monkeypatch.setenv("CONDA_PREFIX", "/leaked")
    done = Supervised().run(shell("env; pwd", directory=str(tmp_path)))
    assert b"leaked" not in done.stdout and str(tmp_path).encode() in done.stdout


def test_nothing_can_be_asked_of_standard_input():
    assert Supervised().run(shell("read answer || echo end")).stdout == b"end\n"


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(NotStarted, match="/no/such could not be started: no such file or directory"):
        Supervised().run(Command(("/no/such",), ENVIRONMENT))


def test_programs_of_one_call_run_at_once(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    # Each end of the pipe waits for the other: one after the other they would never end.
    done = Supervised().run_all(
        [
            shell("echo hello > %s/pipe" % tmp_path, seconds=20),
            shell("cat %s/pipe" % tmp_path, seconds=20),
        ]
    )
    assert [item.code for item in done] == [0, 0] and done[1].stdout == b"hello\n"


def test_of_very_much_output_the_end_is_kept():
    script = "import sys\nfor _ in range(3 * %d // 65536): sys.stdout.write('x' * 65536)\nprint('end')" % MAX_OUTPUT
    done = Supervised().run(Command((sys.executable, "-c", script), ENVIRONMENT))
    assert done.code == 0 and len(done.stdout) == MAX_OUTPUT and done.stdout.endswith(b"xend\n")


def test_at_the_time_limit_a_program_may_clean_up(tmp_path):
    script = "trap 'echo undone; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    done = Supervised().run(shell(script, seconds=0.3, grace=20))
    assert done.timed_out and not done.killed and done.code == 7
    assert done.stdout == b"ready\nundone\n"


def test_a_program_that_somebody_has_stopped_is_woken_to_clean_up():
    script = "trap 'echo undone; exit 7' TERM; kill -STOP $$; while :; do sleep 0.05; done"
    done = Supervised().run(shell(script, seconds=0.3, grace=20))
    assert done.timed_out and not done.killed and (done.code, done.stdout) == (7, b"undone\n")


def test_who_does_not_end_is_killed_with_all_that_it_started(tmp_path):
    script = "trap '' TERM; sleep 300 & echo $!; echo $$; wait; while :; do sleep 1; done"
    done = Supervised().run(shell(script, seconds=0.2, grace=0.3))
    assert done.timed_out and done.killed and done.code == -signal.SIGKILL
    for pid in done.stdout.split():
        wait_until(lambda pid=pid: not is_running(int(pid)))


def test_the_signal_to_stop_is_the_tools():
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        pytest.skip("the tests were started with this signal ignored, as in a shell's background, and so is every tool")
    script = "trap 'echo int; exit 1' INT; trap 'echo term; exit 2' TERM; while :; do sleep 0.05; done"
    done = Supervised().run(shell(script, seconds=0.3, grace=20, stop_signal=signal.SIGINT))
    assert done.stdout == b"int\n"


def test_what_a_program_leaves_behind_is_ended():
    done = Supervised().run(shell("sleep 300 & echo $!"))
    assert done.code == 0
    wait_until(lambda: not is_running(int(done.stdout)))


@pytest.mark.parametrize(("number", "ends"), [(signal.SIGTERM, True), (signal.SIGINT, True), (signal.SIGHUP, False)])
def test_signals_to_us_end_the_program_but_a_lost_connection_does_not(tmp_path, number, ends):
    ready = tmp_path / "ready"
    script = "trap 'echo undone; exit 1' TERM; touch %s; for i in 1 2 3 4 5 6 7; do sleep 0.05; done; echo done" % ready

    def send():
        wait_until(ready.exists)
        os.kill(os.getpid(), number)

    with Interrupts() as interrupts:
        sender = threading.Thread(target=send)
        sender.start()
        done = Supervised(interrupts).run(shell(script, grace=20))
        sender.join()
    assert done.stdout == (b"undone\n" if ends else b"done\n")
    assert done.interrupted == (number if ends else 0)


def test_signals_are_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_descriptor_is_inherited_only_where_asked(tmp_path):
    descriptor = os.open(str(tmp_path), os.O_RDONLY)
    try:
        script = "[ -e /proc/$$/fd/%d ] && echo open || echo closed" % descriptor
        assert Supervised().run(shell(script)).stdout == b"closed\n"
        assert Supervised(inherit=[descriptor]).run(shell(script)).stdout == b"open\n"
    finally:
        os.close(descriptor)


# Says what it will do, waits for the word, and says what it has done.
STOPS = """
import os, sys, time
told = int(os.environ["TOLD"])
os.write(told, b"will do it")
os.close(told)
if os.read(0, 1) != b"y":
    sys.exit(9)
print("did it", flush=True)
"""


def stops(more="", **options):
    return Command((sys.executable, "-c", STOPS + more), ENVIRONMENT, **options)


def test_a_program_stops_half_way_and_goes_on_when_it_is_told():
    seen = []
    with Supervised().hold(stops(), "TOLD", meanwhile=lambda: seen.append("meanwhile")) as held:
        assert (held.told, held.ended, seen) == (b"will do it", None, ["meanwhile"])
        done = held.go_on(seconds=20, grace=20)
    assert (done.code, done.stdout) == (0, b"did it\n")


def test_one_that_is_not_told_to_go_on_ends():
    with Supervised().hold(stops(grace=20), "TOLD") as held:
        assert held.ended is None
    assert held.ended.code != 0 and b"did it" not in held.ended.stdout


def test_one_whose_starter_is_gone_ends_too(tmp_path):
    script = """
import os, sys
sys.path[:0] = %r
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Command, Supervised
held = Supervised().hold(Command((sys.executable, "-c", %r), {}), "TOLD")
print(held._running._process.pid, flush=True)
os.kill(os.getpid(), 9)
""" % (sys.path, STOPS + "open(%r, 'w')" % str(tmp_path / "done"))
    done = Supervised().run(Command((sys.executable, "-c", script), ENVIRONMENT))
    assert done.code == -signal.SIGKILL
    wait_until(lambda: not is_running(int(done.stdout)))
    assert not (tmp_path / "done").exists()


def test_one_that_ends_before_it_stops_tells_how():
    with Supervised().hold(shell("echo no; exit 3"), "TOLD") as held:
        assert (held.told, held.ended.code, held.ended.stdout) == (b"", 3, b"no\n")


def test_what_fails_meanwhile_ends_it(tmp_path):
    def fail():
        raise ValueError("meanwhile")

    with pytest.raises(ValueError, match="meanwhile"):
        Supervised().hold(shell("echo $$ > %s/pid; exec sleep 300" % tmp_path, grace=20), "TOLD", meanwhile=fail)
    with pytest.raises(ValueError, match="meanwhile"):
        Supervised().run_all([shell("exec sleep 300", grace=20)], meanwhile=fail)


def test_the_time_begins_anew_when_it_goes_on():
    with Supervised().hold(stops("time.sleep(300)", seconds=60), "TOLD") as held:
        done = held.go_on(seconds=0.2, grace=20)
    assert done.timed_out and done.stdout == b"did it\n"


def test_one_that_takes_too_long_to_stop_is_ended():
    with Supervised().hold(shell("exec sleep 300", seconds=0.2, grace=20), "TOLD") as held:
        assert held.told == b"" and held.ended.timed_out


def test_a_signal_from_before_does_not_end_what_runs_whatever_comes():
    """Trap: the old state was back, and the check of that was ended for the signal for which it had been restored."""
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        runner = Supervised(interrupts)
        assert runner.run(shell("sleep 0.2; echo end")).interrupted == signal.SIGINT
        done = runner.run(shell("sleep 0.2; echo end", whatever_comes=True))
    assert (done.code, done.stdout, done.interrupted) == (0, b"end\n", 0)
