// The socket and its stand-ins. One rule holds everywhere: the cursor moves only past what has been applied, so
// whatever is lost on the way is fetched from live/since?cursor=... and nothing is shown twice or skipped.
import { applyInSlices, sleep } from "./timing.js";

const POLL = 5_000;
const SLOWEST = 30_000;
const HIDDEN_LONG = 5_000;
const PONG_WITHIN = 4_000;
const STREAMS_PER_COMMAND = 50;
// Codes after which trying again is no use; see CloseCode in protocol.py.
const FINAL = new Map([
  [4401, "signed-out"],
  [4404, "revoked"],
  [4409, "revoked"],
]);
const OUR_FAULT = new Set([4400, 4413, 4429]);

export class Connection {
  constructor({ slug, cursor, streams, onFrame, onReset, onState, onEvent }) {
    Object.assign(this, { slug, cursor, streams, onFrame, onReset, onState, onEvent });
    this.state = "off";
    this.shownAt = new Date();
    this.socket = null;
    this.isWelcome = false;
    this.isFed = true;
    this.isGreeted = false;
    this.isOver = false;
    this.attempts = 0;
    this.received = 0;
    this.unacknowledged = { messages: 0, characters: 0 };
    this.ackAfter = { messages: 16, characters: 65_536 };
    this.silence = 40_000;
    this.floors = new Map();
    this.held = [];
    this.work = Promise.resolve();
    this.busy = 0;
    this.hiddenAt = 0;
  }

  start() {
    this.setState("off");
    this.open();
    this.poll();
    window.addEventListener("online", () => this.retryNow());
    window.addEventListener("offline", () => this.socket?.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.retryNow());
    document.addEventListener("visibilitychange", () => this.visibilityChanged());
  }

  // --- the socket -----------------------------------------------------------------------------------

