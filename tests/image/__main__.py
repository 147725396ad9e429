"""``python -m tests.image``: build the image of docs/how-to/deploy, and work in it. The last line is JSON.

Needs root, and from Debian: buildah, runc, and debootstrap where no image of the Containerfile's base is stored: then a
minimal Debian with its own Python takes that name, so that no registry of images is asked. Rights are those of
compose.yaml: user 10001, a file system that is only read but for the workspace, no capability, no new privileges. The
local platforms run outside.

base       "stored", or "debian" for a base made here
image      its size, as the store counts it
user, capabilities, read_only   what a process inside sees
commands   that ended with 0 inside: doctor, setup, pull, assign, plan, apply, doctor
healthy    the image's own health check passed inside while `serve` ran
ready      what /ready answered
stopped    exit code of `serve` after SIGTERM
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.real.processes import free_port

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "docs" / "how-to" / "deploy" / "Containerfile"
TAG = "localhost/personasync-test"
USER = 10001
PROGRAM = "/opt/personasync/bin/personasync"
LOOP = (["doctor"], ["setup", "--yes"], ["pull"], ["assign"], ["plan"], ["apply"], ["doctor"])
SEES = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
try:
    open("/opt/personasync/x", "w")
    read_only = False
except OSError:
    read_only = True
print(json.dumps({"user": os.getuid(), "capabilities": int(status["CapEff"], 16), "read_only": read_only}))
"""
SERVE = """
[serve]
host = "127.0.0.1"
port = {port}
public_url = "https://hooks.acme.example"
hubspot_secret = "file:secrets/webhook"
mailchimp_secret = "file:secrets/webhook"
"""


def main() -> int:
    """Build, run, and compare with what the Containerfile promises."""
    parser = argparse.ArgumentParser(prog="tests.image", description=__doc__)
    parser.add_argument(
        "--mount", action="append", default=[], help="HOST:INSIDE while it is built, such as certificates"
    )
    given = parser.parse_args()
    missing = [name for name in ("buildah", "runc") if shutil.which(name) is None]
    if missing or os.getuid():
        sys.exit(f"tests.image needs root and {', '.join(missing or ['nothing else'])}: apt-get install buildah runc")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        document = look_at(Path(scratch), given.mount)
    document["seconds"] = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps(document) + "\n")
    kept = {"user": USER, "capabilities": 0, "read_only": True, "healthy": True, "ready": 200, "stopped": 0}
    return int(document["commands"] < len(LOOP) or any(document[name] != value for name, value in kept.items()))


def look_at(scratch: Path, mounts: Sequence[str]) -> dict[str, Any]:
    """Return the JSON document, without its seconds."""
    base = make_base(scratch)
    wheel(scratch / "context")
    volumes = [f"--volume={mount}" for mount in mounts]
    call("buildah", "build", "--format", "docker", "--isolation", "chroot", "--pull-never", *volumes,
         "--file", str(CONTAINERFILE), "--tag", TAG, str(scratch / "context"))  # fmt: skip
    shown = json.loads(call("buildah", "images", "--json", TAG))
    check = json.loads(call("buildah", "inspect", "--type", "image", TAG))["Docker"]["config"]["Healthcheck"]["Test"]
    container = call("buildah", "from", "--pull-never", TAG).strip()
    try:
        root = Path(call("buildah", "mount", container).strip())
        inside = Inside(root, scratch / "workspace", scratch / "bundles")
        return {"base": base, "image": shown[0]["size"], **work_in(inside, check[1:])}
    finally:
        call("buildah", "rm", container)


def make_base(scratch: Path) -> str:
    """Have an image of the Containerfile's base in the store."""
    name = next(line.split()[1] for line in CONTAINERFILE.read_text("utf-8").splitlines() if line.startswith("FROM"))
    if name in {each for image in json.loads(call("buildah", "images", "--json")) for each in image["names"] or []}:
        return "stored"
    packages = "python3,python3-venv,python-is-python3,ca-certificates"
    call("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(scratch / "base"))
    call("tar", "-C", str(scratch / "base"), "-cf", str(scratch / "base.tar"), ".")
    container = call("buildah", "from", "scratch").strip()
    call("buildah", "add", container, str(scratch / "base.tar"), "/")
    call("buildah", "commit", "--rm", container, name)
    return "debian"


def wheel(context: Path) -> None:
    """Build the wheel into the folder that the image is built from; a build leaves its own folder in the checkout."""
    (context / "dist").mkdir(parents=True)
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(context / "dist"), str(ROOT))
    shutil.copy(ROOT / "requirements-extras.txt", context)


