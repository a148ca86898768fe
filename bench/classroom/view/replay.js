// The player of a recording: its messages again, at their own pace, from any moment.
import { Labels, build, mark, press, write } from "./elements.js";
import { timeText } from "./figures.js";

// Times the recording's own pace.
const REPLAY_SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
// Seconds. A longer gap between two animation frames (the tab was hidden) counts as so much.
const LONGEST_GAP = 0.25;
// And a longer one between two messages: a pace that has just begun to be measured is too low.
const LONGEST_REST = 0.5;

// Messages of a recording as a source; its player moves through them.
export function replaySource(messages) {
  const player = new Player(messages);
  return {
    player,
    send() {},
    listen: (callback) => player.listen(callback),
    close: () => player.close(),
  };
}

// Where each message is on the recording's own clock, and when it is in the run: seconds.
// Time of the run passes at the pace that was reached then; pauses take none.
function timeline(messages) {
  const at = [];
  const times = [];
  let clock = 0;
  let t = 0;
  for (const message of messages) {
    if (message.kind === "frame") {
      const pace = Math.min(message.speed, message.pace || message.speed);
      clock += Math.min(Math.max(0, message.t - t) / pace, LONGEST_REST);
      t = message.t;
    }
    at.push(clock);
    times.push(t);
  }
  return { at, times };
}

export class Player {
  constructor(messages) {
    this.messages = messages.filter((one) => one.kind === "scene" || one.kind === "frame");
    const { at, times } = timeline(this.messages);
    this.at = at;
    this.times = times;
    this.length = at.at(-1) ?? 0;
    this.speeds = REPLAY_SPEEDS;
    this.speed = 1;
    this.playing = false;
    this.clock = 0;
    this.next = 0; // the first message that is not told yet
    this.request = null;
    this.last = null;
    this.callback = () => {};
    this.changed = () => {}; // called when the bar has something else to show
  }

  // Nothing was played yet, or it was wound back: the time for a prediction.
  get waiting() {
    return !this.playing && this.clock === 0;
  }

  get atEnd() {
    return this.next >= this.messages.length;
  }

  // Seconds of the run now, and of the recording's last moment.
  get t() {
    return this.times[this.next - 1] ?? 0;
  }

  get end() {
    return this.times.at(-1) ?? 0;
  }

  listen(callback) {
    this.callback = callback;
    this.tell(0);
  }

  // Tell all messages up to a moment of the recording's clock.
  tell(clock) {
    this.clock = Math.min(Math.max(clock, 0), this.length);
    while (!this.atEnd && this.at[this.next] <= this.clock) {
      this.callback(this.messages[this.next]);
      this.next += 1;
    }
    this.changed();
  }

  // Go to a moment. Backwards everything is told again from the scene before it.
  seek(clock) {
    const wanted = Math.min(Math.max(clock, 0), this.length);
    if (wanted < this.clock) {
      const after = this.at.findIndex((one) => one > wanted);
      const end = after < 0 ? this.messages.length : after;
      this.next = this.messages.slice(0, end).findLastIndex((one) => one.kind === "scene");
      this.next = Math.max(this.next, 0);
    }
    this.tell(wanted);
  }

  play() {
    if (this.playing) return;
    if (this.atEnd) this.seek(0);
    this.playing = true;
    this.last = null;
    this.request = requestAnimationFrame((now) => this.tick(now));
    this.changed();
  }

  pause() {
    this.playing = false;
    cancelAnimationFrame(this.request);
    this.changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  // One message further.
  step() {
    this.pause();
    if (!this.atEnd) this.tell(this.at[this.next]);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.changed();
  }

  tick(now) {
    const gap = this.last === null ? 0 : Math.min((now - this.last) / 1000, LONGEST_GAP);
    this.last = now;
    this.tell(this.clock + gap * this.speed);
    if (this.atEnd) this.pause();
    else this.request = requestAnimationFrame((then) => this.tick(then));
  }

  close() {
    this.pause();
    this.callback = () => {};
    this.changed = () => {};
  }
}

// The player's buttons, in the place of the teacher's.
export class PlayerBar {
  constructor(element, words, player, orders) {
    this.player = player;
    this.labels = new Labels(words);
    this.playButton = press("fsl-main-button", () => orders.toggle());
    this.scrub = build("input", "fsl-scrub");
    Object.assign(this.scrub, { type: "range", min: 0, max: 1000, step: 1, value: 0 });
    this.aiming = null; // where a drag has come to is sought once an animation frame
    this.scrub.addEventListener("input", () => {
      this.aiming ??= requestAnimationFrame(() => {
        this.aiming = null;
        player.seek((this.scrub.value / 1000) * player.length);
      });
    });
    this.labels.put(this.scrub, "replay.scrub", "aria-label");
    this.time = build("span", "fsl-scrub-time");
    this.speed = build("select", "fsl-select");
    for (const one of player.speeds) this.speed.append(new Option(`${one}×`, one));
    this.speed.addEventListener("change", () => player.setSpeed(Number(this.speed.value)));
    this.labels.put(this.speed, "replay.speed", "aria-label");
    element.append(
      this.playButton,
      this.labels.button("control.step", "", () => orders.step()),
      this.labels.button("replay.back", "", () => orders.reset()),
      this.scrub,
      this.time,
      this.speed,
    );
  }

  set words(words) {
    this.labels.words = words;
  }

  draw() {
    const { player } = this;
    const words = this.labels.words;
    write(this.playButton, words(player.playing ? "control.pause" : "replay.play"));
    const place = player.length ? Math.round((1000 * player.clock) / player.length) : 1000;
    if (this.aiming === null && Number(this.scrub.value) !== place) this.scrub.value = place;
    const time = words("replay.time", {
      t: timeText(player.t, words),
      end: timeText(player.end, words),
    });
    write(this.time, time);
    mark(this.scrub, "aria-valuetext", time);
    if (Number(this.speed.value) !== player.speed) this.speed.value = player.speed;
  }
}