  open() {
    if (this.isOver || this.socket) return;
    clearTimeout(this.retry);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/o/${this.slug}/`);
    this.socket = socket;
    this.received = 0;
    this.unacknowledged = { messages: 0, characters: 0 };
    this.watch(10_000);
    socket.onmessage = (event) => socket === this.socket && this.arrived(event.data);
    socket.onclose = (event) => socket === this.socket && this.closed(event.code);
  }

  closed(code) {
    clearTimeout(this.watchdog);
    this.socket = null;
    this.isWelcome = false;
    this.isFed = true;
    const reason = FINAL.get(code);
    if (reason) {
      this.isOver = true;
      this.onEvent(reason, { code });
    }
    this.setState("off");
    if (this.isOver) return;
    const exponential = Math.min(SLOWEST, 500 * 2 ** Math.min(this.attempts, 10));
    this.attempts += 1;
    this.retry = setTimeout(() => this.open(), (OUR_FAULT.has(code) ? SLOWEST : exponential) * (0.5 + Math.random()));
  }

  retryNow() {
    this.attempts = 0;
    if (this.socket) this.checkAlive();
    else this.open();
  }

  /** Close the socket unless something arrives in time: a dead network does not say so by itself. */
  watch(within = this.silence) {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.drop(), within);
  }

  drop() {
    const socket = this.socket;
    if (!socket) return;
    socket.onclose = null;
    socket.close();
    this.closed(1006);
  }

  checkAlive() {
    if (this.send({ type: "ping" })) this.watch(PONG_WITHIN);
  }

  /** Send a command; false when there is no socket to send it on. */
  send(command) {
    if (!this.isWelcome || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }

  arrived(text) {
    this.watch();
    this.received += 1;
    this.unacknowledged.messages += 1;
    this.unacknowledged.characters += text.length;
    this.receive(JSON.parse(text));
    const { messages, characters } = this.unacknowledged;
    if (messages < this.ackAfter.messages && characters < this.ackAfter.characters) return;
    if (this.send({ type: "ack", count: this.received })) this.unacknowledged = { messages: 0, characters: 0 };
  }

  receive(message) {
    switch (message.type) {
      case "welcome":
        this.welcomed(message);
        break;
      case "subscribed":
        this.subscribed(message);
        break;
      case "frames":
        this.framesArrived(message);
        break;
      case "ephemeral":
        message.frames.forEach(this.onFrame);
        break;
      case "heartbeat":
        this.heard(message.n);
        break;
      case "resync":
        this.catchUp(message.n);
        break;
      case "feed":
        this.fed(message.live);
        break;
      case "refused":
        this.onEvent("refused", { refused: message.refused.filter(({ reason }) => reason !== "not_subscribed") });
        break;
    }
  }

  welcomed(message) {
    this.isWelcome = true;
    this.attempts = 0;
    this.ackAfter = { messages: message.ack_every, characters: message.ack_characters };
    this.silence = message.heartbeat * 2_500;
    this.isGreeted = false;
    const streams = this.streams();
    for (const stream of streams) this.lower(stream, this.cursor);
    if (streams.length) this.ask(streams);
    else {
      this.heard(message.n);
      this.greet();
    }
    this.refreshState();
  }

  /** Say once per socket that it is ready: presence needs its subscription first. */
  greet() {
    if (this.isGreeted) return;
    this.isGreeted = true;
    this.onEvent("connected", {});
  }

  fed(isFed) {
    const wasFed = this.isFed;
    this.isFed = isFed;
    this.refreshState();
    if (isFed && !wasFed) this.catchUp();
  }

  // --- streams --------------------------------------------------------------------------------------

  /** Listen to more streams; `cursor` is where the part of the page that shows them stands. */
  subscribe(streams, cursor) {
    for (const stream of streams) this.lower(stream, cursor);
    if (this.isWelcome) this.ask(streams);
  }

  unsubscribe(streams) {
    for (const stream of streams) this.floors.delete(stream);
    for (const some of chunks(streams)) this.send({ type: "unsubscribe", streams: some });
  }

  lower(stream, cursor) {
    this.floors.set(stream, Math.min(cursor, this.floors.get(stream) ?? cursor));
  }

  ask(streams) {
    for (const some of chunks(streams)) this.send({ type: "subscribe", streams: some, cursor: this.cursor });
  }

  subscribed({ streams, refused, n }) {
    if (refused.length) this.onEvent("refused", { refused });
    for (const { stream } of refused) this.floors.delete(stream);
    const behind = streams.filter((stream) => (this.floors.get(stream) ?? n) < n);
    this.greet();
    if (behind.length) this.catchUp(n, behind);
    else for (const stream of streams) this.floors.delete(stream);
    this.refreshState();
  }

  // --- frames and the cursor --------------------------------------------------------------------------

  framesArrived(message) {
    if (this.busy) {
      // A catch-up is under way: what it brings may be older than this.
      this.held.push(message);
      return;
    }
    for (const frame of message.frames) if (frame.n > this.cursor || this.floors.has(frame.stream)) this.onFrame(frame);
    this.heard(message.n);
  }

  heard(number) {
    if (this.busy) this.held.push({ n: number, frames: [] });
    else if (this.floors.size === 0) this.cursor = Math.max(this.cursor, number);
    this.shownAt = new Date();
    this.refreshState();
  }

  /** Fetch what is after the cursor, in the streams given or in all; one at a time, in turn. */
  catchUp(target = 0, streams = undefined) {
    this.busy += 1;
    this.behind = Math.max(this.behind ?? 0, target - this.cursor, 0);
    this.refreshState();
    this.work = this.work.then(() => this.fetchMissed(streams)).finally(() => {
      this.busy -= 1;
      if (this.busy === 0) this.releaseHeld();
      this.refreshState();
    });
    return this.work;
  }

  async fetchMissed(asked) {
    const streams = asked ?? this.streams();
    if (this.isOver || streams.length === 0) return;
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const from = Math.min(this.cursor, ...streams.map((stream) => this.floors.get(stream) ?? this.cursor));
      const answer = await this.since(from, streams);
      if (answer) return this.applyMissed(answer, streams, asked === undefined);
      if (this.isOver) return;
      await sleep(1_000 * 2 ** attempt * (0.5 + Math.random()));
    }
    // Without an answer the page cannot be vouched for: start over with a new socket.
    this.drop();
  }

  async since(cursor, streams) {
    const query = new URLSearchParams({ cursor, streams: streams.join(",") });
    try {
      const response = await fetch(`/o/${this.slug}/live/since?${query}`, {
        headers: { Accept: "application/json", "X-Requested-With": "fetch" },
        redirect: "manual",
      });
      if (response.ok) return await response.json();
      if (response.type === "opaqueredirect" || response.status === 401) this.finish("signed-out");
      else if (response.status === 404) this.finish("revoked");
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    }
    return null;
  }

  finish(reason) {
    this.isOver = true;
    this.onEvent(reason, {});
    this.socket?.close();
    this.setState("off");
  }

  async applyMissed(answer, streams, isEverything) {
    const refused = Object.entries(answer.refused).map(([stream, reason]) => ({ stream, reason }));
    if (refused.length) this.onEvent("refused", { refused });
    if (answer.reset) await this.onReset(answer.cursor);
    else {
      await applyInSlices(answer.frames, (frame, left) => {
        this.behind = left;
        this.refreshState();
        this.onFrame(frame);
      });
    }
    for (const stream of streams) this.floors.delete(stream);
    if (isEverything || streams.length === this.streams().length || answer.reset) {
      this.cursor = answer.reset ? answer.cursor : Math.max(this.cursor, answer.cursor);
    }
    this.shownAt = new Date();
  }

  releaseHeld() {
    this.behind = 0;
    const held = this.held;
    this.held = [];
    for (const message of held) this.framesArrived(message);
  }

  // --- without a socket ---------------------------------------------------------------------------------

  /** While pushes do not arrive (socket blocked, server's Redis away) ask every 5 seconds, for ever. */
  async poll() {
    for (;;) {
      await sleep(POLL * (0.9 + Math.random() * 0.2));
      const isPushed = this.isWelcome && this.isFed;
      if (isPushed || this.isOver || document.hidden || this.busy) continue;
      const streams = this.streams();
      if (streams.length === 0) continue;
      this.busy += 1;
      const answer = await this.since(this.cursor, streams);
      if (answer) await this.applyMissed(answer, streams, true);
      this.busy -= 1;
      this.releaseHeld();
      this.refreshState();
    }
  }

  visibilityChanged() {
    if (document.hidden) {
      this.hiddenAt = Date.now();
      return;
    }
    const wasLong = Date.now() - this.hiddenAt > HIDDEN_LONG;
    this.retryNow();
    if (wasLong && this.isWelcome) this.catchUp();
  }

  // --- what the chip says -------------------------------------------------------------------------------

  refreshState() {
    const isPushed = this.isWelcome && this.isFed;
    if (!isPushed) this.setState("off");
    else if (this.busy && this.behind > 0) this.setState("behind");
    else this.setState("live");
  }

  setState(state) {
    this.state = state;
    this.onState({
      state,
      behind: this.behind ?? 0,
      shownAt: this.shownAt,
      isOver: this.isOver,
    });
  }
}

function chunks(items) {
  const parts = [];
  for (let at = 0; at < items.length; at += STREAMS_PER_COMMAND) parts.push(items.slice(at, at + STREAMS_PER_COMMAND));
  return parts;
}
