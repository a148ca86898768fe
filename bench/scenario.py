"""A scenario: one experiment as a typed TOML file, every field of which can be overridden."""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from bench.errors import BenchError
from bench.faults import Fault, FaultError, read_faults
from host.quantities import Duration, Quantity, Rate, Share, Size

BACKENDS = ("central", "p2p")
QUANTITIES = (Size, Rate, Duration, Share)
SMALLEST_PIECE, LARGEST_PIECE = 2**14, 2**29  # a block of BEP 3, and what p2p.metainfo takes
MOST_CLIENTS = 60_000  # a host's ports would not do for more
MOST_REPEATS = 1_000
LONGEST = 1e9  # seconds: thirty years
Transport = Literal["http", "http-close", "socket", "tftp"]
TIME_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


class ScenarioError(BenchError, ValueError):
    """A wrong scenario: one line that names the field and what was expected."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file, one origin and N clients, and the links between them."""

    name: str
    title: str = ""
    source: str = ""
    file_size: Size
    """The file that the scenario is about, in bytes."""
    moved_size: Size | None = None
    """Bytes really moved where `file_size` is too much; the links are then slowed by as much."""
    piece_size: Size | None = None
    """Bytes in a piece of the P2P backend; None lets it choose."""
    clients: tuple[int, ...]
    """The numbers of clients N to run with, one after the other."""
    backends: tuple[str, ...] = BACKENDS
    origin_up: Rate
    origin_down: Rate = Rate(math.inf)
    peer_up: tuple[Rate, ...]
    """Uplinks of the clients: the list is cycled over them."""
    peer_down: tuple[Rate, ...] = (Rate(math.inf),)
    """Downlinks of the clients: the list is cycled over them."""
    latency: Duration = Duration(0)
    """One way, from host to host."""
    loss: Share = Share(0)
    """Packets lost on the way from host to host. Datagrams are; TCP has a model's throughput, which
    needs a latency."""
    faults: tuple[str, ...] = ()
    """What goes wrong, and when, such as `kill origin at 50%`; see `bench.faults`."""
    session: Duration | None = None
    """Median time (exponential, from the seed) that a client stays before its program crashes."""
    absence: Duration | None = None
    """Median time until such a client is back; None: as long as `session`."""
    join_every: Duration = Duration(0)
    """Mean spacing of the clients' arrivals (exponential, from the seed); 0: all at once."""
    connections: int = 30
    """Most connections that a peer keeps."""
    upload_slots: int = 4
    """Peers that a peer uploads to at a time, the optimistic one apart."""
    transport: tuple[Transport, ...] = ("http",)
    """How the central backend hands the file out: HTTP over kept connections, HTTP with one for
    each request, the persistent socket, TFTP. Several are compared."""
    request_size: Size | None = None
    """Bytes that a client asks for at a time, but by TFTP; None: the whole file at once."""
    discovery: Literal["dht", "pex", "full"] = "full"
    """How peers find each other: by the DHT, by peer exchange from the origin on, or by both.

    In the DHT a peer knows any one that started before it; with `pex` the link names the origin.
    """
    clock: Literal["virtual", "paced", "real"] = "virtual"
    speed: float = 60.0
    """Virtual seconds per second, at most, under the paced clock."""
    seed: int = 1
    repeats: int = 1
    """Runs of each case; repeat k uses the seed `seed + k`."""
    deadline: float = 20.0
    """A run fails when it takes this many times its bound and what latency and greetings may add.

    It has ten minutes in any case.
    """
    time_unit: Literal["s", "min", "h"] = "s"
    """The unit of pictures and tables."""

    def __post_init__(self) -> None:
        for field, good, expected in self._checks():
            if not good:
                raise ScenarioError(f"{field}: {field_text(self, field)!r}; expected {expected}")
        try:
            faults = read_faults(self.faults, min(self.clients))
        except FaultError as error:
            raise ScenarioError(f"faults: {error}") from None
        for sentence, fault in zip(self.faults, faults, strict=True):
            if fault.links.get("latency", math.inf) < self.half_latency:
                raise ScenarioError(
                    f"faults: {sentence!r}: expected a latency of at least "
                    f"{Duration(self.half_latency)}, which the other end bears"
                )
            if fault.links.get("loss", 1.0) < self.half_loss:
                raise ScenarioError(
                    f"faults: {sentence!r}: expected no less loss than the other end's half"
                )
        self._check_loss(faults)

    def _check_loss(self, faults: Sequence[Fault]) -> None:
        """Refuse loss where what it does would be wrong: no round trip, fewer datagrams."""
        central = set(self.transport) if "central" in self.backends else set()
        streams = "p2p" in self.backends or bool(central - {"tftp"})
        latency = float(self.latency)
        places = [(f"loss: {field_text(self, 'loss')!r};", float(self.loss), latency)]
        for sentence, fault in zip(self.faults, faults, strict=True):
            latency = max(latency, fault.links.get("latency", 0.0))
            places.append((f"faults: {sentence!r}:", fault.links.get("loss", 0.0), latency))
        for place, loss, latency in places:
            if loss and streams and not latency:
                raise ScenarioError(
                    f"{place} expected a latency above 0, for TCP's model needs a round trip"
                )
            if loss and "tftp" in central and self.scale > 1:
                raise ScenarioError(
                    f"{place} expected no loss where TFTP moves less than the file (moved_size), "
                    "in fewer datagrams"
                )

    def _checks(self) -> list[tuple[str, bool, str]]:
        def rate(*rates: float) -> bool:
            return bool(rates) and all(rate > 0 for rate in rates)

        def duration(seconds: float) -> bool:
            return 0 <= seconds <= LONGEST

        def stays(seconds: float | None) -> bool:
            return seconds is None or 0 < seconds <= LONGEST

        def different(values: Sequence[object]) -> bool:
            return 0 < len(values) == len(set(values))

        named = re.fullmatch(r"\w[\w.-]*", self.name) is not None
        known = different(self.backends) and set(self.backends) <= set(BACKENDS)
        numbers = different(self.clients) and all(1 <= n <= MOST_CLIENTS for n in self.clients)
        transports = different(self.transport)
        whole = self.piece_size is None or SMALLEST_PIECE <= self.piece_size <= LARGEST_PIECE
        return [
            ("name", named, "letters, digits, '-', '_' and '.'"),
            ("file_size", self.file_size >= 0, "a size of 0 or more"),
            ("moved_size", self.moved_size is None or self.moved_size > 0, "a size above 0"),
            ("piece_size", whole, "a size from 16 KiB to 512 MiB"),
            ("clients", numbers, f"numbers from 1 to {MOST_CLIENTS:,}, each once"),
            ("backends", known, f"some of {', '.join(BACKENDS)}, each once"),
            ("origin_up", rate(self.origin_up), "a rate above 0"),
            ("origin_down", rate(self.origin_down), "a rate above 0"),
            ("peer_up", rate(*self.peer_up), "rates above 0"),
            ("peer_down", rate(*self.peer_down), "rates above 0"),
            ("latency", duration(self.latency), "a duration from 0 to 1e9 s"),
            ("loss", 0 <= self.loss < 1, "a share from 0% to below 100%"),
            ("session", stays(self.session), "a duration above 0, to 1e9 s"),
            ("absence", stays(self.absence), "a duration above 0, to 1e9 s"),
            ("join_every", duration(self.join_every), "a duration from 0 to 1e9 s"),
            ("transport", transports, f"some of {', '.join(get_args(Transport))}, each once"),
            ("request_size", self.request_size is None or self.request_size > 0, "a size above 0"),
            ("connections", self.connections >= 1, "1 or more"),
            ("upload_slots", self.upload_slots >= 1, "1 or more"),
            ("speed", 0 < self.speed < math.inf, "a number above 0"),
            ("seed", 0 <= self.seed < 2**32, "0 to 4294967295"),
            ("repeats", 1 <= self.repeats <= MOST_REPEATS, f"1 to {MOST_REPEATS:,}"),
            ("deadline", self.deadline >= 1, "a number of 1 or more, in times the bound"),
        ]

    @property
    def transfer_size(self) -> Size:
        """Bytes that really move."""
        return min(self.file_size, self.moved_size or self.file_size)

    @property
    def scale(self) -> float:
        """How many times the links are slowed so that the moved bytes take the file's time."""
        return self.file_size / self.transfer_size if self.transfer_size else 1.0

    @property
    def half_latency(self) -> float:
        """Seconds of the latency that either end's link bears."""
        return self.latency / 2

    @property
    def half_loss(self) -> float:
        """The loss on either end's link: what both let pass is what the path does."""
        return 1 - math.sqrt(1 - self.loss)

    @property
    def faulty(self) -> bool:
        """Whether hosts crash or links change, so that a client need not finish."""
        return bool(self.faults) or self.session is not None

    @property
    def seconds_per_unit(self) -> float:
        """Seconds in one `time_unit`."""
        return TIME_UNITS[self.time_unit]

    def peer_ups(self, clients: int) -> list[Rate]:
        """Return the uplinks of N clients, bytes per second, at full scale."""
        return list(islice(cycle(self.peer_up), clients))

    def peer_downs(self, clients: int) -> list[Rate]:
        """Return the downlinks of N clients, bytes per second, at full scale."""
        return list(islice(cycle(self.peer_down), clients))


