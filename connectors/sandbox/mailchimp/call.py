"""One call of the API, however it came (by HTTP, or as an operation of a batch), and what endpoints need of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.values import Document, Json, parse_time, stamp

if TYPE_CHECKING:
    from connectors.sandbox.mailchimp.state import MailchimpState
    from connectors.sandbox.world import World

Handler = Callable[["MailchimpCall"], Document | None]
DEFAULT_COUNT = 10
MAX_COUNT = 1000


@dataclass(slots=True)
class MailchimpCall:
    """A request: who asks is settled, the body is parsed.

    Attributes:
        world: Clock, chance and settings.
        state: What Mailchimp knows.
        query: The query, last value of each name.
        body: The parsed JSON body, `{}` when there was none.
        base: Scheme and host of this server, for `_links`.
        names: The values of the path's placeholders.

    """

    world: World
    state: MailchimpState
    method: str
    query: Mapping[str, str]
    body: Any
    base: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Document:
        """The body as an object; anything else is refused."""
        if not isinstance(self.body, dict):
            raise problems.invalid_fields(("", "Schema describes object, array found instead"))
        return self.body

    @property
    def url(self) -> str:
        """Where this API lies, for `_links`."""
        return f"{self.base}/3.0"

    def row_of(self, rows: Mapping[str, Document], placeholder: str) -> Document:
        """Return the row whose key stands in the path at *placeholder*; one that is not there is refused (404)."""
        row = rows.get(self.names[placeholder])
        if row is None:
            raise problems.not_found()
        return row

    def flag(self, name: str) -> bool:
        """Return a boolean of the query: true or 1 in any case; anything else is false."""
        return self.query.get(name, "").lower() in {"true", "1"}

    def number(self, name: str, default: int) -> int:
        """Return a whole, non-negative number of the query."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isdecimal():
            raise problems.invalid_fields((name, "Please enter a number"))
        return int(text)

    def window(self) -> tuple[int, int]:
        """Return offset and count of the page asked for."""
        count = self.number("count", DEFAULT_COUNT)
        if count > MAX_COUNT:
            raise problems.invalid_fields(("count", f"Count must be at most {MAX_COUNT}"))
        return self.number("offset", 0), count

    def page(self, items: Sequence[Any]) -> Sequence[Any]:
        """Return the page of *items* that was asked for."""
        offset, count = self.window()
        return items[offset : offset + count]

    def moment(self, name: str) -> str | None:
        """Return a time of the query as a stamp (UTC, whole seconds), or None."""
        text = self.query.get(name)
        if not text:
            return None
        return read_moment(name, text)

    def wants(self, path: str) -> bool:
        """Tell whether the dot path *path* is wanted; saves building what `fields` would drop."""
        wanted = self.query.get("fields")
        if wanted:
            return any(path == f or path.startswith(f + ".") or f.startswith(path + ".") for f in wanted.split(","))
        return path not in self.query.get("exclude_fields", "").split(",")


def read_moment(name: str, text: Json) -> str:
    """Return a time of a query or a body as a stamp; *name* is where it stood."""
    problems.expect(text, str, name)
    try:
        return stamp(parse_time(text))
    except (ValueError, OverflowError):
        raise problems.invalid_fields((name, "Data presented is not a valid ISO 8601 date")) from None


@dataclass(slots=True)
class Route:
    """One endpoint."""

    method: str
    template: str
    parts: list[str]
    handler: Handler
    schema: str


class Routes:
    """Endpoints by method and path template; several modules each fill one and the app joins them."""

    def __init__(self) -> None:
        self.by_length: dict[int, list[Route]] = {}

    def on(self, method: str, template: str, schema: str = "") -> Callable[[Handler], Handler]:
        """Register a handler; *schema* names the document of the reply's `Link` header."""

        def register(handler: Handler) -> Handler:
            self.add(Route(method, template, template.strip("/").split("/"), handler, schema))
            return handler

        return register

    def add(self, route: Route) -> None:
        """Add one endpoint."""
        self.by_length.setdefault(len(route.parts), []).append(route)

    def join(self, others: Iterable[Routes]) -> Routes:
        """Take over the endpoints of *others*."""
        for other in others:
            for known in other.by_length.values():
                for route in known:
                    self.add(route)
        return self

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the endpoint of *path* and the values of its placeholders.

        Raises:
            ProblemError: 404 for an unknown path, 405 for an unknown method.

        """
        parts = path.strip("/").split("/")
        allowed = []
        for route in self.by_length.get(len(parts), []):
            names = match(route.parts, parts)
            if names is None:
                continue
            if route.method == method:
                return route, names
            allowed.append(route.method)
        if allowed:
            message = "The requested method and resource are not compatible. See the Allow header for this resource's"
            message = f"{message} available methods."
            raise problems.not_allowed(message, ", ".join(sorted(allowed)))
        raise problems.not_found()


def match(template: list[str], parts: list[str]) -> dict[str, str] | None:
    """Return the placeholders' values, or None when the path is another."""
    names = {}
    for pattern, part in zip(template, parts, strict=True):
        if pattern.startswith("{"):
            names[pattern[1:-1]] = part
        elif pattern != part:
            return None
    return names


def select(body: Document, query: Mapping[str, str]) -> Document:
    """Apply `fields` or `exclude_fields`; names of `fields` that are not there are ignored.

    Raises:
        ProblemError: Both were given.

    """
    wanted, unwanted = query.get("fields"), query.get("exclude_fields")
    if wanted and unwanted:
        message = "You may only specify one of 'fields' and 'exclude_fields', not both."
        raise problems.bad_request(message)
    if wanted:
        tree = branch(wanted)
        return {name: only_fields(value, tree[name]) for name, value in body.items() if name in tree}
    return cast("Document", drop(body, branch(unwanted))) if unwanted else body


def branch(paths: str) -> Document:
    """Return comma-separated dot paths as a tree; a leaf is an empty dict."""
    tree: Document = {}
    for path in paths.split(","):
        node = tree
        for name in path.strip().split("."):
            node = node.setdefault(name, {})
    return tree


def only_fields(value: Json, tree: Document) -> Json:
    """Return only what *tree* names."""
    if not tree:
        return value
    if isinstance(value, list):
        return [only_fields(item, tree) for item in value]
    if isinstance(value, dict):
        return {name: only_fields(item, tree[name]) for name, item in value.items() if name in tree}
    return value


def drop(value: Json, tree: Document) -> Json:
    """Return everything but what *tree* names."""
    if isinstance(value, list):
        return [drop(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: drop(item, tree[name]) if tree.get(name) else item
        for name, item in value.items()
        if name not in tree or tree[name]
    }
