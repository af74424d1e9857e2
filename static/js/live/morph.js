// Changes an element into its new form in place, keeping what is the viewer's own: focus, what is typed, open state.

// Classes and attributes that say something about this viewer; shared HTML never carries them.
const KEPT_CLASSES = ["open", "cursor", "sel", "enter", "leaving"];
const KEPT_ATTRIBUTES = new Set(["aria-current", "aria-selected", "aria-expanded", "open", "data-cursor", "data-picked"]);

/** Morph `existing` into `next` and return the element that is now in the document. */
export function morph(existing, next) {
  const kept = KEPT_CLASSES.filter((name) => existing.classList.contains(name));
  const { id } = existing;
  if (globalThis.Idiomorph) {
    globalThis.Idiomorph.morph(existing, next.outerHTML, {
      morphStyle: "outerHTML",
      // Idiomorph leaves all that is inside the focused element: right for a field, wrong for a link that was clicked.
      ignoreActiveValue: isField(document.activeElement),
      callbacks: {
        beforeNodeMorphed: (old) => !isOurs(old),
        beforeNodeRemoved: (old) => !isOurs(old),
        beforeAttributeUpdated: (name, _node, change) => change === "update" || !KEPT_ATTRIBUTES.has(name),
      },
    });
  } else {
    existing.replaceWith(document.importNode(next, true));
  }
  const morphed = (id && document.getElementById(id)) || existing;
  morphed.classList.add(...kept);
  globalThis.htmx?.process(morphed);
  return morphed;
}

/** Whether a node belongs to the viewer and is left alone: a composer with a draft, an open menu. */
function isOurs(node) {
  return node instanceof Element && node.matches("[data-live-skip]");
}

/** Whether somebody types or chooses in an element, so that what it holds is theirs. */
function isField(element) {
  return element instanceof HTMLElement && (element.isContentEditable || element.matches("input, select, textarea"));
}
