// The canvas: places what the server has laid out, and moves the view. Dragging a step onto a way moves it there; dragging
// the knob below a step onto another one connects the two. Everything here can be done in the outline, too.
import { choose, edit } from "./acts.js";

const STEP = 1.2;
const LEAST = 0.25;
const MOST = 1.6;
const FAR = 6;
const view = { x: 0, y: 0, scale: 0 };
let drag = null;

const byId = (id) => document.getElementById(id);
const canvas = () => byId("canvas");
const number = (element, name) => Number(element.dataset[name] ?? 0);

function set(element, values) {
  for (const [name, value] of Object.entries(values)) if (element.style[name] !== value) element.style[name] = value;
}

function place() {
  const world = byId("canvas-world");
  if (!world) return;
  for (const element of world.querySelectorAll("[data-x]")) {
    if (element === drag?.ghosted) continue;
    set(element, { left: `${number(element, "x")}px`, top: `${number(element, "y")}px` });
    if (element.dataset.w) set(element, { width: `${number(element, "w")}px`, minHeight: `${number(element, "h")}px` });
  }
  if (!view.scale) fit();
  show();
}

function show() {
  const world = byId("canvas-world");
  if (!world) return;
  set(world, { transform: `translate(${Math.round(view.x)}px, ${Math.round(view.y)}px) scale(${view.scale})` });
  const level = `${Math.round(view.scale * 100)} %`;
  if (byId("zoom-level") && byId("zoom-level").textContent !== level) byId("zoom-level").textContent = level;
  drawMap();
}

/** The whole plan if it can be read so, else its beginning at a readable size. */
function fit(whole = false) {
  const box = canvas().getBoundingClientRect();
  const width = number(canvas(), "width");
  const height = number(canvas(), "height");
  const least = whole ? LEAST : 0.7;
  view.scale = Math.max(least, Math.min(1, box.width / width, box.height / height));
  view.x = (box.width - width * view.scale) / 2;
  view.y = Math.max(0, (box.height - height * view.scale) / 2);
  const start = canvas().querySelector(".elabel");
  if (!whole && width * view.scale > box.width && start) view.x = box.width / 2 - number(start, "x") * view.scale;
}

function zoom(factor, x, y) {
  const scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  show();
}

function drawMap() {
  const map = byId("minimap");
  if (!map || !canvas()) return;
  const box = canvas().getBoundingClientRect();
  const width = number(canvas(), "width");
  const height = number(canvas(), "height");
  map.toggleAttribute("hidden", width * view.scale <= box.width && height * view.scale <= box.height);
  map.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const rects = [...canvas().querySelectorAll(".node")].map((node) => rect("box", number(node, "x"), number(node, "y"), number(node, "w"), number(node, "h")));
  rects.push(rect("seen", -view.x / view.scale, -view.y / view.scale, box.width / view.scale, box.height / view.scale));
  map.replaceChildren(...rects);
}

function rect(css, x, y, width, height) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ class: css, x, y, width, height, rx: 8 })) made.setAttribute(name, value);
  return made;
}

/** Bring a step into view. */
function reveal(node) {
  const box = canvas().getBoundingClientRect();
  const left = number(node, "x") * view.scale + view.x;
  const top = number(node, "y") * view.scale + view.y;
  const right = left + number(node, "w") * view.scale;
  const bottom = top + number(node, "h") * view.scale;
  if (left < 16) view.x += 16 - left;
  else if (right > box.width - 16) view.x -= right - box.width + 16;
  if (top < 16) view.y += 16 - top;
  else if (bottom > box.height - 16) view.y -= bottom - box.height + 16;
  show();
}

// --- Keys ---------------------------------------------------------------------------------------------

/** The nearest step in a direction. */
function nearest(from, key) {
  const middle = (node) => [number(node, "x") + number(node, "w") / 2, number(node, "y") + number(node, "h") / 2];
  const [x, y] = middle(from);
  const ahead = { ArrowUp: (_, dy) => -dy, ArrowDown: (_, dy) => dy, ArrowLeft: (dx) => -dx, ArrowRight: (dx) => dx }[key];
  let best = null;
  let least = Infinity;
  for (const node of canvas().querySelectorAll(".node")) {
    const [nx, ny] = middle(node);
    const forward = ahead(nx - x, ny - y);
    const distance = Math.hypot(nx - x, ny - y) + Math.abs(key.endsWith("Left") || key.endsWith("Right") ? ny - y : nx - x);
    if (node !== from && forward > 1 && distance < least) [best, least] = [node, distance];
  }
  return best;
}

