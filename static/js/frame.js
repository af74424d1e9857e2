// The frame at narrow widths: the sidebar as a sheet, and the third pane as a drawer (data-drawer="<its id>").
// Tabs that are wider than the screen begin at the one that is shown.
const app = document.getElementById("app");
const side = document.getElementById("side");

function setNav(isOpen) {
  if (isOpen) app.dataset.nav = "open";
  else delete app.dataset.nav;
  for (const toggle of document.querySelectorAll("[data-nav-toggle]")) toggle.setAttribute("aria-expanded", String(isOpen));
  for (const part of app.querySelectorAll(":scope > :is(.main, .mtop, .mtab)")) part.inert = isOpen;
  if (isOpen) side.querySelector("a, button")?.focus();
}

function setDrawer(drawer, isOpen) {
  drawer.toggleAttribute("data-open", isOpen);
  for (const toggle of document.querySelectorAll(`[data-drawer="${drawer.id}"]`)) {
    toggle.setAttribute("aria-expanded", String(isOpen));
  }
}

if (app && side) {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-nav-toggle]")) setNav(app.dataset.nav !== "open");
    else if (event.target.closest("[data-nav-close]")) setNav(false);
    const drawer = document.getElementById(event.target.closest("[data-drawer]")?.dataset.drawer ?? "");
    if (drawer) setDrawer(drawer, !drawer.hasAttribute("data-open"));
    else if (event.target.closest("[data-drawer-close]")) setDrawer(event.target.closest(".drawer"), false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open], :popover-open")) return;
    const drawer = document.querySelector(".drawer[data-open]");
    if (app.dataset.nav === "open") {
      setNav(false);
      document.querySelector("[data-nav-toggle]")?.focus();
    } else if (drawer) {
      setDrawer(drawer, false);
      document.querySelector(`[data-drawer="${drawer.id}"]`)?.focus();
    }
  });
}

for (const tab of document.querySelectorAll(".tabs > [aria-current=page]")) {
  const tabs = tab.parentElement;
  const start = tab.getBoundingClientRect().left - tabs.getBoundingClientRect().left;
  tabs.scrollLeft += start - (tabs.clientWidth - tab.offsetWidth) / 2;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
