"""What a notebook prints and shows, kept within limits: stock nbclient with a purse.

Progress bars are folded to their last state; of long text the beginning and the end are kept; everything that a
hostile kernel may send is bounded. It judges nothing and changes no output that fits.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode, from_dict

from grader.execution.nouns import Limits

_SHOWN = ("stream", "display_data", "execute_result", "update_display_data", "error")
_MOST_OUTPUTS = 500
_ERROR_BYTES = 100_000


class Text:
    """A growing text as a terminal would show it, with its beginning and its end when it gets too long."""

    def __init__(self, most: int) -> None:
        self._most = most // 2
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._head_size = self._tail_size = self._left_out = 0
        self._line = ""
        self._rewind = False

    @property
    def cut(self) -> bool:
        """Whether something had to be left out."""
        return self._left_out > 0

    def feed(self, piece: str) -> int:
        """Take more text; returns by how many characters what is kept has grown."""
        before = self._size()
        *lines, last = piece.replace("\r\n", "\n").split("\n")
        for line in lines:
            self._write(line)
            self._keep(self._line + "\n")
            self._line, self._rewind = "", False
        self._write(last)
        return self._size() - before

    def __str__(self) -> str:
        note = f"\n[... {self._left_out} characters left out by the grader ...]\n" if self.cut else ""
        return "".join((*self._head, note, *self._tail, self._line))

    def _size(self) -> int:
        return self._head_size + self._tail_size + len(self._line)

    def _write(self, text: str) -> None:
        """Onto the open line; after a carriage return the next text takes its place."""
        for position, part in enumerate(text.split("\r")):
            self._rewind = self._rewind or position > 0
            if part:
                self._line = part if self._rewind else self._line + part
                self._rewind = False
        if len(self._line) > self._most:
            self._left_out += len(self._line) - self._most
            self._line = self._line[: self._most]

    def _keep(self, line: str) -> None:
        room = self._most - self._head_size if not self._tail else 0
        if room > 0:
            self._head.append(line[:room])
            self._head_size += min(room, len(line))
            line = line[room:]
        if not line:
            return
        self._tail.append(line)
        self._tail_size += len(line)
        while self._tail_size > self._most and len(self._tail) > 1:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._left_out += gone


class Capture(NotebookClient):
    """nbclient that keeps no more than it may, and survives messages that no kernel would send."""

    def __init__(self, notebook: NotebookNode, limits: Limits) -> None:
        super().__init__(
            notebook, allow_errors=True, timeout=None, iopub_timeout=10, raise_on_iopub_timeout=False,
            record_timing=False, store_widget_state=False, coalesce_streams=False,
        )  # fmt: skip
        self._limits = limits
        self._kept = 0
        self.clear_before_next_output = False
        self._kept_of_cell = 0
        self._cell: NotebookNode | None = None
        self._streams: dict[str, tuple[NotebookNode, Text]] = {}
        self.cut: set[int] = set()
        """Cells whose output was too long."""
        self.heard = True
        """Whether the kernel's word that the cell has ended arrived: without it outputs may be missing."""
        self.strange = 0
        """Messages that could not be understood."""

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Take one message of the kernel."""
        if cell is not self._cell:
            self.settle()
            self._cell, self._kept_of_cell = cell, 0
        try:
            return self._take(msg, cell, cell_index)
        except CellExecutionComplete:
            self.settle()
            self.heard = True
            raise
        except Exception:  # the message is the student's to forge
            self.strange += 1
            return None

    def settle(self) -> None:
        """Write the text of open streams into their outputs."""
        for node, text in self._streams.values():
            node["text"] = str(text)
        self._streams = {}

    def _take(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        kind, content = msg["msg_type"], msg["content"]
        if kind not in _SHOWN:
            if kind == "clear_output":
                self.settle()
            return super().process_message(msg, cell, cell_index)
        hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        if kind == "stream" and not hooked:
            return self._print(msg, cell, cell_index)
        size = _size(content)
        if kind == "error" and size >= _ERROR_BYTES and not self._fits(size, cell):
            # That the cell failed is always kept, only not at any length.
            content["ename"], content["evalue"] = str(content["ename"])[:200], str(content["evalue"])[:2000]
            content["traceback"], size = [], 3000
            self.cut.add(cell_index)
        if not self._affords(size, cell, cell_index, always=kind == "error"):
            return None
        self._spend(size)
        if kind != "update_display_data":
            self.settle()
        return super().process_message(msg, cell, cell_index)

    def _print(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        name, piece = str(msg["content"]["name"]), str(msg["content"]["text"])
        if self.clear_before_next_output:
            self.settle()
        if name not in self._streams:
            if not self._affords(1, cell, cell_index):
                return None
            msg["content"] = {"name": "stderr" if name == "stderr" else "stdout", "text": ""}
            node = super().process_message(msg, cell, cell_index)
            if node is None:
                return None
            room = self._limits.cell_output_bytes - self._kept_of_cell
            room = min(room, self._limits.notebook_output_bytes - self._kept)
            self._streams[name] = (node, Text(max(room // 2, 200)))
        node, text = self._streams[name]
        self._spend(text.feed(piece))
        if text.cut:
            self.cut.add(cell_index)
        return node

    def _fits(self, size: int, cell: NotebookNode) -> bool:
        whole = self._kept + size <= self._limits.notebook_output_bytes
        own = self._kept_of_cell + size <= self._limits.cell_output_bytes
        return whole and own and len(cell.outputs) < _MOST_OUTPUTS

    def _affords(self, size: int, cell: NotebookNode, cell_index: int, *, always: bool = False) -> bool:
        if self._fits(size, cell) or (always and size < _ERROR_BYTES):
            return True
        if cell_index not in self.cut:
            self.cut.add(cell_index)
            note = "\n[the grader left out further output of this cell: it was too long]\n"
            output = {"output_type": "stream", "name": "stderr", "text": note}
            cell.outputs.append(from_dict(output))  # type: ignore[no-untyped-call]
        return False

    def _spend(self, size: int) -> None:
        self._kept += size
        self._kept_of_cell += size


def _size(content: dict[str, Any]) -> int:
    """About how many bytes an output will take."""
    texts = [*content.get("data", {}).values(), *content.get("traceback", ()), content.get("evalue", "")]
    return 200 + sum(len(text) if isinstance(text, str) else len(repr(text)) for text in texts)
