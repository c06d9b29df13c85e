// Copy buttons, keys for tables and pages, the preview of an event, progress of replays.
import { showTimes } from "./times.js";

const DECIDING = ["hook", "custom_data", "modifiers", "filters", "timezone", "schema_version",
  "profile", "include_subaccounts", "include_internal_legs"];

export function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll(".code .copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
}

function typing(event) {
  return event.ctrlKey || event.metaKey || event.altKey
    || event.target.closest("input, select, textarea, [contenteditable]");
}

// j and k walk through a table, Enter opens a row, n and p turn the page, / goes to the filter.
export function addKeys() {
  let at = -1;
  document.addEventListener("keydown", (event) => {
    if (typing(event)) return;
    const rows = [...document.querySelectorAll("main table.list tbody tr:has(a)")];
    if (event.key === "j" || event.key === "k") {
      at = Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)));
      rows[at]?.querySelector("a").focus();
    } else if (event.key === "/") {
      const field = document.querySelector("form.filters input");
      if (field) { field.focus(); event.preventDefault(); }
    } else {
      document.querySelector(`.paging a[data-key="${CSS.escape(event.key)}"]`)?.click();
    }
  });
}

// What the chosen event sends; also what was chosen before this script had come.
export function previewHooks() {
  const picker = document.querySelector("select[data-preview]");
  const place = document.querySelector("#preview");
  if (!picker || !place) return;
  const show = async () => {
    const chosen = picker.value;
    if (!chosen) { place.textContent = "The same events are sent as now."; return; }
    if (chosen === "all") { place.textContent = "Every event is sent."; return; }
    if (picker.selectedOptions[0].closest("optgroup")) { place.textContent = "The switch asks; your answer steers the call."; return; }
    const answer = await fetch(`${picker.dataset.preview}${encodeURIComponent(chosen)}?fragment=1`);
    if (!answer.ok || chosen !== picker.value) return;
    place.innerHTML = await answer.text();
    addCopyButtons(place);
  };
  picker.addEventListener("change", show);
  if (!picker.selectedOptions[0]?.defaultSelected) show();
}

// Which of the last events a webhook as typed would get; asked half a second after the last change.
export function tryMatching() {
  const place = document.querySelector("#matches");
  const form = place?.closest("form");
  if (!form) return;
  let waiting, asked = 0;
  const ask = async () => {
    const mine = ++asked, body = new URLSearchParams(new FormData(form));
    body.set("try", "part");
    const answer = await fetch(form.action, { method: "POST", body });
    if (!answer.ok || mine !== asked) return;
    place.innerHTML = await answer.text();
    place.hidden = false;
    showTimes(place);
  };
  form.addEventListener("input", (event) => {
    if (!DECIDING.includes(event.target.name)) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, 500);
  });
  form.querySelector("button[name=try]").addEventListener("click", (event) => {
    event.preventDefault();
    ask();
  });
}

export function reloadWhileRunning() {
  const table = document.querySelector("[data-reload]");
  if (table) setTimeout(() => location.reload(), Number(table.dataset.reload));
}
