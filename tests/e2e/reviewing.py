"""A review server of its own process, and TAs in browsers at it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from grader.ledger import Access, Ledger
from grader.model.decision import TaRole

ROOT = Path(__file__).parents[2]


class Server:
    """`grader review` as people start it."""

    def __init__(self, out: Path, port: int = 0) -> None:
        self.out, self.port, self.base = out, port, ""
        self.process: Any = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "grader", "review", str(self.out), "--no-browser", "--port", str(self.port)]
        log = self.out.parent / "review.log"
        with log.open("wb") as file:
            self.process = subprocess.Popen([*command, "--course", str(ROOT)], stdout=file, stderr=file, cwd=ROOT)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = re.search(r"(http://[^/\s]+)/enter#(\S+)", log.read_text("utf-8"))
            if found:
                self.base, self.secret = found[1], found[2]
                self.port = int(self.base.rpartition(":")[2])
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the review did not start: {log.read_text('utf-8')}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def secret_for(self, name: str, role: TaRole = "ta") -> str:
        return Access(Ledger.of(self.out)).grant(name, role, by="test")


class Ta:
    """Somebody at a browser, who only has a keyboard once they are in."""

    def __init__(self, browser: Any, server: Server, name: str, role: TaRole = "ta", **look: Any) -> None:
        self.server, self.name = server, name
        self.context = browser.new_context(**look)
        self.page = self.context.new_page()
        self.noted: list[str] = []
        self.page.on("dialog", lambda dialog: (self.noted.append("dialog"), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.noted.append(str(error)))
        self.page.on("request", self._note)
        self.strokes = 0
        self.page.goto(f"{server.base}/enter#{server.secret_for(name, role)}")
        self.page.wait_for_url("**/")

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.server.base, "data:")):
            self.noted.append(request.url)

    def open(self, path: str) -> None:
        self.page.goto(self.server.base + path)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.strokes += 1

    def current(self) -> tuple[str, str]:
        """(element id, state) of the item in hand."""
        item = self.page.locator(".item.current")
        return str(item.get_attribute("id")), str(item.get_attribute("data-state"))

    def settle(self, *keys: str) -> str:
        """Press keys on the current item and wait until it is saved; returns its element id."""
        name, _ = self.current()
        self.press(*keys)
        self.page.wait_for_selector(f"#{name}[data-state=settled]")
        return name

    def close(self) -> None:
        self.context.close()
