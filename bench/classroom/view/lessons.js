// The guided mode's five lessons: what each asks, and which answer the figures of a run support. Pure.
import { KILLED } from "./model.js";
import { digitsText, timesText } from "./figures.js";

export const LESSONS = ["load", "outage", "late", "slow", "riders"];
// Answers to each question, keys "lesson.NAME.answer0" and so on.
export const ANSWERS = [0, 1, 2];

const CENTRAL = 0;
const P2P = 1;
const ORIGIN = 0;
// Clients that join late in the lesson of that name.
const LATE = 10;
// What can be done to hosts: keys of events.
const DEEDS = ["kill", "revive", "cut", "slow", "restore", "add"];
// What a lesson itself does; all else was done by hand.
const OWN_DEEDS = {
  outage: ([, key, { who }]) => key === "kill" && who === ORIGIN,
  late: ([, key]) => key === "add",
};
// Where one word of an answer ends and the next begins. What lies between supports neither.
const NEARLY_ALL = 0.9;
const HARDLY_ANY = 0.1;
const FAR_FEWER = 1 / 3; // of as many copies as there are clients
const ABOUT_AS_LONG = 1.1; // times the shorter of two waits
const ABOUT_ONE_COPY = 1.5; // times the time of one copy, with the time that pieces take to spread
const ABOUT_AS_MANY = 0.75; // of as many copies, and their time, as there are clients

// What a lesson shows: null where there is none, else "ask", "run" or "over".
// Waiting: a recording that does not play yet, or undefined.
export function lessonPhase(model, waiting) {
  if (!model.scene?.lesson) return null;
  if (waiting || model.state === "ready") return "ask";
  return model.state === "over" ? "over" : "run";
}

// Values for a lesson's scene, question and answers: what holds when it begins, as it was said.
export function lessonValues({ scene }) {
  const { clients, riders, origin_up: origin, peer_up: peer } = scene.settings;
  return { clients, riders, origin, peer, late: LATE };
}

// What the run measured: {figures, values, times, supported, why}. `figures` and `why` are keys of
// words, `values` and `times` (in seconds) are for both; `supported` is an answer's number, or null
// where the run supports none of them.
export function findings(model) {
  const lesson = model.scene.lesson;
  const { figures, values, times = {}, supported = null } = FINDERS[lesson](model);
  const broken = model.events.some(([, key]) => key === "failed");
  const answer = broken ? null : supported;
  let why = `lesson.${lesson}.why${answer}`;
  if (broken) why = "lesson.broken";
  else if (answer === null) why = byHand(model).length > 0 ? "lesson.touched" : "lesson.none";
  const told = { ...lessonValues(model), clients: model.clients, ...values };
  return { figures: `lesson.${figures}`, values: told, times, supported: answer, why };
}

const FINDERS = { load: findLoad, outage: findOutage, late: findLate, slow: findSlow, riders: findRiders };

function unfinished(model) {
  return { figures: "unfinished", values: finishedOf(model) };
}

function finishedOf(model) {
  const [central, p2p] = model.sides.map((side) => side.finished);
  return { central, p2p };
}

// Events of what was done to hosts that is not the lesson's own.
function byHand(model) {
  const own = OWN_DEEDS[model.scene.lesson];
  return model.events.filter((event) => DEEDS.includes(event[1]) && !own?.(event));
}

// How many times the file each origin has sent.
function findLoad(model) {
  if (model.sides.some((side) => side.finished < model.clients)) return unfinished(model);
  const most = model.clients;
  // Peers send most of the copies where their origin sends less than half of them.
  const few = Math.min(most / 2, Math.max(1.5, FAR_FEWER * most));
  const [central, p2p] = model.sides.map(({ copies }) => {
    if (isAbout(copies, most, NEARLY_ALL)) return "each";
    return copies <= few ? "few" : "between";
  });
  const answers = { "few few": 0, "each few": 1, "each each": 2 };
  const copies = model.sides.map((side) => timesText(side.copies));
  return {
    figures: "load.figures",
    values: { central: copies[CENTRAL], p2p: copies[P2P] },
    supported: answers[`${central} ${p2p}`],
  };
}

