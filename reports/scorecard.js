"use strict";
(() => {
  document.documentElement.classList.add("live");
  const form = document.querySelector("form");
  const text = document.getElementById("text");
  const picks = [...document.querySelectorAll(".examples li")];
  let unsaved = false;
  document.addEventListener("input", () => { unsaved = true; document.getElementById("saved").textContent = ""; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const examples = picks.map((one) => ({ item_id: one.dataset.item, task: one.dataset.task, answer: one.querySelector("select").value }));
    const body = { format: "label-auditor/answer/1", annotator: document.body.dataset.annotator, at: new Date().toISOString(), text: text.value,
      examples: examples.filter((one) => one.answer) };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(body, null, 1) + "\n"], { type: "application/json" }));
    link.download = document.body.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    unsaved = false;
    document.getElementById("saved").textContent = "Saved: hand the file to whoever gave you this page.";
  });
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
})();
