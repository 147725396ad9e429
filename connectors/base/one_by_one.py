"""Writing where the platform takes the fields of one contact a request, and moves many into a group with one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from connectors.base.derived import DerivedConnector
from connectors.base.protocols import RefusedContact, SourceContact, WantedContact, Written
from connectors.base.writing import GONE
from connectors.errors import NotFoundError, RejectedError


def refused_contact(error: RejectedError) -> RefusedContact:
    """Return the refusal of one contact: where the platform lists errors, the first one's own words and its code."""
    listed: Any = error.body.get("errors")
    first: Any = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    words, code = first.get("context") or first.get("detail"), first.get("code") or first.get("type")
    return RefusedContact(str(words or error.what), str(code or error.code))


class WritesOneByOne(DerivedConnector):
    """A connector that writes contact by contact, several at a time."""

    def one_by_one(
        self, write: Callable[[WantedContact], SourceContact | None], batch: Sequence[WantedContact]
    ) -> dict[str, SourceContact | RefusedContact | None]:
        """Write some contacts with a request each (or a few).

        Args:
            write: Writes one; returns how the answer shows it, None where it shows nothing.
            batch: Whom.

        Returns:
            By id; who is not there, or was refused, is a `RefusedContact`.
        """

        def written(wanted: WantedContact) -> tuple[str, SourceContact | RefusedContact | None]:
            try:
                return wanted.id, write(wanted)
            except NotFoundError:
                return wanted.id, RefusedContact(GONE, "not_found")
            except RejectedError as error:
                return wanted.id, refused_contact(error)

        return dict(self.each(written, batch))


class FillsAndMoves(WritesOneByOne):
    """A connector that writes the fields of each contact, then moves those whom the platform took, one call a group."""

    def fill(self, wanted: WantedContact) -> SourceContact | None:
        """Write the fields of one contact.

        Returns:
            How the answer shows it; None: it shows nothing, and the contact is looked at.
        """
        raise NotImplementedError

    def group_keys(self, names: Collection[str]) -> Mapping[str, Any]:
        """Return what `move` needs of some groups.

        Returns:
            By full name, of those that there are.
        """
        raise NotImplementedError

    def move(self, group: Any, ids: Sequence[str], *, enter: bool) -> None:
        """Let contacts enter or leave a group.

        Args:
            group: As `group_keys` has it.
            ids: Of the contacts.
            enter: Whether they enter.
        """
        raise NotImplementedError

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write a batch; see `Sink`.

        Returns:
            What the answers show of those who were not moved; no answer shows the groups that somebody is in then.
        """
        answers = self.one_by_one(self.fill, [wanted for wanted in batch if wanted.fields])
        moves: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for wanted in batch:
            if not isinstance(answers.get(wanted.id), RefusedContact):
                for enter, groups in ((True, wanted.enter), (False, wanted.leave)):
                    for group in groups:
                        moves[group, enter].append(wanted.id)
        keys = self.group_keys(sorted({group for group, _ in moves})) if moves else {}
        for (group, enter), ids in moves.items():
            if group in keys:
                self.move(keys[group], ids, enter=enter)
        moved = {key for ids in moves.values() for key in ids}
        return {key: answer for key, answer in answers.items() if answer and key not in moved}
