# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Starts programs: in a session of their own, with a time limit, and ended in a way that lets them clean up."""

from __future__ import annotations

import abc
import contextlib
import os
import selectors
import signal
import subprocess
import time
import typing as t

# What is kept of each stream; the end of it, since the result of conda comes last.
MAX_OUTPUT = 32 * 1024 * 1024
_TICK = 0.1
_CHUNK = 65536
# How long the processes that a program leaves behind may take to end, and after that its output to be closed.
_LEFT_BEHIND_SECONDS = 5.0


class Command(t.NamedTuple):
    """A program to start.

    :param arguments: the program, by its absolute path, and its arguments.
    :param environment: the whole environment of the program.
    :param directory: the directory to start it in.
    :param seconds: how long it may take.
    :param stop_signal: the signal on which the program undoes what it has begun and ends.
    :param grace: how many seconds it has for that before it is killed.
    :param whatever_comes: it is not ended for a signal to this process, as what looks whether all is undone is not.
    """

    arguments: t.Tuple[str, ...]
    environment: t.Dict[str, str]
    directory: str = "/"
    seconds: float = 3600.0
    stop_signal: int = int(signal.SIGTERM)
    grace: float = 300.0
    whatever_comes: bool = False


class Finished(t.NamedTuple):
    """What became of a program.

    :param code: its exit code, or the negative number of the signal that ended it.
    :param stdout: what it wrote, the end of it where it was very much; stderr likewise.
    :param timed_out: whether it was ended since its time had passed.
    :param interrupted: the signal for which this process had it ended, else 0.
    :param killed: whether it had to be killed, so that it undid nothing.
    """

    code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    interrupted: int = 0
    killed: bool = False


class NotStarted(Exception):
    """A program could not be started.

    :param program: its path.
    :param reason: why, in words that stand after "could not be started:".
    """

    def __init__(self, program: str, reason: str) -> None:
        super().__init__("%s could not be started: %s" % (program, reason))
        self.program = program
        self.reason = reason


def _nothing() -> None:
    """What is done meanwhile, where nothing is."""


class Runner(abc.ABC):
    """Starts programs; the one place that tests exchange for recorded answers."""

    @abc.abstractmethod
    def run(self, command: Command) -> Finished:
        """Start a program and wait for its end.

        :raises NotStarted: there is no such program, or it cannot be started.
        """

    def run_all(self, commands: t.Sequence[Command], *, meanwhile: t.Callable[[], None] = _nothing) -> t.List[Finished]:
        """Start several programs at once and wait for the end of all; raises as run() does.

        :param meanwhile: is called when they were started. What it raises ends them.
        """
        finished = [self.run(command) for command in commands]
        meanwhile()
        return finished

    def hold(self, command: Command, variable: str, *, meanwhile: t.Callable[[], None] = _nothing) -> Held:
        """Start a program that stops half way to be told to go on.

        It says what it will do on the descriptor that an environment variable names, closes that, and goes on when it
        reads a C(y), but ends when it does not. Use what is returned in a C(with) statement.

        :param variable: the name of the environment variable.
        :param meanwhile: is called when it was started. What it raises ends it.
        :raises NotStarted: as run() does.
        """
        raise NotStarted(command.arguments[0], "it cannot be held")