// How many got the file although the origin was killed.
function findOutage(model) {
  const values = finishedOf(model);
  const dead = model.sides.every((side) => side.hosts[ORIGIN].flags & KILLED);
  if (!dead) return { figures: "outage.alive", values };
  const deeds = byHand(model);
  if (deeds.some(([, , { who }]) => who === ORIGIN)) return { figures: "outage.mended", values };
  const [central, p2p] = model.sides.map((side) => {
    const share = side.finished / model.clients;
    if (share >= NEARLY_ALL) return "all";
    return share <= HARDLY_ANY ? "none" : "between";
  });
  const answers = { "none none": 0, "all all": 1, "none all": 2 };
  const supported = answers[`${central} ${p2p}`];
  // Who was killed too may be why nobody got it.
  const hurt = new Set(deeds.filter(([, key]) => key !== "add").map(([, , { who }]) => who)).size;
  const doubtful =
    (supported !== 1 && hurt > HARDLY_ANY * model.clients) || (supported === 0 && !lacksPieces(model));
  return { figures: "outage.figures", values, supported: doubtful ? null : supported };
}

// Whether there are pieces that no peer has.
function lacksPieces(model) {
  const peers = model.sides[P2P].hosts.slice(1);
  if (peers.some((peer) => peer.finish !== null)) return false;
  return peers[0].pieces.some((_, piece) => peers.every(({ pieces }) => !pieces[piece]));
}

// When each client came, in seconds of the run.
function comings(model) {
  const added = model.events.filter(([, key]) => key === "add");
  const late = added.flatMap(([t, , { count }]) => Array(count).fill(t));
  return [...Array(model.clients - late.length).fill(0), ...late];
}

// How long each client of a side waited for the file, from when it came: seconds, null for ever.
function waitsOf(side, came) {
  return side.hosts.slice(1).map(({ finish }, index) => (finish === null ? null : finish - came[index]));
}

// How long those that came late, at the same time, waited.
function findLate(model) {
  const all = comings(model);
  const came = all.find((t) => t > 0);
  if (came === undefined) return { figures: "late.nobody" };
  const waits = model.sides.map((side) => waitsOf(side, all).filter((_, index) => all[index] === came));
  if (waits.flat().includes(null)) return unfinished(model);
  const [central, p2p] = waits.map(mean);
  return {
    figures: "late.figures",
    values: { late: waits[CENTRAL].length },
    times: { came, central, p2p },
    supported: byHand(model).length > 0 ? null : longer(central, p2p),
  };
}

// When the last peer had the file, beside the time in which the origin can send one copy.
function findSlow(model) {
  const side = model.sides[P2P];
  if (side.finished < model.clients) return unfinished(model);
  const p2p = side.finishes.at(-1);
  const copy = model.scene.size / side.hosts[ORIGIN].capacity;
  const ratio = p2p / copy;
  const about = (number) => isAbout(number, model.clients, ABOUT_AS_MANY);
  let supported = null;
  if (byHand(model).length > 0) supported = null;
  else if (ratio < 0.99) supported = 0;
  else if (ratio <= ABOUT_ONE_COPY) supported = 1;
  else if (about(ratio) && about(side.copies)) supported = 2;
  const values = { times: digitsText(ratio) };
  return { figures: "slow.figures", values, times: { p2p, copy }, supported };
}

// How long peers that give and free riders waited for the file, on average.
function findRiders(model) {
  const side = model.sides[P2P];
  const rides = side.hosts.slice(1).map((host) => host.rides);
  if (new Set(rides).size < 2) return { figures: "riders.nobody" };
  const waits = waitsOf(side, comings(model));
  if (waits.includes(null)) return unfinished(model);
  const [takers, givers] = [true, false].map((kind) =>
    mean(waits.filter((_, index) => rides[index] === kind)),
  );
  const more = Math.round(100 * (takers / givers - 1)); // percent
  return {
    figures: "riders.figures",
    values: { percent: more < 0 ? `−${-more}` : `+${more}` },
    times: { givers, takers },
    supported: byHand(model).length > 0 ? null : longer(takers, givers),
  };
}

// Which of two mean times is longer: 0 the first, 1 neither, 2 the second.
function longer(one, other) {
  if (one > ABOUT_AS_LONG * other) return 0;
  return other > ABOUT_AS_LONG * one ? 2 : 1;
}

// Whether a number is a whole, but for a share of one of them.
function isAbout(number, whole, share) {
  return number >= share * whole && whole >= share * number;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
