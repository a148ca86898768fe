// Messages over a WebSocket that is opened again when it breaks (RFC 6455).

// The server's last word: it goes away (RFC 6455, section 7.4.1), or it is full (the registry that
// this section founded).
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
// Seconds: the first wait before it is tried again, the longest, and when the demo counts as ended.
const FIRST_WAIT = 0.5;
const LONGEST_WAIT = 5;
const GIVEN_UP_AFTER = 15;

// A source of a run's messages; {kind: "connection", state: "lost" | "ended"} are its own.
// It goes on trying when the demo counts as ended: one started anew is found.
export function socketSource(url, token) {
  return new SocketSource(url, token);
}

class SocketSource {
  constructor(url, token) {
    this.url = url;
    this.token = token;
    this.socket = null;
    this.callback = () => {};
    this.wait = FIRST_WAIT;
    this.lostAt = null;
    this.timer = null;
    this.closed = false;
  }

  listen(callback) {
    this.callback = callback;
    this.connect();
  }

  connect() {
    this.timer = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ do: "join", token: this.token }));
    });
    socket.addEventListener("message", (event) => {
      if (socket === this.socket) this.hear(JSON.parse(event.data));
    });
    // A close follows every error: one place is enough.
    socket.addEventListener("close", (event) => this.lose(event.code));
  }

  // With the first scene it is there again: a demo that is full opens too, and then closes.
  hear(message) {
    if (message.kind === "scene") {
      this.wait = FIRST_WAIT;
      this.lostAt = null;
    }
    this.callback(message);
  }

  lose(code) {
    if (this.closed) return;
    const now = performance.now() / 1000;
    if (code === GOING_AWAY || code === TRY_AGAIN_LATER) this.wait = LONGEST_WAIT;
    if (code === TRY_AGAIN_LATER) this.lostAt = now;
    this.lostAt ??= code === GOING_AWAY ? now - GIVEN_UP_AFTER : now;
    const ended = now - this.lostAt >= GIVEN_UP_AFTER;
    this.callback({ kind: "connection", state: ended ? "ended" : "lost" });
    this.timer = setTimeout(() => this.connect(), this.wait * 1000);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  // Returns whether it went out. What is asked while the connection is lost is not kept: it would
  // come as a surprise later.
  send(message) {
    const open = this.socket?.readyState === WebSocket.OPEN;
    if (open) this.socket.send(JSON.stringify(message));
    return open;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}
