"""``python -m tests.torture``: see `make torture`. The last line is one JSON document.

kill_points       times that a command was killed before a write, sync, connect or send, recoveries included
faults            times that a platform failed in one of the ways of `faults.py`
calls_unseen      calls of whole commands that strace sees and the library does not; only where there is strace
error_points      times that the disk was full or broken from such a call on
lost, duplicated, stuck, consent_changed
                  points after which the same command did not end where the undisturbed one does
planted_bugs_caught
                  of the bugs of `planted.py`
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.torture import faults
from tests.torture.kills import SCENES, STEPS, Verdict, examine, told
from tests.torture.planted import BUGS, caught
from tests.torture.seen import unseen
from tests.torture.stage import Control, Stage

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, a thousand workspaces cost no disk


def main() -> int:
    """Run the workers and add up what they found."""
    parser = argparse.ArgumentParser(prog="tests.torture")
    parser.add_argument("--share", type=float, default=1.0, help="of the points; 0.1 takes every tenth")
    parser.add_argument("--offset", type=int, default=0, help="where every tenth begins")
    parser.add_argument("--errors", type=float, default=0.25, help="share of the points at which the disk fails too")
    parser.add_argument("--faults", type=float, default=1.0, help="share of the platforms' faults; 0 for none")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-bugs", action="store_true", help="plant none, and compare nothing with strace")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        return work(options)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        library = Path(folder) / "killer.so"
        subprocess.run(
            ["gcc", "-O2", "-U_FORTIFY_SOURCE", "-shared", "-fPIC", "-o", library, HERE / "killer.c", "-ldl"],
            check=True,
        )
        workers = [start(number, library, Path(folder), sys.argv[1:]) for number in range(options.workers)]
        counts: Counter[str] = Counter()
        status = 0
        for worker in workers:
            lines = worker.communicate()[0].splitlines()
            status = status or worker.returncode
            for line in lines:
                counts.update(json.loads(line))
    document = {name: counts[name] for name in (*RESULTS, "planted_bugs", "planted_bugs_caught")}
    print(json.dumps(document))
    bad = any(counts[name] for name in RESULTS[3:]) or counts["planted_bugs_caught"] < counts["planted_bugs"]
    return status or int(bad)


RESULTS = ("kill_points", "error_points", "faults", "calls_unseen", "lost", "duplicated", "stuck", "consent_changed")


def start(number: int, library: Path, folder: Path, arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Start one worker, with the library loaded."""
    page = folder / f"control{number}"
    page.write_bytes(bytes(4096))
    environment = {**os.environ, "LD_PRELOAD": str(library), "PERSONASYNC_TORTURE": str(page)}
    command = [sys.executable, "-m", "tests.torture", *arguments, "--worker", str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)


def work(options: argparse.Namespace) -> int:
    """Do every n-th scene's share of the points; one line of JSON for each."""
    control = Control(Path(os.environ["PERSONASYNC_TORTURE"]))
    folder = Path(os.environ["PERSONASYNC_TORTURE"]).with_suffix(".d")
    folder.mkdir()
    stage = Stage(folder, control)
    stage.build(STEPS)
    if options.worker == 0 and not options.no_bugs:
        look_for_unseen(stage, control)
    bugs = () if options.no_bugs else BUGS[options.worker :: options.workers]
    for bug in bugs:
        how = caught(stage, bug)
        say({"planted_bugs": 1, "planted_bugs_caught": int(bool(how))}, f"planted: {bug.name}: {how or 'NOT FOUND'}")
    share, offset = options.share / options.workers, options.offset * options.workers + options.worker
    if options.faults:
        for name, verdict in faults.examine(stage, share=options.faults / options.workers, offset=offset):
            say(faults.figures(verdict), f"faults: {name}")
            tell(verdict)
    for scene in SCENES if options.share else ():
        verdict = examine(stage, scene, share=share, offset=offset, errors=options.errors)
        say(told(verdict), scene.name)
        tell(verdict)
    return 0


def look_for_unseen(stage: Stage, control: Control) -> None:
    """Compare the library's counts with strace's, command by command."""
    if shutil.which("strace") is None:
        print("calls_unseen: there is no strace here to compare with", file=sys.stderr, flush=True)
        return
    for scene in {scene.command: scene for scene in SCENES}.values():
        number, words = unseen(stage, control, scene.snapshot, scene.command)
        say({"calls_unseen": number}, f"strace: {scene.name}: {words}")


def tell(verdict: Verdict) -> None:
    """Tell people what went wrong."""
    for line in (verdict.lost + verdict.duplicated + verdict.stuck + verdict.consent_changed)[:20]:
        print(line[:1200], file=sys.stderr, flush=True)


def say(figures: dict[str, Any], what: str) -> None:
    """Tell figures to the one who adds up, and people what they are of."""
    print(f"{what}: {figures}", file=sys.stderr, flush=True)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    sys.exit(main())
