// The guided mode's five lessons: what each asks, and which answer the figures of a run support. Pure.
import { KILLED } from "./model.js";
import { digitsText, timeText, timesText } from "./figures.js";

export const LESSONS = ["load", "outage", "late", "slow", "riders"];
// Answers to each question, keys "lesson.NAME.answer0" and so on.
export const ANSWERS = [0, 1, 2];

const CENTRAL = 0;
const P2P = 1;
// Clients that join late in the lesson of that name, until it is told.
const LATE = 10;
// Where one word of an answer ends and the next begins. What lies between supports neither.
const NEARLY_ALL = 0.9;
const HARDLY_ANY = 0.1;
const FEW_COPIES = 1 / 3; // of as many copies as there are clients
const ABOUT_AS_LONG = 1.1; // times the shorter of two waits
const ABOUT_ONE_COPY = 1.5; // times the time of one copy, with the time that pieces take to spread
const MANY_COPIES = 0.75; // of as many copies' times as there are clients

// What a lesson shows: null where there is none, else "ask", "run" or "over".
// Waiting: a recording that does not play yet, or undefined.
export function lessonPhase(model, waiting) {
  if (!model.scene?.lesson) return null;
  if (waiting || model.state === "ready") return "ask";
  return model.state === "over" ? "over" : "run";
}

// Values for a lesson's scene, question and answers.
export function lessonValues(model) {
  const { scene } = model;
  const { clients, riders, origin_up: origin, peer_up: peer, file_size: size } = scene.settings;
  const [first, , late = LATE] = newcomers(model);
  return { clients, riders, origin, peer, size, first, late };
}

// What the run measured: {figures, values, supported, why}. `figures`, `why` are keys of words;
// `supported` is an answer's number, or null where the run supports none of them.
export function findings(model) {
  const lesson = model.scene.lesson;
  const found = FINDERS[lesson](model);
  const { supported = null, figures, values = {} } = found;
  const why = supported === null ? "lesson.none" : `lesson.${lesson}.why${supported}`;
  return { figures: `lesson.${figures}`, values: { ...lessonValues(model), ...values }, supported, why };
}

const FINDERS = { load: findLoad, outage: findOutage, late: findLate, slow: findSlow, riders: findRiders };

function unfinished(model) {
  const [central, p2p] = model.sides.map((side) => side.finished);
  return { figures: "unfinished", values: { central, p2p, clients: model.clients } };
}

// How many times the file each origin has sent.
function findLoad(model) {
  if (model.sides.some((side) => side.finished < model.clients)) return unfinished(model);
  const most = model.clients;
  const [central, p2p] = model.sides.map((side) => {
    if (side.copies >= NEARLY_ALL * most) return "many";
    return side.copies <= Math.max(1.5, FEW_COPIES * most) ? "few" : "between";
  });
  const answers = { "few few": 0, "many few": 1, "many many": 2 };
  const copies = model.sides.map((side) => timesText(side.copies));
  return {
    figures: "load.figures",
    values: { central: copies[CENTRAL], p2p: copies[P2P] },
    supported: answers[`${central} ${p2p}`],
  };
}

// How many got the file although the origin was killed.
function findOutage(model) {
  const values = {
    central: model.sides[CENTRAL].finished,
    p2p: model.sides[P2P].finished,
    clients: model.clients,
  };
  const dead = model.sides.every((side) => side.hosts[0].flags & KILLED);
  if (!dead) return { figures: "outage.alive", values };
  const [central, p2p] = model.sides.map((side) => {
    const share = side.finished / model.clients;
    if (share >= NEARLY_ALL) return "all";
    return share <= HARDLY_ANY ? "none" : "between";
  });
  const answers = { "none none": 0, "all all": 1, "none all": 2 };
  return { figures: "outage.figures", values, supported: answers[`${central} ${p2p}`] };
}

// How many clients there were at first, and where some came later: when the first of those did
// (seconds of the run), and how many: [first, when, count].
function newcomers(model) {
  const added = model.events.filter(([, key]) => key === "add");
  const first = added.reduce((rest, [, , { count }]) => rest - count, model.clients);
  return added.length ? [first, added[0][0], added[0][2].count] : [first];
}

// How long those that came late waited, from when they came.
function findLate(model) {
  const [first, came, count] = newcomers(model);
  if (came === undefined) return { figures: "late.nobody" };
  const waits = model.sides.map((side) => {
    const late = side.hosts.slice(first + 1, first + 1 + count);
    const finished = late.filter((host) => host.finish !== null);
    return { count: finished.length, mean: mean(finished.map((host) => host.finish - came)) };
  });
  if (waits.some((wait) => wait.count < count)) return unfinished(model);
  const [central, p2p] = waits.map((wait) => wait.mean);
  const values = { came: timeText(came), central: timeText(central), p2p: timeText(p2p) };
  return { figures: "late.figures", values, supported: longer(central, p2p) };
}

// When the last peer had the file, beside the time in which the origin can send one copy.
function findSlow(model) {
  const side = model.sides[P2P];
  if (side.finished < model.clients) return unfinished(model);
  const last = side.finishes.at(-1);
  const copy = model.scene.size / side.hosts[0].capacity;
  const times = last / copy;
  const values = { p2p: timeText(last), copy: timeText(copy), times: digitsText(times) };
  let supported = null;
  if (times < 0.99) supported = 0;
  else if (times <= ABOUT_ONE_COPY) supported = 1;
  else if (times >= MANY_COPIES * model.clients) supported = 2;
  return { figures: "slow.figures", values, supported };
}

// When peers that give and free riders had the file, on average.
function findRiders(model) {
  const clients = model.sides[P2P].hosts.slice(1);
  if (new Set(clients.map((host) => host.rides)).size < 2) return { figures: "riders.nobody" };
  if (clients.some((host) => host.finish === null)) return unfinished(model);
  const [riders, givers] = [true, false].map((rides) =>
    mean(clients.filter((host) => host.rides === rides).map((host) => host.finish)),
  );
  const values = { givers: timeText(givers), takers: timeText(riders) };
  return { figures: "riders.figures", values, supported: longer(riders, givers) };
}

// Which of two mean times is longer: 0 the first, 1 neither, 2 the second, null where one is missing.
function longer(one, other) {
  if (!Number.isFinite(one) || !Number.isFinite(other)) return null;
  if (one > ABOUT_AS_LONG * other) return 0;
  return other > ABOUT_AS_LONG * one ? 2 : 1;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
