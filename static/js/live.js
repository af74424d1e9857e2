// Live pages: subscribes to what the page shows and applies what is pushed. docs/realtime.md has the contract.
//
// Reads <body data-organization-slug data-live-cursor data-live-streams> and elements with data-live-stream, also those
// that are swapped in later. Other scripts import { live }: subscribe, unsubscribe, presence, on, and the state.
import { announce } from "./live/announce.js";
import { applyHtml } from "./live/apply.js";
import { showState } from "./live/chip.js";
import { Connection } from "./live/connection.js";
import { releaseAll } from "./live/lists.js";
import { Presence } from "./live/presence.js";
import { refreshRegions } from "./live/regions.js";
import "./live/requests.js";
import { Subscriptions } from "./live/subscriptions.js";

const body = document.body;
const slug = body.dataset.organizationSlug ?? "";

function tell(name, detail) {
  return document.dispatchEvent(new CustomEvent(`live:${name}`, { detail, cancelable: true }));
}

function applyFrame(frame) {
  try {
    apply(frame);
  } catch (error) {
    // One fragment that does not fit must not stop the others; what it belongs to is fetched as a whole.
    reportError(error);
    refreshRegions(frame.stream);
  }
}

function apply(frame) {
  // A listener that handles a frame by itself prevents the default.
  if (!tell("frame", frame)) return;
  if (frame.stale) refreshRegions(frame.stream);
  if (frame.kind === "presence") presence.show(frame.data);
  if (frame.html) applyHtml(frame.html, { announce });
}

const connection = new Connection({
  slug,
  cursor: Number(body.dataset.liveCursor ?? 0),
  streams: () => subscriptions.wanted(),
  onFrame: applyFrame,
  onReset: (cursor) => {
    tell("reset", { cursor });
    return refreshRegions();
  },
  onState: (state) => {
    showState(state);
    tell("state", state);
  },
  onEvent: (name, detail) => {
    if (name === "refused") subscriptions.refuse(detail.refused.map((refusal) => refusal.stream));
    if (name === "connected") presence.renew();
    tell(name, detail);
  },
});
const subscriptions = new Subscriptions({
  cursor: () => connection.cursor,
  onAdded: (streams, cursor) => connection.subscribe(streams, cursor),
  onRemoved: (streams) => connection.unsubscribe(streams),
});
const presence = new Presence((command) => connection.send(command));

export const live = {
  /** "live", "behind" or "off", as on the chip. */
  get state() {
    return connection.state;
  },
  /** The number up to which this page is complete. */
  get cursor() {
    return connection.cursor;
  },
  /** Listen to streams that no element names; returns a function that stops it. */
  subscribe(...streams) {
    return subscriptions.hold(streams);
  },
  /** Say what the viewer does in a conversation: "viewing", "typing", "replying", or "away". Renewed until changed. */
  presence(conversationId, mode) {
    presence.set(conversationId, mode);
  },
  /** Fetch at once what was missed. */
  catchUp() {
    return connection.catchUp();
  },
  /** Show what waits in the "3 new" pills. */
  showNew: releaseAll,
  /** Listen to live:<name> events; returns a function that stops it. */
  on(name, listener) {
    const wrapped = (event) => listener(event.detail, event);
    document.addEventListener(`live:${name}`, wrapped);
    return () => document.removeEventListener(`live:${name}`, wrapped);
  },
};

if (slug) {
  subscriptions.start((body.dataset.liveStreams ?? "").split(/[\s,]+/).filter(Boolean));
  connection.start();
}
