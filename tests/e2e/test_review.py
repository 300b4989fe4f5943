"""The review as TAs use it: a class by keyboard alone, five at once, a server that is killed, hostile content, no barriers."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from grader.ledger import Ledger
from grader.pipeline.releasing import release
from grader.release.moodle_rules import read_archive_as_moodle
from tests.builders_review import graded_moodle_class, materials, settle
from tests.e2e.reviewing import Server, Ta
from tests.payloads_feedback import PAYLOADS

pytestmark = pytest.mark.e2e
Start = Callable[[Path], Server]
Hire = Callable[..., Ta]


@pytest.fixture(scope="module")
def class_of_30(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graded_moodle_class(tmp_path_factory.mktemp("thirty"), 30)


@pytest.fixture
def out(class_of_30: Path, tmp_path: Path) -> Path:
    shutil.copytree(class_of_30, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def starting(folder: Path) -> Server:
        servers.append(Server(folder))
        return servers[-1]

    yield starting
    for server in servers:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def hire(browser: Any) -> Iterator[Hire]:
    tas: list[Ta] = []

    def hiring(server: Server, name: str = "Ada", **look: Any) -> Ta:
        tas.append(Ta(browser, server, name, **look))
        return tas[-1]

    yield hiring
    for ta in tas:
        ta.close()


def decisions(out: Path) -> list[Any]:
    return Ledger.of(out).events(kind="decision")


def go_through(ta: Ta, keys: list[tuple[str, ...]]) -> int:
    """Everything that is open in the submission at hand, one by one; returns how many criteria it were."""
    criteria = 0
    while True:
        name, state = ta.current()
        if state == "settled":
            return criteria
        item = ta.page.locator(f"#{name}")
        if item.get_attribute("data-kind") == "criterion":
            used = keys[criteria % len(keys)]
            if used == ("Enter",) and not item.locator("[data-key=Enter]").count():
                used = ("Enter", "1", "Enter")  # only a range: the first goes to the field for points
            before = ta.strokes
            ta.settle(*used)
            assert ta.strokes - before <= 3
            criteria += 1
        else:
            ta.settle("l")


def test_a_class_of_30_by_keyboard_alone_and_the_release_says_what_the_pages_say(
    out: Path, start: Start, hire: Hire
) -> None:
    server = start(out)
    ta = hire(server)
    ta.press("Enter")
    ta.page.wait_for_selector(".item.current")
    keys = [("Enter",), ("+", "Enter"), ("h",), ("1", "+", "Enter"), ("Enter",), ("f",)]
    for place in range(1, 31):
        ta.page.wait_for_selector(f".steps >> text={place} of 30")
        if place <= 4:
            assert go_through(ta, keys) == 21
            ta.press("m")
            ta.page.keyboard.type(f"Well read, number {place}.")
            ta.press("Escape")
        else:
            while ta.current()[0].startswith("i-encoder") or ta.current()[0].startswith("i-decoder"):
                ta.settle("l")
            offered = ta.page.locator(".item[data-state=open] [data-key=Enter]").count()
            ta.press("C")
            ta.page.wait_for_selector(f"#sum >> text={offered} of 21 settled")
            ta.page.wait_for_selector(".item.current")
            assert 0 < offered < 21
            assert go_through(ta, [("h",)]) == 21 - offered
            ta.page.wait_for_selector("#sum >> text=21 of 21 settled")
        ta.press("n")
    ta.page.wait_for_selector("text=30 of 30")
    assert ta.noted == []
    server.stop()
    assert Counter(event.participant for event in decisions(out)) == {str(1000 + n): 21 for n in range(1, 31)}
    _check_release(out)


def _check_release(out: Path) -> None:
    done = release(out, materials())
    assert (done.open, len(done.changed)) == ({}, 30)
    said = {row["participant"]["id"]: row for row in json.loads((out / "results.json").read_text("utf-8"))}
    text = (out / "releases" / "1" / "worksheet.csv").read_text("utf-8-sig")
    sheet = {row["Identifier"].split()[-1]: row for row in csv.DictReader(io.StringIO(text))}
    archive = (out / "releases" / "1" / "feedback.zip").read_bytes()
    pages = {
        who: files["/feedback.html"].decode()
        for who, files in read_archive_as_moodle(archive, participants=set(said)).items()
    }
    assert set(sheet) == set(pages) == set(said)
    given: dict[str, Decimal] = {}
    for event in decisions(out):
        given[event.participant] = given.get(event.participant, Decimal(0)) + event.points
    for who, row in said.items():
        shown = re.search(r'class="total">([0-9.]+) <small>of 100', pages[who])
        assert shown is not None
        assert Decimal(sheet[who]["Grade"]) == Decimal(row["total"]) == Decimal(shown[1]) == given[who]
    for place in range(1, 5):
        holders = [who for who, page in pages.items() if f"Well read, number {place}." in page]
        assert holders == [str(1000 + place)]


def test_one_criterion_across_the_class_goes_on_by_itself(out: Path, start: Start, hire: Hire) -> None:
    ta = hire(start(out))
    ta.open("/?by=criterion&criterion=2b&order=similar&status=open")
    ta.press("Enter")
    seen = []
    for _ in range(5):
        ta.page.wait_for_selector(".item.current[data-state=open]")
        address = ta.page.url
        seen.append(address)
        ta.press("Enter")
        ta.page.wait_for_url(lambda url, before=address: url != before)
    assert len(set(seen)) == 5
    assert [event.criterion for event in decisions(out)] == ["2b"] * 5
    assert ta.page.frame_locator("#paper").locator("h1").inner_text() == "Class weighting on the decoder"


def test_the_second_is_shown_the_firsts_decision_and_may_save_over_it(out: Path, start: Start, hire: Hire) -> None:
    server = start(out)
    ada, ben = hire(server, "Ada"), hire(server, "Ben")
    for ta in (ada, ben):
        ta.open("/s/1001#i-1a")
        ta.page.wait_for_selector("#i-1a.current")
    ada.settle("f")
    ben.press("0")
    conflict = ben.page.locator("#i-1a .conflict")
    conflict.wait_for()
    assert "Ada" in conflict.inner_text()
    assert "gave 6" in conflict.inner_text()
    assert len(decisions(out)) == 1
    ben.press("s")
    ben.page.wait_for_selector("#i-1a .conflict", state="detached")
    assert [(event.author, str(event.points)) for event in decisions(out)] == [("Ada", "6"), ("Ben", "0")]


def test_five_at_once_lose_and_double_nothing(out: Path, start: Start, hire: Hire) -> None:
    server = start(out)
    tas = [hire(server, name) for name in ("Ada", "Ben", "Cem", "Dee", "Eli")]
    for number, ta in enumerate(tas):
        ta.open(f"/s/{1001 + number}#i-1a")
        ta.page.wait_for_selector("#i-1a.current")
    for _ in range(21):
        for ta in tas:
            ta.press("f")
        for ta in tas:
            ta.page.wait_for_selector(".htmx-request", state="detached")
    for ta in tas:
        ta.page.wait_for_selector("#sum >> text=21 of 21 settled")
    found = Counter((event.participant, event.criterion, event.author) for event in decisions(out))
    assert len(found) == 5 * 21
    assert set(found.values()) == {1}
    _in_threads(server, out)


def _in_threads(server: Server, out: Path) -> None:
    """Five more without browsers, on the same submissions, each sending everything twice."""
    told: list[tuple[str, str, str, str]] = []

    def work(name: str, points: str) -> None:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        secret = server.secret_for(name)
        body = urllib.parse.urlencode({"secret": secret}).encode()
        with opener.open(f"{server.base}/enter", body) as answer:
            csrf = re.findall(r'X-CSRF-Token": "([0-9a-f]+)"', answer.read().decode())[0]
        for who in range(1011, 1021):
            for criterion in ("1a", "2b", "3c"):
                form = {"csrf": csrf, "points": points, "once": f"{name}-{who}-{criterion}", "seen": "999999"}
                for _ in range(2):
                    sent = urllib.request.Request(
                        f"{server.base}/s/{who}/i/{criterion}/decide",
                        urllib.parse.urlencode(form).encode(),
                        {"HX-Request": "1"},
                    )
                    with opener.open(sent) as answer:
                        assert answer.status == 200
                told.append((str(who), criterion, name, points))

    threads = [threading.Thread(target=work, args=(f"T{n}", str(n / 2))) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = Counter(
        (event.participant, event.criterion, event.author, f"{float(event.points)}")
        for event in decisions(out)
        if event.author.startswith("T")
    )
    assert len(told) == 150
    assert stored == Counter(told)


SLOW = """const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...given) { setTimeout(() => send.apply(this, given), 700); };"""


def test_what_is_typed_while_a_decision_is_on_its_way_is_text_and_no_command(
    out: Path, start: Start, hire: Hire
) -> None:
    ta = hire(start(out))
    ta.page.add_init_script(SLOW)
    ta.open("/s/1001#i-1a")
    ta.page.wait_for_selector("#i-1a.current")
    ta.page.keyboard.press("f")
    ta.page.keyboard.press("1")
    ta.page.keyboard.press(".")
    ta.page.keyboard.press("5")
    ta.page.keyboard.press("Enter")
    ta.page.wait_for_selector("#i-1b[data-state=settled]")
    ta.page.wait_for_selector("#i-1c.current")
    ta.page.keyboard.press("h")
    ta.page.keyboard.press("m")
    ta.page.keyboard.type("No flag, next: f, h and q.")
    ta.page.wait_for_selector("#i-1c[data-state=settled]")
    ta.page.wait_for_selector("#i-1d.current")
    ta.page.wait_for_selector("#i-1d .saved >> text=saved")
    assert ta.page.locator("#i-1d textarea[data-comment]").input_value() == "No flag, next: f, h and q."
    assert [(event.criterion, str(event.points)) for event in decisions(out)] == [
        ("1a", "6"),
        ("1b", "1.5"),
        ("1c", "2"),
    ]
    comments = Ledger.of(out).events(kind="comment")
    assert (comments[-1].text, {event.criterion for event in comments}) == ("No flag, next: f, h and q.", {"1d"})
    assert not Ledger.of(out).events(kind="flag")


def test_a_server_that_is_killed_loses_nothing_and_the_page_waits_for_it(out: Path, start: Start, hire: Hire) -> None:
    server = start(out)
    ta = hire(server)
    ta.open("/s/1002#i-1a")
    ta.page.wait_for_selector("#i-1a.current")
    for _ in range(3):
        ta.settle("f")
    for _ in range(3):
        name, _state = ta.current()
        ta.press("h")
        server.kill()
        ta.press("m")
        ta.page.keyboard.type("Written while it was away.")
        ta.page.wait_for_timeout(300)
        server.start()
        ta.page.wait_for_selector(f"#{name}[data-state=settled]", timeout=20_000)
        ta.page.wait_for_selector("#trouble:not(:empty)", state="detached", timeout=20_000)
        ta.page.wait_for_selector("form.comment.dirty", state="detached", timeout=20_000)
        ta.press("Escape")
        ta.page.wait_for_selector(".item.current[data-state=open]")
    found = Counter(event.criterion for event in decisions(out))
    settled = ta.page.locator(".item[data-kind=criterion][data-state=settled]").count()
    assert len(found) == settled == 6
    assert set(found.values()) == {1}
    comments = Ledger.of(out).events(kind="comment")
    assert {event.text for event in comments} == {"Written while it was away."}


# Hostile content -----------------------------------------------------------------------------------------------------


def poison(notebook: dict[str, Any], number: int) -> None:
    """A payload in every place that a notebook has."""
    text = PAYLOADS[number % len(PAYLOADS)]
    many = "\n\n".join(PAYLOADS)
    image = {
        "output_type": "display_data",
        "metadata": {},
        "data": {
            "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='window.pwned=1'><script>window.pwned=1</script><image href='https://evil.example/x.png'/></svg>"
        },
    }
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": many}}
    mark = {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": many}}
    png = {"output_type": "display_data", "metadata": {}, "data": {"image/png": '"><script>window.pwned=1</script>'}}
    script = {"output_type": "display_data", "metadata": {}, "data": {"application/javascript": "window.pwned=1"}}
    error = {"output_type": "error", "ename": text, "evalue": many, "traceback": [many]}
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]) + f"\n\n{text}\n"
        if cell["cell_type"] == "code":
            cell["outputs"] = [*cell.get("outputs", []), image, html, mark, png, script, error]
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": many, "id": "poison"})


def test_hostile_content_runs_nothing_asks_for_nothing_and_stays_on_its_own_page(
    tmp_path: Path, start: Start, hire: Hire
) -> None:
    out = graded_moodle_class(tmp_path / "bad", 3, poison, name="<img src=x onerror=window.pwned=1>{}")
    server = start(out)
    ta = hire(server, "<script>window.pwned=1</script>", role="lead")
    for place, text in enumerate(PAYLOADS[:12]):
        _say_everything(ta, "1001", f"{text} MARK-{place}")
    for path in (
        "/", "/s/1001", "/s/1001?by=criterion&criterion=1a", "/s/1002", "/changes?since=0", "/requests", "/agreement", "/people", "/release",
        "/s/1001/notebook", "/s/1001/answer?criterion=1a", "/s/1001/page", "/s/1002/page",
    ):  # fmt: skip
        ta.open(path)
        ta.page.wait_for_timeout(60)
        assert ta.noted == [], path
        for frame in ta.page.frames:
            assert frame.locator("script:not([src])").count() == 0, path
            assert (
                frame.locator(
                    "[onload],[onerror],[onclick],iframe[srcdoc],object,embed,base,form[action*=evil]"
                ).count()
                == 0
            ), path
        assert path != "/s/1002/page" or "MARK-" not in ta.page.content()
    server.stop()
    settle(out, ["1002", "1003"])
    release(out, materials(), provisional=True)
    archive = zipfile.ZipFile(out / "releases" / "1" / "feedback.zip")
    marked = [name for name in archive.namelist() if b"MARK-" in archive.read(name)]
    assert len(marked) == 1
    assert "_1001_" in marked[0]


def _say_everything(ta: Ta, who: str, text: str) -> None:
    """Through the application's own forms, as somebody would who pastes it everywhere."""
    csrf = json.loads(ta.page.locator("body").get_attribute("hx-headers"))["X-CSRF-Token"]
    for path, form in (
        (f"/s/{who}/i/1a/comment", {"text": text, "seen": "999999"}),
        (f"/s/{who}/i/1a/flag", {"text": text}),
        (f"/s/{who}/i/1a/decide", {"points": "1", "reason": text, "seen": "999999"}),
        (f"/s/{who}/i/-/ask", {"text": text, "about": "1b"}),
        ("/people/grant", {"name": text.replace("\x00", "")[:60], "role": "ta"}),
        ("/assign", {"who": who, "to": text[:60]}),
    ):
        ta.context.request.post(ta.server.base + path, form={"csrf": csrf, **form}, headers={"HX-Request": "1"})


