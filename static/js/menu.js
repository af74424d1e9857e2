// Popover menus: placed beside their button, walked with the arrow keys; opening, closing and Esc are the browser's.
const GAP = 4;
const EDGE = 8;

/** Put a fixed element under (or, where there is no room, above) its anchor, inside the window. */
export function placeBeside(element, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const room = { width: document.documentElement.clientWidth, height: window.innerHeight };
  const below = box.bottom + GAP;
  const top = below + height + EDGE <= room.height ? below : Math.max(EDGE, box.top - GAP - height);
  const wanted = box.left + width + EDGE <= room.width ? box.left : box.right - width;
  element.style.top = `${top}px`;
  element.style.left = `${Math.max(EDGE, Math.min(wanted, room.width - width - EDGE))}px`;
}

const openers = new WeakMap();

/** Open a menu beside an element that is not its own button. */
export function openMenu(menu, opener) {
  openers.set(menu, opener);
  menu.showPopover();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[popovertarget]");
  const menu = opener && document.getElementById(opener.getAttribute("popovertarget"));
  if (menu) openers.set(menu, opener);
}, true);

function items(menu) {
  return [...menu.querySelectorAll('[role^="menuitem"]')].filter((item) => item.offsetParent !== null);
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".menu[popover]")) return;
  const opener = openers.get(menu) ?? document.querySelector(`[popovertarget="${menu.id}"]`);
  const isOpen = event.newState === "open";
  opener?.setAttribute("aria-expanded", String(isOpen));
  if (!isOpen || !opener) return;
  placeBeside(menu, opener);
  items(menu)[0]?.focus({ preventScroll: true });
}, true);

// What is fetched when a menu opens is walked like what was in it.
document.addEventListener("htmx:afterSwap", (event) => {
  const menu = event.target.closest?.('.menu:popover-open[role="menu"]');
  if (!menu || menu.contains(document.activeElement)) return;
  const opener = openers.get(menu);
  if (opener) placeBeside(menu, opener);
  items(menu)[0]?.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.('.menu[popover][role="menu"]');
  if (!menu) return;
  const isField = event.target.matches("input, textarea, select");
  const list = items(menu);
  const at = list.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key];
  if (isField && event.key !== "ArrowDown") return;
  if (next !== undefined && list.length) {
    event.preventDefault();
    list[(next + list.length) % list.length].focus();
  } else if (event.key === "Tab" && !menu.querySelector("input, textarea, select")) {
    menu.hidePopover();
  } else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey && !event.metaKey) {
    const order = [...list.slice(at + 1), ...list.slice(0, at + 1)];
    order.find((item) => item.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
});

document.addEventListener("click", (event) => {
  const item = event.target.closest('.menu[popover] [role="menuitem"]');
  if (item) item.closest(".menu").hidePopover();
});

window.addEventListener("resize", () => {
  for (const menu of document.querySelectorAll(".menu:popover-open")) menu.hidePopover();
});
