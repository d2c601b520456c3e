# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Every key that a policy may have, what it holds, and what counts where no layer sets it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES

# From the lowest to the highest; a higher layer replaces what a lower one sets. "default" is KEYS below.
LAYERS = ("base", "platform", "user")
# For a map of rules: not at all; with the rule's own severity, whatever a lower layer says.
OFF, ON = "off", "on"

# The kinds of values, in the words of the reference page.
BOOLEAN = "true or false"
TEXT = "text"
TEXTS = "list of texts"
PATHS = "list of absolute paths"
VERSION = "version"
NUMBER = "number"
WHOLE = "whole number"
CHOICE = "choice"
VERSIONS = "map from tool to version"
SETTINGS = "map from condarc key to value"
RULES = "map from rule to severity"
# Maps merge entry by entry, everything else is replaced as a whole.
MAPS = (VERSIONS, SETTINGS, RULES)

VERSION_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z.+!_-]*$"
SETTING_PATTERN = r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+)*$"
RULE_PATTERN = r"^[a-z0-9_]+(\.[a-z0-9_]+)*$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
# The newest lines of tools that a floor can be set for; how the versions of others are found is not known.
TOOLS = ("conda", "mamba", "micromamba")


class Key(t.NamedTuple):
    """One key of a policy.

    :param name: dotted, for example C(channels.denied), which is written as C(denied) below C(channels).
    :param kind: one of the kinds above.
    :param default: what counts where no layer sets it.
    :param text: what it means, in sentences for the reference page.
    :param choices: the words that it may be, for CHOICE.
    :param nullable: whether null, "nothing is asked", is a value.
    :param minimum: the least number.
    """

    name: str
    kind: str
    default: t.Any
    text: str
    choices: tuple[str, ...] = ()
    nullable: bool = False
    minimum: float | None = None


class Field(t.NamedTuple):
    """One field of a waiver: its name, its kind, what it means, and whether a waiver must have it."""

    name: str
    kind: str
    text: str
    required: bool = True