# No barriers ---------------------------------------------------------------------------------------------------------

LOOKS = [
    {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
]
PAGES = ("/", "/s/1001", "/s/1002?by=criterion&criterion=2a&order=similar", "/changes?since=0", "/requests", "/agreement", "/people", "/release")  # fmt: skip


@pytest.mark.parametrize("look", LOOKS, ids=["desktop, light", "phone, dark"])
def test_axe_finds_no_barrier_and_nothing_runs_over_the_edge(out: Path, start: Start, hire: Hire, look: Any) -> None:
    server = start(out)
    lead = hire(server, "Lea", role="lead", **look)
    lead.open("/s/1001#i-1a")
    lead.page.wait_for_selector("#i-1a.current")
    lead.settle("Enter")
    lead.open("/s/1001#i-1a")
    lead.press("x", "m")
    lead.page.keyboard.type("Good.")
    lead.press("Escape")
    for path in PAGES:
        lead.open(path)
        lead.page.wait_for_load_state()
        result = Axe().run(lead.page, options={"iframes": False})
        assert result.violations_count == 0, f"{path}: {result.generate_report()}"
        assert lead.page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"], path
    assert lead.noted == []


def test_the_door_has_no_barrier_and_forgets_the_secret(browser: Any, out: Path, start: Start) -> None:
    server = start(out)
    page = browser.new_context().new_page()
    page.goto(f"{server.base}/enter")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    page.goto(f"{server.base}/enter#{server.secret}x")
    page.wait_for_selector("text=This link is not valid")
    page.goto(f"{server.base}/enter#{server.secret}")
    page.wait_for_url("**/")
    assert server.secret not in page.content()
    page.go_back()
    assert server.secret not in page.url
    page.context.close()
