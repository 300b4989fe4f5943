"""The commands in docs/cluster.md make certificates with which both sides trust each other, also under strict rules."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

DOC = Path(__file__).parents[3] / "docs" / "cluster.md"


def context(side: int, folder: Path, authority: Path) -> ssl.SSLContext:
    found = ssl.SSLContext(side)
    found.check_hostname = False
    found.verify_mode = ssl.CERT_REQUIRED
    found.verify_flags |= ssl.VERIFY_X509_STRICT
    found.load_verify_locations(authority / "ca.pem")
    found.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return found


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)]
    open_ends = list(ends)
    for _ in range(10):
        for end in list(open_ends):
            try:
                end.do_handshake()
                open_ends.remove(end)
            except ssl.SSLWantReadError:
                pass
    for end, other in ((ends[0], ends[1]), (ends[1], ends[0])):
        end.write(b"hello")
        assert other.read() == b"hello"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_the_documented_commands_make_certificates_that_work_and_others_do_not(tmp_path: Path) -> None:
    commands = re.findall(r"^    ((?:openssl|printf) .*)$", DOC.read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 4
    for folder in (tmp_path / "ours", tmp_path / "others"):
        folder.mkdir()
        for command in commands:
            subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True)
    ours, others = tmp_path / "ours", tmp_path / "others"
    server = context(ssl.PROTOCOL_TLS_SERVER, ours, ours)
    shake_hands(context(ssl.PROTOCOL_TLS_CLIENT, ours, ours), server)
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        shake_hands(context(ssl.PROTOCOL_TLS_CLIENT, others, ours), server)