KEYS = (
    Key(
        "organisation.commercial_use",
        BOOLEAN,
        None,
        "Whether the organisation needs a licence for the channels in C(channels.licensed): for those of Anaconda, a"
        " company or public body of more than 200 people does. Null means that this is not known.",
        nullable=True,
    ),
    Key(
        "versions.minimum",
        VERSIONS,
        # conda before 26.5.2 has CVE-2026-53940; libmamba before 2.7.0 has the same fault (mamba pull request 4282).
        {"conda": "26.5.2", "mamba": "2.7.0", "micromamba": "2.7.0"},
        "The lowest version of each tool that may be in use. An entry that is null takes back what a lower layer asks.",
    ),
    Key(
        "versions.newest",
        VERSIONS,
        # As of 2026-11-22: conda 26.9.4 of 2026-10-21 (docs.conda.io, release notes 26.9.x), mamba and micromamba
        # 2.9.0 of 2026-08-07 (tags of mamba-org/micromamba-releases).
        {"conda": "26.9.4", "mamba": "2.9.0", "micromamba": "2.9.0"},
        "The newest version of each tool that is known. Only the newest release of conda is supported by its"
        " developers (CEP 10). The defaults are those of 2026-11-22; set them where the collection is older than the"
        " tools. A tool that is newer than this is told as such.",
    ),
    Key(
        "channels.allowed",
        TEXTS,
        [],
        "The only channels that may be used, as names, URLs or patterns with C(*). An empty list allows any.",
    ),
    Key("channels.denied", TEXTS, [], "Channels that may not be used, as names, URLs or patterns with C(*)."),
    Key(
        "channels.licensed",
        TEXTS,
        ["defaults", "pkgs/main", "pkgs/r", "pkgs/msys2", "pkgs/pro", "anaconda"],
        "Channels whose terms ask large organisations for a licence.",
    ),
    Key(
        "channels.retired",
        TEXTS,
        # pytorch has no releases after 2.5; free ends with Python 3.6.
        ["pytorch", "free", "pkgs/free"],
        "Channels that get no more packages.",
    ),
    Key(
        "channels.priority",
        CHOICE,
        "strict",
        "The C(channel_priority) that every configuration should have. Null asks for none.",
        choices=("strict", "flexible", "disabled"),
        nullable=True,
    ),
    Key(
        "solver.wanted",
        CHOICE,
        None,
        "The solver that every conda should use. Null asks for none; the classic solver is a finding all the same.",
        choices=("libmamba", "rattler", "classic"),
        nullable=True,
    ),
    Key(
        "settings.required",
        SETTINGS,
        {},
        "Settings that every configuration must have, with the key and value of a condarc file. An entry that is null"
        " takes back what a lower layer asks.",
    ),
    Key(
        "settings.final",
        TEXTS,
        [],
        "Keys that C(/etc/conda/condarc) must set and mark with C(#!final), so that no user's file overrides them.",
    ),
    Key("permissions.base_owner", TEXT, "root", "The user who should own installations outside of homes."),
    Key("permissions.writer_groups", TEXTS, [], "Groups whose members may write to installations and shared places."),
    Key(
        "permissions.shared_roots",
        PATHS,
        [],
        "Directories in which installations and environments are for everybody, besides the usual system places.",
    ),
    Key(
        "caches.shared",
        CHOICE,
        "read_only",
        "Package caches that several users use: C(forbid) them, allow them only where no user can write"
        " (C(read_only)), or C(allow) them.",
        choices=("forbid", "read_only", "allow"),
    ),
    Key(
        "caches.max_gigabytes",
        NUMBER,
        None,
        "The size above which a package cache is a finding, in units of 1,000,000,000 bytes. Null sets no limit.",
        nullable=True,
        minimum=0,
    ),
    Key(
        "base.frozen",
        BOOLEAN,
        None,
        "Whether base environments must be marked as frozen (CEP 22). Null asks for neither.",
        nullable=True,
    ),
    Key("base.packages", TEXTS, [], "Names of packages that may be in a base environment besides what installers put."),
    Key(
        "update.version",
        CHOICE,
        "minimum",
        "What the playbook update brings each base prefix to: to C(versions.minimum), where it is below that, or to the"
        " newest version that its channels have.",
        choices=("minimum", "newest"),
    ),
    Key(
        "update.python",
        CHOICE,
        "keep",
        "Whether the Python of a prefix may C(move) to another minor version when an update needs it.",
        choices=("keep", "move"),
    ),
    Key(
        "update.override_frozen",
        BOOLEAN,
        False,
        "Whether updates change prefixes that are marked as frozen (CEP 22).",
    ),
    Key("update.keep_snapshots", WHOLE, 5, "How many snapshots are kept of each prefix.", minimum=1),
    Key(
        "containers.change",
        CHOICE,
        "in_place",
        "What may be done to a container that runs: its conda and environments are changed C(in_place), which the"
        " ledger records as a change in that container, or it is to be built anew from a changed image (C(rebuild)),"
        " and changes in it are refused.",
        choices=("in_place", "rebuild"),
    ),
    Key(
        "images.current_days",
        WHOLE,
        90,
        "Up to how many days after it was built an image counts as current.",
        minimum=1,
    ),
    Key(
        "images.supported_days",
        WHOLE,
        365,
        "Up to how many days after it was built an image is supported; then it is to be archived.",
        minimum=1,
    ),
    Key(
        "images.blocked_on",
        CHOICE,
        "critical",
        "An image with a finding of this severity or worse that is not waived is blocked, however young it is.",
        choices=("never", *SEVERITIES),
    ),
    Key(
        "servers.cpus",
        NUMBER,
        4,
        "How many processors the server of one user may use, in a portal where users start images.",
        nullable=True,
        minimum=0.1,
    ),
    Key(
        "servers.memory_gigabytes",
        NUMBER,
        16,
        "How much memory such a server may use.",
        nullable=True,
        minimum=0.1,
    ),
    Key("servers.gpus", WHOLE, 0, "How many GPUs such a server gets.", minimum=0),
    Key(
        "servers.shared_memory_gigabytes",
        NUMBER,
        2,
        "How large its shared memory is, which the loaders of PyTorch hand their data over in. It counts as memory.",
        minimum=0.0625,
    ),
    Key(
        "environments.unused_days",
        WHOLE,
        365,
        "After how many days without use an environment counts as unused.",
        minimum=1,
    ),
    Key(
        "environments.python_minimum",
        VERSION,
        None,
        "The lowest version of Python that an environment may have. Null asks for none; a Python that gets no more"
        " fixes is a finding all the same.",
        nullable=True,
    ),
    Key(
        "gpu.required_cuda",
        BOOLEAN,
        True,
        "Whether an environment on a host with an NVIDIA GPU must not hold a PyTorch that can use only the CPU.",
    ),
    Key(
        "gpu.driver",
        VERSION,
        None,
        "The version of the NVIDIA driver to judge environments by, such as the next one. Null means that of the host.",
        nullable=True,
    ),
    Key(
        "rules",
        RULES,
        {},
        "How bad the findings of a rule are, in place of the rule's own severity. C(off) switches the rule off, C(on)"
        " gives it back its own severity. YAML reads both words as true and false, which are understood as well.",
    ),
    Key(
        "gates.fail_on",
        CHOICE,
        "never",
        "The run fails when there is a finding of this severity or worse that is not waived.",
        choices=("never", *SEVERITIES),
    ),
    Key("gates.new_only", BOOLEAN, False, "Whether only findings that the previous report lacks make the run fail."),
)

WAIVER = (
    Field("rule", TEXT, "The rule whose findings are excused, or a pattern such as C(secret.*)."),
    Field("subject", TEXT, "A pattern of the subject: the path of the environment, installation, cache or home, or /."),
    Field("item", TEXT, "A pattern of the item within the subject, such as a package; any when left out.", False),
    Field("hosts", TEXTS, "Patterns of names of hosts or of their groups; all hosts when left out.", False),
    Field("reason", TEXT, "Why the finding is accepted."),
    Field("owner", TEXT, "Who answers for that."),
    Field("expires", "date", "The last day on which the waiver counts, as in 2026-12-31."),
)

__all__ = (
    "BOOLEAN",
    "CHOICE",
    "DATE_PATTERN",
    "KEYS",
    "LAYERS",
    "MAPS",
    "NUMBER",
    "OFF",
    "ON",
    "PATHS",
    "RULES",
    "RULE_PATTERN",
    "SETTINGS",
    "SETTING_PATTERN",
    "TEXT",
    "TEXTS",
    "TOOLS",
    "VERSION",
    "VERSIONS",
    "VERSION_PATTERN",
    "WAIVER",
    "WHOLE",
    "Field",
    "Key",
)