def load(path: Path) -> Scenario:
    """Read a scenario file; its name is the file's unless it says otherwise.

    Raises ScenarioError.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise ScenarioError(f"{path}: not a TOML file: {error}") from None
    try:
        return _convert({"name": path.stem} | data, strict=True)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def dump(scenario: Scenario) -> str:
    """Return the scenario as TOML, every field written out."""

    def toml(value: Any) -> str:
        if isinstance(value, str):
            # A JSON string is a TOML string, but for DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else repr(value)

    plain = _plain(scenario)
    return "".join(f"{field} = {toml(value)}\n" for field, value in plain.items())


def build(fields: Mapping[str, object]) -> Scenario:
    """Return a scenario of the fields given, whose values are as in `override_all`.

    It is called `mine` where it has no name. Raises ScenarioError.
    """
    for field in fields:
        _check_known(field)
    data = {field: _from_user(field, value) for field, value in fields.items()}
    return _convert({"name": "mine"} | data, strict=False)


def override(scenario: Scenario, field: str, value: object) -> Scenario:
    """Return the scenario with one field changed; see `override_all`."""
    return override_all(scenario, {field: value})


def override_all(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """Return the scenario with fields changed, checked as a whole.

    A value is the text that people write (`10 Mbit/s`; a list has commas; `none` for no value), or
    a number in the code's units (bytes, bytes per second, seconds), or a sequence of either.
    Raises ScenarioError.
    """
    data = _plain(scenario)
    for field, value in values.items():
        _check_known(field)
        data[field] = _from_user(field, value)
    return _convert(data, strict=False)


def field_text(scenario: Scenario, field: str) -> str:
    """Return a field's value as people write it, and as `override` reads it."""
    value = _plain(scenario).get(field, "none")
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _kind(field: str) -> tuple[Any, bool, bool]:
    """Return a field's type, whether it is a list of them, and whether it may be None."""
    hint = next(f.type for f in msgspec.structs.fields(Scenario) if f.name == field)
    choices = get_args(hint)
    listed = Ellipsis in choices
    optional = type(None) in choices
    return (choices[0] if listed or optional else hint), listed, optional


