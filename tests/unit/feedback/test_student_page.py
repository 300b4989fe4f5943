"""What a student reads, in every state that a submission can be in."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

import pytest
from lxml import html
from lxml.html import HtmlElement

from grader.feedback import PageInput, student_page
from grader.feedback.render import LARGEST_PAGE
from grader.feedback.text import clean
from grader.model.finding import Citation, Finding
from grader.model.rubric import Texts
from grader.model.scorecard import Adjustment, ReviewItem
from grader.model.submission import Flag
from tests import builders_feedback as build

STATES = sorted(build.states())


def tree(data: PageInput) -> HtmlElement:
    return html.fromstring(student_page(data))


def said(element: HtmlElement) -> str:
    return re.sub(r"\s+", " ", element.text_content()).strip()


def criterion(page: HtmlElement, name: str) -> HtmlElement:
    found = [item for item in page.find_class("crit") if said(item.xpath(".//h3")[0]).startswith(name + " ")]
    assert len(found) == 1
    return found[0]


def finding(page: HtmlElement, title: str) -> HtmlElement:
    found = [
        item
        for item in page.xpath("//article[contains(@class,'find')]|//li[starts-with(@id,'f')]")
        if title in said(item)
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("state", STATES)
def test_a_page_is_small_complete_and_asks_for_nothing(state: str) -> None:
    text = student_page(build.states()[state])
    page = html.fromstring(text)
    assert len(text.encode()) <= LARGEST_PAGE == 100_000
    assert page.xpath("//script|//img|//iframe|//object|//embed|//link|//form|//input|//base") == []
    assert all(address.startswith("#") for address in page.xpath("//@href"))
    assert page.xpath("//@src|//@style|//@srcset") == []
    assert not re.search(r"url\(|@import|https?:|//[a-z]", "".join(page.xpath("//style/text()")))
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


@pytest.mark.parametrize("state", STATES)
def test_every_link_leads_to_one_place_on_the_page(state: str) -> None:
    page = tree(build.states()[state])
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    used = {address[1:] for address in page.xpath("//@href")}
    for name in page.xpath("//@aria-labelledby"):
        used.update(name.split())
    assert used <= set(ids)


@pytest.mark.parametrize("state", STATES)
def test_a_page_can_be_followed_without_seeing_it(state: str) -> None:
    page = tree(build.states()[state])
    assert page.get("lang") == "en"
    assert [len(page.xpath(f"//{tag}")) for tag in ("main", "h1")] == [1, 1]
    levels = [int(heading.tag[1]) for heading in page.xpath("//h1|//h2|//h3|//h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(said(table.xpath("./caption")[0]) for table in page.xpath("//table"))
    assert all(
        svg.get("aria-label") or svg.get("aria-hidden") == "true"
        for svg in page.xpath("//svg[not(ancestor::*[@aria-hidden='true'])]")
    )
    assert all(quote.get("dir") == "auto" for quote in page.xpath("//blockquote/p"))


@pytest.mark.parametrize("state", STATES)
def test_the_five_sections_stand_in_the_memos_order(state: str) -> None:
    data = build.states()[state]
    titles = [said(item) for item in tree(data).xpath("//section[contains(@class,'part')]/header/h2")]
    expected = [section.title for section in data.rubric.sections] if data.scorecard.sections else []
    assert titles == expected


@pytest.mark.parametrize("state", STATES)
def test_words_for_staff_never_reach_a_student(state: str) -> None:
    data = build.states()[state]
    secret = "SECRET-FOR-STAFF"
    sections = tuple(
        section.model_copy(
            update={
                "criteria": tuple(
                    item.model_copy(update={"texts": Texts(**{**dict(item.texts), "staff": secret})})
                    for item in section.criteria
                )
            }
        )
        for section in data.rubric.sections
    )
    findings = {
        name: found.model_copy(update={"staff_text": secret, "flags": (Flag(kind=secret, why=secret),)})
        for name, found in data.findings.items()
    }
    review = tuple(ReviewItem(criterion=name, why=secret) for name in ("", "1a", *findings))
    told = data.model_copy(
        update={
            "rubric": data.rubric.model_copy(update={"sections": sections}),
            "findings": findings,
            "scorecard": data.scorecard.model_copy(update={"review": review}),
            "submission": data.submission.model_copy(
                update={"flags": (Flag(kind=secret, why=secret),), "status_text": secret}
            ),
        }
    )
    text = student_page(told)
    assert secret not in text
    assert "STAFF-ONLY" not in text


def test_an_open_total_is_a_range_without_a_value_and_no_mark() -> None:
    page = tree(build.page())
    assert said(page.find_class("total")[0]) == "68.5–93 of 100"
    assert "a range, not a mark" in said(page.find_class("glance")[0])
    assert "81.5" not in said(page.find_class("glance")[0])


def test_a_settled_total_is_one_number() -> None:
    page = tree(build.page(done=True))
    assert said(page.find_class("total")[0]) == "81.5 of 100"
    assert "All criteria are settled." in said(page)
    assert "Still to be settled" not in said(page)


def test_lateness_is_shown_as_a_sum() -> None:
    page = tree(build.states()["weak"])
    rows = [said(row) for row in page.xpath("//ul[@class='sum']/li")]
    assert rows == [
        "59.5–84points of the sections",
        "−10late: 1 day 2 hours late: 2 started days x 5 points = 10",
        "49.5–74total, of 100",
    ]


def test_points_given_carry_a_plus() -> None:
    card = build.page().scorecard.model_copy(
        update={"adjustments": (Adjustment(kind="extra", points=Decimal(2), why="found a bug"),)}
    )
    assert "+2" in said(tree(build.page(scorecard=card)).find_class("sum")[0])


def test_a_cap_names_its_check_and_leads_to_it() -> None:
    page = tree(build.states()["weak"])
    one = criterion(page, "1a")
    cap = one.find_class("cap")[0]
    assert said(cap) == (
        "Capped by Decoder: padding on the left: at most 3 of 6 until it is mended, as these numbers rest on it."
    )
    anchor = cap.xpath(".//a/@href")[0][1:]
    assert "padding on the left" in said(page.get_element_by_id(anchor))


def test_a_capped_criterion_is_still_told_what_it_did_well() -> None:
    one = criterion(tree(build.states()["weak"]), "1a")
    assert said(one.find_class("mark")[0]) == "met"
    assert "Everything a reader needs" in said(one)
    assert said(one.find_class("num")[0]) == "3 of 6"


def test_a_failed_check_says_what_where_why_and_what_to_do() -> None:
    block = finding(tree(build.states()["weak"]), "Decoder: padding on the left")
    assert said(block.find_class("mark")[0]) == "to fix"
    assert [said(quote) for quote in block.xpath(".//blockquote")] == [
        'tokenizer = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B")cell 11',
        "input_ids[3] = [1820, 374, 264, 151643, 151643, 151643]cell 14, output 0, when run again",
    ]
    assert [said(item) for item in block.xpath(".//dt")] == ["Why it matters", "What to do", "Your points"]
    assert said(block.xpath(".//dd")[2]).endswith("can earn only part of its points: 1a, 2b and 3a.")


def test_a_failed_check_that_harmed_nothing_says_so_and_caps_nothing() -> None:
    page = tree(build.states()["harmless"])
    assert "Your numbers were not harmed by it" in said(finding(page, "Decoder: padding on the left"))
    assert page.find_class("cap") == []


def test_what_could_not_be_seen_and_what_broke_on_our_side_cost_nothing_and_go_to_a_person() -> None:
    page = tree(build.states()["doubts"])
    marks = {said(item.xpath(".//h4")[0]): said(item.find_class("mark")[0]) for item in page.find_class("find")}
    assert marks["Decoder: class weights reach the loss"] == "a person will look"
    assert marks["F1 by frequency tier, both models"] == "our side"
    waiting = said(page.get_element_by_id("open").getparent())
    assert "It costs you nothing until a person has looked. Decoder: class weights reach the loss" in waiting
    assert "Our check stopped. It costs you nothing. F1 by frequency tier, both models" in waiting
    assert (
        "What was seen in two places does not agree; a person compares. Numbers in the memo fit the outputs" in waiting
    )


def test_a_range_over_two_levels_shows_both_texts() -> None:
    data = build.page(heard={**build.HEARD, "1b": {"share": (0.4, 1.0)}})
    texts = data.rubric.sections[0].criteria[1].texts
    block = said(criterion(tree(data), "1b"))
    assert f"At the lower end{clean(texts.half).strip()}"[:60] in block
    assert f"At the upper end{texts.met}"[:60] in block
    assert texts.missed.strip()[:40] not in block


def test_where_nothing_is_known_nothing_is_claimed() -> None:
    data = build.page()
    block = said(criterion(tree(data), "4c"))
    texts = data.rubric.sections[3].criteria[2].texts
    assert "Nothing is decided here yet: a person reads this part." in block
    assert not any(text.strip()[:40] in block for text in (texts.met, texts.half, texts.missed))
    assert "0–6 of 6" in block


def test_found_missing_and_unread_are_told_apart() -> None:
    block = criterion(tree(build.page()), "1b")
    lists = {
        said(item.find_class("lead")[0]): [said(row) for row in item.xpath(".//li")]
        for item in block.find_class("list")
    }
    assert lists == {
        "Found": ["149M against 494M parameters.", "Bidirectional against left-to-right."],
        "To reach more, add": ["Pretraining data (about 2 against about 18 trillion tokens)."],
        "Left to a person’s reading": ["Whether the differences are used to read the numbers."],
    }


def test_the_criteria_with_most_left_to_gain_are_named_at_the_top() -> None:
    page = tree(build.states()["weak"])
    box = page.xpath("//section[@aria-labelledby='reach']")[0]
    gains = [float(text.split("up to ")[1].split(" ")[0]) for text in map(said, box.xpath(".//li"))]
    assert 1 <= len(gains) <= 3
    assert gains == sorted(gains, reverse=True)
    assert all(page.xpath(f"//*[@id='{link[1:]}']") for link in box.xpath(".//a/@href"))


def test_nothing_settled_is_named_as_something_to_gain() -> None:
    assert not tree(build.page(done=True)).xpath("//section[@aria-labelledby='reach']")


def test_evidence_is_folded_and_says_what_it_holds() -> None:
    block = criterion(tree(build.page()), "1b")
    assert block.xpath(".//details/@open") == []
    assert said(block.xpath(".//details/summary")[0]) == "Evidence: 2 found, 1 left to a person"
    assert block.xpath(".//details//li")


def test_a_table_row_is_quoted_cell_by_cell() -> None:
    data = build.page()
    row = Citation.model_validate({"in": "memo", "quote": "decoder | 0.587 | 0.269 | <b>33</b>"})
    card = data.scorecard
    first = card.sections[0].criteria[0]
    assert first.suggestion is not None
    changed = first.model_copy(update={"suggestion": first.suggestion.model_copy(update={"citations": (row,)})})
    section = card.sections[0].model_copy(update={"criteria": (changed, *card.sections[0].criteria[1:])})
    page = tree(
        data.model_copy(update={"scorecard": card.model_copy(update={"sections": (section, *card.sections[1:])})})
    )
    cells = [said(item) for item in criterion(page, first.id).xpath(".//blockquote//span[@dir]")]
    assert cells == ["decoder", "0.587", "0.269", "<b>33</b>"]


def test_a_criterion_that_is_not_met_says_why_it_is_asked() -> None:
    data = build.page()
    texts = {"why": "Readers need `both`."}
    sections = tuple(
        section.model_copy(
            update={
                "criteria": tuple(
                    item.model_copy(update={"texts": item.texts.model_copy(update=texts)}) for item in section.criteria
                )
            }
        )
        for section in data.rubric.sections
    )
    page = tree(data.model_copy(update={"rubric": data.rubric.model_copy(update={"sections": sections})}))
    told = [item for item in page.find_class("crit") if "Why it matters" in said(item)]
    met = [item for item in page.find_class("crit") if said(item.find_class("mark")[0]) == "met"]
    assert told
    assert met
    assert not set(told) & set(met)
    assert said(told[0].find_class("why")[0]) == "Why it matters Readers need both."


def test_once_settled_nothing_is_left_to_a_reader() -> None:
    assert "Left to a person" not in said(tree(build.page(done=True)))


def test_a_contradiction_is_shown_neutrally_with_both_places() -> None:
    block = criterion(tree(build.page()), "3b")
    assert "Something here and the output that it rests on do not agree." in said(block)
    assert block.xpath(".//details/@open"), "what disagrees stands in the open"
    assert [said(quote) for quote in block.xpath(".//blockquote")] == [
        "Credit reporting goes from 0.04 to 0.31cell 33",
        "Credit reporting 0.04 0.13cell 24, output 0",
    ]


def test_the_parameter_count_is_explained_beside_the_reference() -> None:
    page = tree(build.states()["weak"])
    counts = [table for table in page.xpath("//table") if "Trainable parameters" in said(table)]
    assert "Decoder Yours1,182,592Reference2,263,936".replace(" ", "") in said(counts[0]).replace(" ", "")
    assert "r=8 on all four projections" in said(page)


def test_metrics_stand_in_their_sections() -> None:
    page = tree(build.page())
    models = {
        said(section.xpath("./header/h2")[0]): [said(item) for item in section.xpath(".//h4[span[@class='dot']]")]
        for section in page.find_class("part")
    }
    assert models["Systems-level comparison"] == ["Encoder", "Decoder"]
    assert models["Class weighting on the decoder"] == ["Decoder, weighted loss"]


def test_the_class_is_hidden_below_ten() -> None:
    assert "Middle half of the class" in said(tree(build.page(spread=build.class_of(10))))
    assert "Middle half of the class" not in said(tree(build.page(spread=build.class_of(9))))


def test_a_result_that_no_check_could_hold_against_a_range_is_shown_without_one() -> None:
    metrics = build.findings()["metrics.encoder"].model_copy(update={"verdict": "not_assessed", "credit": None})
    page = tree(build.page(found={"metrics.encoder": metrics}))
    groups = page.xpath("//ul[contains(@class,'plots')]")
    assert "56.4 %" in said(groups[0])
    assert "expected range" not in said(groups[0])
    assert "expected range" in said(groups[1])


def test_tiers_set_encoder_against_decoder() -> None:
    page = tree(build.page())
    table = next(item for item in page.xpath("//table") if "frequency tier" in said(item.xpath("./caption")[0]))
    assert said(table.xpath(".//tbody/tr")[0]) == "fewer than 50Encoder0.021Decoder0.118"


def test_timings_carry_their_ratio() -> None:
    assert "takes the decoder 2.7 times as long as the encoder" in said(tree(build.page()))


def test_nothing_handed_in_is_no_zero() -> None:
    page = tree(build.states()["nothing"])
    assert "Nothing was handed in" in said(page)
    assert page.find_class("total") == []


def test_unreadable_says_what_can_be_read() -> None:
    assert "A notebook".lower() in said(tree(build.states()["unreadable"])).lower()


def test_a_draft_says_how_to_submit_it() -> None:
    assert "press “Submit assignment”" in said(tree(build.states()["draft"]))


def test_the_preview_banner_goes_with_the_release() -> None:
    assert "Preview, not released." in said(tree(build.page()))
    assert "Preview" not in said(tree(build.page(preview=False)))


def test_a_markers_words_stand_at_their_criterion() -> None:
    page = tree(build.states()["good"])
    assert "Good: you say what you can't tell." in said(criterion(page, "3d"))
    assert "A pleasure to read." in said(page)


def test_how_it_was_made_names_the_run_the_scale_and_where_ranges_come_from() -> None:
    text = said(tree(build.states()["doubts"]).xpath("//footer[@class='made']")[0])
    assert "small stand-in models" in text
    assert "scale “t4”, from five runs of the reference solution on a T4" in text
    assert "cell 19: NameError: name 'class_weigths' is not defined" in text
    assert "read, not run" in said(tree(build.states()["static"]))


def test_a_blind_page_names_the_number() -> None:
    assert said(tree(build.states()["empty"]).xpath("//h1")[0]) == "Feedback for participant 29"


def test_a_team_page_names_the_team() -> None:
    who = build.submission("g7", None)
    who = who.model_copy(update={"participant": who.participant.model_copy(update={"group": "Team Ωmega"})})
    assert said(tree(build.page(who)).xpath("//h1")[0]) == "Feedback for Team Ωmega"


def test_a_finding_without_a_section_is_not_lost() -> None:
    base = build.rubric()
    checks = tuple(line.model_copy(update={"section": None}) for line in base.checks)
    page = tree(build.page(rubric=base.model_copy(update={"checks": checks})))
    assert said(page.find_class("part")[-1].xpath("./header/h2")[0]) == "The submission as a whole"
    assert len(page.xpath("//ul[@class='fine']/li")) == 16
    assert "Your metrics" in said(page.find_class("part")[-1])


def test_findings_without_a_line_and_lines_without_a_finding_do_no_harm() -> None:
    found = {"unknown.check": Finding(verdict="failed", student_text="stray")}
    assert "stray" not in said(tree(build.page(findings=found)))


@pytest.mark.parametrize("text", ["", " ", "\n", "`", "``", "\x00", "—" * 5000])
def test_odd_texts_make_a_page(text: str) -> None:
    who = build.submission("5", text or None)
    assert tree(build.page(who, comments={"": text}, course_title=text, assignment_title=text)) is not None
