// Nothing here is needed: it puts times into the reader's zone, keeps the overview fresh, sends
// each form once, and brings `/` to the search.
"use strict";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const units = [[86400, "day"], [3600, "h"], [60, "min"], [1, "s"]];

function spoken(moment) {
  const seconds = Math.trunc((Date.now() - moment) / 1000);
  const [size, unit] = units.find(([size]) => Math.abs(seconds) >= size) ?? units[3];
  const count = Math.trunc(Math.abs(seconds) / size);
  const text = `${count} ${unit}${unit === "day" && count !== 1 ? "s" : ""}`;
  if (Math.abs(seconds) <= 1) return "just now";
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = `${exact.format(moment)} · ${time.dateTime}`;
    time.textContent = time.className === "clock" ? clock.format(moment) : spoken(moment);
  }
}

// Where somebody is at work, nothing may change under their hands.
function isBusy(main) {
  const chosen = document.getSelection();
  return document.hidden || main.querySelector("details[open] form") || (chosen && !chosen.isCollapsed);
}

async function refresh(main) {
  if (isBusy(main)) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (!answer.ok || !fresh || isBusy(main)) return;
    fresh.querySelector(".note")?.remove();
    localise(fresh);
    const path = [];
    for (let at = document.activeElement; at && at !== main && main.contains(at); at = at.parentElement) {
      path.unshift([...at.parentElement.children].indexOf(at));
    }
    main.replaceChildren(...fresh.childNodes);
    document.title = page.title;
    if (path.length) path.reduce((at, nth) => at?.children[nth], main)?.focus({ preventScroll: true });
    main.classList.remove("stale");
  } catch {
    main.classList.add("stale");
  }
}

localise(document);
setInterval(() => localise(document), 10000);

const main = document.querySelector("main");
const every = Number(main?.dataset.live);
if (every) setInterval(() => refresh(main), every * 1000);

// A note is told once: neither reloading nor coming back tells it again.
const here = new URL(location.href);
if (here.searchParams.has("did")) {
  here.searchParams.delete("did");
  history.replaceState(null, "", here);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") {
    for (const field of form.elements) field.disabled ||= field.name && !field.value;
    return;
  }
  if (form.dataset.sent) return event.preventDefault();
  const many = form.querySelectorAll('input[name="id"]:checked').length;
  if (many > 1 && !confirm(`Replay ${many} deliveries?`)) return event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-disabled", "true");
});

// Back to a page that the browser kept: its forms may be sent again.
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form:not([method=post]) [disabled]")) field.disabled = false;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("find")?.focus();
});
