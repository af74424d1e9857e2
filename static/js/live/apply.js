// From HTML with data-live instructions to the document. Everything is addressed by id, so that applying the same
// fragment twice changes nothing.
import { insertRow, removeRow, updateRow } from "./lists.js";
import { morph } from "./morph.js";
import { refreshRegion } from "./regions.js";
import { showTimes } from "../times.js";

/** Apply the top-level elements of `html`; `announce` takes what is to be read out. */
export function applyHtml(html, { announce }) {
  const parsed = document.createElement("template");
  parsed.innerHTML = html;
  for (const part of [parsed, ...parsed.content.querySelectorAll("template")]) showTimes(part.content);
  for (const element of [...parsed.content.children]) {
    const [operation, argument] = instruction(element);
    if (element.localName !== "template") {
      element.removeAttribute("data-live");
      apply(operation, argument, element, announce);
    } else if (element.content.childElementCount === 0) {
      apply(operation, argument, element, announce);
    } else {
      for (const child of [...element.content.children]) apply(operation, argument, child, announce);
    }
  }
}

function instruction(element) {
  const value = element.dataset.live || "replace";
  const at = value.indexOf(":");
  return at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)];
}

function apply(operation, argument, element, announce) {
  switch (operation) {
    case "count":
      for (const count of document.querySelectorAll(`[data-live-count="${CSS.escape(argument)}"]`)) {
        count.textContent = textOf(element);
      }
      return;
    case "announce":
      announce(textOf(element));
      return;
    case "refresh":
      refreshRegion(document.getElementById(argument || element.id));
      return;
    case "remove":
      removeRow(document.getElementById(argument || element.id), argument || element.id);
      return;
    default:
      put(operation, argument, element);
  }
}

function textOf(element) {
  return (element.localName === "template" ? element.content : element).textContent.trim();
}

function put(operation, argument, element) {
  const existing = element.id && document.getElementById(element.id);
  const place = argument && document.getElementById(argument);
  if (operation === "into") {
    if (existing) updateRow(existing, element);
    else if (place) insertRow(place, element);
    return;
  }
  if (existing) {
    morph(existing, element);
    return;
  }
  const positions = { prepend: "afterbegin", append: "beforeend", before: "beforebegin", after: "afterend" };
  if (place && positions[operation]) {
    const fresh = document.importNode(element, true);
    place.insertAdjacentElement(positions[operation], fresh);
    globalThis.htmx?.process(fresh);
  }
}
