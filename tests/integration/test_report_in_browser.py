# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report in a real browser, without a window: Debian's chromium, driven by playwright."""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

import pytest
from benchmark.fleets import make_fleet
from unit.plugins.plugin_utils.audit_documents import HOSTILE, hostile_fleet, unreachable_fleet

from ansible_collections.labfleet.conda.plugins.plugin_utils._reports import write

FILTER_MILLISECONDS = 300
ROWS = "#finding-list tr.row"


@pytest.fixture(scope="module")
def browser() -> t.Iterator[t.Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not on this machine; tests/setup.sh browser installs it, as root on Debian")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not here")
    with playwright.sync_playwright() as driver:
        # no sandbox: as root, and in containers, chromium cannot make one
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


class Opened:
    """An opened page, with all that it complained about and all that it asked for."""

    def __init__(self, browser: t.Any, path: Path, **options: t.Any) -> None:
        self.context = browser.new_context(**options)
        self.trouble: list[str] = []
        self.requests: list[str] = []
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.trouble.append("dialog: " + dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)
        self.page.wait_for_selector("html[data-ready=yes]")

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()

    def status(self) -> tuple[int, int]:
        """How many findings in how many rows are listed."""
        numbers = re.findall(r"[\d,]+", self.page.inner_text("#status"))
        return tuple(int(number.replace(",", "")) for number in numbers) if numbers else (0, 0)


@pytest.fixture(scope="module")
def fleet() -> dict[str, t.Any]:
    return make_fleet(60, 4, 3)


@pytest.fixture
def opened(browser: t.Any, fleet: dict[str, t.Any], tmp_path: Path) -> t.Iterator[Opened]:
    """The report of a fleet; whatever a test does with it, it must not load anything or complain."""
    shown = open_report(browser, fleet, tmp_path)
    yield shown
    assert shown.trouble == []
    assert [request for request in shown.requests if request.partition("#")[0] != shown.address] == []
    shown.context.close()


def open_report(browser: t.Any, document: dict[str, t.Any], folder: Path, **options: t.Any) -> Opened:
    path = folder / "audit.html"
    with open(path, "w", encoding="utf-8") as stream:
        write("html", document, stream)
    return Opened(browser, path, **options)


def active(fleet: dict[str, t.Any]) -> list[tuple[str, dict[str, t.Any]]]:
    """The findings that are listed at first: those that nobody has waived."""
    found = [(name, item) for name, host in fleet["hosts"].items() for item in host.get("findings", ())]
    return [(name, item) for name, item in found if not item["waiver"]]


def test_lists_all_findings_merged_over_hosts(opened: Opened, fleet: dict[str, t.Any]) -> None:
    findings, rows = opened.status()
    assert findings == len(active(fleet)) == sum(fleet["summary"]["findings"].values())
    assert rows < findings * 0.7
    assert opened.page.locator(ROWS).count() < 60


def test_search_finds_words_in_any_text_and_in_hosts(opened: Opened, fleet: dict[str, t.Any]) -> None:
    opened.page.fill("#f-text", "missing_dep gpu0007")
    wanted = [name for name, item in active(fleet) if item["rule"] == "env.missing_dep" and name == "gpu0007"]
    assert opened.status()[0] == len(wanted) > 0
    opened.page.fill("#f-text", "no such words")
    assert opened.texts("#finding-list .empty") == ["No finding matches the filters."]
    opened.page.click("#filters button[type=reset]")
    opened.page.locator("#status", has_text="findings in").wait_for()
    assert opened.status()[0] == len(active(fleet))


def test_filters_narrow_the_list(opened: Opened, fleet: dict[str, t.Any]) -> None:
    page, counts = opened.page, fleet["summary"]["findings"]
    page.click("#f-severity [data-severity='0']")
    assert opened.status()[0] == counts["critical"]
    page.click("#f-severity [data-severity='1']")
    assert opened.status()[0] == counts["critical"] + counts["high"]
    assert page.get_attribute("#f-severity [data-severity='1']", "aria-pressed") == "true"
    page.select_option("#f-family", "permissions")
    assert opened.status()[0] == len([1 for _name, item in active(fleet) if item["rule"] == "perm.world_writable"])
    page.click("#f-severity [data-severity='0']")
    page.click("#f-severity [data-severity='1']")
    page.select_option("#f-family", "")
    page.fill("#f-host", "gpu0007")
    assert opened.status()[0] == len([1 for name, _item in active(fleet) if name == "gpu0007"])
    page.fill("#f-host", "")
    page.select_option("#f-state", "4")
    assert opened.status()[0] == fleet["trend"]["fixed"]
    page.select_option("#f-state", "1")
    assert opened.status()[0] == fleet["trend"]["new"]
    page.select_option("#f-state", "7")
    page.select_option("#f-waived", "only")
    assert opened.status()[0] == fleet["summary"]["waived"] > 0


