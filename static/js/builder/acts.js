// What the parts of the builder share: the chosen step, and sending one edit.
const root = document.getElementById("builder-root");
const byId = (id) => document.getElementById(id);

/** The id of the step that the inspector shows. */
export function chosen() {
  return byId("builder-inspector")?.dataset.inspected ?? "";
}

/** Send one edit; `values` are the fields of its form. */
export function edit(values) {
  return globalThis.htmx.ajax("POST", root.dataset.edit, {
    source: root, target: "#builder-map", swap: "morph:outerHTML",
    values: { version: byId("draft-version")?.value ?? "", ...values },
  });
}

/** Show a step in the inspector. */
export function choose(id) {
  byId(`row-${id}`)?.click();
}

/** The name of a step as the outline has it. */
export function nameOf(id) {
  return byId(`row-${id}`)?.querySelector(".truncate")?.textContent ?? id;
}
