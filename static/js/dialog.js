// Dialogs: data-open="<id>" opens a <dialog>, data-close closes the one it stands in. Focus and Esc are the browser's.
// A file drop (data-drop) and copying (data-copy="<id>") live here too: both are acts on one element by attribute.

/** Open a dialog by id; does nothing when it is open already. */
export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) {
    openDialog(opener.dataset.open);
    return;
  }
  if (event.target.closest("[data-close]")) {
    event.target.closest("dialog")?.close();
    return;
  }
  // A press on the backdrop hits the <dialog> itself, outside its box.
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.detail) event.target.close();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected, press Ctrl C";
  }
  setTimeout(() => (button.textContent = before), 2000);
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const drop = event.target.closest?.("[data-drop]");
    if (!drop) return;
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    const input = drop.querySelector('input[type="file"]');
    if (kind === "drop" && input && event.dataTransfer?.files.length) {
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}
document.addEventListener("change", (event) => {
  const name = event.target.closest?.("[data-drop]")?.querySelector("[data-drop-name]");
  if (name && event.target.files?.length) name.textContent = event.target.files[0].name;
});

for (const box of document.querySelectorAll("input[data-mixed]")) box.indeterminate = true;
