"""Persona definitions, and the mapping of segments to personas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from segmenter.errors import DefinitionError
from segmenter.rules.segments import Waterfall

UNCLASSIFIED = "unclassified"
NO_PERSONA = "no persona"
"""What people are counted as who are in a segment that no persona stands for."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A described person.

    Attributes:
        slug: The value that the platforms store; stable while name and story change.
        segments: Names of the segments that the persona stands for.
        story: Written by the team, like quote and picture, and nothing is computed from them.
        fields: Copy for the template fields, by field name.
        on: Copy for one connection only: by field name and connection. It goes before the other.
        alias: What a platform calls its own persona of that kind, where it is called differently there.
        picture: A file in the workspace.
    """

    slug: str
    name: str
    segments: tuple[str, ...]
    story: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    on: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    alias: str = ""
    quote: str = ""
    picture: str = ""

    def copy(self, name: str, connection: str) -> str | None:
        """Return the copy for field *name* on a connection; None where the persona has no words of its own.

        Args:
            name: The template field.
            connection: The connection's name; copy of its own goes before copy for all.

        Returns:
            The copy, which may be empty.
        """
        return self.on.get(name, {}).get(connection, self.fields.get(name))

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Yield all copy: field, connection ("": all), text.

        Yields:
            Empty copy too.
        """
        yield from ((name, "", text) for name, text in self.fields.items())
        yield from ((name, place, text) for name, texts in self.on.items() for place, text in texts.items())

    def invention(self) -> dict[str, str]:
        """Return everything about the persona that a person wrote, by its place in [personas.SLUG]; empty texts too.

        Returns:
            Place, such as "story" or "fields.teaser.email" -> text.
        """
        parts = {"name": self.name, "story": self.story, "quote": self.quote, "picture": self.picture}
        return parts | {f"fields.{name}{place and '.'}{place}": text for name, place, text in self.texts()}


def persona_of_segments(personas: Sequence[Persona], steps: Waterfall) -> dict[str, str]:
    """Return segment name -> persona slug; a segment without a persona takes that of the nearest one it lies in.

    Args:
        personas: Each with the segments that it stands for.
        steps: All segments of the workspace.

    Returns:
        Segments without a persona, up to the outermost, are left out.

    Raises:
        DefinitionError: A persona names an unknown segment, two share one, or a slug is reserved.
    """
    direct: dict[str, str] = {}
    known = steps.by_name()
    for persona in personas:
        where = f"persona {persona.slug!r}"
        if persona.slug == UNCLASSIFIED:
            raise DefinitionError(f"the name {UNCLASSIFIED!r} is reserved for people without a segment", where=where)
        for segment in persona.segments:
            if segment not in known:
                raise DefinitionError(f"there is no segment {segment!r}", where=where)
            if segment in direct:
                raise DefinitionError(
                    f"segment {segment!r} already belongs to persona {direct[segment]!r}", where=where
                )
            direct[segment] = persona.slug
    owners = {}
    for name, step in known.items():
        nearest = next((direct[place] for place in (name, *step.ancestors) if place in direct), None)
        if nearest is not None:
            owners[name] = nearest
    return owners