def test_sorts_by_each_column(opened: Opened) -> None:
    page = opened.page

    def column(name: str) -> list[str]:
        return [text.split("\n")[0] for text in opened.texts(f"{ROWS} td.o-{name}")][:20]

    heads = page.locator("#finding-list thead button")
    for place, name in enumerate(("severity", "finding", "where", "owner", "hosts", "state")):
        heads.nth(place).click()
        first = column(name)
        sorted_up = page.locator("#finding-list th").nth(place).get_attribute("aria-sort")
        heads.nth(place).click()
        assert {sorted_up, page.locator("#finding-list th").nth(place).get_attribute("aria-sort")} == {
            "ascending", "descending",
        }  # fmt: skip
        assert column(name) != first or name in ("severity", "state")
    heads.nth(2).click()
    heads.nth(2).click()
    heads.nth(2).click()
    where = column("where")
    assert where == sorted(where)


def test_detail_shows_what_to_do_and_leads_to_the_host(opened: Opened, fleet: dict[str, t.Any]) -> None:
    page = opened.page
    name = next(name for name, item in active(fleet) if item["rule"] == "perm.world_writable" and name[0] == "g")
    host = fleet["hosts"][name]
    page.fill("#f-text", "world_writable " + name)
    page.locator(f"{ROWS} button.title").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[open]")
    assert page.inner_text("#remedy").startswith("chmod -R o-w /")
    assert "has the mode 0777" in page.inner_text("#detail")
    page.click("#copy")
    page.locator("#copy", has_text="Copied").wait_for()
    page.locator("#detail .links button", has_text=name).first.evaluate("button => button.click()")  # may be folded
    page.locator("#detail-head", has_text=name).wait_for()
    said = page.inner_text("#detail")
    assert "Installations (1)" in said and "Environments (4)" in said
    assert all(item["prefix"] in said for item in host["environments"])
    assert ("permission denied" in said) is bool(host["unreadable"])
    page.go_back()
    page.wait_for_selector("#remedy")
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail", state="hidden")
    page.wait_for_url(opened.address)  # the browser says a moment later that it is closed


def test_host_list_names_the_unseen_first_and_leads_to_its_findings(opened: Opened, fleet: dict[str, t.Any]) -> None:
    page = opened.page
    assert opened.texts("#host-list tr.row button.title")[0] == "gpu0049"
    page.fill("#h-text", "gpu0013")
    page.locator("#host-list tr.row button.title").first.click()
    page.get_by_role("button", name="Show in the list of findings").click()
    page.wait_for_selector("#detail", state="hidden")
    assert page.input_value("#f-host") == "gpu0013"
    assert opened.status()[0] == len([1 for name, _item in active(fleet) if name == "gpu0013"])


def test_keyboard_goes_through_rows_that_are_not_drawn_yet(opened: Opened) -> None:
    page = opened.page
    page.locator(f"{ROWS} button.title").first.focus()
    page.keyboard.press("End")
    index = "Number(document.activeElement.closest('tr').dataset.index)"
    assert page.evaluate(index) == opened.status()[1] - 1
    page.keyboard.press("ArrowUp")
    assert page.evaluate(index) == opened.status()[1] - 2


# The browser tells the page of a new address a moment later: wait until the page has been told.
FOLLOW = """address => new Promise((done) => {
  window.addEventListener("hashchange", () => setTimeout(done), { once: true });
  location.hash = address;
})"""


