"""Confirm, change, comment, flag, undo, ask, answer: each an event, shown as it stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from grader.model.decision import Event
from grader.review import Desk
from grader.review.differences import changed_words
from grader.review.items import make_item
from grader.review.queue import Entry, Filter, alike, chain, matches, natural, ordered, shingles
from grader.scoring.agreement import agreement
from tests.builders_review import settle

Hands = Callable[..., Any]


def kinds(desk: Desk) -> list[str]:
    return [event.kind for event in desk.ledger.events() if event.kind != "access"]


def test_confirming_gives_what_was_suggested_and_remembers_it(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = ada.readable()
    assert ada.post(f"/s/{who}/i/1a/decide", points="4.5", seen="0", once="a").status_code == 200
    held = desk.outcome(who).standing.decisions["1a"].event
    assert (held.author, str(held.points), held.data["max"]) == ("Ada", "4.5", "6")
    assert held.submission_sha256 == desk.people[who].submission.sha256
    assert held.answer_sha256 == desk.people[who].answers.hashes["1a"]


@pytest.mark.parametrize("points", ["", "x", "-1", "6.5", "1.3", "1e400", "nan", "Infinity", "0x1"])
def test_points_that_the_rubric_does_not_know_are_refused(desk: Desk, hand: Hands, points: str) -> None:
    ada = hand()
    answer = ada.post(f"/s/{ada.readable()}/i/1a/decide", points=points, seen="0")
    assert answer.status_code == 400
    assert kinds(desk) == []


def test_a_decimal_comma_is_understood(desk: Desk, hand: Hands) -> None:
    ada = hand()
    assert ada.post(f"/s/{ada.readable()}/i/1a/decide", points="2,5", seen="0").status_code == 200
    assert str(desk.ledger.events(kind="decision")[0].points) == "2.5"


def test_the_second_sees_the_firsts_decision_before_theirs_is_saved(desk: Desk, hand: Hands) -> None:
    ada, ben = hand("Ada"), hand("Ben")
    who = ada.readable()
    ada.post(f"/s/{who}/i/1a/decide", points="5", seen="0")
    refused = ben.post(f"/s/{who}/i/1a/decide", points="2", seen="0")
    assert refused.status_code == 409
    assert "gave 5" in refused.text
    assert "Save mine: 2" in refused.text
    assert len(kinds(desk)) == 1
    assert ben.post(f"/s/{who}/i/1a/decide", points="2", seen=str(desk.last_event)).status_code == 200
    assert str(desk.outcome(who).standing.decisions["1a"].event.points) == "2"
    assert [line.author for line in make_item_of(desk, who, "1a").history] == ["Ben", "Ada"]


def make_item_of(desk: Desk, who: str, name: str) -> Any:
    from grader.ledger import Visitor

    item = make_item(desk, desk.people[who], Visitor(name="Ada", role="lead", csrf=""), name)
    assert item is not None
    return item


def test_the_same_form_sent_twice_is_one_decision(desk: Desk, hand: Hands) -> None:
    ada = hand()
    path = f"/s/{ada.readable()}/i/1a/decide"
    for _ in range(3):
        assert ada.post(path, points="5", seen="0", once="form-7").status_code == 200
    assert kinds(desk) == ["decision"]


def test_comments_save_themselves_once_per_change_and_are_counted_in_the_bank(desk: Desk, hand: Hands) -> None:
    ada = hand()
    first, second = [who for who, person in desk.people.items() if person.card.total is not None][:2]
    for _ in range(2):
        ada.post(f"/s/{first}/i/1b/comment", text="Name the pooling.", seen="0")
    ada.post(f"/s/{second}/i/1b/comment", text="Name the pooling.", seen="0")
    assert kinds(desk) == ["comment", "comment"]
    (entry,) = make_item_of(desk, first, "1b").bank
    assert (entry.text, entry.count) == ("Name the pooling.", 2)


def test_two_people_writing_the_same_comment_field_never_overwrite_unseen(desk: Desk, hand: Hands) -> None:
    ada, ben = hand("Ada"), hand("Ben")
    who = ada.readable()
    ada.post(f"/s/{who}/i/1b/comment", text="mine", seen="0")
    answer = ben.post(f"/s/{who}/i/1b/comment", text="no, mine", seen="0")
    assert "Ada" in answer.text
    assert "mine" in answer.text
    assert desk.outcome(who).standing.comments["1b"].text == "mine"


def test_a_check_in_doubt_is_settled_with_what_a_person_saw(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who, check = next(
        (who, item.criterion) for who, person in desk.people.items() for item in person.card.review if item.criterion
    )
    assert ada.post(f"/s/{who}/i/{check}/verdict", verdict="failed", seen="0").status_code == 200
    assert check not in {item.criterion for item in desk.outcome(who).card.review}
    assert ada.post(f"/s/{who}/i/{check}/verdict", verdict="magnificent", seen="0").status_code == 400


def test_a_draft_counts_when_a_person_says_so(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = next(who for who, person in desk.people.items() if person.submission.draft)
    assert desk.outcome(who).card.total is None
    assert "decide whether it counts" in ada.get(f"/s/{who}").text
    ada.post(f"/s/{who}/i/-/verdict", verdict="passed", seen="0")
    assert desk.outcome(who).card.total is not None


def test_confirming_all_leaves_what_has_no_suggestion_and_what_was_decided(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = ada.readable()
    ada.post(f"/s/{who}/i/1a/decide", points="1", seen="0")
    ada.post(f"/s/{who}/confirm", once="rest")
    ada.post(f"/s/{who}/confirm", once="rest")
    decided = desk.ledger.events(kind="decision")
    assert len({event.criterion for event in decided}) == len(decided)
    assert str(desk.outcome(who).standing.decisions["1a"].event.points) == "1"
    scores = [item for section in desk.people[who].card.sections for item in section.criteria]
    without = {item.id for item in scores if item.points is None} - {"1a"}
    assert {item.target for item in desk.outcome(who).open if item.kind == "criterion"} == without


def test_flag_undo_and_its_history(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = ada.readable()
    ada.post(f"/s/{who}/i/2b/flag", text="same as another")
    assert [flag.text for flag in desk.outcome(who).standing.flags] == ["same as another"]
    number = desk.ledger.events(kind="flag")[0].id
    ada.post(f"/s/{who}/i/2b/undo", event=number)
    assert desk.outcome(who).standing.flags == ()
    assert [line.gone for line in make_item_of(desk, who, "2b").history] == [False, True]
    assert ada.post(f"/s/{who}/i/2b/undo", event=number).status_code == 400


def test_a_request_is_entered_and_answered(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = ada.readable()
    ada.post(f"/s/{who}/i/-/ask", about="3a", text="Please look again.")
    (asked,) = desk.outcome(who).standing.requests
    assert (asked.asked.criterion, asked.answer) == ("3a", None)
    assert "waits" in ada.get("/requests").text
    ada.post(f"/s/{who}/i/3a/answer", refers=asked.asked.id, text="It stays as it is.")
    (asked,) = desk.outcome(who).standing.requests
    assert asked.answer is not None
    assert asked.answer.text == "It stays as it is."


def send_csv(hand: Any, text: str) -> Any:
    data = {"csrf": hand.csrf, "file": (io.BytesIO(text.encode()), "requests.csv"), "once": text[:20]}
    return hand.client.post("/requests/import", data=data, content_type="multipart/form-data")


def test_requests_come_in_by_csv_all_or_none_and_never_twice(desk: Desk, hand: Hands) -> None:
    lead = hand("Lea", "lead")
    person = desk.people[lead.readable()]
    email = person.submission.participant.email
    good = f"participant,criterion,text\n{person.id},1a,first\n{email},,second\n"
    bad = good + "nobody,1a,third\n" + f"{person.id},9z,fourth\n"
    refused = send_csv(lead, bad)
    assert refused.status_code == 400
    assert "Line 4" in refused.text
    assert "Line 5" in refused.text
    assert kinds(desk) == []
    assert send_csv(lead, good).status_code == 303
    assert send_csv(lead, good + "\n").status_code == 303
    assert [one.asked.text for one in desk.outcome(person.id).standing.requests] == ["first", "second"]
    assert send_csv(lead, "what,is\nthis,?\n").status_code == 400


def test_sharing_out_is_even_and_takes_nothing_from_anybody(desk: Desk, hand: Hands) -> None:
    lead = hand("Lea", "lead")
    hand("Ada")
    hand("Ben")
    who = lead.readable()
    lead.post("/assign", who=who, to="Ada", once="1")
    lead.post("/assign/evenly", ta=["Ada", "Ben"], once="2")
    having = [
        desk.outcome(one).standing.assigned for one in desk.people if desk.outcome(one).card.status != "no_submission"
    ]
    assert desk.outcome(who).standing.assigned == "Ada"
    assert "" not in having
    assert abs(having.count("Ada") - having.count("Ben")) <= 2


def test_what_changed_since_the_last_visit_is_what_others_did(desk: Desk, hand: Hands) -> None:
    ada, ben = hand("Ada"), hand("Ben")
    who = ben.readable()
    assert "changed since your last visit" not in ada.get("/").text
    ben.post(f"/s/{who}/i/1a/decide", points="5", seen="0")
    assert "1 thing has changed since your last visit" in ada.get("/").text
    assert "gave 5" in ada.get("/changes?since=0").text


def test_a_new_grading_is_noticed_while_the_review_runs(desk: Desk, hand: Hands) -> None:
    ada = hand()
    stamp = desk.stamp
    path = desk.root / "results.json"
    path.write_bytes(path.read_bytes())
    ada.get("/")
    assert desk.stamp != stamp


def test_the_audit_holds_every_event_and_no_formula(desk: Desk, hand: Hands) -> None:
    lead = hand("Lea", "lead")
    lead.post(f"/s/{lead.readable()}/i/1a/flag", text="=HYPERLINK('x')")
    rows = list(csv.DictReader(io.StringIO(lead.get("/audit.csv").data.decode("utf-8-sig"))))
    events = json.loads(lead.get("/audit.json").data)
    assert len(rows) == len(events) == desk.ledger.last()
    assert rows[-1]["text"] == "'=HYPERLINK('x')"
    assert events[-1]["text"] == "=HYPERLINK('x')"


def test_agreement_counts_each_persons_newest_decision(desk: Desk) -> None:
    def decision(number: int, author: str, points: str) -> Event:
        data = {"suggested": "4", "low": "3", "high": "5"}
        fields = {"id": number, "author": author, "kind": "decision", "participant": "1", "criterion": "1a"}
        return Event.model_validate({**fields, "points": points, "data": data})

    table = agreement([decision(1, "Ada", "1"), decision(2, "Ada", "4"), decision(3, "Ben", "5")], desk.rubric)
    assert (table.all.decided, table.all.same, table.all.within, table.all.shift) == (2, 1, 2, "+0.50")
    assert (table.twice, table.alike) == (1, 0)
    assert [row.name for row in table.people] == ["Ada", "Ben"]


# The queue -------------------------------------------------------------------------------------------------------------


def entries(desk: Desk) -> list[Entry]:
    return [Entry(person, desk.outcome(who)) for who, person in desk.people.items()]


def names(desk: Desk, **wanted: str) -> list[str]:
    filters = Filter.of(wanted)
    found = ordered(entries(desk), filters, desk.chained)
    return [entry.person.id for entry in found if matches(entry, filters, desk.rubric)]


def test_random_order_is_the_same_for_the_same_seed(desk: Desk) -> None:
    one, two = names(desk, order="random", seed="1"), names(desk, order="random", seed="2")
    assert one == names(desk, order="random", seed="1")
    assert sorted(one) == sorted(two)
    assert one != two


def test_filters_find_what_they_say(desk: Desk) -> None:
    everybody = names(desk)
    assert everybody == sorted(everybody, key=natural)
    settle(desk.root, [everybody[0]])
    desk.refresh()
    assert set(names(desk, status="none")) == {w for w in everybody if desk.outcome(w).card.status == "no_submission"}
    assert set(names(desk, status="settled")) | set(names(desk, status="open")) | set(
        names(desk, status="none")
    ) == set(everybody)
    assert set(names(desk, status="settled")) & set(names(desk, status="open")) == set()
    person = desk.people[names(desk, status="open")[0]]
    assert names(desk, find=person.submission.participant.email or "") == [person.id]
    verdict = person.findings.findings["decoder.padding_side"].verdict
    assert person.id in names(desk, check="decoder.padding_side", verdict=verdict)
    other = "passed" if verdict != "passed" else "failed"
    assert person.id not in names(desk, check="decoder.padding_side", verdict=other)
    assert names(desk, ta="Ada") == []
    assert names(desk, flag="person") == []


def test_similar_answers_come_next_to_each_other() -> None:
    base = "the decoder reads its last position and padding on the right moves that position to a pad token which"
    texts = {"a": base + " is bad", "b": "nothing of the kind at all, weights only", "c": base + " is worse", "d": ""}
    texts["e"] = texts["a"]
    answers = {name: shingles(text) for name, text in texts.items()}
    order = chain(answers)
    assert order[:3] == ["a", "e", "c"]
    assert sorted(order) == sorted(texts)
    found = {one.participant: one.share for one in alike(answers, "a")}
    assert found["e"] == 1.0
    assert "b" not in found


def test_by_likeness_everybody_is_there_once(desk: Desk) -> None:
    assert sorted(names(desk, by="criterion", criterion="2a", order="similar", status="")) == sorted(
        name for name in desk.people if desk.outcome(name).card.status != "no_submission"
    )


def test_words_that_came_and_went_are_marked_and_escaped() -> None:
    made = changed_words("the decoder is <b>better</b> by far", "the decoder is  much better by far")
    assert made == "the decoder is <del>&lt;b&gt;better&lt;/b&gt;</del> <ins>much better</ins> by far"
    assert changed_words("same  words", "same words") == ""


def test_an_unreadable_submission_is_graded_by_hand_or_closed(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = next(who for who, person in desk.people.items() if person.card.status == "unreadable")
    page = ada.get(f"/s/{who}").text
    assert "unreadable" in page
    assert "1a" in page
    for section in desk.rubric.sections:
        for item in section.criteria:
            assert ada.post(f"/s/{who}/i/{item.id}/decide", points="1", seen="0").status_code == 200
    assert desk.outcome(who).card.total is None
    ada.post(f"/s/{who}/i/-/verdict", verdict="passed", seen="0")
    assert str(desk.outcome(who).card.total) == "21"
    assert desk.outcome(who).settled


def test_nobody_can_decide_anything_about_who_handed_in_nothing(desk: Desk, hand: Hands) -> None:
    ada = hand()
    who = next(who for who, person in desk.people.items() if person.card.status == "no_submission")
    assert "Nothing was handed in" in ada.get(f"/s/{who}").text
    assert ada.post(f"/s/{who}/i/1a/decide", points="1", seen="0").status_code == 404
    assert ada.get("/s/nobody").status_code == 404
