// The page's texts in English. Values stand in braces; both languages have the same keys.

export const ENGLISH = {
  // The top line
  "head.title": "One file, two ways",
  "head.time": "Time of the run",
  "head.language": "한국어",
  "head.language.name": "한국어로 보기",
  "head.language.code": "ko",
  "head.speed": "{speed} × real time",
  "head.slow": "{speed} × asked, {pace} × reached",
  "head.watching": "You are watching",
  "head.watchers": "{count} pages are watching",
  "head.recording": "Recording",
  "head.contested": "Another page controls",
  "head.take": "Take over",
  "state.ready": "ready",
  "state.running": "running",
  "state.held": "paused",
  "state.over": "over",
  "connection.waiting": "Connecting to the demo …",
  "connection.lost": "Connection lost. Trying again …",
  "connection.ended": "The demo has ended.",

  // The two sides
  "side.central": "Central server",
  "side.p2p": "Peer to peer",
  "stage.role": "picture of hosts",
  "stage.side": "{side}: {done} of {clients} clients have the file.",
  "stage.nobody": "No host selected. Arrow keys select one.",
  "stage.selected": "Selected: {name}, {share} % of the file, {state}.",
  "host.is.up": "up",
  "host.is.killed": "killed",
  "host.is.cut": "cut off",
  "host.is.slowed": "slowed",
  "host.is.absent": "not there yet",
  "card.close": "Close",
  "chart.uplink": "Uplink of the origin over time, both sides",
  "chart.completions": "Clients that have the file over time, both sides",

  // The teacher's bar
  "control.start": "Start",
  "control.pause": "Pause",
  "control.resume": "Go on",
  "control.step": "Step",
  "control.reset": "Reset",
  "control.speed": "Speed",
  "control.times": "{speed} ×",
  "control.settings": "Settings",
  "control.lessons": "Lessons",
  "control.kill": "Kill the server",
  "control.revive": "Revive the server",
  "control.random": "Kill a random host",
  "control.add": "Add ten hosts",
  "control.host": "Choose a host",
  "host.kill": "Kill",
  "host.revive": "Revive",
  "host.cut": "Cut",
  "host.slow": "Slow",
  "host.restore": "Restore",
  "form.about": "Apply begins a new run.",
  "form.apply": "Apply",
  "form.range": "{least} to {most}",
  "field.clients": "Clients",
  "field.file_size": "File size",
  "field.origin_up": "Origin's uplink",
  "field.peer_up": "Each peer's uplink",
  "field.latency": "Latency, one way",
  "field.riders": "Free riders",
  "field.seed": "Seed",
  "field.speed": "Speed",

  // What could not be done
  "error.range": "{field}: {given} is not possible, expected {least} to {most}.",
  "error.quantity": "{field}: “{given}” is not understood, expected for example {example}.",
  "error.lesson": "There is no lesson “{given}”.",
  "error.student": "Only the teacher's page controls the run.",
  "error.contested": "Another page controls the run. “Take over” changes that.",
  "error.unknown": "The demo did not understand this page: {reason}.",
  "error.late": "That is not possible now.",
  "error.most": "No more than {most} clients.",
  "error.full": "{most} pages watch already; no more can.",
  "error.failed": "The run ended: {message}",
  "error.replay": "This is a recording: what happened has happened.",

  // The log
  "log.title": "Log",
  "log.start": "The run begins",
  "log.pause": "Paused",
  "log.resume": "Goes on",
  "log.step": "One step",
  "log.speed": "Speed {speed} ×",
  "log.kill": "{who} was killed",
  "log.kill.server": "The server was killed",
  "log.revive": "{who} is up again",
  "log.revive.server": "The server is up again",
  "log.cut": "{who} was cut off",
  "log.cut.server": "The server was cut off",
  "log.slow": "{who}: links at a tenth",
  "log.slow.server": "The server: links at a tenth",
  "log.restore": "{who}: links as at first",
  "log.restore.server": "The server: links as at first",
  "log.add": "{count} hosts join",
  "log.finished": "{side}: finished",
  "log.stalled": "{side}: stuck, {left} without the file",
  "log.failed": "The run ended: {message}",

  // A recording
  "replay.play": "Play",
  "replay.back": "To the start",
  "replay.scrub": "Moment of the recording",
  "replay.speed": "Speed of the recording",
  "replay.time": "{t} of {end}",

  // Keys
  "help.title": "Keys and mouse",
  "help.mouse":
    "Point at a host to see its card. A click kills or revives it, on both sides; a right click or " +
    "a tap keeps the card open, with its buttons.",
  "help.close": "Close",
  "key.start": "start, pause",
  "key.step": "one step",
  "key.reset": "reset, same seed",
  "key.speed": "faster, slower",
  "key.server": "kill or revive the server",
  "key.random": "kill a random host",
  "key.add": "add ten hosts",
  "key.side": "to the other side",
  "key.move": "select a host",
  "key.toggle": "kill or revive it",
  "key.cut": "cut its links",
  "key.slow": "slow its links",
  "key.restore": "restore its links",
  "key.lesson": "lessons",
  "key.free": "free mode",
  "key.language": "한국어",
  "key.help": "this list",

  // The guided mode
  "lesson.number": "Lesson {number}",
  "lesson.free": "Free mode",
  "lesson.next": "Next lesson",
  "lesson.again": "Run it again",
  "lesson.run": "Run it",
  "lesson.play": "Play it",
  "lesson.wait": "The teacher starts the run.",
  "lesson.said": "You said: “{answer}”",
  "lesson.unsaid": "You made no prediction.",
  "lesson.right": "That is what the run shows.",
  "lesson.wrong": "The run shows something else.",
  "lesson.undecided": "The run cannot tell.",
  "lesson.none": "This run supports none of the three answers.",
  "lesson.unfinished":
    "Not all have the file: {central} of {clients} from the central server, {p2p} of {clients} " +
    "peer to peer.",

  "lesson.load.title": "Load",
  "lesson.load.scene":
    "{clients} clients want the same file at the same time. On the left one server sends it to each " +
    "of them. On the right they are peers: who has a piece passes it on.",
  "lesson.load.question":
    "When everybody has the file, how many times has the origin sent it?",
  "lesson.load.answer0": "A few times on both sides",
  "lesson.load.answer1": "About {clients} times by the server, a few times among peers",
  "lesson.load.answer2": "About {clients} times on both sides",
  "lesson.load.figures":
    "The central server sent the file {central} times, the origin among the peers {p2p} times, for " +
    "{clients} clients.",
  "lesson.load.why0": "Neither origin had to send a copy to each client.",
  "lesson.load.why1":
    "A server sends every copy itself, so its load grows with its clients; peers send most copies " +
    "to each other.",
  "lesson.load.why2": "Here the peers passed on next to nothing, so their origin worked like a server.",

  "lesson.outage.title": "Outage",
  "lesson.outage.scene":
    "{clients} clients fetch a file. When the origin has had time to send every piece at least once, " +
    "it is killed, on both sides, and never comes back.",
  "lesson.outage.question": "Who gets the whole file in the end?",
  "lesson.outage.answer0": "Hardly anybody, on either side",
  "lesson.outage.answer1": "Almost everybody, on both sides",
  "lesson.outage.answer2": "Hardly anybody on the left, almost everybody on the right",
  "lesson.outage.figures":
    "After the origin was killed, {central} of {clients} clients of the server have the file in the " +
    "end, and {p2p} of {clients} peers.",
  "lesson.outage.alive": "The origin is up in this run, so it does not show an outage.",
  "lesson.outage.why0": "On both sides some pieces existed nowhere else than at the origin.",
  "lesson.outage.why1": "On both sides the origin had sent enough before it was killed.",
  "lesson.outage.why2":
    "The server alone could send the file; the peers had every piece among them and passed them on.",

  "lesson.late.title": "Joining late",
  "lesson.late.scene":
    "{first} clients begin. When about half of the time that the server needs has passed, {late} more " +
    "come and want the file too.",
  "lesson.late.question": "How long do the late ones wait, from when they come?",
  "lesson.late.answer0": "Longer at the central server",
  "lesson.late.answer1": "About as long on both sides",
  "lesson.late.answer2": "Longer among peers",
  "lesson.late.figures":
    "The {late} that came after {came} waited {central} on average at the central server, and {p2p} " +
    "among peers.",
  "lesson.late.nobody": "Nobody joined late in this run.",
  "lesson.late.why0":
    "Late clients share one uplink with all the others; late peers find many who have pieces, and " +
    "bring uplinks of their own.",
  "lesson.late.why1": "Here the uplinks that late peers found made no great difference.",
  "lesson.late.why2": "Here peers served those who came late worse than one server did.",

  "lesson.slow.title": "A slow origin",
  "lesson.slow.scene":
    "The origin's uplink ({origin}) is half as fast as that of each of the {clients} peers ({peer}).",
  "lesson.slow.question": "How long will it take until all peers have the file?",
  "lesson.slow.answer0": "Less than the origin needs to send the file once: peers are faster",
  "lesson.slow.answer1": "About as long as the origin needs to send the file once",
  "lesson.slow.answer2": "About {clients} times as long as that",
  "lesson.slow.figures":
    "All peers had the file after {p2p}. The origin needs {copy} to send it once (F/us): that is " +
    "{times} times as long.",
  "lesson.slow.why0": "That is less than theory allows: somebody had pieces from elsewhere.",
  "lesson.slow.why1":
    "Every piece must leave the origin once, so peers cannot be faster than that; they pass each " +
    "piece on while the next one is sent.",
  "lesson.slow.why2": "Here the origin sent about as many copies as there are peers.",

  "lesson.riders.title": "Free riders",
  "lesson.riders.scene":
    "Every second peer takes and gives next to nothing: {riders} of {clients} are free riders. The " +
    "others pass on what they have.",
  "lesson.riders.question": "Among the peers on the right, who waits longer for the file?",
  "lesson.riders.answer0": "The free riders",
  "lesson.riders.answer1": "Both wait about as long",
  "lesson.riders.answer2": "Those who give",
  "lesson.riders.figures":
    "Peers that give had the file after {givers} on average, free riders after {takers}.",
  "lesson.riders.nobody": "This run does not have both, peers that give and free riders.",
  "lesson.riders.why0":
    "Peers send first to those who send to them (tit for tat); free riders get what is left over.",
  "lesson.riders.why1":
    "Peers prefer those who give, but what the free riders do not give is missing for everybody.",
  "lesson.riders.why2": "Here giving did not pay: those who gave were served later.",

  // The pictures
  "picture.side.central": "server",
  "picture.side.p2p": "P2P",
  "picture.server": "server",
  "picture.origin": "origin",
  "picture.finished": "clients have the whole file",
  "picture.sent.central": "sent by the server (F: the file)",
  "picture.sent.p2p": "sent by the origin (F: the file)",
  "picture.uplink.title": "What the origin sends",
  "picture.capacity": "uplink {rate}",
  "picture.completions.title": "Clients that have the file",
  "picture.bound": "least possible time",
  "picture.key.held": "share of the file",
  "picture.key.finished": "has it all",
  "picture.key.uplink": "uplink in use",
  "picture.key.killed": "down",
  "picture.key.cut": "cut off",
  "picture.key.slowed": "slow",
  "picture.key.rides": "takes, gives nothing",
  "picture.state.origin": "has the file from the start",
  "picture.state.finished": "has the whole file since {time}",
  "picture.state.fetching": "is fetching",
  "picture.state.waiting": "is waiting",
  "picture.state.killed": "is down",
  "picture.state.absent": "has not joined yet",
  "picture.state.cut": "cut off",
  "picture.state.slowed": "links at a tenth",
  "picture.state.rides": "free rider: sends nothing",
  "picture.card.share": "share of the file",
  "picture.card.uplink": "uplink in use",
  "picture.card.of": "{rate} of {limit}",
  "picture.card.down": "arriving",
  "picture.card.sent": "sent so far",
  "picture.card.connections": "connections: {count}",
  "picture.card.more": "and {count} more",
  "picture.card.pieces": "{percent} % ({count} of {pieces} pieces)",
};
