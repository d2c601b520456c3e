# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Programs of ours that run in conda's own Python, from 2.7 on, so that one start of conda does for two.

They are texts, since the owner of a prefix cannot read the files of a module that was sent to root.
"""

from __future__ import annotations

import typing as t

HOLD_VARIABLE = "LABFLEET_CONDA_HOLD"

# Arguments: the program conda, and its arguments, of an installation with --json. It is done as conda does it, but
# once what is to be done is known, that is written to the descriptor in the environment, as a dry run tells it, and
# nothing is begun before a "y" comes in. Anything else, such as the end of the input, ends it.
_HOLD = """\
import os, sys
said = int(os.environ.pop("%(variable)s"))
del sys.argv[0]
sys.path[0] = os.path.dirname(sys.argv[0])
import conda.cli, conda.cli.common, conda.cli.install, conda.core.link
told = []
def hold(tell):
    if not told:
        told.append(False)
        sys.stdout.flush()
        own = os.dup(1)
        os.dup2(said, 1)
        conda.cli.common.stdout_json_success(actions=tell(), dry_run=True)
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)
        os.close(said)
        told[0] = os.read(0, 1) == b"y"
    if told != [True]:
        sys.exit("it was not told to go on")
def held(place, name, tell):
    inner = getattr(place, name)
    def outer(*args, **more):
        hold(lambda: tell(args[0]))
        return inner(*args, **more)
    setattr(place, name, outer)
transaction = conda.core.link.UnlinkLinkTransaction
if hasattr(transaction, "_make_legacy_action_groups"):
    held(transaction, "download_and_extract", lambda this: this._make_legacy_action_groups()[0])
    held(transaction, "execute", lambda this: this._make_legacy_action_groups()[0])
else:
    held(conda.cli.install, "execute_actions", lambda actions: [actions])
    held(transaction, "execute", lambda this: [])
sys.exit(conda.cli.main())
"""

# Arguments: a directory that does not exist; the modules to load, with commas between; the program conda, and its
# arguments. Two children go on from what was loaded: one does what the program does that is asked what it says of
# itself, after a look whether the system would start it with this Python (else the system is to start it); the other
# does what the arguments say, when a channel that holds CHECK_PACKAGE, and a place for caches, are in that directory.
# What is written in the end is a map of both, with exit code and output of each.
_CHECK = """\
import bz2, json, os, sys, traceback
folder, modules, program = sys.argv[1:4]
arguments = sys.argv[4:]
sys.path[0] = os.path.dirname(program)
for name in ["conda.cli", "conda.base.context"] + modules.split(","):
    __import__(name)
subdir = sys.modules["conda.base.context"].context.subdir
package = {"name": "%(package)s", "version": "1", "build": "0", "build_number": 0, "depends": [], "size": 1,
           "md5": 32 * "0", "subdir": subdir}
os.makedirs(folder + "/pkgs")
for place, packages in ((subdir, {"%(package)s-1-0.tar.bz2": package}), ("noarch", {})):
    index = json.dumps({"info": {"subdir": place}, "packages": packages}).encode("ascii")
    os.makedirs(folder + "/channel/" + place)
    for name, data in (("repodata.json", index), ("repodata.json.bz2", bz2.compress(index))):
        with open("%%s/channel/%%s/%%s" %% (folder, place, name), "wb") as stream:
            stream.write(data)
threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
if threads > 1:
    sys.exit("what was loaded has started threads, which its children would not have")
def start():
    with open(program, "rb") as stream:
        text = stream.read()
    line = text.partition(b"\\n")[0].decode("utf-8")
    python = line[2:].strip()
    if not (line[:2] == "#!" and os.access(program, os.X_OK) and os.access(python, os.X_OK)
            and os.path.samefile(python, sys.executable)):
        os.execv(program, sys.argv)
    exec(compile(text, program, "exec"), {"__name__": "__main__", "__file__": program})
def ask(name, arguments, do):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(os.open(folder + "/" + name, os.O_WRONLY | os.O_CREAT, 384), 1)
        sys.argv = [program] + arguments
        code = do()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)
solve = lambda: sys.modules["conda.cli"].main()
children = [("info", ask("info", ["info", "--json"], start)), ("solve", ask("solve", arguments, solve))]
told = {}
for name, child in children:
    code = os.waitpid(child, 0)[1]
    with open(folder + "/" + name, "rb") as stream:
        told[name] = [-(code & 127) or code >> 8, stream.read().decode("utf-8", "replace")]
print(json.dumps(told))
sys.stdout.flush()
os._exit(0)
"""
CHECK_PACKAGE = "labfleet-check"


def hold_arguments(python: str, arguments: t.Sequence[str]) -> t.Tuple[str, ...]:
    """What to start instead of an installation by conda, so that it waits between planning and beginning."""
    return (python, "-c", _HOLD % {"variable": HOLD_VARIABLE}, *arguments)


def check_arguments(
    python: str, folder: str, modules: t.Sequence[str], arguments: t.Sequence[str]
) -> t.Tuple[str, ...]:
    """What to start to have conda load some modules, tell about itself, and do something.

    :param folder: a directory that does not exist; C(channel) in it will be a channel that holds CHECK_PACKAGE.
    """
    return (python, "-c", _CHECK % {"package": CHECK_PACKAGE}, folder, ",".join(modules), *arguments)


__all__ = ("CHECK_PACKAGE", "HOLD_VARIABLE", "check_arguments", "hold_arguments")
