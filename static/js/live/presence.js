// Who else is here. Ours is renewed every 15 s while the page is visible; others' entries go when their time is up,
// so that somebody whose browser was killed disappears without a word.

const RENEW = 15_000;
const WORDS = { viewing: "is viewing", typing: "is typing", replying: "is replying" };

export class Presence {
  constructor(send) {
    this.send = send;
    this.ours = new Map();
    this.others = new Map();
    this.timers = new Map();
    setInterval(() => this.renew(), RENEW);
    document.addEventListener("visibilitychange", () => this.renew());
  }

  set(conversation, mode) {
    if (mode === "away") this.ours.delete(conversation);
    else this.ours.set(conversation, mode);
    this.send({ type: "presence", conversation, mode });
  }

  renew() {
    for (const [conversation, mode] of this.ours) {
      this.send({ type: "presence", conversation, mode: document.hidden ? "away" : mode });
    }
  }

  /** Take the list of a conversation as it was pushed: {conversation, people: [{user_id, name, mode, since, ttl}]}. */
  show({ conversation, people }) {
    const self = document.body.dataset.userId;
    const until = performance.now();
    const entries = people
      .filter((person) => person.user_id !== self)
      .map((person) => ({ ...person, until: until + person.ttl * 1_000 }));
    this.others.set(conversation, entries);
    this.draw(conversation);
  }

  draw(conversation) {
    const now = performance.now();
    const people = (this.others.get(conversation) ?? []).filter((person) => person.until > now);
    this.others.set(conversation, people);
    const text = people.map((person) => `${person.name} ${WORDS[person.mode]}`).join(", ");
    for (const element of document.querySelectorAll(`[data-live-presence="${CSS.escape(conversation)}"]`)) {
      element.hidden = people.length === 0;
      element.dataset.mode = people.at(0)?.mode ?? "";
      (element.querySelector("[data-presence-text]") ?? element).textContent = text;
    }
    document.dispatchEvent(new CustomEvent("live:presence", { detail: { conversation, people } }));
    clearTimeout(this.timers.get(conversation));
    if (people.length) {
      const next = Math.min(...people.map((person) => person.until)) - now;
      this.timers.set(conversation, setTimeout(() => this.draw(conversation), next + 50));
    }
  }
}
