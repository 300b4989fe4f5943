"""Puts the application together: settings, guard, routes, errors. Every page needs a session but the one that opens it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from flask import Flask, Response, g, render_template, request
from jinja2 import ChoiceLoader, PackageLoader
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from grader.errors import GraderError
from grader.feedback.text import fit
from grader.model.base import format_points
from grader.review import acting, looking, managing
from grader.review.desk import Desk
from grader.review.security import ASSETS, guard

LARGEST_FORM = 2_000_000


@dataclass(frozen=True)
class Options:
    """How the application is reached."""

    port: int = 0
    hosts: Collection[str] = ()
    """Host names besides loopback under which it may be asked."""
    secure: bool = False
    """Reached by https only (through a reverse proxy)."""
    user_header: str | None = None
    """A reverse proxy on this machine names the user in this header."""
    page_of: Callable[[str], str] | None = None
    """Renders a student's page as it would be given out now; null: the page as last written is shown."""


def create_app(desk: Desk, options: Options | None = None) -> Flask:
    """The application over one class."""
    options = options or Options()
    app = Flask("grader.review")
    app.config.update(
        PORT=options.port, SECURE=options.secure, MAX_CONTENT_LENGTH=LARGEST_FORM, MAX_FORM_MEMORY_SIZE=LARGEST_FORM
    )
    app.extensions["desk"] = desk
    app.extensions["page_of"] = options.page_of
    own = PackageLoader("grader.review", "templates")
    app.jinja_loader = ChoiceLoader([own, PackageLoader("grader.feedback", "templates")])
    app.jinja_env.finalize = fit
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["points"] = format_points
    guard(app, desk.access, hosts=options.hosts, user_header=options.user_header)

    @app.before_request
    def take_in() -> None:
        if request.endpoint not in ASSETS:
            desk.refresh()

    for routes in (looking.routes, acting.routes, managing.routes):
        routes(app)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(GraderError, _trouble)
    app.context_processor(lambda: {"visitor": g.get("visitor"), "title": desk.title, "csrf": _csrf})
    return app


def _csrf() -> Markup:
    """The field that every form carries."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(g.visitor.csrf)


def _refused(error: HTTPException) -> Response:
    text = render_template("error.html", code=error.code, words=error.description)
    return Response(text, status=error.code or 500, mimetype="text/html")


def _trouble(error: GraderError) -> Response:
    """The disk is full or the ledger locked: said plainly, and nothing was saved."""
    text = render_template("error.html", code=503, words=f"Not saved. {error.what} {error.todo or ''}")
    return Response(text, status=503, mimetype="text/html")