def _check_known(field: str) -> None:
    known = Scenario.__struct_fields__
    if field not in known:
        close = get_close_matches(field, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the fields are {', '.join(known)}"
        raise ScenarioError(f"{field}: no such field; {hint}")


def _plain(scenario: Scenario) -> dict[str, Any]:
    """Return the fields that have a value as TOML holds them: quantities as text."""

    def plain(kind: Any, value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(kind, item) for item in value]
        return _quantity_text(kind, value) if kind in QUANTITIES else value

    values = {field: getattr(scenario, field) for field in scenario.__struct_fields__}
    return {f: plain(_kind(f)[0], value) for f, value in values.items() if value is not None}


def _quantity_text(kind: type[Quantity], value: int | float) -> str:
    try:
        return str(kind(value))
    except (ValueError, OverflowError):  # NaN, or an infinite size: refused when it is read
        return repr(value)


def _from_user(field: str, value: object) -> Any:
    """Return `value` as TOML would hold it."""
    kind, listed, optional = _kind(field)
    if listed and isinstance(value, str):
        return [] if value == "none" else [item.strip() for item in value.split(",")]
    if optional and value == "none":
        return None

    def plain(item: object) -> object:
        if kind in QUANTITIES and isinstance(item, int | float):
            return _quantity_text(kind, item)
        return item

    if isinstance(value, Sequence | range) and not isinstance(value, str):
        return [plain(item) for item in value]
    return [plain(value)] if listed else plain(value)


def _read_quantity(kind: type[Any], value: object) -> Quantity:
    quantity: Quantity = kind.parse(str(value))
    return quantity


def _convert(data: Mapping[str, Any], *, strict: bool) -> Scenario:
    """Check TOML data and return the scenario; a list of one may go without its brackets."""
    for field in data:
        _check_known(field)
    whole = {
        field: [value] if _kind(field)[1] and not isinstance(value, list) else value
        for field, value in data.items()
    }
    try:
        return msgspec.convert(whole, Scenario, strict=strict, dec_hook=_read_quantity)
    except msgspec.ValidationError as error:
        raise ScenarioError(_explain(str(error), whole)) from None


def _explain(message: str, data: Mapping[str, Any]) -> str:
    """Return msgspec's message as one line that names the field, its value and what it takes."""
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", message):
        return f"{missing[1]}: missing; expected {_expected(missing[1])}"
    place = re.fullmatch(r"(.*) - at `\$\.(\w+)(?:\[(\d+)\])?`", message, re.DOTALL)
    if place is None:
        return message
    reason, field, index = place.groups()
    if _kind(field)[0] in QUANTITIES and not reason.startswith("Expected"):
        return f"{field}: {reason}"
    value = data[field] if index is None else data[field][int(index)]
    return f"{field}: {value!r}; expected {_expected(field)}"


def _expected(field: str) -> str:
    kind, _, _ = _kind(field)
    words = {
        Size: "a size such as '4 MiB'",
        Rate: "a rate such as '10 Mbit/s'",
        Duration: "a duration such as '20 ms'",
        Share: "a share such as '2%'",
        int: "a whole number",
        float: "a number",
        str: "text",
    }
    return words.get(kind) or f"one of {', '.join(get_args(kind))}"
