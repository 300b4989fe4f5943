"""Requests without a session, with another role, with a forged token, from another site: refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grader.ledger import Access
from grader.review import Desk, create_app
from grader.review.app import Options

OPEN = {"static", "base_style", "enter", "come_in"}


def addresses(app: Any, methods: set[str]) -> list[tuple[str, str]]:
    """Every route, with something in its gaps."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in OPEN and methods & rule.methods:
            found.append((rule.endpoint, rule.rule.replace("<who>", "24").replace("<key>", "1a")))
    return found


def test_without_a_session_every_page_leads_to_the_door_and_shows_nothing(desk: Desk) -> None:
    app = create_app(desk)
    pages = addresses(app, {"GET"})
    assert len(pages) >= 12
    for endpoint, path in pages:
        answer = app.test_client().get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/enter"), endpoint


def test_without_a_session_nothing_can_be_changed(desk: Desk) -> None:
    app = create_app(desk)
    actions = addresses(app, {"POST"})
    assert len(actions) >= 14
    for endpoint, path in actions:
        assert app.test_client().post(path, data={"points": "5", "csrf": "0" * 64}).status_code == 401, endpoint
    assert desk.ledger.events() == []


def test_a_forged_missing_or_foreign_token_changes_nothing(desk: Desk, hand: Callable[..., Any]) -> None:
    ada, ben = hand("Ada"), hand("Ben")
    before = desk.ledger.last()
    for endpoint, path in addresses(ada.client.application, {"POST"}):
        for token in ("", "0" * 64, ben.csrf):
            assert ada.client.post(path, data={"csrf": token, "points": "5"}).status_code == 403, endpoint
    assert desk.ledger.last() == before


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_a_form_on_another_site_changes_nothing_even_with_the_token(
    desk: Desk, hand: Callable[..., Any], headers: dict[str, str]
) -> None:
    ada = hand()
    before = desk.ledger.last()
    path = f"/s/{ada.readable()}/i/1a/decide"
    assert ada.client.post(path, data={"csrf": ada.csrf, "points": "5"}, headers=headers).status_code == 403
    assert ada.client.post("/enter", data={"secret": "x"}, headers=headers).status_code == 403
    assert desk.ledger.last() == before


def test_what_is_for_leads_is_refused_to_tas(hand: Callable[..., Any]) -> None:
    ada, lead = hand("Ada"), hand("Lea", "lead")
    for path in ("/people", "/release", "/audit.csv", "/audit.json"):
        assert (ada.get(path).status_code, lead.get(path).status_code) == (403, 200), path
    for path in ("/people/grant", "/people/revoke", "/assign", "/assign/evenly", "/requests/import"):
        assert ada.post(path, name="Ada", role="lead", who="24").status_code == 403, path


def test_a_ta_takes_back_only_what_is_theirs(desk: Desk, hand: Callable[..., Any]) -> None:
    ada, ben, lead = hand("Ada"), hand("Ben"), hand("Lea", "lead")
    who = ada.readable()
    ada.post(f"/s/{who}/i/1a/decide", points="5", seen="0")
    number = desk.ledger.events(kind="decision")[0].id
    assert ben.post(f"/s/{who}/i/1a/undo", event=number).status_code == 403
    assert lead.post(f"/s/{who}/i/1a/undo", event=number).status_code == 200
    assert desk.outcome(who).standing.decisions == {}


def test_a_revoked_link_ends_its_sessions_at_once(desk: Desk, hand: Callable[..., Any]) -> None:
    ada = hand()
    assert ada.get("/").status_code == 200
    Access(desk.ledger).revoke("Ada", by="lead")
    assert ada.get("/").headers["Location"] == "/enter"


def test_leaving_ends_the_session(hand: Callable[..., Any]) -> None:
    ada = hand()
    assert ada.post("/leave").status_code == 303
    assert ada.get("/").status_code == 303


def test_a_wrong_secret_opens_nothing_and_says_what_to_do(desk: Desk) -> None:
    answer = create_app(desk).test_client().post("/enter", data={"secret": "wrong"})
    assert answer.status_code == 403
    assert "Ask for a new one" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_another_host_name_that_points_here_gets_nothing(desk: Desk) -> None:
    client = create_app(desk).test_client()
    assert client.get("/enter", headers={"Host": "evil.example"}).status_code == 400
    named = create_app(desk, Options(hosts=("review.example",))).test_client()
    assert named.get("/enter", headers={"Host": "review.example"}).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(desk: Desk) -> None:
    secret = Access(desk.ledger).grant("Ada", "ta", by="test")
    app = create_app(desk, Options(port=8765, hosts=("review.example",), secure=True))
    cookie = app.test_client().post("/enter", data={"secret": secret}).headers["Set-Cookie"]
    assert cookie.startswith("grader_review_8765=")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"))


def test_every_answer_carries_a_strict_policy(hand: Callable[..., Any]) -> None:
    lead = hand("Lea", "lead")
    who = lead.readable()
    for path in ("/", f"/s/{who}", "/people", "/nothing-here", "/static/review.js"):
        policy = lead.get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert lead.get(path).headers["X-Content-Type-Options"] == "nosniff"
    for path in (f"/s/{who}/notebook", f"/s/{who}/answer?criterion=1a", f"/s/{who}/page"):
        policy = lead.get(path).headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'")
        assert "script-src" not in policy
    assert lead.get(f"/s/{who}").headers["Cache-Control"] == "no-store"


def test_a_proxy_signs_on_only_people_with_a_link_and_only_from_this_machine(desk: Desk) -> None:
    Access(desk.ledger).grant("Ada", "ta", by="lead")
    client = create_app(desk, Options(user_header="X-User")).test_client()
    assert "Ada" in client.get("/", headers={"X-User": "Ada"}).text
    assert client.get("/", headers={"X-User": "Eve"}).status_code == 303
    far = {"REMOTE_ADDR": "10.0.0.9"}
    strange = create_app(desk, Options(user_header="X-User")).test_client()
    assert strange.get("/", headers={"X-User": "Ada"}, environ_base=far).status_code == 303
    plain = create_app(desk).test_client()
    assert plain.get("/", headers={"X-User": "Ada"}).status_code == 303


def test_an_original_is_only_ever_saved_and_only_from_its_own_submission(hand: Callable[..., Any]) -> None:
    ada = hand()
    who = ada.readable()
    name = ada.desk.people[who].submission.files[0].path
    answer = ada.get(f"/s/{who}/file?path={name}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.mimetype == "application/octet-stream"
    for bad in ("../submission.json", "/etc/passwd", "nothing", ""):
        assert ada.get(f"/s/{who}/file?path={bad}").status_code == 404