class Inside:
    """Runs commands in the image, with the rights that compose.yaml gives.

    Args:
        root: The image's files.
        workspace: The folder that can be written there.
        bundles: A folder for what runc reads.
    """

    def __init__(self, root: Path, workspace: Path, bundles: Path) -> None:
        self.root, self.workspace, self.bundles = root, workspace, bundles
        self.started = 0

    def start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        """Start a program of the image. Ended by a signal to it, runc passes it on."""
        self.started += 1
        bundle = self.bundles / str(self.started)
        bundle.mkdir(parents=True)
        call("runc", "spec", "--bundle", str(bundle))
        config = bundle / "config.json"
        config.write_text(json.dumps(self._limited(json.loads(config.read_text("utf-8")), arguments)), "utf-8")
        name = f"personasync-{os.getpid()}-{self.started}"
        command = ["runc", "run", "--bundle", str(bundle), name]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Run a program of the image to its end; its status, and what it said."""
        process = self.start(arguments)
        said = process.communicate()[0]
        return process.returncode, said

    def _limited(self, config: dict[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
        process, mine = config["process"], ["nosuid", "nodev"]
        nothing: dict[str, list[str]] = {name: [] for name in process["capabilities"]}
        process |= {"args": list(arguments), "terminal": False, "cwd": "/workspace", "capabilities": nothing}
        process |= {"user": {"uid": USER, "gid": USER}, "noNewPrivileges": True}
        process["env"] = ["PATH=/usr/bin:/bin", "HOME=/tmp"]
        process.pop("rlimits", None)
        config["root"] = {"path": str(self.root), "readonly": True}
        shared = ("network", "cgroup")  # the platforms listen on this machine's loopback
        config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"] if each["type"] not in shared]
        config["mounts"] = [each for each in config["mounts"] if each["destination"] not in ("/sys", "/sys/fs/cgroup")]
        own = ["mode=0700", f"uid={USER}", "noexec", *mine]
        config["mounts"] += [
            *({"destination": place, "type": "tmpfs", "source": "tmpfs", "options": own} for place in ("/run", "/tmp")),  # noqa: S108
            {
                "destination": "/workspace",
                "type": "bind",
                "source": str(self.workspace),
                "options": ["rbind", "rw", *mine],
            },
        ]
        return config


def work_in(inside: Inside, check: Sequence[str]) -> dict[str, Any]:
    """Do a whole loop and the service in the image; the figures of the document."""
    port = free_port()
    check = [word.replace("8080", str(port)) for word in check]
    with platforms(inside.workspace):
        settings = inside.workspace / "personasync.toml"
        settings.write_text(settings.read_text("utf-8") + SERVE.format(port=port), "utf-8")
        (inside.workspace / "secrets" / "webhook").write_text("x" * 36, "utf-8")
        (inside.workspace / "secrets" / "webhook").chmod(0o600)
        call("chown", "-R", f"{USER}:{USER}", str(inside.workspace))
        sees = json.loads(inside.run([str(Path(PROGRAM).with_name("python")), "-c", SEES])[1])
        ended = 0
        for arguments in LOOP:
            status, said = inside.run([PROGRAM, *arguments])
            ended += not status
            if status:
                sys.stderr.write(f"{' '.join(arguments)} ended with {status}:\n{said}\n")
        service = inside.start([PROGRAM, "serve"])
        healthy = any(service.poll() is None and inside.run(check)[0] == 0 for _ in range(30))
        ready = answer(f"http://127.0.0.1:{port}/ready") if healthy else 0
        service.send_signal(signal.SIGTERM)
        said = service.communicate(timeout=60)[0]
        if service.returncode or not healthy:
            sys.stderr.write(said)
        return {**sees, "commands": ended, "healthy": healthy, "ready": ready, "stopped": service.returncode}


@contextmanager
def platforms(workspace: Path) -> Iterator[None]:
    """The local platforms, and a workspace that points to them."""
    program = str(Path(sys.executable).with_name("personasync"))
    command = [program, "sandbox", "up", "--people", "200", "--workspace", str(workspace)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        if running.stdout is None or not any("Ctrl-C" in line for line in running.stdout):
            sys.exit("the local platforms did not start")
        yield
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate()


def answer(url: str) -> int:
    """Return the status that a server of this machine answers."""
    try:
        with urlopen(url, timeout=10) as response:  # noqa: S310 - of this machine
            return int(response.status)
    except HTTPError as error:
        return error.code


def call(*command: str) -> str:
    """Run a program of this machine; what it printed."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}")
    return ended.stdout


if __name__ == "__main__":
    sys.exit(main())
