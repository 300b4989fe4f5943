"""The web application in which TAs settle what the machine can't. Computes no points: it appends events and shows outcomes."""

from grader.review.app import create_app
from grader.review.desk import Desk
from grader.review.serving import Serving, serve

__all__ = ["Desk", "Serving", "create_app", "serve"]
