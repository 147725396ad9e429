"""A proxy on this machine that is both platforms' hosts: clients that know no other address than the real one.

Such a client is told of the proxy and of the proxy's certificate by the environment variables that its HTTP library
documents. Whoever asks for another host gets 403, and the host is noted: nothing leaves the machine.
"""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

HUBSPOT_HOST, MAILCHIMP_HOST = "api.hubapi.com", "us1.api.mailchimp.com"
OF_ONE_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}
TIMEOUT = 60


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return certificate and key of both hosts, good for two days and signed by itself."""
    certificate, key = folder / "hosts.pem", folder / "hosts.key"
    names = f"subjectAltName=DNS:{HUBSPOT_HOST},DNS:{MAILCHIMP_HOST}"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", *kind, "-subj", "/CN=local", "-addext", names, "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
    )
    return certificate, key


class Gate:
    """The proxy; a context manager.

    Attributes:
        address: What ``HTTPS_PROXY`` shall say.
        strangers: Hosts that were asked for and are none of ours.
        refused: "STATUS METHOD PATH" of every request that a platform refused.
    """

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        self.certificate, key = make_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.strangers: set[str] = set()
        self.refused: list[str] = []
        self._server = _Proxy(("127.0.0.1", 0), _Visit)
        self._server.gate, self._server.context = self, context
        self._server.targets = {host: urlsplit(url).netloc for host, url in targets.items()}
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    gate: Gate
    context: ssl.SSLContext
    targets: dict[str, str]


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        """Let the client speak TLS with us as with the host that it names."""
        proxy, host = cast("_Proxy", self.server), self.path.partition(":")[0]
        if host not in proxy.targets:
            proxy.gate.strangers.add(host)
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.connection = proxy.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), cast("Any", self.connection.makefile("wb", 0))
        self.close_connection = False

    def _pass_on(self) -> None:
        proxy = cast("_Proxy", self.server)
        host, body = self.headers.get("Host", ""), self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = http.client.HTTPConnection(proxy.targets.get(host, ""), timeout=TIMEOUT)
        told = {name: value for name, value in self.headers.items() if name.lower() not in OF_ONE_HOP}
        target.request(self.command, self.path, body or None, {**told, "X-Forwarded-Proto": "https"})
        answer = target.getresponse()
        content = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            proxy.gate.refused.append(f"{answer.status} {self.command} {self.path.partition('?')[0]}")
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OF_ONE_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        target.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - names that the library looks for

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: what was refused stands in the gate."""
