// The page of scheduled replies follows what happens to them, but for a time that somebody is choosing.
import { live } from "../live.js";
import { refreshRegion } from "../live/regions.js";

const REFRESH_AFTER = 400;
let timer = 0;

const page = () => document.getElementById("scheduled-replies");

function refresh() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (page()?.contains(document.activeElement) && document.activeElement.matches("input")) refresh();
    else for (const part of [page(), document.getElementById("inbox-views")]) refreshRegion(part);
  }, REFRESH_AFTER);
}

live.on("frame", ({ kind }) => kind === "conversation.changed" && refresh());
