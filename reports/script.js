"use strict";
(() => {
  const STEP = 100;
  const RANK = { error: 0, warning: 1, info: 2 };
  const byId = (id) => document.getElementById(id);
  const wait = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  document.documentElement.classList.add("live");

  // Findings are read from the lists of the checks, so that the page works without this script and holds each of them once.
  const all = [];
  for (const check of document.querySelectorAll("details.check")) {
    const head = [...check.querySelectorAll(".rows thead th")].map((cell) => cell.dataset.c);
    for (const row of check.querySelectorAll(".rows tbody tr")) {
      const one = { row, id: row.id.slice(1), severity: check.dataset.severity, check: check.dataset.check, title: check.dataset.title, said: row.dataset.said || "", item: "", label: "", annotator: "", score: "", message: "" };
      head.forEach((name, nth) => { one[name] = row.cells[nth].textContent.trim(); });
      one.family = one.check.split("/")[0];
      one.text = [one.id, one.check, one.title, one.item, one.label, one.annotator, one.message].join("\n").toLowerCase();
      one.nth = all.length;
      all.push(one);
    }
  }

  const reveal = (target) => {
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  };
  const goTo = (target, focus) => {
    reveal(target);
    if (focus) {
      if (!target.hasAttribute("tabindex")) target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
    }
    target.scrollIntoView({ block: focus ? "nearest" : "start", behavior: wait });
  };
  const openFinding = (one) => {
    const target = byId("c" + one.id) || one.row;
    history.replaceState(null, "", "#" + target.id);
    goTo(target, true);
  };
  const fromHash = () => {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = id && byId(id);
    if (target) goTo(target, target.matches("[data-finding], tr"));
  };
  addEventListener("hashchange", fromHash);

  // What the reader says of findings: kept in this browser where it lets us, else until the page closes.
  const bar = byId("judge-bar");
  const ANSWERS = { yes: "a fault", no: "no fault", skip: "left open", disputed: "people differ" };
  const STORE = "label-auditor decisions";
  const byFinding = new Map(all.map((one) => [one.id, one]));
  const decided = new Map();
  let keeper = null, unsaved = false;
  try { keeper = localStorage; keeper.getItem(STORE); } catch { keeper = null; }
  const stored = () => {
    try { return Object(JSON.parse(keeper.getItem(STORE) || "{}")); } catch { return {}; }
  };
  const recall = () => {
    if (!keeper) return;
    const there = stored();
    decided.clear();
    for (const id of byFinding.keys()) {
      const one = there[id];
      if (Array.isArray(one) && typeof one[1] === "string" && ["yes", "no", "skip"].includes(one[0])) decided.set(id, one);
    }
  };
  const keep = (ids) => {
    if (!keeper) return;
    const there = stored();
    for (const id of ids) if (decided.has(id)) there[id] = decided.get(id); else delete there[id];
    try { keeper.setItem(STORE, JSON.stringify(there)); } catch { keeper = null; }
  };
  const standing = (id) => decided.has(id) ? decided.get(id)[0] : byFinding.has(id) ? byFinding.get(id).said : "";
  const buttons = (id, letters) => {
    const group = document.createElement("span");
    group.className = "judge";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Is it a fault?");
    for (const [answer, word, name] of [["yes", "Yes", "Yes, a fault"], ["no", "No", "No fault"], ["skip", "Skip", "Leave it open"]]) {
      const one = document.createElement("button");
      one.type = "button";
      one.dataset.answer = answer;
      one.title = name + " (" + answer[0] + ")";
      one.setAttribute("aria-label", name);
      one.textContent = letters ? answer[0] : word;
      one.addEventListener("click", (event) => { event.stopPropagation(); say(id, answer); });
      group.append(one);
    }
    return group;
  };
  const paint = (id) => {
    const now = standing(id);
    for (const place of document.querySelectorAll(`[data-finding="${id}"]`)) {
      place.dataset.decision = now;
      for (const one of place.querySelectorAll(".judge button")) one.setAttribute("aria-pressed", String(decided.has(id) && one.dataset.answer === now));
      const mark = place.querySelector(".mark-said");
      if (mark) mark.textContent = now && (!decided.has(id) || place.matches(".small")) ? ANSWERS[now] : "";
    }
  };
  const count = () => {
    const by = { yes: 0, no: 0, skip: 0 };
    for (const [answer] of decided.values()) by[answer] += 1;
    bar.hidden = !decided.size;
    byId("judge-count").textContent = decided.size.toLocaleString("en") + " judged: " + by.yes + " a fault, " + by.no + " no fault, " + by.skip +
      " left open. " + (keeper ? "Kept in this browser." : "Kept until this page closes.");
  };
  const say = (id, answer) => {
    if (!bar || !byFinding.has(id)) return false;
    const back = decided.has(id) && decided.get(id)[0] === answer;
    if (back) decided.delete(id); else decided.set(id, [answer, new Date().toISOString()]);
    unsaved = decided.size > 0;
    keep([id]);
    paint(id);
    count();
    return !back;
  };
  if (bar) {
    for (const card of document.querySelectorAll("article[data-finding]")) {
      const made = document.createElement(card.matches(".small") ? "span" : "p");
      made.className = card.matches(".small") ? "mark-said" : "judging";
      if (card.matches(".small")) card.querySelector(".kind").append(" ", made);
      else { const ask = document.createElement("span"); ask.textContent = "A fault?"; made.append(ask, buttons(card.dataset.finding, false)); card.querySelector(".message").after(made); }
    }
    recall();
    for (const id of byFinding.keys()) if (standing(id)) paint(id);
    count();
    byId("judge-save").addEventListener("click", () => {
      const decisions = [...decided].map(([id, [decision, at]]) => ({ finding: id, check: byFinding.get(id).check, decision, at }));
      const text = JSON.stringify({ format: "label-auditor/decisions/1", decisions }, null, 1) + "\n";
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      link.download = "decisions.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      unsaved = false;
    });
    byId("judge-drop").addEventListener("click", () => {
      const ids = [...decided.keys()];
      decided.clear();
      unsaved = false;
      keep(ids);
      ids.forEach(paint);
      count();
    });
    addEventListener("storage", (event) => {
      if (event.key !== STORE) return;
      const before = [...decided.keys()];
      recall();
      for (const id of new Set([...before, ...decided.keys()])) paint(id);
      count();
    });
    addEventListener("beforeunload", (event) => { if (unsaved && !keeper) event.preventDefault(); });
  }

  const table = byId("f-table");
  const keys = table ? [...table.tHead.rows[0].cells].map((head) => head.dataset.sort) : [];
  let shown = STEP, sorted = "", down = false, kept = all;
  const cell = (text) => { const made = document.createElement("td"); made.textContent = text; return made; };
  const compare = (a, b) => {
    let order = 0;
    if (sorted === "severity") order = RANK[a.severity] - RANK[b.severity];
    else if (sorted === "score") order = (a.score === "") - (b.score === "") || a.score - b.score;
    else if (sorted === "check") order = a.title.localeCompare(b.title);
    else if (sorted === "judged") order = standing(a.id).localeCompare(standing(b.id));
    else if (sorted) order = (a[sorted] === "") - (b[sorted] === "") || a[sorted].localeCompare(b[sorted], undefined, { numeric: true });
    return (down ? -order : order) || a.nth - b.nth;
  };
  const draw = () => {
    const words = byId("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const severity = byId("f-severity").value, family = byId("f-family").value, check = byId("f-check").value;
    const judged = byId("f-judged") ? byId("f-judged").value : "";
    kept = all.filter((one) => (!severity || one.severity === severity) && (!family || one.family === family) &&
      (!check || one.check === check) && (!judged || (judged === "open" ? !standing(one.id) : standing(one.id) === judged)) && words.every((word) => one.text.includes(word)));
    if (sorted) kept.sort(compare);
    const body = table.tBodies[0];
    body.replaceChildren(...kept.slice(0, shown).map((one) => {
      const row = document.createElement("tr");
      row.tabIndex = -1;
      row.dataset.finding = one.id;
      const mark = document.createElement("span");
      mark.className = "sev " + one.severity;
      mark.textContent = one.severity;
      const first = cell("");
      first.append(mark);
      row.append(first, ...keys.slice(1).map((key) => {
        const made = cell(key === "check" ? one.title : key === "judged" ? "" : one[key]);
        made.dataset.c = key;
        if (key === "judged") {
          const mark = document.createElement("span");
          mark.className = "mark-said";
          made.append(buttons(one.id, true), " ", mark);
        }
        return made;
      }));
      row.addEventListener("click", () => { if (!String(getSelection())) openFinding(one); });
      row.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target === row) openFinding(one); });
      return row;
    }));
    if (bar) for (const one of kept.slice(0, shown)) if (standing(one.id)) paint(one.id);
    const number = (count) => count.toLocaleString("en");
    byId("f-count").textContent = kept.length === all.length ? number(all.length) + " findings on this page"
      : number(kept.length) + " of " + number(all.length) + " findings";
    byId("f-more").hidden = kept.length <= shown;
    byId("f-more").textContent = "Show " + number(Math.min(STEP, kept.length - shown)) + " more of " + number(kept.length);
  };
  if (table) {
    const restart = () => { shown = STEP; draw(); };
    for (const id of ["f-text", "f-severity", "f-family", "f-check", "f-judged"]) if (byId(id)) byId(id).addEventListener("input", restart);
    document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
    byId("f-more").addEventListener("click", () => { shown += STEP; draw(); });
    for (const head of table.tHead.rows[0].cells) {
      head.firstChild.addEventListener("click", () => {
        down = sorted === head.dataset.sort && !down;
        sorted = head.dataset.sort;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        draw();
      });
    }
    shown = 20;
    draw();
  }

  // Enter on a card: a small one leads to the whole one, and on that to its item in the labelling tool, else to its evidence.
  document.addEventListener("keydown", (event) => {
    const here = event.target;
    if (event.key !== "Enter" || !here.matches || !here.matches("article[data-finding]")) return;
    const inner = here.querySelector(".kind a, .facts a");
    const evidence = here.querySelector("details.evidence, details.votes");
    if (inner) inner.click();
    else if (evidence) evidence.open = !evidence.open;
  });

  const step = (by) => {
    const stops = [...document.querySelectorAll("[data-finding]")];
    const here = document.activeElement.closest("[data-finding]");
    for (let nth = here ? stops.indexOf(here) + by : by > 0 ? 0 : -1; nth >= 0 && nth < stops.length; nth += by) {
      if (stops[nth].checkVisibility()) { stops[nth].focus({ preventScroll: true }); stops[nth].scrollIntoView({ block: "nearest", behavior: wait }); return; }
    }
  };
  const help = byId("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const typing = event.target.closest("input, select, textarea");
    if (typing) { if (event.key === "Escape") { typing.value = ""; typing.dispatchEvent(new Event("input")); typing.blur(); } return; }
    if (event.key === "/" && table) { event.preventDefault(); byId("explorer").scrollIntoView({ block: "start" }); byId("f-text").focus(); }
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (["y", "n", "s"].includes(event.key)) {
      const here = document.activeElement.closest("[data-finding], .rows tr[id]");
      const id = here && (here.dataset.finding || here.id.slice(1));
      // A key that took an answer back stays where it is, so that the other one can follow.
      if (id && say(id, { y: "yes", n: "no", s: "skip" }[event.key]) && here.dataset.finding) step(1);
    }
    else if (event.key === "?") help.showModal();
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.check:not(.quiet):not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
  fromHash();
})();