class Interrupts:
    """Signals to this process, noted while a change is under way instead of ending it half done.

    C(SIGHUP), which a lost connection brings, is noted and nothing more: the change goes on to its end. Use it in a
    C(with) statement, in the main thread.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: t.Dict[int, t.Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *unused: t.Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: t.Any) -> None:
        if number != signal.SIGHUP:
            self.received = number


class Supervised(Runner):
    """Starts real programs.

    :param interrupts: the signals to this process; one of them ends a running program.
    :param inherit: descriptors that the programs keep open, such as that of a lock: should this process be killed,
        the lock is held until the program has ended too.
    """

    def __init__(self, interrupts: t.Optional[Interrupts] = None, *, inherit: t.Sequence[int] = ()) -> None:
        self._interrupts = interrupts or Interrupts()
        self._inherit = tuple(inherit)

    def run(self, command: Command) -> Finished:
        return self.run_all([command])[0]

    def run_all(self, commands: t.Sequence[Command], *, meanwhile: t.Callable[[], None] = _nothing) -> t.List[Finished]:
        running: t.List[_Running] = []
        try:
            for command in commands:
                running.append(_Running(command, self._inherit))
            meanwhile()
            self._wait(running)
        finally:
            for item in running:
                item.close()
        return [item.finished() for item in running]

    def hold(self, command: Command, variable: str, *, meanwhile: t.Callable[[], None] = _nothing) -> Held:
        telling, told = os.pipe()
        try:
            environment = dict(command.environment, **{variable: str(told)})
            running = _Running(command._replace(environment=environment), (*self._inherit, told), asks=True)
        except NotStarted:
            os.close(telling)
            raise
        finally:
            os.close(told)
        held = Held(running, _Stream(os.fdopen(telling, "rb", buffering=0)), self._wait)
        try:
            meanwhile()
            held.wait_until_told()
        except BaseException:
            held.close()
            raise
        return held

    def _wait(self, running: t.Sequence[_Running], until: t.Callable[[], bool] = lambda: False) -> None:
        """Wait for the end of all, or until something is so."""
        left = list(running)
        while left and not until():
            left = [item for item in left if not item.step(self._interrupts.received)]
            if left:
                _wait_for_output(left)


class _Running:
    """One program that runs, seen from outside."""

    def __init__(self, command: Command, inherit: t.Sequence[int], *, asks: bool = False) -> None:
        self._command = command
        self._started = time.monotonic()
        self._ended: t.Optional[float] = None
        self._stop_sent: t.Optional[float] = None
        self._interrupted = 0
        self._timed_out = self._killed = False
        try:
            # run_command of Ansible's modules knows no session, no grace and no inherited lock.
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(command.arguments),
                env=command.environment,
                cwd=command.directory,
                stdin=subprocess.PIPE if asks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=tuple(inherit),
                restore_signals=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotStarted(command.arguments[0], reason.lower()) from error
        self.streams = [_Stream(self._process.stdout), _Stream(self._process.stderr)]

    def answer(self, word: bytes) -> None:
        """Write a word to its input, and close that."""
        with contextlib.suppress(BrokenPipeError), t.cast(t.BinaryIO, self._process.stdin) as stream:
            stream.write(word)

    def begin_anew(self, seconds: float, grace: float) -> None:
        """Let its time begin anew."""
        self._command = self._command._replace(seconds=seconds, grace=grace)
        self._started = time.monotonic()

    def step(self, interrupted: int) -> bool:
        """Read what is there, end what must end; tells whether all is over."""
        for stream in self.streams:
            stream.read()
        now = time.monotonic()
        if self._process.poll() is None:
            self._watch(now, interrupted)
            return False
        if self._ended is None:
            self._ended = now
        open_streams = [stream for stream in self.streams if stream.is_open]
        if open_streams and now - self._ended < 2 * _LEFT_BEHIND_SECONDS:
            # Something that the program started still holds its output: it may also still write to the prefix.
            late = now - self._ended > _LEFT_BEHIND_SECONDS
            self._signal_group(int(signal.SIGKILL if late else signal.SIGTERM))
            return False
        return True

    def _watch(self, now: float, interrupted: int) -> None:
        if self._stop_sent is None:
            self._timed_out = now - self._started > self._command.seconds
            self._interrupted = 0 if self._command.whatever_comes else interrupted
            if self._timed_out or self._interrupted:
                self._stop_sent = now
                self._stop()
        elif now - self._stop_sent > self._command.grace:
            self._killed = True
            self._signal_group(int(signal.SIGKILL))

    def _stop(self) -> None:
        """Tell the program to end; one that somebody has stopped is woken for it."""
        self._process.send_signal(self._command.stop_signal)
        self._signal_group(int(signal.SIGCONT))

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """End what still runs (another program could not be started), and close all that is open."""
        if self._process.poll() is None:
            self._stop()
            try:
                self._process.wait(self._command.grace)
            except subprocess.TimeoutExpired:
                self._signal_group(int(signal.SIGKILL))
                self._process.wait()
        for stream in self.streams:
            stream.close()

    def finished(self) -> Finished:
        return Finished(
            code=self._process.returncode,
            stdout=self.streams[0].content(),
            stderr=self.streams[1].content(),
            seconds=round((self._ended or time.monotonic()) - self._started, 3),
            timed_out=self._timed_out,
            interrupted=self._interrupted,
            killed=self._killed,
        )


class _Stream:
    """One output of a program, of which the end is kept."""

    def __init__(self, stream: t.Any) -> None:
        self.stream = stream
        self.is_open = True
        self._parts: t.List[bytes] = []
        self._size = 0
        os.set_blocking(stream.fileno(), False)

    def read(self) -> None:
        while self.is_open:
            try:
                part = os.read(self.stream.fileno(), _CHUNK)
            except BlockingIOError:
                return
            if not part:
                self.close()
                return
            self._parts.append(part)
            self._size += len(part)
            if self._size > 2 * MAX_OUTPUT:
                self._parts = [self.content()]
                self._size = len(self._parts[0])

    def content(self) -> bytes:
        return b"".join(self._parts)[-MAX_OUTPUT:]

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.stream.close()


class Held:
    """A program that has stopped half way, or has ended before.

    :ivar told: what it said that it will do; nothing where it has ended before.
    :ivar ended: what became of it, where it has.
    """

    def __init__(self, running: _Running, telling: _Stream, wait: t.Callable[..., None]) -> None:
        self.told = b""
        self.ended: t.Optional[Finished] = None
        self._running, self._telling, self._wait = running, telling, wait
        running.streams.append(telling)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *unused: t.Any) -> None:
        self.close()

    def wait_until_told(self) -> None:
        """Wait until it has stopped or ended; the time that passed while it has stopped already does not count."""
        self._telling.read()
        self._wait([self._running], lambda: not self._telling.is_open and self._telling.content())
        self.told = self._telling.content()
        if not self.told:
            self.close()

    def go_on(self, *, seconds: float, grace: float) -> Finished:
        """Let it go on, and wait for its end.

        :param seconds: how long it may take from now on; grace: see Command.
        """
        self._running.begin_anew(seconds, grace)
        self._running.answer(b"y")
        self._wait([self._running])
        return self._end()

    def close(self) -> None:
        """End it, where it still waits."""
        if self.ended is None:
            self._running.answer(b"")
            self._end()

    def _end(self) -> Finished:
        self._running.close()
        self.ended = self._running.finished()
        return self.ended


def _wait_for_output(running: t.Sequence[_Running]) -> None:
    with selectors.DefaultSelector() as selector:
        for item in running:
            for stream in item.streams:
                if stream.is_open:
                    selector.register(stream.stream, selectors.EVENT_READ)
        if not selector.get_map():
            time.sleep(_TICK / 10)  # nothing left to read: only the end of a process is awaited
            return
        selector.select(_TICK)


__all__ = ("Command", "Finished", "Held", "Interrupts", "NotStarted", "Runner", "Supervised")