document.addEventListener("keydown", (event) => {
  if (!canvas() || !event.target.closest?.("#canvas") || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "+" || event.key === "-") {
    const box = canvas().getBoundingClientRect();
    zoom(event.key === "+" ? STEP : 1 / STEP, box.width / 2, box.height / 2);
  } else if (event.key.startsWith("Arrow")) {
    const from = document.activeElement.closest(".node") ?? canvas().querySelector(".node.sel");
    const next = from ? nearest(from, event.key) : canvas().querySelector(".node");
    if (next) {
      next.focus({ preventScroll: true });
      choose(next.dataset.node);
      reveal(next);
    }
  } else {
    return;
  }
  event.preventDefault();
});

// --- Pointer ------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const how = event.target.closest("[data-zoom]")?.dataset.zoom;
  if (how) {
    const box = canvas().getBoundingClientRect();
    if (how === "fit") fit(true);
    else zoom(how === "in" ? STEP : 1 / STEP, box.width / 2, box.height / 2);
    show();
  }
  // A drag ends in a click on what it began at: that is no choice.
  if (drag?.moved) event.preventDefault();
}, true);

document.addEventListener("wheel", (event) => {
  if (!event.target.closest?.("#canvas")) return;
  event.preventDefault();
  const box = canvas().getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) {
    zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1, event.clientX - box.left, event.clientY - box.top);
  } else {
    view.x -= event.deltaX;
    view.y -= event.deltaY;
    show();
  }
}, { passive: false });

document.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.target.closest?.("#canvas") || event.target.closest(".zoom, [data-insert]")) return;
  const port = event.target.closest("[data-port]");
  const node = event.target.closest(".node");
  const map = event.target.closest("#minimap");
  const kind = port ? "connect" : node ? "move" : map ? "map" : "pan";
  drag = { kind, node, x: event.clientX, y: event.clientY, fromX: view.x, fromY: view.y, moved: false, ghosted: null };
});

document.addEventListener("pointermove", (event) => {
  if (!drag || drag.done) return;
  const dx = event.clientX - drag.x;
  const dy = event.clientY - drag.y;
  if (!drag.moved && Math.hypot(dx, dy) < FAR) return;
  drag.moved = true;
  if (drag.kind === "pan") {
    view.x = drag.fromX + dx;
    view.y = drag.fromY + dy;
    show();
  } else if (drag.kind === "map") {
    jump(event);
  } else if (drag.kind === "move" && drag.node.dataset.type !== "stop") {
    drag.ghosted = drag.node;
    drag.node.classList.add("dragged");
    set(drag.node, {
      left: `${number(drag.node, "x") + dx / view.scale}px`,
      top: `${number(drag.node, "y") + dy / view.scale}px`,
    });
    over(event);
  } else if (drag.kind === "connect") {
    over(event);
  }
});

function jump(event) {
  const map = byId("minimap").getBoundingClientRect();
  const box = canvas().getBoundingClientRect();
  view.x = box.width / 2 - ((event.clientX - map.left) / map.width) * number(canvas(), "width") * view.scale;
  view.y = box.height / 2 - ((event.clientY - map.top) / map.height) * number(canvas(), "height") * view.scale;
  show();
}

/** What lies below the pointer and can take what is dragged. */
function under(event) {
  const wanted = drag.kind === "connect" ? ".node" : "[data-drop-node]";
  const found = document.elementsFromPoint(event.clientX, event.clientY).map((one) => one.closest(wanted));
  return found.find((one) => one && one !== drag.node) ?? null;
}

function over(event) {
  const target = under(event);
  for (const old of document.querySelectorAll(".taking")) if (old !== target) old.classList.remove("taking");
  target?.classList.add("taking");
}

function end(event) {
  if (!drag) return;
  const { kind, node, moved } = drag;
  if (kind === "map" && !moved) jump(event);
  const target = moved && (kind === "move" || kind === "connect") ? under(event) : null;
  for (const old of document.querySelectorAll(".taking, .dragged")) old.classList.remove("taking", "dragged");
  if (target && kind === "move") {
    edit({ op: "move", node: node.dataset.node, at_node: target.dataset.dropNode, at_exit: target.dataset.dropExit });
  } else if (target) {
    edit({ op: "connect", node: node.dataset.node, exit: node.dataset.exit, to: target.dataset.node });
  }
  drag.ghosted = null;
  drag.done = true;
  place();
  const ended = drag;
  setTimeout(() => {
    if (drag === ended) drag = null;
  }, 0);
}

document.addEventListener("pointerup", end);
document.addEventListener("pointercancel", () => {
  drag = null;
  place();
});
document.addEventListener("dragstart", (event) => {
  if (event.target.closest?.("#canvas")) event.preventDefault();
});

// --- Anew ---------------------------------------------------------------------------------------------

const anew = new MutationObserver(() => {
  place();
  // What placing itself changed is nothing new.
  anew.takeRecords();
});
anew.observe(byId("builder-root"), {
  subtree: true, childList: true, attributes: true, attributeFilter: ["data-x", "data-y", "data-width", "style"],
});
new ResizeObserver(() => show()).observe(byId("builder-root"));
place();
