"""What `benchmarks/science.py` was told, one JSON document a line: a run that is killed goes on where it was.

Lines belong to the code that wrote them: shares of two versions of the segmenter would be of neither. That is what a
data set is answered by; what else the segmenter can do may change meanwhile.
"""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grimp
import science_methods
import science_worlds

import segmenter

COMMANDS = ("sync.modeling.inputs", "sync.surveys.wished_segments")  # how `discover` and `survey design` read a file


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of one data set.

    Attributes:
        agreement: Of `discover` with the truth; 0: refused.
        verdicts: Of each seed: light, number of segments, and whether it is said to be on the edge.
        others: Agreement of each other method.
        attainable: Agreement of a classifier that is told the truth.
        designed: Whether `survey design` made a tool.
        seconds: CPU of `discover`, for the first seed.
    """

    world: str
    kind: str
    people: int
    agreement: float
    natural: bool
    method: str
    verdicts: tuple[tuple[str, int, bool], ...]
    others: dict[str, float]
    attainable: float
    designed: bool
    seconds: float

    @property
    def light(self) -> str:
        """The light by the default seed."""
        return self.verdicts[0][0]

    @property
    def seeds_agree(self) -> bool:
        """Whether all seeds say the same, or all that it is on the edge."""
        same = len({verdict[:2] for verdict in self.verdicts}) == 1
        return same or all(edge for _, _, edge in self.verdicts)


def outcome_from(document: dict[str, Any]) -> Outcome:
    """Return the outcome that was kept as *document*."""
    verdicts = tuple((light, k, edge) for light, k, edge in document["verdicts"])
    return Outcome(**{**document, "verdicts": verdicts})


def answering_modules() -> list[str]:
    """Return the modules of the segmenter that a data set is answered by, also those imported inside functions."""
    packages = grimp.build_graph("segmenter", "sync", "connectors", cache_dir=None)
    asked = {name for command in COMMANDS for name in packages.find_modules_directly_imported_by(command)}
    own = grimp.build_graph("segmenter", cache_dir=None)
    asked &= own.modules
    return sorted(asked.union(*(own.find_upstream_modules(name) for name in asked)))


def code_version() -> str:
    """Return a digest of what answers, the worlds, and the methods beside it; comments and docstrings do not count."""
    folder = Path(segmenter.__file__).parents[1]
    places = [folder.joinpath(*name.split(".")) for name in answering_modules()]
    files = [place / "__init__.py" if place.is_dir() else place.with_suffix(".py") for place in places]
    files += [Path(science_worlds.__file__), Path(science_methods.__file__)]
    return hashlib.sha256("\n".join(statements(file) for file in files).encode()).hexdigest()[:16]


def statements(file: Path) -> str:
    """Return what a module does, without what it says."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


@dataclass(slots=True)
class Kept:
    """Outcomes by the key of their data set, in a file if there is one; without, only in memory."""

    path: Path | None
    code: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def opened(cls, path: Path | None, *, resume: bool) -> Kept:
        """Return what is kept in *path*.

        Args:
            path: A file of lines; None: nothing is written.
            resume: Go on with a file that is there; else it must not be.

        Raises:
            SystemExit: The file is there and not to be gone on with, is of other code, or is no such file.
        """
        kept = cls(path, code_version())
        if path is None:
            return kept
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()  # what can't be written is told before an hour is over
            return kept
        if not resume:
            raise SystemExit(f"{path} is there: --resume goes on with it, another name begins anew")
        whole = path.read_bytes()
        ended = whole[: whole.rfind(b"\n") + 1]  # a killed run may have left half a line
        for number, line in enumerate(ended.decode("utf-8", "replace").splitlines(), 1):
            try:
                document = json.loads(line)
                code, key, outcome = document["code"], document["key"], outcome_from(document["outcome"])
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"{path}, line {number}: not a line of this benchmark") from error
            if code != kept.code:
                raise SystemExit(f"{path} was written by another version of the segmenter: begin anew")
            kept.outcomes[key] = outcome
        if len(ended) < len(whole):
            path.write_bytes(ended)
        return kept

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep *outcome*: in the file before anything else is asked."""
        self.outcomes[key] = outcome
        if self.path is not None:
            line = json.dumps({"code": self.code, "key": key, "outcome": asdict(outcome)})
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
