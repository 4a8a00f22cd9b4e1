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
      const one = { row, id: row.id.slice(1), severity: check.dataset.severity, check: check.dataset.check, title: check.dataset.title, item: "", label: "", annotator: "", score: "", message: "" };
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

  const table = byId("f-table");
  const keys = table ? [...table.tHead.rows[0].cells].map((head) => head.dataset.sort) : [];
  let shown = STEP, sorted = "", down = false, kept = all;
  const cell = (text) => { const made = document.createElement("td"); made.textContent = text; return made; };
  const compare = (a, b) => {
    let order = 0;
    if (sorted === "severity") order = RANK[a.severity] - RANK[b.severity];
    else if (sorted === "score") order = (a.score === "") - (b.score === "") || a.score - b.score;
    else if (sorted === "check") order = a.title.localeCompare(b.title);
    else if (sorted) order = (a[sorted] === "") - (b[sorted] === "") || a[sorted].localeCompare(b[sorted], undefined, { numeric: true });
    return (down ? -order : order) || a.nth - b.nth;
  };
  const draw = () => {
    const words = byId("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const severity = byId("f-severity").value, family = byId("f-family").value, check = byId("f-check").value;
    kept = all.filter((one) => (!severity || one.severity === severity) && (!family || one.family === family) &&
      (!check || one.check === check) && words.every((word) => one.text.includes(word)));
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
      row.append(first, ...keys.slice(1).map((key) => { const made = cell(key === "check" ? one.title : one[key]); made.dataset.c = key; return made; }));
      row.addEventListener("click", () => { if (!String(getSelection())) openFinding(one); });
      row.addEventListener("keydown", (event) => { if (event.key === "Enter") openFinding(one); });
      return row;
    }));
    const number = (count) => count.toLocaleString("en");
    byId("f-count").textContent = kept.length === all.length ? number(all.length) + " findings on this page"
      : number(kept.length) + " of " + number(all.length) + " findings";
    byId("f-more").hidden = kept.length <= shown;
    byId("f-more").textContent = "Show " + number(Math.min(STEP, kept.length - shown)) + " more of " + number(kept.length);
  };
  if (table) {
    const restart = () => { shown = STEP; draw(); };
    for (const id of ["f-text", "f-severity", "f-family", "f-check"]) byId(id).addEventListener("input", restart);
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
