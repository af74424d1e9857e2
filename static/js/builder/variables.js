// Variables in texts: typing {{ offers what the leads have, with how many of them have it; a press adds a fallback.
const MOST = 8;
let field = null;
let at = 0;

const byId = (id) => document.getElementById(id);

function names() {
  return JSON.parse(byId("variable-names")?.getAttribute("value") ?? "[]");
}

function total() {
  return Math.max(0, ...names().map((one) => one.filled));
}

/** What stands between the last {{ and the caret, or null. */
function begun(input) {
  const before = input.value.slice(0, input.selectionStart);
  return /\{\{\s*([\w.]*)$/.exec(before);
}

function list() {
  let found = byId("variable-list");
  if (!found) {
    found = Object.assign(document.createElement("ul"), { id: "variable-list", className: "pop variables", hidden: true });
    found.setAttribute("role", "listbox");
    found.setAttribute("aria-label", "Variables");
    document.body.append(found);
  }
  return found;
}

function close() {
  list().hidden = true;
  field?.setAttribute("aria-expanded", "false");
  field?.removeAttribute("aria-activedescendant");
  field = null;
}

function offer(input) {
  const match = begun(input);
  if (!match) return close();
  const wanted = match[1].toLowerCase();
  const fitting = names()
    .filter((one) => one.name.toLowerCase().includes(wanted))
    .sort((a, b) => Number(b.name.toLowerCase().startsWith(wanted)) - Number(a.name.toLowerCase().startsWith(wanted)))
    .slice(0, MOST);
  if (!fitting.length) return close();
  field = input;
  at = 0;
  list().replaceChildren(...fitting.map((one, place) => row(one, place)));
  list().hidden = false;
  const box = input.getBoundingClientRect();
  const top = box.bottom + 4 + list().offsetHeight > innerHeight ? box.top - list().offsetHeight - 4 : box.bottom + 4;
  Object.assign(list().style, { left: `${box.left}px`, top: `${Math.max(8, top)}px`, width: `${box.width}px` });
  input.setAttribute("aria-expanded", "true");
  mark();
}

function row(one, place) {
  const item = Object.assign(document.createElement("li"), { id: `variable-${place}`, className: "menu-i" });
  item.setAttribute("role", "option");
  item.dataset.name = one.name;
  const part = (css, text) => Object.assign(document.createElement("span"), { className: css, textContent: text });
  const all = one.filled === total();
  item.append(
    part("font-medium", one.name),
    part("text-ink-3 text-meta truncate", one.sample),
    part(`ml-auto text-meta num whitespace-nowrap ${all ? "text-ink-3" : "text-warn-text"}`, `${one.filled} of ${total()}`),
  );
  return item;
}

function mark() {
  for (const [place, item] of [...list().children].entries()) {
    item.classList.toggle("on", place === at);
    item.setAttribute("aria-selected", String(place === at));
  }
  field?.setAttribute("aria-activedescendant", `variable-${at}`);
}

function take(name) {
  const match = begun(field);
  const from = field.selectionStart - match[0].length;
  const rest = field.value.slice(field.selectionStart).replace(/^\s*\}\}/, "");
  field.setRangeText(`{{ ${name} }}`, from, field.value.length - rest.length, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  close();
}

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-template]")) offer(event.target);
});

// What the leads have may come only after somebody has begun to type.
document.addEventListener("htmx:afterSettle", (event) => {
  const active = document.activeElement;
  if (event.detail.target?.id === "step-preview" && active?.matches("[data-template]")) offer(active);
});

document.addEventListener("keydown", (event) => {
  if (!field || list().hidden || event.target !== field) return;
  const count = list().children.length;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    at = (at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    mark();
  } else if (event.key === "Enter" || event.key === "Tab") {
    take(list().children[at].dataset.name);
  } else if (event.key === "Escape") {
    close();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest("#variable-list [data-name]");
  if (item && field) {
    event.preventDefault();
    take(item.dataset.name);
  }
});
document.addEventListener("focusout", (event) => {
  if (event.target === field) close();
});

// A variable that some leads lack gets words that stand in for it, ready to be overwritten.
document.addEventListener("click", (event) => {
  const name = event.target.closest("[data-fallback]")?.dataset.fallback;
  if (!name) return;
  const plain = new RegExp(`\\{\\{\\s*${name.replaceAll(".", "\\.")}\\s*\\}\\}`);
  for (const input of document.querySelectorAll("#write-form [data-template]")) {
    const match = plain.exec(input.value);
    if (!match) continue;
    const made = `{{ ${name} | default: 'there' }}`;
    input.setRangeText(made, match.index, match.index + match[0].length, "end");
    input.focus();
    input.setSelectionRange(match.index + made.indexOf("'") + 1, match.index + made.lastIndexOf("'"));
    input.dispatchEvent(new Event("input", { bubbles: true }));
    close();
    return;
  }
});
