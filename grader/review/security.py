"""Who may ask for what: sessions, tokens against forged requests, roles, and what a browser may do with our pages."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for

from grader.ledger import Access, Visitor

F = TypeVar("F", bound=Callable[..., Any])
ASSETS = {"static", "base_style"}
"""Our own style and scripts: the same for everybody."""
OPEN = {"enter", "come_in", *ASSETS}
"""Endpoints without a session."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STUDENT_POLICY = (
    "sandbox; default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'"
)
PAGE_POLICY = STUDENT_POLICY.replace("style-src 'self'", "style-src 'unsafe-inline'")
"""A feedback page carries its own style and, besides, its own policy."""
LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]"}


def guard(app: Flask, access: Access, *, hosts: Collection[str], user_header: str | None) -> None:
    """Put everything behind the guard; what is not named open needs a session."""

    @app.before_request
    def only_known_hosts() -> None:
        """A foreign name that points here (DNS rebinding) gets nothing."""
        if urlsplit(f"//{request.host}").hostname not in {*LOOPBACK, *hosts}:
            abort(400, "This address is not known here.")

    @app.before_request
    def only_with_a_session() -> Any:
        g.visitor = None
        session = request.cookies.get(cookie_name(), "")
        visitor = access.visitor(session) if session else None
        if user_header and (visitor is None or visitor.name != request.headers.get(user_header)):
            visitor = _vouched_for(access, user_header)
        g.visitor = visitor
        if request.endpoint in OPEN:
            return None
        if visitor is None:
            return redirect(url_for("enter"), 303) if request.method == "GET" else abort(401)
        if request.method not in ("GET", "HEAD"):
            _refuse_forged(visitor)
        return None

    @app.after_request
    def headers(response: Response) -> Response:
        if getattr(g, "new_session", None):
            set_session(response, g.new_session)
        defaults = {
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        if request.endpoint in ASSETS:  # the sandboxed frame has no origin, and needs our style
            defaults["Cross-Origin-Resource-Policy"] = "cross-origin"
        else:
            response.headers["Cache-Control"] = "no-store"
        for name, value in defaults.items():
            response.headers.setdefault(name, value)
        return response


def _vouched_for(access: Access, user_header: str) -> Visitor | None:
    """A reverse proxy on this machine signed somebody on and says who; only people with a personal link count."""
    name = request.headers.get(user_header, "")
    if not name or request.remote_addr not in LOOPBACK:
        return None
    session = access.enter_as(name)
    if session is None:
        return None
    g.new_session = session
    return access.visitor(session)


def _refuse_forged(visitor: Visitor) -> None:
    refuse_foreign_origin()
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), visitor.csrf.encode()):
        abort(403, "This form does not belong to your session. Reload the page.")


def refuse_foreign_origin() -> None:
    """A form on another site gets nowhere, whatever it holds."""
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.host:
        abort(403, "Sent from another site.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403, "Sent from another site.")


def visitor() -> Visitor:
    """Who asks; only behind the guard."""
    found = g.visitor
    assert isinstance(found, Visitor)
    return found


def lead_only(function: F) -> F:
    """For leads; anybody else gets a plain refusal."""

    @wraps(function)
    def guarded(*args: Any, **rest: Any) -> Any:
        if visitor().role != "lead":
            abort(403, "Only a lead may do this.")
        return function(*args, **rest)

    return guarded  # type: ignore[return-value]


def cookie_name() -> str:
    """One per port: browsers share cookies between ports of a host."""
    return f"grader_review_{current_app.config['PORT']}"


def set_session(response: Response, session: str) -> None:
    """The session's cookie: out of reach of scripts and of other sites."""
    secure = bool(current_app.config["SECURE"])
    response.set_cookie(cookie_name(), session, httponly=True, samesite="Strict", secure=secure, path="/")
