// The palette: Ctrl K (or the search button) lists the places and acts of the page; letters narrow it, Enter goes.
import { register } from "./keys.js";

const palette = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const none = document.getElementById("palette-none");
const ASK_AFTER = 120;
let entries = [];
let remote = [];
let chosen = 0;
let asked = 0;
let timer = 0;

function text(element) {
  const copy = element.cloneNode(true);
  copy.querySelectorAll(".kbd, .n, svg").forEach((piece) => piece.remove());
  return copy.textContent.trim();
}

function collect() {
  const places = [...document.querySelectorAll("[data-jump]")].map((link) => ({
    label: text(link),
    note: link.classList.contains("sub") ? "view" : "area",
    go: () => link.click(),
  }));
  const acts = [...document.querySelectorAll("[data-key]:not([data-jump]), #p-context button:not([data-key])")]
    .filter((element) => element.getClientRects().length && !element.closest("dialog"))
    .map((element) => ({
      label: element.getAttribute("aria-label") ?? element.dataset.keyLabel ?? text(element),
      note: element.dataset.key ?? "",
      go: () => (element.matches("input, textarea") ? element.focus() : element.click()),
    }));
  const macros = [...document.querySelectorAll("[data-macro]")].map((button) => ({
    label: `Run ${button.dataset.macroName}`,
    note: button.dataset.macroKey || "macro",
    go: () => button.click(),
  }));
  return [...acts, ...macros, ...places].filter((entry) => entry.label);
}

/** Letters in order, anywhere in the label; earlier and closer is better. Returns -1 when it does not match. */
export function score(label, wanted) {
  let at = -1;
  let cost = 0;
  for (const letter of wanted.toLowerCase()) {
    const found = label.toLowerCase().indexOf(letter, at + 1);
    if (found < 0) return -1;
    cost += found - at - 1;
    at = found;
  }
  return cost;
}

/** People, campaigns and views are the server's; what the page has is shown without waiting for them. */
function ask() {
  clearTimeout(timer);
  const source = palette.dataset.jumpSrc;
  const wanted = input.value.trim();
  if (!source || wanted.length < 2) {
    remote = [];
    return;
  }
  timer = setTimeout(async () => {
    const number = ++asked;
    const response = await fetch(`${source}?q=${encodeURIComponent(wanted)}`).catch(() => null);
    if (!response?.ok || number !== asked) return;
    const { items } = await response.json();
    remote = items.map(({ label, note, url }) => ({ label, note, found: true, go: () => location.assign(url) }));
    render();
  }, ASK_AFTER);
}

function render() {
  const wanted = input.value.trim();
  const local = entries
    .map((entry) => ({ entry, cost: score(entry.label, wanted) }))
    .filter(({ cost }) => cost >= 0)
    .sort((a, b) => a.cost - b.cost)
    .slice(0, 12);
  const shown = [...local.slice(0, remote.length ? 8 : 12), ...remote.map((entry) => ({ entry }))];
  chosen = Math.max(0, Math.min(chosen, shown.length - 1));
  list.replaceChildren(
    ...shown.map(({ entry }, index) => {
      const option = document.createElement("button");
      option.type = "button";
      option.id = `palette-${index}`;
      option.className = "menu-i";
      option.tabIndex = -1;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", String(index === chosen));
      option.append(
        Object.assign(document.createElement("span"), { className: "truncate", textContent: entry.label }),
        Object.assign(document.createElement("span"), { className: "end", textContent: entry.note }),
      );
      option.addEventListener("click", () => {
        palette.close();
        entry.go();
      });
      return option;
    }),
  );
  none.hidden = shown.length > 0;
  if (shown.length) input.setAttribute("aria-activedescendant", `palette-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
}

function open() {
  if (palette.open) return;
  entries = collect();
  remote = [];
  chosen = 0;
  input.value = "";
  palette.showModal();
  render();
  input.focus();
}

if (palette) {
  register("Ctrl K", "Search or jump", open);
  document.addEventListener("click", (event) => {
    if (event.target.closest('[data-open="palette"]')) {
      event.stopImmediatePropagation();
      open();
    }
  }, true);
  input.addEventListener("input", () => {
    chosen = 0;
    render();
    ask();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const count = list.children.length || 1;
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + count) % count;
      render();
    } else if (event.key === "Enter") {
      event.preventDefault();
      list.children[chosen]?.click();
    }
  });
}

