"""A small Dask cluster with certificates of its own: scheduler and workers as separate processes."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]


def make_certificates(folder: Path) -> Path:
    """An authority and one certificate signed by it: ca.pem, cert.pem, key.pem."""
    folder.mkdir(parents=True)
    authority, ca = _certificate("lab authority", None)
    key, certificate = _certificate("lab", (authority, ca))
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    (folder / "key.pem").chmod(0o600)
    return folder


Signed = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _certificate(name: str, by: Signed | None) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[1].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    return key, builder.sign(by[0] if by else key, hashes.SHA256())


@dataclass
class Lab:
    """A running scheduler and its workers, each in a network namespace of its own where this machine allows it."""

    folder: Path
    host: str
    port: int
    tls: Path
    apart: bool
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tls://{self.host}:{self.port}"

    def add_worker(self, tls: Path | None = None, **env: str) -> subprocess.Popen[bytes]:
        """One worker process with one thread and no nanny: killed, it stays dead."""
        number = len(self.workers)
        inside, where = _namespace(number) if self.apart else ([], [])
        command = [*inside, *_dask("worker", self.address), *where, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                   "--local-directory", str(self.folder / f"worker{number}"), "--death-timeout", "60", *_tls(tls or self.tls)]  # fmt: skip
        process = _start(command, self.folder / f"worker{number}.log", env)
        self.workers.append(process)
        return process

    def scheduler_log(self) -> str:
        return (self.folder / "scheduler.log").read_text("utf-8", "replace")

    def log(self, number: int) -> str:
        return (self.folder / f"worker{number}.log").read_text("utf-8", "replace")


BRIDGE = f"gl{os.getpid() % 100000}"
NETWORK = f"10.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250}"


def _ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0


def _bridge() -> bool:
    """A switch for namespaces; False where they can't be had."""
    if os.geteuid() != 0 or shutil.which("ip") is None or not _ip("netns", "add", f"{BRIDGE}probe"):
        return False
    _ip("netns", "del", f"{BRIDGE}probe")
    return (
        _ip("link", "add", BRIDGE, "type", "bridge")
        and _ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        and _ip("link", "set", BRIDGE, "up")
    )


def _namespace(number: int) -> tuple[list[str], list[str]]:
    """A namespace with one line to the switch: what to run in it with, and the address to give out."""
    name, near, far, address = (
        f"{BRIDGE}w{number}",
        f"{BRIDGE}n{number}",
        f"{BRIDGE}f{number}",
        f"{NETWORK}.{10 + number}",
    )
    for step in (
        ("netns", "add", name),
        ("link", "add", near, "type", "veth", "peer", "name", far),
        ("link", "set", near, "master", BRIDGE, "up"),
        ("link", "set", far, "netns", name),
        ("-n", name, "addr", "add", f"{address}/24", "dev", far),
        ("-n", name, "link", "set", far, "up"),
        ("-n", name, "link", "set", "lo", "up"),
    ):
        assert _ip(*step), step
    return ["ip", "netns", "exec", name], ["--host", f"tls://{address}"]


@contextmanager
def lab(folder: Path, *, workers: int = 3) -> Iterator[Lab]:
    """Everything is ended with the block."""
    tls = make_certificates(folder / "tls")
    apart = _bridge()
    host = f"{NETWORK}.1" if apart else "127.0.0.1"
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    command = [*_dask("scheduler"), "--host", f"tls://{host}:{port}", "--no-dashboard", *_tls(tls)]
    scheduler = _start(command, folder / "scheduler.log", {})
    found = Lab(folder, host, port, tls, apart, scheduler)
    try:
        _await_port(host, port, scheduler)
        for _ in range(workers):
            found.add_worker()
        yield found
    finally:
        for process in (*found.workers, scheduler):
            end(process)
        for number in range(len(found.workers) if apart else 0):
            _ip("netns", "del", f"{BRIDGE}w{number}")
        if apart:
            _ip("link", "del", BRIDGE)


def _dask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dask", *arguments]


def _tls(folder: Path) -> list[str]:
    return [
        "--tls-ca-file",
        str(folder / "ca.pem"),
        "--tls-cert",
        str(folder / "cert.pem"),
        "--tls-key",
        str(folder / "key.pem"),
    ]


def _start(command: list[str], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as target:
        return subprocess.Popen(
            command, stdout=target, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        )  # fmt: skip


def _await_port(host: str, port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        assert process.poll() is None, "the scheduler ended"
        time.sleep(0.1)
    raise TimeoutError("the scheduler does not listen")


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process at once, and wait."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(10)
