// New attempts appear at the top of the table as they are made.
import { showTimes } from "./times.js";

const MOST_ROWS = 200;

export function watchAttempts() {
  const table = document.querySelector("table[data-live]");
  const state = document.querySelector("[data-live-state]");
  if (!table || !state) return;
  const body = table.tBodies[0];
  const newest = body.querySelector("a[href*='/attempts/']");
  const url = new URL(table.dataset.live, location.href);
  url.search = location.search;
  if (newest) url.searchParams.set("after", newest.pathname.split("/").pop());
  const source = new EventSource(url);
  source.onopen = () => { state.textContent = "live"; state.hidden = false; };
  source.onerror = () => { state.hidden = true; };
  source.onmessage = (event) => {
    // The server has escaped every value in the row.
    body.insertAdjacentHTML("afterbegin", JSON.parse(event.data));
    body.rows[0].classList.add("new");
    showTimes(body.rows[0]);
    while (body.rows.length > MOST_ROWS) body.deleteRow(-1);
  };
  addEventListener("pagehide", () => source.close());
}
