# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Programs of ours that run in conda's own Python, from 2.7 on: they ask conda more than one thing with one start.

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

# Arguments: the program conda, a directory that is free, and a JSON list of questions, each with arguments of conda and
# the modules to load before. Each is answered by a process of its own, which has the modules of conda loaded by then;
# printed is a JSON list with the exit code and the standard output of each.
_ASK = """\
import bz2, json, os, sys
program, folder, questions = sys.argv[1:]
sys.path[0] = os.path.dirname(program)
import conda.cli, conda.base.context
for name in ("conda.cli.main_info", "conda.cli.main_install", "conda.cli.install"):
    try:
        __import__(name)
    except ImportError:
        pass
os.environ["CONDA_PKGS_DIRS"] = folder + "/pkgs"
os.makedirs(folder + "/pkgs")
package = {"name": "labfleet-check", "version": "1", "build": "0", "build_number": 0, "depends": [], "size": 1,
           "md5": 32 * "0"}
for subdir in (conda.base.context.context.subdir, "noarch"):
    index = {"info": {"subdir": subdir}, "packages": {}}
    if subdir != "noarch":
        index["packages"]["labfleet-check-1-0.tar.bz2"] = dict(package, subdir=subdir)
    os.makedirs(folder + "/channel/" + subdir)
    for name, change in (("repodata.json", bytes), ("repodata.json.bz2", bz2.compress)):
        with open("%s/channel/%s/%s" % (folder, subdir, name), "wb") as stream:
            stream.write(change(json.dumps(index).encode("ascii")))
answers = []
for question in json.loads(questions):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writing, 1)
        for descriptor in (reading, writing):
            os.close(descriptor)
        for name in question["modules"]:
            __import__(name)
        sys.argv = [program] + question["arguments"]
        sys.exit(conda.cli.main())
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    status = os.waitpid(child, 0)[1]
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    answers.append([code, said.decode("utf-8", "replace")])
print(json.dumps(answers))
"""
CHECK_PACKAGE = "labfleet-check"


def hold_arguments(python: str, arguments: t.Sequence[str]) -> t.Tuple[str, ...]:
    """What to start instead of an installation by conda, so that it waits between planning and beginning."""
    return (python, "-c", _HOLD % {"variable": HOLD_VARIABLE}, *arguments)


def ask_arguments(python: str, program: str, folder: str, questions: str) -> t.Tuple[str, ...]:
    """What to start to have some questions answered.

    :param folder: a directory that does not exist; C(channel) in it is a channel that holds CHECK_PACKAGE.
    """
    return (python, "-c", _ASK, program, folder, questions)


__all__ = ("CHECK_PACKAGE", "HOLD_VARIABLE", "ask_arguments", "hold_arguments")