def test_hostile_data_stays_text(browser: t.Any, tmp_path: Path) -> None:
    shown = open_report(browser, hostile_fleet(), tmp_path)
    page = shown.page
    page.select_option("#f-waived", "yes")
    for place in range(page.locator(ROWS).count()):
        page.evaluate(FOLLOW, f"#finding/{place}")
        page.wait_for_selector("#detail[open]")
    for host in ("gpu0001", "gpu0002"):
        page.goto(f"{shown.address}#host/{host}")
        page.locator("#detail-head", has_text=host).wait_for()
    assert HOSTILE[0] in page.inner_text("#detail")
    assert page.locator("img").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert shown.trouble == []
    assert {request.partition("#")[0] for request in shown.requests} == {shown.address}
    shown.context.close()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (make_fleet(0), "There were no hosts to look at"),
        (unreachable_fleet(), "No host was seen, so nothing is known."),
    ],
    ids=["no-hosts", "nothing-reached"],
)
def test_a_run_that_saw_nothing_is_not_shown_as_clean(
    browser: t.Any, document: dict[str, t.Any], said: str, tmp_path: Path
) -> None:
    shown = open_report(browser, document, tmp_path)
    assert said in shown.page.inner_text("body")
    assert shown.trouble == []
    shown.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1360])
def test_fits_the_window_and_can_be_read(
    browser: t.Any, fleet: dict[str, t.Any], scheme: str, width: int, tmp_path: Path
) -> None:
    """Nothing is wider than the window, and text stands out from its background (WCAG 2.1, 1.4.3: 4.5 to 1)."""
    shown = open_report(browser, fleet, tmp_path, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.page.evaluate(CONTRAST) == []
    shown.page.locator(f"{ROWS} button.title").first.click()
    shown.page.wait_for_selector("#detail[open]")
    assert shown.page.evaluate(CONTRAST) == []
    shown.context.close()


CONTRAST = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const [one, two] = [light(element.namespaceURI.endsWith("svg") ? style.fill : style.color), light(back(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) bad.push(element.tagName + "." + element.className + " " + ratio.toFixed(2));
  }
  return bad;
}"""


def test_stays_quick_with_a_thousand_hosts(browser: t.Any, tmp_path: Path) -> None:
    """1,000 hosts with 30 environments: some 200,000 findings, of which few are the same on two hosts."""
    document = make_fleet(1000, 30, 7)
    for number, host in enumerate(document["hosts"].values()):
        for finding in host.get("findings", ())[::2]:
            finding["evidence"] += " (%d)" % number
    shown = open_report(browser, document, tmp_path)
    page = shown.page
    findings, rows = shown.status()
    assert findings > 150_000 and rows > 100_000
    took = {}
    for words in ("c", "openssl", "openssl gpu0123", "nothing has this", ""):
        took[words] = page.evaluate(MEASURE, ["#f-text", words])
    took["severity"] = page.evaluate("""() => {
        const begin = performance.now();
        document.querySelector("#f-severity [data-severity='2']").click();
        document.body.offsetHeight;
        return performance.now() - begin;
    }""")
    took["host"] = page.evaluate(MEASURE, ["#f-host", "gpu0123"])
    print({words: round(milliseconds) for words, milliseconds in took.items()})
    assert {words: value for words, value in took.items() if value > FILTER_MILLISECONDS} == {}
    assert page.locator(ROWS).count() < 60
    assert shown.trouble == []
    shown.context.close()


# From the key that was pressed to the page laid out anew.
MEASURE = """([selector, words]) => {
  const field = document.querySelector(selector);
  const begin = performance.now();
  field.value = words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.offsetHeight;
  return performance.now() - begin;
}"""


def test_hosts_that_were_not_part_of_the_run_are_marked_and_can_be_listed(browser: t.Any, tmp_path: Path) -> None:
    document = make_fleet(4, 2, 2)
    seen = next(name for name, host in document["hosts"].items() if host["status"] == "ok")
    document["hosts"][seen]["last_seen"] = "2026-11-20T10:00:00Z"
    shown = open_report(browser, document, tmp_path)
    assert f"{seen}, last seen 2026-11-20 10:00:00 UTC" in shown.page.inner_text("#carried")
    shown.page.select_option("#h-status", "left")
    assert shown.texts("#host-list tr.row button.title") == [seen]
    assert "not in this run" in shown.page.inner_text("#host-list tr.row")
    shown.page.click("#host-list tr.row button.title")
    shown.page.locator("#detail-head", has_text=seen).wait_for()
    assert "What has changed on it since is unknown." in shown.page.inner_text("#detail-body")
    shown.page.click("#detail-body button.plain >> text=Close")
    shown.page.select_option("#h-status", "0")
    assert seen not in shown.texts("#host-list tr.row button.title")
    assert shown.trouble == []
    shown.context.close()
