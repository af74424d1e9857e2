// The builder: choosing steps, inserting at a place, keys, and the drawer. What is changed is changed by the server; the
// canvas and the list of variables are modules of their own.
import "./builder/canvas.js";
import "./builder/variables.js";
import { chosen, edit, nameOf } from "./builder/acts.js";
import { copied, copy } from "./builder/clipboard.js";
import { enabled, register } from "./keys.js";
import { openMenu } from "./menu.js";

const NARROW = "(max-width: 1151px)";
let isOpen = false;

const byId = (id) => document.getElementById(id);

/** Open the menu of what can be put at a place. */
function openInsert(button, node, exit) {
  const form = byId("insert-form");
  form.elements.at_node.value = node;
  form.elements.at_exit.value = exit;
  const step = chosen();
  const move = form.querySelector("[data-op=move]");
  move.hidden = !step || step === node || byId(`node-${step}`)?.dataset.type === "stop";
  move.querySelector("[data-moved]").textContent = step ? nameOf(step) : "";
  const paste = form.querySelector("[data-op=paste]");
  paste.hidden = !copied().length;
  paste.querySelector("[data-pasted]").textContent = copied().length === 1 ? "the copied step" : `${copied().length} steps`;
  openMenu(byId("insert-menu"), button);
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-insert]");
  if (opener) {
    event.preventDefault();
    event.stopPropagation();
    openInsert(opener, opener.dataset.atNode, opener.dataset.atExit);
    return;
  }
  const item = event.target.closest("#insert-menu [data-op]");
  if (item) {
    const { elements } = byId("insert-form");
    elements.op.value = item.dataset.op;
    // The menu closes before the form is sent, and with it which of its buttons was pressed would be forgotten.
    elements.kind.value = item.dataset.kind ?? "";
    elements.node.value = item.dataset.op === "move" ? chosen() : "";
    elements.nodes.disabled = item.dataset.op !== "paste";
    elements.nodes.value = item.dataset.op === "paste" ? JSON.stringify(copied()) : "";
    return;
  }
  if (event.target.closest("[data-node]") && !event.defaultPrevented) setOpen(true);
  if (event.target.closest("[data-drawer-close]")) isOpen = false;
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector(":popover-open, dialog[open]")) isOpen = false;
});

function setOpen(wanted) {
  isOpen = wanted && matchMedia(NARROW).matches;
  byId("builder-inspector")?.toggleAttribute("data-open", isOpen);
}

/** What is chosen is marked in outline and canvas, also after either came anew. */
function mark() {
  const id = chosen();
  for (const element of document.querySelectorAll("[data-node]")) {
    const is = element.dataset.node === id;
    if (element.classList.contains("node")) element.classList.toggle("sel", is);
    else if (is && id) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }
  for (const line of document.querySelectorAll("#canvas-world .edge")) {
    line.classList.toggle("sel", id !== "" && (line.dataset.from === id || line.dataset.to === id));
  }
  byId("builder-inspector")?.toggleAttribute("data-open", isOpen && matchMedia(NARROW).matches);
}

document.addEventListener("htmx:afterSettle", mark);
document.addEventListener("live:frame", () => setTimeout(mark, 0));

// A select that only says what a button will add is no change of its own.
document.addEventListener("change", (event) => {
  if (event.target.closest("[data-quiet]")) event.stopPropagation();
}, true);

// --- Keys ---------------------------------------------------------------------------------------------

function focused() {
  return document.activeElement?.closest("[data-node]")?.dataset.node || chosen();
}

function press(id) {
  const button = byId(id);
  if (button && !button.disabled) button.click();
}

register("/", "Add a step after the chosen one", () => {
  const id = focused();
  const row = document.querySelector(`[data-insert][data-at-node="${id}"]`) ?? byId("add-first");
  row?.scrollIntoView({ block: "nearest" });
  row?.click();
}, () => true, { first: true });
register("Ctrl Z", "Undo", () => press("undo"));
register("Ctrl Y", "Redo", () => press("redo"));
register("Ctrl D", "Duplicate the step", () => focused() && edit({ op: "duplicate", node: focused() }));
register("Ctrl C", "Copy the step", () => copy([focused()].filter(Boolean)), () => getSelection().isCollapsed);
register("Ctrl V", "Paste behind the step", () => {
  if (copied().length) edit({ op: "paste", nodes: JSON.stringify(copied()), at_node: focused(), at_exit: "" });
});
register("Delete", "Remove the step", () => focused() && edit({ op: "remove", node: focused() }));

const typing = (target) => target.matches?.("input, textarea, select") || target.isContentEditable;

document.addEventListener("keydown", (event) => {
  // Fields keep their own undo, copy and paste: those keys go to the shortcuts only elsewhere.
  if (typing(event.target) && (event.ctrlKey || event.metaKey) && /^[zycvd]$/i.test(event.key)) event.stopPropagation();
  if (!enabled() || typing(event.target)) return;
  const moves = { ArrowUp: "1", ArrowDown: "0" }[event.key];
  if (event.altKey && moves && focused()) {
    event.preventDefault();
    const node = focused();
    edit({ op: "shift", node, up: moves }).then(() => byId(`row-${node}`)?.focus());
  } else if (!event.altKey && moves && event.target.closest("#outline")) {
    const rows = [...document.querySelectorAll("#outline-rows a[data-node]")];
    const at = rows.indexOf(document.activeElement);
    const next = rows[at + (moves === "1" ? -1 : 1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
}, true);
