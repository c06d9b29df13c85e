// Relative times that go on, with the absolute time in the browser's zone on hover.
const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

function relative(seconds) {
  const amount = Math.abs(seconds);
  if (amount < 1) return "just now";
  const [size, unit] = UNITS.find(([size]) => amount >= size);
  const count = Math.floor(amount / size);
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    element.textContent = relative((Date.now() - at) / 1000);
    element.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
}
