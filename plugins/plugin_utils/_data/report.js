/*
Copyright (c) 2026, The labfleet.conda contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/
"use strict";
(() => {
  // The data is hostile: it gets into the page as text only (textContent), never as mark-up, style or script.
  const data = JSON.parse(document.getElementById("data").textContent);
  document.getElementById("data").remove();
  const SEVERITIES = ["critical", "high", "medium", "low", "info"];
  const STATES = ["new", "open", "fixed"];
  const STATUSES = ["ok", "incomplete", "failed", "unreachable"];
  const ROW_HEIGHT = 52;
  const MOST_ROWS = 300000; // browsers cannot make an element much higher than this many rows
  const { texts, hosts, rules } = data;
  const found = {};
  for (const [key, values] of Object.entries(data.findings)) found[key] = Uint32Array.from(values);
  const rowCount = found.rule.length;
  const byId = (id) => document.getElementById(id);
  const number = (value) => value.toLocaleString("en-US");
  const plural = (count, word, many) => number(count) + " " + (count === 1 ? word : many || word + "s");

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") element.addEventListener(key, value);
      else if (key === "class") element.className = value;
      else element.setAttribute(key, value);
    }
    for (const child of children.flat()) if (child !== null && child !== "") element.append(child);
    return element;
  }

  function badge(severity, text, textClass) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", "#sev-" + SEVERITIES[severity]);
    svg.setAttribute("aria-hidden", "true");
    svg.append(use);
    const word = make("span", textClass ? { class: textClass } : {}, text === undefined ? SEVERITIES[severity] : text);
    return make("span", { class: "badge sev-" + SEVERITIES[severity], title: SEVERITIES[severity] }, svg, word);
  }

  // A text of a row; \x01 and \x02 in it stand for the row's subject and item.
  const text = (column, row) => texts[found[column][row]];
  function filled(column, row) {
    const raw = text(column, row);
    if (!/[\x01\x02]/.test(raw)) return raw;
    return raw.replace(/[\x01\x02]/g, (char) => text(char === "\x01" ? "subject" : "item", row));
  }

  // ---- which rows match -------------------------------------------------------------------------------------------
  const SEARCHED = ["subject", "item", "path", "environment", "owner", "evidence", "remedy", "kind", "waiver"];
  const lowered = texts.map((value) => value.toLowerCase());
  const loweredRules = rules.map((rule) => (rule.id + " " + rule.title + " " + rule.family).toLowerCase());
  const loweredHosts = hosts.map((host) => host.name.toLowerCase());
  const loweredAdvisories = data.advisories.map((names) => names.join(" ").toLowerCase());
  const filter = { words: [], severities: 0, family: "", rule: "", host: "", owner: "", states: 3, waived: "no" };
  const shown = { rows: new Uint32Array(rowCount), counts: new Uint32Array(rowCount), length: 0, findings: 0 };
  const sorting = { column: "severity", down: false };
  const flags = (values, word) => Uint8Array.from(values, (value) => (value.includes(word) ? 1 : 0));

  // For each word: the rows whose own texts hold it. A word may also be in the name of a host; see select().
  function rowsWithWord(word) {
    const inText = flags(lowered, word);
    const inRule = flags(loweredRules, word);
    const inAdvisory = flags(loweredAdvisories, word);
    const result = new Uint8Array(rowCount);
    for (let row = 0; row < rowCount; row++) result[row] = inRule[found.rule[row]] | inAdvisory[found.advisories[row]];
    for (const column of SEARCHED) {
      const values = found[column];
      for (let row = 0; row < rowCount; row++) result[row] |= inText[values[row]];
    }
    return result;
  }

  const wordCache = new Map();
  function wordsOfRows() {
    for (const word of [...wordCache.keys()]) if (!filter.words.includes(word)) wordCache.delete(word);
    return filter.words.map((word) => {
      if (!wordCache.has(word)) wordCache.set(word, [rowsWithWord(word), flags(loweredHosts, word)]);
      return wordCache.get(word);
    });
  }

  function allowedRow() {
    const ruleOk = rules.map((rule) => (!filter.rule || rule.id === filter.rule) && (!filter.family || rule.family === filter.family));
    const owner = filter.owner.toLowerCase();
    const exact = owner && lowered.indexOf(owner);
    const ownerOk = owner ? (exact >= 0 && owners.has(exact) ? (id) => id === exact : (id) => lowered[id].includes(owner)) : null;
    return (row) =>
      (!filter.severities || filter.severities & (1 << found.severity[row])) &&
      ruleOk[found.rule[row]] &&
      (filter.waived === "yes" || (filter.waived === "only") === (found.waiver[row] > 0)) &&
      (!ownerOk || ownerOk(found.owner[row]));
  }

  function hostsAllowed() {
    const wanted = filter.host.toLowerCase();
    if (!wanted) return null;
    const exact = loweredHosts.indexOf(wanted);
    return Uint8Array.from(loweredHosts, (name, place) => (exact >= 0 ? place === exact : name.includes(wanted)) ? 1 : 0);
  }

  function select() {
    const allowed = allowedRow();
    const words = wordsOfRows();
    const hostOk = hostsAllowed();
    const { start, member } = found;
    shown.length = shown.findings = 0;
    for (let row = 0; row < rowCount; row++) {
      if (!allowed(row)) continue;
      const byHost = words.filter((word) => !word[0][row]); // these words must be in the host's name
      let count = 0;
      for (let place = start[row]; place < start[row + 1]; place++) {
        const host = (member[place] / 3) | 0;
        if (!(filter.states & (1 << member[place] % 3)) || (hostOk && !hostOk[host])) continue;
        if (byHost.length === 0 || byHost.every((word) => word[1][host])) count++;
      }
      if (count) {
        shown.rows[shown.length] = row;
        shown.counts[row] = count;
        shown.findings += count;
        shown.length++;
      }
    }
  }

  // Rows come sorted by severity, then number of hosts; that order decides between equals.
  function sort() {
    const ranks = { severity: (row) => found.severity[row], hosts: (row) => shown.counts[row] };
    const byText = { where: "subject", owner: "owner" };
    const ruleOrder = rules.map((rule, place) => place).sort((a, b) => (rules[a].title < rules[b].title ? -1 : 1));
    const rulePlace = [];
    ruleOrder.forEach((rule, place) => (rulePlace[rule] = place));
    ranks.finding = (row) => rulePlace[found.rule[row]];
    ranks.state = (row) => (found.waiver[row] ? 3 : stateOf(row));
    const rank = ranks[sorting.column] || ((row) => found[byText[sorting.column]][row]);
    if (sorting.column === "severity" && !sorting.down) return;
    const keys = new Float64Array(shown.length);
    for (let place = 0; place < shown.length; place++) {
      const row = shown.rows[place];
      keys[place] = (sorting.down ? 2097151 - rank(row) : rank(row)) * 4194304 + row;
    }
    keys.sort();
    for (let place = 0; place < keys.length; place++) shown.rows[place] = keys[place] % 4194304;
  }

  function stateOf(row) {
    let state = 2;
    for (let place = found.start[row]; place < found.start[row + 1]; place++) state = Math.min(state, found.member[place] % 3);
    return state;
  }

  function membersOf(row, all) {
    const members = [];
    const hostOk = all ? null : hostsAllowed();
    for (let place = found.start[row]; place < found.start[row + 1]; place++) {
      const host = (found.member[place] / 3) | 0;
      const state = found.member[place] % 3;
      if (all || (filter.states & (1 << state) && (!hostOk || hostOk[host]))) members.push([host, state]);
    }
    return members;
  }

  // ---- a table that draws only the rows in view --------------------------------------------------------------------
  class Table {
    constructor(place, label, columns, sorting, onSort, draw, open) {
      Object.assign(this, { place, columns, sorting, draw, open, length: 0, first: -1, last: -1 });
      this.heads = columns.map(([key, title, cssClass, sortable]) => {
        const inner = sortable
          ? make("button", { type: "button", click: () => onSort(key) }, title, make("span", { "aria-hidden": "true" }))
          : make("button", { type: "button", disabled: "" }, title);
        return make("th", { scope: "col", class: "c-" + cssClass + " o-" + cssClass }, inner);
      });
      this.body = make("tbody");
      this.table = make("table", { "aria-label": label }, make("thead", {}, make("tr", {}, this.heads)), this.body);
      place.setAttribute("tabindex", "0");
      place.setAttribute("role", "region");
      place.setAttribute("aria-label", label);
      place.append(this.table);
      place.addEventListener("scroll", () => this.paint(), { passive: true });
      place.addEventListener("keydown", (event) => this.key(event));
      window.addEventListener("resize", () => this.paint());
      this.body.addEventListener("click", (event) => {
        const row = event.target.closest("tr.row");
        if (row && !String(window.getSelection())) this.open(Number(row.dataset.index));
      });
    }

    show(length, nothing) {
      this.length = Math.min(length, MOST_ROWS);
      this.nothing = nothing;
      this.first = this.last = -1;
      this.place.scrollTop = 0;
      this.table.setAttribute("aria-rowcount", String(length + 1));
      this.columns.forEach(([key], place) => {
        const head = this.heads[place];
        const active = key === this.sorting.column;
        if (active) head.setAttribute("aria-sort", this.sorting.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
        const arrow = head.querySelector("span");
        if (arrow) arrow.textContent = active ? (this.sorting.down ? " ▼" : " ▲") : "";
      });
      this.paint();
    }

    paint() {
      const height = this.place.clientHeight || 600;
      const top = Math.floor(this.place.scrollTop / ROW_HEIGHT);
      const first = Math.max(0, top - 6);
      const last = Math.min(this.length, top + Math.ceil(height / ROW_HEIGHT) + 6);
      if (first === this.first && last === this.last) return;
      const focused = document.activeElement && this.body.contains(document.activeElement)
        ? Number(document.activeElement.closest("tr").dataset.index) : -1;
      this.first = first;
      this.last = last;
      const rows = [this.spacer(first)];
      for (let index = first; index < last; index++) {
        rows.push(make("tr", { class: "row", "data-index": index, "aria-rowindex": index + 2 }, this.draw(index)));
      }
      rows.push(this.spacer(this.length - last));
      if (!this.length) rows.push(make("tr", {}, make("td", { class: "empty", colspan: this.columns.length }, this.nothing)));
      this.body.replaceChildren(...rows);
      if (focused >= first && focused < last) this.focus(focused);
    }

    spacer(rows) {
      const row = make("tr", { class: "spacer", "aria-hidden": "true" }, make("td"));
      row.style.height = rows * ROW_HEIGHT + "px";
      return row;
    }

    focus(index) {
      const button = this.body.querySelector('tr[data-index="' + index + '"] button.title');
      if (button) button.focus({ preventScroll: true });
    }

    // Arrows, page keys, Home and End go from row to row, also to rows that are not drawn yet.
    key(event) {
      const row = event.target.closest("tr.row");
      const page = Math.max(1, Math.floor(this.place.clientHeight / ROW_HEIGHT) - 2);
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.length, End: this.length };
      if (!(event.key in steps) || !this.length || event.target.closest("thead")) return;
      event.preventDefault();
      const from = row ? Number(row.dataset.index) : event.key === "ArrowUp" ? 1 : -1;
      const index = Math.max(0, Math.min(this.length - 1, from + steps[event.key]));
      const above = index * ROW_HEIGHT;
      const below = above + ROW_HEIGHT - (this.place.clientHeight - 40);
      if (above < this.place.scrollTop) this.place.scrollTop = above;
      else if (below > this.place.scrollTop) this.place.scrollTop = below;
      this.paint();
      this.focus(index);
    }
  }

  // ---- findings ----------------------------------------------------------------------------------------------------
  const stateTag = (state, waived) =>
    waived ? make("span", { class: "tag dashed" }, "waived") : make("span", { class: state === 0 ? "tag strong" : "tag" }, STATES[state]);

  function findingCells(index) {
    const row = shown.rows[index];
    const rule = rules[found.rule[row]];
    const count = shown.counts[row];
    const only = count === 1 ? membersOf(row)[0] : null;
    const where = text("item", row) || text("environment", row);
    const evidence = filled("evidence", row);
    return [
      make("td", { class: "o-severity" }, make("div", {}, badge(found.severity[row], undefined, "c-severity-text"))),
      make("td", { class: "o-finding" }, make("button", { type: "button", class: "title" }, rule.title),
        make("div", { class: "sub", title: evidence }, make("span", { class: "only-narrow mono" }, text("subject", row) + " "), evidence)),
      make("td", { class: "o-where" }, make("div", { class: "mono", title: text("subject", row) }, text("subject", row)), make("div", { class: "sub", title: where }, where)),
      make("td", { class: "o-owner" }, make("div", {}, text("owner", row))),
      make("td", { class: "o-hosts" }, make("div", { class: "num" }, only ? hosts[only[0]].name : plural(count, "host"))),
      make("td", { class: "o-state" }, stateTag(stateOf(row), found.waiver[row])),
    ];
  }

  const findingTable = new Table(
    byId("finding-list"), "Findings",
    [["severity", "Severity", "severity", true], ["finding", "Finding", "finding", true], ["where", "Where", "where", true],
      ["owner", "Owner", "owner", true], ["hosts", "Hosts", "hosts", true], ["state", "State", "state", true]],
    sorting,
    (column) => {
      sorting.down = sorting.column === column ? !sorting.down : column === "hosts";
      sorting.column = column;
      update();
    },
    findingCells,
    (index) => go("finding/" + shown.rows[index]),
  );

  function update() {
    const begin = performance.now();
    select();
    sort();
    const milliseconds = performance.now() - begin;
    const status = byId("status");
    status.textContent = shown.length
      ? plural(shown.findings, "finding") + " in " + plural(shown.length, "row") + (shown.length > MOST_ROWS ? "; the first " + number(MOST_ROWS) + " are listed, narrow the search for the others" : "")
      : rowCount ? "No finding matches." : "";
    status.dataset.milliseconds = milliseconds.toFixed(1);
    const unseen = hosts.filter((host) => host.status > 1).length;
    const nothing = rowCount ? "No finding matches the filters." : hosts.length === unseen ? "No host was seen, so nothing is known." : "No findings on the hosts that were seen.";
    findingTable.show(shown.length, nothing);
  }

  // ---- hosts -------------------------------------------------------------------------------------------------------
  const perHost = hosts.map(() => new Uint32Array(5));
  const rowsOfHost = (host) => {
    const rows = [];
    for (let row = 0; row < rowCount; row++) {
      for (let place = found.start[row]; place < found.start[row + 1]; place++) {
        if (((found.member[place] / 3) | 0) === host) rows.push([row, found.member[place] % 3]);
      }
    }
    return rows;
  };
  const sizes = { installations: new Uint32Array(hosts.length), environments: new Uint32Array(hosts.length) };
  for (const key of Object.keys(sizes)) for (const host of data[key].host) sizes[key][host]++;
  for (let row = 0; row < rowCount; row++) {
    if (found.waiver[row]) continue;
    for (let place = found.start[row]; place < found.start[row + 1]; place++) {
      if (found.member[place] % 3 < 2) perHost[(found.member[place] / 3) | 0][found.severity[row]]++;
    }
  }
  const hostSorting = { column: "counts", down: true };
  let hostRows = [];
  const statusTag = (status) => make("span", { class: status > 1 ? "tag strong" : status ? "tag dashed" : "tag" }, ["✓ ", "◐ ", "✕ ", "✕ "][status], make("span", { class: "c-status-text" }, STATUSES[status]));

  const sinceWhen = (host) => "not in this run; last seen " + host.lastSeen.replace("T", " ").replace("Z", " UTC");

  function hostCells(index) {
    const place = hostRows[index];
    const host = hosts[place];
    const counts = [];
    perHost[place].forEach((count, severity) => count && counts.push(badge(severity, number(count))));
    const said = host.status > 1 ? [make("div", { class: "sub", title: host.message }, host.message),
      counts.length ? make("div", { class: "counts" }, make("span", { class: "sub" }, "before:"), counts) : ""]
      : [make("div", { class: "counts" }, counts.length ? counts : make("span", { class: "quiet" }, "no open findings"))];
    return [
      make("td", {}, make("button", { type: "button", class: "title" }, host.name)),
      make("td", {}, host.lastSeen ? make("span", { class: "tag dashed" }, "not in this run") : statusTag(host.status)),
      make("td", {}, said, host.lastSeen && host.status < 2 ? make("div", { class: "sub" }, sinceWhen(host)) : ""),
      make("td", { class: "o-number" }, make("div", { class: "num" }, host.status > 1 ? "unknown" : number(sizes.environments[place]))),
      make("td", { class: "o-number" }, make("div", { class: "num" }, host.status > 1 ? "unknown" : number(host.unreadable))),
    ];
  }

  const hostTable = new Table(
    byId("host-list"), "Hosts",
    [["name", "Host", "host", true], ["status", "Status", "status", true], ["counts", "Open findings", "counts", true],
      ["environments", "Environments", "number", true], ["unreadable", "Unreadable", "number", true]],
    hostSorting,
    (column) => {
      hostSorting.down = hostSorting.column === column ? !hostSorting.down : column !== "name";
      hostSorting.column = column;
      updateHosts();
    },
    hostCells,
    (index) => go("host/" + encodeURIComponent(hosts[hostRows[index]].name)),
  );

  function updateHosts() {
    const wanted = byId("h-text").value.trim().toLowerCase();
    const status = byId("h-status").value;
    hostRows = hosts.map((host, place) => place).filter((place) =>
      loweredHosts[place].includes(wanted) && (status === "" || (status === "left" ? hosts[place].lastSeen !== "" : !hosts[place].lastSeen && hosts[place].status === Number(status))));
    const compare = {
      name: (a, b) => a - b,
      status: (a, b) => hosts[a].status - hosts[b].status,
      counts: (a, b) => { // by the worst, but what was not seen is worse than anything that is known
        if (hosts[a].status > 1 !== hosts[b].status > 1) return hosts[a].status > 1 ? 1 : -1;
        for (let severity = 0; severity < 5; severity++) {
          if (perHost[a][severity] !== perHost[b][severity]) return perHost[a][severity] - perHost[b][severity];
        }
        return 0;
      },
      environments: (a, b) => sizes.environments[a] - sizes.environments[b],
      unreadable: (a, b) => hosts[a].unreadable - hosts[b].unreadable,
    }[hostSorting.column];
    hostRows.sort((a, b) => (hostSorting.down ? compare(b, a) : compare(a, b)) || a - b);
    byId("host-status").textContent = plural(hostRows.length, "host");
    hostTable.show(hostRows.length, hosts.length ? "No host matches." : "There were no hosts to look at.");
  }

  // ---- details -----------------------------------------------------------------------------------------------------
  const dialog = byId("detail");
  const go = (place) => { location.hash = "#" + place; };
  const pairs = (entries) => make("dl", { class: "pairs" }, entries.filter((entry) => entry[1]).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  const mono = (value) => (value ? make("span", { class: "mono" }, value) : "");
  const hostButton = (host, extra) => make("button", { type: "button", click: () => go("host/" + encodeURIComponent(hosts[host].name)) }, hosts[host].name + (extra || ""));

  function top(title, ...below) {
    const close = make("button", { type: "button", class: "plain", click: () => dialog.close() }, "Close");
    return make("div", { class: "detail-top" }, make("div", {}, make("h2", { id: "detail-head", tabindex: "-1" }, title), ...below), close);
  }

  async function copy(value, button, source) {
    let done = false;
    try {
      await navigator.clipboard.writeText(value);
      done = true;
    } catch {
      // no clipboard for a page of this kind: select the text and use the old command
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  function remedyPart(row) {
    const value = filled("remedy", row);
    if (!value) return "";
    const source = make("pre", { id: "remedy" }, value);
    const button = make("button", { type: "button", class: "plain", id: "copy", click: () => copy(value, button, source) }, "Copy");
    return [make("h3", {}, "Remedy"), make("div", { class: "remedy" }, source, button)];
  }

  function advisoryPart(name) {
    const entry = data.advisoryTexts[name];
    const safe = /^https:\/\/[^\s]+$/.test(entry.url);
    const link = safe ? make("a", { href: entry.url, rel: "noreferrer noopener", target: "_blank" }, name) : name;
    const facts = [entry.severity, entry.cvss && "CVSS " + entry.cvss, entry.published && "published " + entry.published.slice(0, 10), ...entry.aliases];
    return make("div", { class: "advisory" }, make("p", {}, make("b", {}, link)), make("p", {}, entry.summary), make("p", { class: "quiet small" }, facts.filter(Boolean).join(" · ")));
  }

  function hostLinks(members) {
    const groups = STATES.map((name, state) => [name, members.filter((member) => member[1] === state)]).filter((group) => group[1].length);
    return groups.map(([name, group]) => {
      const list = make("div", { class: "links" }, group.map((member) => hostButton(member[0])));
      return make("details", group.length <= 24 ? { open: "" } : {}, make("summary", {}, name + " on " + plural(group.length, "host")), list);
    });
  }

  function findingView(row) {
    const rule = rules[found.rule[row]];
    const names = data.advisories[found.advisories[row]];
    const waived = found.waiver[row] > 0;
    return [
      top(rule.title, badge(found.severity[row]), " ", stateTag(stateOf(row), waived), " ", make("span", { class: "quiet mono" }, rule.id)),
      make("p", { class: "said" }, rule.explanation),
      make("h3", {}, "Evidence"), make("pre", {}, filled("evidence", row)),
      remedyPart(row),
      pairs([
        ["Where", mono(text("subject", row))], ["What", mono(text("item", row))],
        ["File", found.path[row] && filled("path", row) !== text("subject", row) ? mono(filled("path", row)) : ""],
        ["Kind", text("kind", row)], ["Environment", text("environment", row)], ["Owner", text("owner", row)],
        ["Asked for by", text("layer", row) && "policy layer " + text("layer", row)], ["Waived", text("waiver", row)],
        ["Last seen", text("last_seen", row) && text("last_seen", row).replace("T", " ").replace("Z", " UTC") + "; it was not looked for this time"],
        ["Family", rule.family], ["Source", rule.source],
      ]),
      names.length ? make("h3", {}, names.length === 1 ? "Advisory" : "Advisories") : "", names.map(advisoryPart),
      make("h3", {}, "Hosts"), hostLinks(membersOf(row, true)),
    ];
  }

  function hostList(name, host, draw, heads) {
    const columns = data[name];
    const rows = [];
    columns.host.forEach((owner, place) => { if (owner === host) rows.push(place); });
    if (!rows.length) return "";
    const cell = (key, place) => texts[columns[key][place]];
    const count = (key, place) => (columns[key][place] < 0 ? "?" : number(columns[key][place]));
    const body = rows.map((place) => make("tr", {}, draw((key) => cell(key, place), (key) => count(key, place)).map((value) => make("td", {}, value))));
    const table = make("table", { class: "plain-table" }, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, body));
    const title = name[0].toUpperCase() + name.slice(1) + " (" + number(rows.length) + ")";
    const open = name === "unreadable" || name === "unjudged" || rows.length <= 40;
    return make("details", open ? { open: "" } : {}, make("summary", {}, title === "Unjudged (" + number(rows.length) + ")" ? "Checks not done (" + number(rows.length) + ")" : title), make("div", { class: "scroll-x" }, table));
  }

  function findingList(host) {
    const rows = rowsOfHost(host).filter((entry) => entry[1] < 2);
    const open = rows.filter((entry) => !found.waiver[entry[0]]);
    const line = ([row, state]) => make("tr", {},
      make("td", {}, badge(found.severity[row])),
      make("td", {}, make("button", { type: "button", class: "open", click: () => go("finding/" + row) }, rules[found.rule[row]].title)),
      make("td", { class: "mono" }, text("subject", row) + (found.item[row] ? ": " + text("item", row) : "")),
      make("td", {}, stateTag(state, found.waiver[row])));
    const some = open.slice(0, 200);
    const all = make("button", { type: "button", class: "plain", click: () => showHost(host) }, "Show in the list of findings");
    const waived = rows.length > open.length ? ", " + number(rows.length - open.length) + " more waived" : "";
    const cut = open.length > some.length ? make("p", { class: "quiet" }, "The worst " + number(some.length) + " are listed here.") : "";
    return [make("h3", {}, plural(open.length, "open finding") + waived), rows.length ? all : "", cut, make("div", { class: "scroll-x" }, make("table", { class: "plain-table" }, make("tbody", {}, some.map(line))))];
  }

  function showHost(host) {
    byId("filters").reset();
    clearChips();
    byId("f-host").value = hosts[host].name;
    dialog.close();
    readFilters();
    byId("findings").scrollIntoView();
    byId("f-text").focus({ preventScroll: true });
  }

  function hostView(place) {
    const host = hosts[place];
    const left = host.lastSeen ? make("p", { class: "said" }, "This host was " + sinceWhen(host) + ". What has changed on it since is unknown.") : "";
    if (host.status > 1) {
      const before = perHost[place].some(Boolean) ? " What earlier runs found and nobody has seen fixed is still listed." : "";
      return [top(host.name, statusTag(host.status)), left, make("p", { class: "said" }, "This host was not seen. What is on it is unknown, not clean." + before), make("pre", {}, host.message), before ? findingList(place) : ""];
    }
    const alike = host.alike.filter((other) => other !== place);
    const [vulnerable, none, unmapped] = host.coverage;
    return [
      top(host.name, statusTag(host.status)),
      left,
      host.status ? make("p", { class: "said" }, "The look at this host did not come to its end. What was not reached is unknown, not clean. " + host.message) : "",
      pairs([
        ["Root", mono(host.root)], ["GPU", mono(host.gpu)], ["Image", host.image],
        ["Packages", vulnerable + none + unmapped ? number(vulnerable) + " vulnerable, " + number(none) + " none known, " + number(unmapped) + " unmapped" : ""],
        ["Unreadable", host.unreadable ? plural(host.unreadable, "place") : ""],
      ]),
      findingList(place),
      hostList("installations", place, (cell) => [mono(cell("prefix")), cell("kind"), cell("distribution"), cell("version") || "unknown", cell("solver"), cell("owner"), cell("frozen")], ["Prefix", "Tool", "Distribution", "Version", "Solver", "Owner", ""]),
      hostList("environments", place, (cell, count) => [mono(cell("prefix")), cell("name"), cell("owner"), cell("python_version"), count("packages"), count("pip"), count("processes")], ["Prefix", "Name", "Owner", "Python", "Packages", "pip", "Running"]),
      hostList("unreadable", place, (cell) => [mono(cell("path")), cell("reason")], ["Path", "Why"]),
      hostList("unjudged", place, (cell) => [mono(cell("rule")), mono(cell("subject")), cell("reason")], ["Rule", "Subject", "Why"]),
      alike.length ? make("details", {}, make("summary", {}, plural(alike.length, "host") + " alike"), make("div", { class: "links" }, alike.map((other) => hostButton(other)))) : "",
    ];
  }

  // The address holds what is open, so that the back button works and an address can be handed on.
  function route() {
    const [kind, raw] = location.hash.slice(1).split("/");
    let view = null;
    if (kind === "finding" && Number(raw) >= 0 && Number(raw) < rowCount && raw !== "") view = findingView(Number(raw));
    if (kind === "host") {
      let name = "";
      try { name = decodeURIComponent(raw || ""); } catch { /* not an address of ours */ }
      const place = hosts.findIndex((host) => host.name === name);
      if (place >= 0) view = hostView(place);
    }
    if (!view) {
      if (dialog.open) dialog.close();
      return;
    }
    byId("detail-body").replaceChildren(...view.flat(3).filter((part) => part !== ""));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    byId("detail-head").focus({ preventScroll: true });
  }

  let before = null;
  window.addEventListener("hashchange", () => {
    if (!dialog.open) before = document.activeElement;
    route();
  });
  dialog.addEventListener("close", () => {
    if (/^#(finding|host)\//.test(location.hash)) history.pushState(null, "", location.pathname + location.search);
    if (before && before.isConnected) before.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // ---- filters -----------------------------------------------------------------------------------------------------
  const owners = new Set(found.owner);
  const option = (value, label) => make("option", { value }, label || value);
  [...new Set(rules.map((rule) => rule.family))].sort().forEach((family) => byId("f-family").append(option(family)));
  rules.slice().sort((a, b) => (a.id < b.id ? -1 : 1)).forEach((rule) => byId("f-rule").append(option(rule.id, rule.id)));
  byId("l-host").append(...hosts.slice(0, 2000).map((host) => option(host.name)));
  byId("l-owner").append(...[...owners].filter(Boolean).sort((a, b) => a - b).slice(0, 2000).map((owner) => option(texts[owner])));
  const chips = [...document.querySelectorAll("#f-severity button")];
  const clearChips = () => chips.forEach((chip) => chip.setAttribute("aria-pressed", "false"));

  function readFilters() {
    filter.words = byId("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    filter.severities = chips.reduce((sum, chip) => sum | (chip.getAttribute("aria-pressed") === "true" ? 1 << Number(chip.dataset.severity) : 0), 0);
    filter.family = byId("f-family").value;
    filter.rule = byId("f-rule").value;
    filter.host = byId("f-host").value.trim();
    filter.owner = byId("f-owner").value.trim();
    filter.states = Number(byId("f-state").value);
    filter.waived = byId("f-waived").value;
    update();
  }

  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      readFilters();
    });
  }
  byId("filters").addEventListener("input", readFilters);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(() => { clearChips(); readFilters(); }));
  byId("host-filters").addEventListener("input", updateHosts);
  byId("host-filters").addEventListener("submit", (event) => event.preventDefault());
  readFilters();
  updateHosts();
  route();
  document.documentElement.dataset.ready = "yes";
})();
