"""Runs the application with waitress, on loopback unless told otherwise, until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import waitress

from grader.errors import MachineError
from grader.review.app import Options, create_app
from grader.review.desk import Desk

THREADS = 8


@dataclass(frozen=True)
class Serving:
    """Where and for whom."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any that is free."""
    url: str | None = None
    """The address that TAs use, where a reverse proxy stands in front."""
    user_header: str | None = None
    author: str = "instructor"
    """The single user at this machine, a lead."""
    page_of: Callable[[str], str] | None = field(default=None, repr=False)


def serve(desk: Desk, serving: Serving, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` is told the one-time link for the person at this machine."""
    listener = _listen(serving)
    port = int(listener.getsockname()[1])
    base = serving.url or f"http://{_in_address(serving.host)}:{port}"
    hosts = {name for name in (serving.host, urlsplit(base).hostname) if name}
    options = Options(
        port=port,
        hosts=hosts,
        secure=base.startswith("https:"),
        user_header=serving.user_header,
        page_of=serving.page_of,
    )
    server = waitress.create_server(
        create_app(desk, options), sockets=[listener], threads=THREADS, ident=None, clear_untrusted_proxy_headers=True
    )
    secret = desk.access.grant(serving.author, "lead", by=serving.author, once=True)
    ready(link(base, secret))
    try:
        server.run()
    finally:
        server.close()


def link(base: str, secret: str) -> str:
    """The secret stands in the fragment: no server, proxy or log sees it."""
    return f"{base.rstrip('/')}/enter#{secret}"


def _listen(serving: Serving) -> socket.socket:
    family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((serving.host, serving.port))
    except OSError as error:
        listener.close()
        raise MachineError(
            f"can't listen on {serving.host}:{serving.port}: {error.strerror or error}",
            todo="choose another --port; --port 0 takes any that is free",
        ) from error
    return listener


def _in_address(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host
