// Which streams this page listens to: those the body names, those of elements with data-live-stream while they are in
// the document, and those that scripts hold.

export class Subscriptions {
  constructor({ cursor, onAdded, onRemoved }) {
    Object.assign(this, { cursor, onAdded, onRemoved });
    this.fixed = new Set();
    this.holds = new Map();
    this.onPage = new Set();
    this.refused = new Set();
    this.requests = new WeakMap();
  }

  start(streams) {
    for (const stream of streams) this.fixed.add(stream);
    this.scan(this.cursor(), { isFirst: true });
    // What a response shows may be as old as the moment it was asked for: that is where its streams begin.
    document.addEventListener("htmx:beforeRequest", (event) => this.requests.set(event.detail.xhr, this.cursor()));
    document.addEventListener("htmx:afterSwap", (event) => {
      this.scan(this.requests.get(event.detail.xhr) ?? this.cursor());
    });
    new MutationObserver(() => this.scan(this.cursor())).observe(document.body, { childList: true, subtree: true });
  }

  /** All streams to listen to. */
  wanted() {
    return [...new Set([...this.fixed, ...this.onPage, ...this.holds.keys()])].filter(
      (stream) => !this.refused.has(stream),
    );
  }

  /** Remember what the server refused, so that it is not asked for again. */
  refuse(streams) {
    for (const stream of streams) this.refused.add(stream);
  }

  /** Listen to streams until the returned function is called. */
  hold(streams) {
    const before = new Set(this.wanted());
    for (const stream of streams) this.holds.set(stream, (this.holds.get(stream) ?? 0) + 1);
    this.report(before, () => this.cursor());
    return () => {
      const held = new Set(this.wanted());
      for (const stream of streams) {
        const left = (this.holds.get(stream) ?? 0) - 1;
        if (left > 0) this.holds.set(stream, left);
        else this.holds.delete(stream);
      }
      this.report(held, () => this.cursor());
    };
  }

  scan(cursor, { isFirst = false } = {}) {
    const before = new Set(this.wanted());
    const cursors = new Map();
    this.onPage = new Set();
    for (const element of document.querySelectorAll("[data-live-stream]")) {
      for (const stream of element.dataset.liveStream.split(/[\s,]+/).filter(Boolean)) {
        this.onPage.add(stream);
        const own = element.closest("[data-live-cursor]")?.dataset.liveCursor;
        if (own !== undefined && !isFirst) cursors.set(stream, Number(own));
      }
    }
    if (!isFirst) this.report(before, (stream) => Math.min(cursor, cursors.get(stream) ?? cursor));
  }

  report(before, cursorOf) {
    const now = new Set(this.wanted());
    const removed = [...before].filter((stream) => !now.has(stream));
    if (removed.length) this.onRemoved(removed);
    const added = grouped([...now].filter((stream) => !before.has(stream)), cursorOf);
    for (const [cursor, streams] of added) this.onAdded(streams, cursor);
  }
}

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
