"""Writing by small batches: what a `Sink` writes becomes outcomes, one for each change.

A batch that is refused is halved until the bad record stands alone; a success that shows another value is none; a
contact that the answer does not mention is looked at; where no answer came, nobody knows, and writing ends there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.base.protocols import RefusedContact, Sink, SourceContact, WantedContact, property_text
from connectors.connector import Still
from connectors.errors import NotFoundError, PlatformDownError, RejectedError
from connectors.records import MEMBER, Change, Outcome
from connectors.transport import NO_ANSWER
from connectors.values import one_form

Fetch = Callable[[Sequence[str]], Mapping[str, SourceContact]]
"""Returns contacts as they are now, by id."""
GONE = "This contact no longer exists on the platform."

CurrentValue = str | None


class BatchWriter:
    """Writes changes through a sink.

    Args:
        sink: What writes a batch.
        fetch: What looks at contacts.
        prefix: What the full name of a group begins with.
        kinds: Types of our fields, by name.
        size: Contacts of a batch.
    """

    def __init__(self, sink: Sink, fetch: Fetch, *, prefix: str, kinds: Mapping[str, str], size: int) -> None:
        self._sink, self._fetch = sink, fetch
        self._prefix, self._kinds, self._size = prefix, kinds, max(size, 1)

    def batches(self, changes: Sequence[Change]) -> list[list[list[Change]]]:
        """Return the changes of each contact together, in batches.

        Returns:
            Batches of contacts, each a list of its changes.
        """
        of_contact: dict[str, list[Change]] = {}
        for change in changes:
            of_contact.setdefault(change.platform_id, []).append(change)
        contacts = list(of_contact.values())
        return [contacts[start : start + self._size] for start in range(0, len(contacts), self._size)]

    def push(self, changes: Sequence[Change], still: Still) -> Iterator[list[Outcome]]:
        """Write *changes*, and yield the outcomes of each batch before the next one leaves.

        Args:
            changes: What.
            still: Asked before each request; what it leaves out is not sent, and has no outcome.

        Yields:
            The outcomes of one batch, in the order of its changes.
        """
        for batch in self.batches(changes):
            yield self._written(batch, still)

    def shown(self, change: Change, contact: SourceContact) -> CurrentValue:
        """Return what a contact shows where a change was made.

        Args:
            change: Of a field or a group.
            contact: As it was just read.

        Returns:
            The text, or `MEMBER` of a group; None: empty, or not a member.
        """
        if change.kind == "group":
            return MEMBER if f"{self._prefix}{change.name}" in contact.groups else None
        value = property_text(contact.properties.get(change.name))
        return one_form(value, self._kinds.get(change.name, "text")) or None

    def _written(self, asked_for: Sequence[Sequence[Change]], still: Still) -> list[Outcome]:
        left = still([change for changes in asked_for for change in changes])
        batch = [mine for contacts in self.batches(left) for mine in contacts]
        if not batch:
            return []
        try:
            answered = dict(self._sink.write([self._wanted(changes) for changes in batch]))
            asked = {changes[0].platform_id for changes in batch}
            if missing := [key for key in asked if key not in answered]:
                answered |= self._fetch(missing)
        except (RejectedError, NotFoundError) as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                return [*self._written(batch[:middle], still), *self._written(batch[middle:], still)]
            reason, code = (str(error), error.code) if isinstance(error, RejectedError) else (GONE, "not_found")
            return [Outcome(change, "rejected", reason, code) for change in batch[0]]
        except PlatformDownError as error:
            if error.answered:
                raise
            return [Outcome(change, "unknown", str(error), NO_ANSWER) for changes in batch for change in changes]
        return [self._outcome(change, answered.get(change.platform_id)) for changes in batch for change in changes]

    def _wanted(self, changes: Sequence[Change]) -> WantedContact:
        groups = [change for change in changes if change.kind == "group"]
        return WantedContact(
            changes[0].platform_id,
            changes[0].email,
            {change.name: change.after or None for change in changes if change.kind == "field"},
            tuple(f"{self._prefix}{change.name}" for change in groups if change.after is not None),
            tuple(f"{self._prefix}{change.name}" for change in groups if change.after is None),
        )

    def _outcome(self, change: Change, answer: SourceContact | RefusedContact | None) -> Outcome:
        if answer is None:
            return Outcome(change, "rejected", GONE, "not_found")
        if isinstance(answer, RefusedContact):
            return Outcome(change, "rejected", answer.reason, answer.code)
        present = self.shown(change, answer)
        kind = self._kinds.get(change.name, "text") if change.kind == "field" else "text"
        if (present or "") == one_form(change.after, kind):
            return Outcome(change, "applied")
        return Outcome(change, "rejected", f"The platform reported success but shows {present!r}.", "not_kept")
