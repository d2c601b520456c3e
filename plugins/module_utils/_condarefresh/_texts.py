# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What condarefresh says, in each of its languages."""

from __future__ import annotations

import re
import typing as t

LANGUAGES = ("en", "zh")
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_PROBE = "中文"

# Each text in the order of LANGUAGES.
TEXTS: t.Dict[str, t.Tuple[str, str]] = {
    # The help.
    "usage": ("Usage", "用法"),
    "about": (
        "Updates your conda or mamba so that nothing can be left broken. It says what will change, asks, makes a"
        " snapshot, updates, checks the result, and puts everything back when anything is wrong.",
        "安全地更新您的 conda 或 mamba：先说明会有哪些变化并征求您的同意，再保存快照、更新、检查结果；"
        "一旦出现问题，就自动恢复原状。",
    ),
    "help_packages": (
        "with --environment: the packages to refresh (default: those that you once asked for without a version)",
        "与 --environment 一起使用：要更新的软件包（默认：您当初安装时没有指定版本的那些）",
    ),
    "help_environment": (
        "refresh packages of this environment (a name or a path; without one, the active environment)",
        "更新这个环境中的软件包（名称或路径；不写则为当前激活的环境）",
    ),
    "help_prefix": (
        "where your conda is installed (default: the one you use)",
        "conda 的安装位置（默认：您正在使用的）",
    ),
    "help_yes": ("do not ask", "不询问，直接执行"),
    "help_check": ("only say what would change", "只说明会有哪些变化，不做任何改动"),
    "help_undo": ("go back to the state before the last change", "恢复到上一次变化之前的状态"),
    "help_python": (
        "whether the Python of the installation may move to another minor version (default: keep)",
        "是否允许安装中的 Python 换到另一个次版本：keep 保持，move 允许（默认：keep）",
    ),
    "help_in_use": ("go on though programs run from there", "即使有程序正在使用，也继续"),
    "help_details": ("list every package that changes", "列出每一个有变化的软件包"),
    "help_json": (
        "print the result as one JSON object; all other text goes to standard error",
        "以一个 JSON 对象输出结果；其他文字输出到标准错误",
    ),
    "help_language": (
        "en or zh (default: as LC_ALL, LC_MESSAGES or LANG say)",
        "en 或 zh（默认：取决于 LC_ALL、LC_MESSAGES 或 LANG）",
    ),
    "help_help": ("show this help", "显示本帮助"),
    "help_codes": (
        "Exit codes: 0 done, or nothing to do; 1 not done, and all is as before; 2 wrong usage; 3 refused; 4 failed,"
        " and needs help.",
        "退出码：0 已完成或无需更新；1 未完成，一切保持原样；2 用法错误；3 被拒绝；4 失败，需要帮助。",
    ),
    # Wrong usage.
    "bad_usage": (
        "That cannot be understood: {why}. See condarefresh --help.",
        "无法理解命令：{why}。请看 condarefresh --help。",
    ),
    "no_terminal": (
        "There is no terminal on which you could be asked. Use --yes to go on without a question, or --check to see"
        " what would change.",
        "没有可以向您提问的终端。请用 --yes 表示无需询问，或用 --check 只查看会有哪些变化。",
    ),
    "packages_need_environment": (
        "Packages can be named only together with --environment.",
        "只有与 --environment 一起使用时才能指定软件包。",
    ),
    "no_active": (
        "No environment is active. Activate one, or name it: --environment NAME.",
        "当前没有激活的环境。请先激活，或指定名称：--environment 名称。",
    ),
    "several": (
        "There are several installations: {prefixes}. Say which one: --prefix PATH.",
        "找到多个安装：{prefixes}。请指定其中一个：--prefix 路径。",
    ),
    # What is found.
    "no_conda": (
        "No conda or mamba of yours was found. If there is one, say where: --prefix PATH. If not, ask the administrator"
        " of this machine.",
        "没有找到您的 conda 或 mamba。如果已经安装，请用 --prefix 指定路径；否则请联系这台机器的管理员。",
    ),
    "no_environment": (
        "There is no environment {name} here: see the names with 'conda env list'.",
        "这里没有环境 {name}：可以用 conda env list 查看名称。",
    ),
    "cannot_look": ("{path} cannot be used as it is.", "{path} 目前无法使用。"),
    "found": ("Found: {versions} in {prefix}.", "找到：{prefix} 中的 {versions}。"),
    "found_environment": ("Found: the environment {prefix}.", "找到：环境 {prefix}。"),
    "others_untouched": ("Your environments are not touched.", "您的各个环境不会受到影响。"),
    # Refusals.
    "not_yours": (
        "{prefix} belongs to {owner}, not to you, so you cannot refresh it. Ask {who}.",
        "{prefix} 属于 {owner}，不属于您，因此您不能更新它。请联系{who}。",
    ),
    "admin": ("the administrator of this machine", "这台机器的管理员"),
    "own_python": (
        "condarefresh would run with the Python of {prefix}, which it is about to change, and there is no other Python"
        " 3.7 or newer on this machine. Ask the administrator to install one, such as the package python3.",
        "condarefresh 只能用 {prefix} 里的 Python 运行，而它正要修改那里；这台机器上没有其他 3.7 以上的 Python。"
        "请管理员安装一个，例如软件包 python3。",
    ),
    "frozen": (
        "{prefix} is marked as frozen, which means that somebody wants it to stay as it is{message}. Ask who manages"
        " it.",
        "{prefix} 被标记为「冻结」，即有人希望它保持原样{message}。请联系管理它的人。",
    ),
    "others_can_write": (
        "Other users can write to {prefix}, so running what is in it is not safe. Take that right away from them"
        " (chmod go-w), then try again.",
        "其他用户可以写入 {prefix}，因此运行其中的程序不安全。请先取消他们的写权限（chmod go-w），然后重试。",
    ),
    "in_use": (
        "{prefix} is in use by {programs}. End these programs and try again, or go on all the same with"
        " --even-if-in-use. Nothing was changed.",
        "{prefix} 正被使用：{programs}。请结束这些程序后重试，或用 --even-if-in-use 仍然继续。没有做任何改动。",
    ),
    "refused": (
        "This cannot be done for {prefix}. Nothing was changed.",
        "无法对 {prefix} 执行此操作。没有做任何改动。",
    ),
    # An interrupted run.
    "interrupted": (
        "An earlier change of {prefix} was cut off in the middle, or is still under way. First of all it must be put"
        " right.",
        "{prefix} 之前的一次变化中途被打断，或仍在进行，必须先恢复正常。",
    ),
    "put_right": ("The interrupted change is put right.", "被打断的变化已处理完毕。"),
    # The plan.
    "looking": ("Looking for newer versions. This can take a few minutes.", "正在查找新版本，可能需要几分钟。"),
    "would_change": ("What will change:", "将会有以下变化："),
    "counts": (
        "  {updated} updated, {installed} new, {removed} removed, {downgraded} to a lower version, {rebuilt} rebuilt",
        "  更新 {updated} 个，新增 {installed} 个，移除 {removed} 个，降级 {downgraded} 个，重新构建 {rebuilt} 个",
    ),
    "download": ("  to download: {size} MB", "  需要下载：{size} MB"),
    "new": ("new", "新增"),
    "gone": ("removed", "移除"),
    "undo_from": (
        "Going back to the state of {time} (UTC), from before this change:",
        "将恢复到 {time}（UTC）的状态，即以下变化之前：",
    ),
    "ask": ("Go on? [y/N] ", "继续吗？[y/N] "),
    # The phases.
    "plans": ("planning ...", "正在计算方案……"),
    "takes": ("saving a snapshot ...", "正在保存快照……"),
    "changes": ("changing packages ...", "正在更改软件包……"),
    "verifies": ("checking the result ...", "正在检查结果……"),
    "restores": ("putting everything back ...", "正在恢复原状……"),
    "undoes": ("undoing the interrupted change ...", "正在撤销被打断的变化……"),
    "waits": ("waiting for other programs ...", "正在等待其他程序……"),
    # The ends.
    "nothing": ("Nothing to do: all is as new as it can be here.", "无需更新：这里已经是可用的最新状态。"),
    "nothing_newer_held": (
        "Nothing was changed: there is something newer, but it cannot be installed here.",
        "没有做任何改动：有更新的版本，但目前无法安装在这里。",
    ),
    "nothing_asked": (
        "Nothing to do: every package here was asked for with a fixed version. Name those that you want to refresh.",
        "无需更新：这里的软件包都指定了固定版本。请写出您要更新的软件包名称。",
    ),
    "nothing_undone": ("Nothing to undo: all is as it was.", "没有可撤销的变化：一切都是原来的状态。"),
    "planned": ("This was only a forecast. Nothing was changed.", "以上只是预测。没有做任何改动。"),
    "declined": ("As you wish: nothing was changed.", "好的：没有做任何改动。"),
    "done": ("Done, and the result was checked.", "已完成，并已检查结果。"),
    "differs": ("It has changed more, or less, than was said before:", "实际变化与之前的说明不同："),
    "undone": ("Done: the state of before is back.", "已完成：已恢复到之前的状态。"),
    "undo_hint": ("To go back: {command}", "如需恢复原状：{command}"),
    "failed_before": (
        "It did not work, and nothing was changed: all is as before. Try again later; if it goes on, show this to the"
        " administrator of this machine.",
        "没有成功，也没有做任何改动：一切保持原样。请稍后重试；如果仍然不行，请把这段信息给这台机器的管理员看。",
    ),
    "rolled_back": (
        "It did not work, and everything was put back: all is as before. Try again later; if it goes on, show this to"
        " the administrator of this machine.",
        "没有成功，已全部恢复：一切保持原样。请稍后重试；如果仍然不行，请把这段信息给这台机器的管理员看。",
    ),
    "needs_help": (
        "It did not work, and {prefix} may not be whole. Run condarefresh again, which tries to put it right. If that"
        " fails too, show this to the administrator of this machine.",
        "没有成功，{prefix} 可能不完整。请再次运行 condarefresh，它会尝试修复；"
        "如果仍然失败，请把这段信息给这台机器的管理员看。",
    ),
    "details": ("Details: {text}", "详细信息（英文）：{text}"),
    "warning": ("Note: {text}", "注意（英文）：{text}"),
}


class Words:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._index = LANGUAGES.index(language)

    def __call__(self, key: str, **values: t.Any) -> str:
        """A text, with its values put in."""
        text = TEXTS[key][self._index]
        return text.format(**values) if values else text


def language_of(variables: t.Mapping[str, str], encoding: t.Optional[str] = "utf-8") -> str:
    """The language that a user's variables ask for; English where the terminal could not show it.

    :param encoding: of what is written to.
    """
    wanted = next((variables[name] for name in _VARIABLES if variables.get(name)), "")
    return "zh" if re.match(r"zh(?:[_.@-]|\Z)", wanted, re.IGNORECASE) and can_show(encoding) else "en"


def can_show(encoding: t.Optional[str]) -> bool:
    """Whether an encoding has Chinese characters."""
    try:
        _PROBE.encode(encoding or "ascii")
    except (LookupError, UnicodeError):
        return False
    return True


def placeholders(text: str) -> t.List[str]:
    """The names of the values that a text takes."""
    return sorted(set(re.findall(r"\{([a-z_]+)\}", text)))


__all__ = ("LANGUAGES", "TEXTS", "Words", "can_show", "language_of", "placeholders")
