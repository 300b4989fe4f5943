"""Hostile notebooks: what each attempts, what stops it, and how one sees that it was really attempted.

`proof` must be found in what the notebook printed: it shows the attempt and its failure. The secrets of `secrets` must
not be found in anything that comes out of any box. {port}, {secret}, {other} and {abstract} are filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TRY = """
import os, sys, socket, time, signal, ctypes, subprocess, glob, threading, json, re
libc = ctypes.CDLL(None, use_errno=True)
def attempt(label, action, *args):
    try:
        result = action(*args)
        print('GOT', label, repr(result)[:300])
    except BaseException as error:
        print('REFUSED', label, type(error).__name__, str(error)[:150])
def call(number, *args):
    result = libc.syscall(number, *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def read(path):
    with open(path) as file:
        return file.read(2000)
def write(path, text='x'):
    with open(path, 'w') as file:
        file.write(text)
"""


@dataclass(frozen=True)
class Attack:
    """One hostile notebook."""

    name: str
    stopped_by: str
    cells: tuple[str, ...]
    proof: tuple[str, ...]
    """Regular expressions, each of which must match what was printed."""
    never: tuple[str, ...] = ()
    """Regular expressions that must match nothing that was printed."""
    status: tuple[str, ...] = ("ok",)
    files: dict[str, bytes] = field(default_factory=dict)


def attack(
    name: str, stopped_by: str, *cells: str, proof: str | tuple[str, ...], never: str | tuple[str, ...] = (),
    status: str | tuple[str, ...] = "ok",
) -> Attack:  # fmt: skip
    as_tuple = lambda value: (value,) if isinstance(value, str) else tuple(value)  # noqa: E731
    return Attack(name, stopped_by, (TRY, *cells), as_tuple(proof), as_tuple(never), as_tuple(status))


SPYING = (
    attack(
        "reads the gradebook and another submission by their paths",
        "only /usr, the interpreter and the stage are mounted",
        "for path in ('{secret}', '{other}', '/proc/1/root{secret}', '/job/../../..{secret}', '/proc/self/cwd/../{secret}'):\n"
        "    attempt(path, read, path)",
        proof="REFUSED {secret} FileNotFoundError",
        never="GOT",
    ),
    attack(
        "looks for every rubric, ledger and notebook of the machine",
        "no folder of the course is in the box",
        "found = []\nfor folder, folders, files in os.walk('/'):\n"
        "    folders[:] = [d for d in folders if os.path.join(folder, d) not in ('/proc', '/usr', '/sys') and d not in ('site-packages', 'lib')]\n"
        "    found += [os.path.join(folder, f) for f in files if f.endswith(('.ipynb', '.sqlite')) or f in ('week3.yaml', 'results.json', 'worksheet.csv')]\n"
        "print('FOUND', found)",
        proof=r"FOUND \[\]",
    ),
    attack(
        "prints its environment and that of every process",
        "the box starts with an empty environment",
        "everything = '\\n'.join(f'{{k}}={{v}}' for k, v in os.environ.items())\n"
        "for p in glob.glob('/proc/[0-9]*/environ'):\n    attempt(p, read, p)\n"
        "print('VARIABLES', len(os.environ), 'HF_TOKEN' in os.environ, everything)",
        proof="VARIABLES [0-9]+ False",
    ),
    attack(
        "looks for keys and tokens in home folders",
        "no home folder is in the box",
        "for path in ('/root/.ssh/id_rsa', '~/.netrc', '~/.cache/huggingface/token', '/etc/shadow', '~/.aws/credentials',\n"
        "             '/root/.bash_history', '/run/secrets'):\n    attempt(path, read, os.path.expanduser(path))\n"
        "mounts = [line.split()[4] for line in open('/proc/self/mountinfo')]\n"
        "homes = [p for pattern in ('/root/*', '/home/*', '/home/*/*', '/home/*/.*') for p in glob.glob(pattern)]\n"
        "other = [p for p in homes if not any((m + '/').startswith(p + '/') or p.startswith(m + '/') for m in mounts if m != '/')]\n"
        "print('HOMES', other, open('/etc/passwd').read().count('\\n'))  # an interpreter may lie in a home folder",
        proof=("REFUSED /etc/shadow", r"HOMES \[\] 2"),
        never="GOT",
    ),
    attack(
        "searches the memory it shares with the warm server",
        "the server is given no secret",
        "pattern = re.compile(b'GRADE' + b'BOOK-[0-9a-f]{{16}}')\nhits = size = 0\n"
        "with open('/proc/self/mem', 'rb', 0) as memory:\n"
        "    for line in open('/proc/self/maps'):\n"
        "        if ' rw' in line:\n"
        "            a, b = (int(x, 16) for x in line.split()[0].split('-'))\n"
        "            try:\n                memory.seek(a); data = memory.read(min(b - a, 1 << 26))\n"
        "            except (OSError, ValueError, OverflowError): continue\n"
        "            size += len(data); hits += len(pattern.findall(data))\n"
        "print('SEARCHED', size > 10_000_000, 'HITS', hits)",
        proof="SEARCHED True HITS 0",
    ),
    attack(
        "looks at processes outside",
        "own process numbers",
        "print('SEEN', len(glob.glob('/proc/[0-9]*')) < 8)\nattempt('1', read, '/proc/1/cmdline')\nattempt('kcore', read, '/proc/kcore')",
        proof=("SEEN True", "REFUSED kcore"),
        never=("{secret}", "submission"),
    ),
)

NETWORK = (
    attack(
        "calls a server on this machine and one outside",
        "the box has a network of its own with nothing in it",
        "def connect(host, port):\n    with socket.create_connection((host, port), 2): return 'connected'\n"
        "attempt('local', connect, '127.0.0.1', {port})\nattempt('outside', connect, '1.1.1.1', 443)\n"
        "attempt('metadata', connect, '169.254.169.254', 80)",
        proof=("REFUSED local", "REFUSED outside", "REFUSED metadata"),
        never="GOT",
    ),
    attack(
        "asks for names and sends datagrams",
        "the box has a network of its own with nothing in it",
        "attempt('name', socket.gethostbyname, 'pypi.org')\n"
        "attempt('datagram', socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b'x', ('8.8.8.8', 53))",
        proof=("REFUSED name", "REFUSED datagram"),
        never="GOT",
    ),
    attack(
        "calls unix sockets of the machine",
        "network and mounts of its own",
        "def connect(path):\n    s = socket.socket(socket.AF_UNIX); s.settimeout(2); s.connect(path); return 'connected'\n"
        "for path in ('\\0{abstract}', '/run/docker.sock', '/var/run/docker.sock', '/run/dbus/system_bus_socket', '/run/user/1000/bus'):\n"
        "    attempt(path.replace('\\0', '@'), connect, path)",
        proof="REFUSED @{abstract}",
        never="GOT",
    ),
    attack(
        "opens sockets that network namespaces don't cover",
        "system call filter",
        "for family in (40, 16, 17, 38, 31):\n    attempt(f'family {{family}}', socket.socket, family, socket.SOCK_RAW, 3)\n"
        "attempt('raw', socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)",
        proof=("REFUSED family 40", "REFUSED family 17", "REFUSED raw"),
        never="GOT",
    ),
    attack(
        "installs a package and clones a repository",
        "no network; pip says so at once",
        "!pip install reverse-shell-2000 2>&1 | tail -1\n!git clone https://github.com/x/y 2>&1 | tail -1\n"
        "import urllib.request\nattempt('url', urllib.request.urlopen, 'https://example.org', None, 3)",
        proof=("No network|No matching distribution", "REFUSED url"),
        never="GOT",
    ),
)

GREED = (
    attack(
        "forks without end",
        "number of processes",
        "count = 0\ntry:\n    while count < 2000:\n        if os.fork() == 0: time.sleep(60); os._exit(0)\n        count += 1\n"
        "except OSError as error: print('REFUSED', error)\nprint('FORKED', count < 200)",
        proof=("REFUSED", "FORKED True"),
        status=("ok", "timeout"),
    ),
    attack(
        "starts threads without end",
        "number of processes",
        "count = 0\ntry:\n    while count < 2000: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); count += 1\n"
        "except RuntimeError as error: print('REFUSED', error)\nprint('STARTED', count < 200)",
        proof=("REFUSED", "STARTED True"),
    ),
    attack(
        "takes all memory",
        "memory of the box",
        "print('BEGUN', flush=True); time.sleep(0.5)\nhoard = []\nwhile True: hoard.append(bytearray(b'x') * (64 << 20))",
        proof="BEGUN",
        status="out_of_memory",
    ),
    attack(
        "takes all memory in many processes",
        "memory of the box",
        "print('BEGUN', flush=True); time.sleep(0.5)\nchildren = []\nfor _ in range(12):\n    pid = os.fork()\n    if pid == 0:\n"
        "        hoard = []\n        for i in range(1000): hoard.append(bytearray(b'x') * (16 << 20)); time.sleep(0.01)\n"
        "        os._exit(0)\n    children.append(pid)\nfor pid in children: os.waitpid(pid, 0)",
        proof="BEGUN",
        status="out_of_memory",
    ),
    attack(
        "takes shared memory that is in no file",
        "memory of the box",
        "import mmap\nprint('BEGUN', flush=True); time.sleep(0.5)\nhoard = []\nwhile True:\n"
        "    hoard.append(mmap.mmap(-1, 32 << 20)); hoard[-1].write(b'x' * (32 << 20)); time.sleep(0.02)",
        proof="BEGUN",
        status="out_of_memory",
    ),
    attack(
        "takes memory that belongs to no process",
        "system call filter",
        "attempt('memfd', os.memfd_create, 'hoard')\nattempt('shmget', call, 29, 0, 1 << 30, 0o1600)\n"
        "attempt('msgget', call, 68, 0, 0o1600)\nattempt('semget', call, 64, 0, 8, 0o1600)",
        proof=("REFUSED memfd", "REFUSED shmget", "REFUSED msgget", "REFUSED semget"),
        never="GOT",
    ),
    attack(
        "fills every folder it may write to",
        "sizes of the memory file systems",
        "for folder in ('/job', '/tmp', '/dev/shm', '/run/k'):\n    written = 0\n    try:\n        for n in range(50):\n"
        "            with open(f'{{folder}}/fill{{n}}', 'wb') as f:\n                for _ in range(8): f.write(b'x' * (1 << 20)); written += 1\n"
        "    except OSError as error: print('REFUSED', folder, written, error)\n    else: print('GOT', folder, written)\n"
        "    for path in glob.glob(f'{{folder}}/fill*'): os.remove(path)",
        proof=("REFUSED /job", "REFUSED /tmp", "REFUSED /dev/shm", "REFUSED /run/k"),
        never="GOT",
    ),
    attack(
        "writes where nothing is limited",
        "everything else is read-only",
        "import site\nfor path in ('/x', '/dev/x', '/usr/x', '/etc/x', '/run/x', '/course/x', sys.prefix + '/x', '/proc/self/comm', '/run/grader-inside/kernel.py',\n"
        "             site.getsitepackages()[0] + '/x.pth', '/sys/x', os.path.dirname(sys.executable) + '/python'):\n"
        "    attempt(path, write, path)",
        proof=("REFUSED /usr/x", "REFUSED /x ", "REFUSED /dev/x", "REFUSED /run/grader-inside"),
        never="GOT",
    ),
    attack(
        "makes a huge sparse file",
        "size of a file",
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nattempt('sparse', lambda: open('/job/s.json', 'wb').truncate(1 << 40))",
        proof="REFUSED sparse",
        never="GOT",
    ),
    attack(
        "makes files without end",
        "number of files",
        "print('BEGUN', flush=True); time.sleep(0.5)\nn = 0\nwhile True:\n    open(f'/tmp/n{{n}}', 'w').close(); n += 1",
        proof="BEGUN",
        status="crashed",
    ),
    attack(
        "opens files without end",
        "number of open files",
        "hold = []\ntry:\n    while True: hold.append(open('/dev/null'))\nexcept OSError as error: print('REFUSED', error, len(hold) < 2000)\nhold.clear()",
        proof="REFUSED .*Too many open files.* True",
    ),
    attack(
        "prints without end",
        "bytes per cell",
        "for n in range(300): print('BEGUN' + 'x' * 100_000)",
        "print('LATER')",
        proof=("BEGUN", "LATER", "left out"),
    ),
    attack(
        "shows one huge output",
        "bytes of a message",
        "from IPython.display import HTML, display\ndisplay(HTML('y' * 60_000_000)); print('SHOWN')",
        "print('LATER')",
        proof=("SHOWN", "LATER"),
    ),
    attack(
        "sends a message that is larger than allowed, past our own courtesy",
        "bytes of a message",
        "kernel = get_ipython().kernel\nfrom jupyter_client.session import Session\nprint('BEGUN', flush=True); time.sleep(0.5)\n"
        "Session.send(kernel.session, kernel.iopub_socket, 'stream', dict(name='stdout', text='z' * 50_000_000), parent=kernel.get_parent())",
        "print('LATER')",
        proof="BEGUN",
        never="LATER",
        status=("crashed", "timeout"),
    ),
)

STUBBORN = (
    attack("loops for ever", "time of a cell", "print('BEGUN', flush=True)\nwhile True: pass", "print('LATER')",
           proof=("BEGUN", "LATER"), status="timeout"),
    attack("loops for ever and swallows the interrupt", "time of the notebook",
           "print('BEGUN', flush=True); signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass", "print('LATER')",
           proof="BEGUN", never="LATER", status="timeout"),
    attack("sleeps with every signal blocked", "time of the notebook",
           "print('BEGUN', flush=True); time.sleep(0.3)\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64)); time.sleep(600)",
           proof="BEGUN", status="timeout"),
    attack("stops its own process", "time of the notebook",
           "print('BEGUN', flush=True); time.sleep(0.3)\nos.kill(os.getpid(), signal.SIGSTOP)", proof="BEGUN", status="timeout"),
    attack("makes the recorder's last word endless", "time to finish",
           "print('BEGUN')\ndef forever():\n    while True: time.sleep(1)\nget_ipython().kernel.grader_finish = forever", proof="BEGUN"),
    attack("waits for an answer that nobody gives", "there is no standard input", "print('BEGUN')\ninput('your password? ')", "print('LATER')",
           proof=("BEGUN", "StdinNotImplementedError|EOFError", "LATER"), status="error"),
    attack("shows an object whose display never ends", "time of a cell",
           "print('BEGUN', flush=True)\nclass Endless:\n    def _repr_html_(self):\n        while True: pass\nEndless()", "print('LATER')",
           proof=("BEGUN", "LATER"), status="timeout"),
    attack("raises errors whose texts run code and never end", "it is one box's process, bytes per cell",
           "class Odd(Exception):\n    def __str__(self): return 'x' * 200_000\n    def __repr__(self): raise SystemExit\nprint('BEGUN', flush=True)\nraise Odd()", "print('LATER')",
           proof=("BEGUN", "LATER"), status="error"),
    attack("leaves a daemon behind", "the box's processes end with its first one",
           "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]\n"
           "        os.execvp('sleep', ['sleep', '86397'])\n    os._exit(0)\nprint('LEFT')", proof="LEFT"),
    attack("kills everything it can see", "own process numbers",
           "print('BEGUN', flush=True); time.sleep(0.3)\nattempt('parent', os.kill, os.getppid(), 9)\nattempt('first', os.kill, 1, 9)\nos.kill(-1, 9)",
           "print('LATER')", proof="BEGUN", status=("crashed", "error")),
    attack("ends its own process", "it is one box's process",
           "print('BEGUN', flush=True); time.sleep(0.3)\nos._exit(3)", "print('LATER')", proof="BEGUN", never="LATER", status="crashed"),
    attack("crashes the interpreter", "it is one box's process",
           "print('BEGUN', flush=True); time.sleep(0.3)\nctypes.string_at(0)", proof="BEGUN", status="crashed"),
)  # fmt: skip

ESCAPING = (
    attack("makes namespaces and mounts", "system call filter, no capabilities",
           "for flags in (0x10000000, 0x20000, 0x40000000): attempt(f'unshare {{flags:x}}', call, 272, flags)\n"
           "attempt('mount', call, 165, b't', b'/job', b'tmpfs', 0, 0)\nattempt('remount', call, 165, 0, b'/usr', 0, 32, 0)\n"
           "attempt('setns', call, 308, os.open('/proc/1/ns/mnt', 0), 0)\nattempt('chroot', os.chroot, '/tmp')\n"
           "print(subprocess.run(['unshare', '-Ur', 'id'], capture_output=True, text=True).stderr[:100])",
           proof=("REFUSED unshare 10000000", "REFUSED mount", "REFUSED setns", "REFUSED chroot"), never=("GOT", "uid=0")),
    attack("sets the core pattern, the clock and the host's name", "read-only /proc, no capabilities",
           "for path in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/sys/kernel/hostname', '/proc/sys/vm/drop_caches'):\n"
           "    attempt(path, write, path, '|/tmp/evil')\nattempt('clock', time.clock_settime, time.CLOCK_REALTIME, 0)\n"
           "attempt('host', socket.sethostname, 'evil')",
           proof=("REFUSED /proc/sys/kernel/core_pattern", "REFUSED clock", "REFUSED host"), never="GOT"),
    attack("becomes root by a setuid program or a capability", "no new privileges",
           "print(subprocess.run('su -c id; sudo -n id; grep -E \"CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp:\" /proc/self/status', shell=True,\n"
           "      capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout)\nattempt('setuid', os.setuid, 0)",
           proof=("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "REFUSED setuid"), never=("GOT", "uid=0")),
    attack("takes over the box's first process", "system call filter, read-only /proc",
           "attempt('ptrace', call, 101, 16, 1, 0, 0)\nattempt('memory', lambda: open('/proc/1/mem', 'r+b'))\n"
           "attempt('vm_writev', call, 311, 1, 0, 0, 0, 0, 0)\nattempt('getfd', call, 438, 0, 0, 0)",
           proof=("REFUSED ptrace", "REFUSED memory", "REFUSED vm_writev"), never="GOT"),
    attack("uses corners of the Linux kernel", "system call filter",
           "for name, number in dict(io_uring=425, bpf=321, keyctl=250, userfaultfd=323, perf=298, add_key=248, handle=304, quotactl=179).items():\n"
           "    attempt(name, call, number, 0, 0, 0, 0, 0)",
           proof=("REFUSED io_uring PermissionError", "REFUSED bpf PermissionError", "REFUSED keyctl PermissionError"), never="GOT"),
    attack("types into the teacher's terminal", "a session of its own, system call filter",
           "import fcntl\nattempt('tty', open, '/dev/tty', 'w')\n"
           "def push(fd):\n    fcntl.ioctl(fd, 0x5412, b'x')\nmaster, slave = os.openpty()\nattempt('TIOCSTI', push, slave)",
           proof=("REFUSED tty", "REFUSED TIOCSTI"), never="GOT"),
    attack("makes device files and reads disks", "no capabilities, own /dev",
           "attempt('mknod', os.mknod, '/job/disk', 0o60666, os.makedev(254, 0))\n"
           "for path in ('/dev/mem', '/dev/vda', '/dev/sda', '/dev/kmsg', '/dev/fuse', '/dev/kvm'): attempt(path, lambda p: open(p, 'rb').read(10), path)",
           proof=("REFUSED mknod", "REFUSED /dev/mem"), never="GOT"),
)  # fmt: skip

POISON = (
    attack("leaves start-up files for the next one", "every folder that can be written is gone with the box",
           "home = os.path.expanduser('~')\nfor path in (home + '/ipython/profile_default/startup/00.py', home + '/.bashrc', '/tmp/sitecustomize.py',\n"
           "             home + '/.local/lib/python3/site-packages/evil.pth', '/job/torch.py', home + '/huggingface/modules/evil.py', '/dev/shm/sem.evil'):\n"
           "    os.makedirs(os.path.dirname(path), exist_ok=True); attempt(path, write, path, 'print(\"POISONED\")')",
           proof=("GOT .*startup", "GOT /job/torch.py")),
    attack("changes the stage, the libraries and our helpers", "they are mounted read-only",
           "for path in (os.environ['HF_HUB_CACHE'] + '/models--Qwen--Qwen2.5-0.5B/refs/main', os.environ['COURSE_DATA'] + '/labels.json'):\n"
           "    attempt(path, write, path)\nimport nbformat, grader\nfor module in (nbformat, grader): attempt(module.__name__, write, module.__file__)",
           proof=("REFUSED .*refs/main", "REFUSED .*labels.json", "REFUSED nbformat", "REFUSED grader"), never="GOT"),
    attack("patches the recorder so that it says what it likes", "records are claims: saved weights are measured outside, contradictions go to a person",
           "inside = [module for name, module in sys.modules.items() if name.startswith('grader_inside')]\n"
           "for module in inside:\n    for name, thing in list(vars(module).items()):\n        if hasattr(thing, 'emit'): thing.emit = lambda *a, **k: None\n"
           "print('PATCHED', len(inside) > 3)", "print('LATER')", proof=("PATCHED True", "LATER")),
    attack("forges evidence, findings and scorecard beside its notebook", "what it leaves is measured as files of its own, never read as ours",
           "told = json.dumps(dict(digest='0' * 64, total='100', findings=dict(x=dict(verdict='passed'))))\n"
           "for name in ('evidence.json', 'findings.json', 'scorecard.json', 'results.json', 'reading.json'): write(name, told)\nprint('FORGED', len(os.listdir('.')))", proof="FORGED 5"),
    attack("leaves safetensors whose headers lie", "lengths, depth and offsets are held against the file",
           "import struct\ndeep = b'[' * 200_000\nfor name, data in dict(a=struct.pack('<Q', 2**63), b=struct.pack('<Q', len(deep)) + deep, c=b'').items():\n"
           "    open(name + '.safetensors', 'wb').write(data)\nprint('LEFT')", proof="LEFT"),
    attack("shuts its kernel down through the kernel's own channels", "it is one box's process",
           "import zmq\nprint('BEGUN', flush=True); time.sleep(0.5)\nkernel = get_ipython().kernel\n"
           "channel = zmq.Context().socket(zmq.DEALER); channel.linger = 2000; channel.connect('ipc:///run/k/s-4')\nkernel.session.send(channel, 'shutdown_request', dict(restart=False)); time.sleep(3)", "print('LATER')",
           proof="BEGUN", status=("crashed", "ok", "error", "timeout")),
    attack("forges the recorder's records", "records are claims, bounded, and move nothing by themselves",
           "for fd in os.listdir('/proc/self/fd'):\n    try:\n        if 'pipe' in os.readlink(f'/proc/self/fd/{{fd}}'):\n"
           "            os.write(int(fd), b'{{\"t\": \"forged\", \"exec\": 1}}\\n{{\"t\": \"grader_cell\", \"exec\": -5}}\\nnot json\\n' + b'[' * 100_000 + b'\\n' + b'x' * 300_000 + b'\\n')\n"
           "    except OSError: pass\nprint('WRITTEN')",
           "print('LATER')", proof=("WRITTEN", "LATER")),
    attack("floods the recorder", "bytes of records",
           "for fd in os.listdir('/proc/self/fd'):\n    try:\n        if 'pipe' in os.readlink(f'/proc/self/fd/{{fd}}') and int(fd) < 20:\n"
           "            for _ in range(500): os.write(int(fd), (b'{{\"t\": \"flood\", \"exec\": 1, \"x\": \"' + b'y' * 60_000 + b'\"}}\\n'))\n"
           "    except OSError: pass\nprint('WRITTEN')", proof="WRITTEN"),
    attack("forges messages of the kernel", "what can't be understood is dropped",
           "kernel = get_ipython().kernel\nsend = lambda kind, content, **k: kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), **k)\n"
           "for kind, content in (('display_data', dict(data=5)), ('stream', dict()), ('comm_open', dict(comm_id=[], data=7)), ('execute_result', dict(execution_count='x', data={{}}, metadata=0)),\n"
           "        ('update_display_data', dict(transient=dict(display_id='q'))), ('error', dict(ename=1, evalue=2, traceback=3)), ('clear_output', {{}}), ('nonsense', dict(a=1)), ('display_data', dict(data={{'text/plain': {{'a': [1]}}}}, metadata={{}}, transient=3))):\n"
           "    send(kind, content)\nprint('SENT')", "print('LATER')", proof=("SENT", "LATER"), status=("ok", "error")),
    attack("breaks the kernel's signature and its socket", "nothing that it sends is believed without a signature",
           "print('BEGUN', flush=True); time.sleep(0.5)\nkernel = get_ipython().kernel\nkernel.session.key = b'other'\nprint('SIGNED OTHERWISE')",
           proof="BEGUN", status=("crashed", "timeout")),
    attack("puts links to the machine's sockets where the kernel's were", "we connect once, before its first cell",
           "for n in range(1, 6):\n    path = f'/run/k/s-{{n}}'\n    os.remove(path); os.symlink('{other}.socket', path)\nprint('LINKED', os.listdir('/run/k'))", "print('LATER')",
           proof=("LINKED", "LATER")),
    attack("leaves links, pipes, deep folders and strange names to be harvested", "regular files through a handle only",
           "os.symlink('{secret}', 'stolen.json'); os.symlink('/', 'root'); os.mkfifo('pipe.json'); os.link('/etc/passwd', 'p.json') if False else None\n"
           "os.makedirs('adapter'); write('adapter/adapter_config.json', '{{}}'); write(b'bad\\xff\\x1b[2J\\n.json', '1')\n"
           "os.symlink('/etc', 'adapter/etc')\nos.chdir('/job')\nfor _ in range(1200): os.mkdir('d'); os.chdir('d')\nwrite('deep.json', '1')\nos.chdir('/job'); open('huge.json', 'wb').truncate(60 << 20)\n"
           "s = socket.socket(socket.AF_UNIX); s.bind('/job/sock.json'); print('LEFT', len(os.listdir('.')))", proof="LEFT 8"),
    attack("leaves a pickle under the name of an adapter", "nothing is ever unpickled: files are bytes",
           "import pickle\nclass Bomb:\n    def __reduce__(self): return os.system, ('touch /tmp/grader-was-here; echo POISONED',)\n"
           "for name in ('adapter_model.safetensors', 'training_args.bin', 'x.json'): open(name, 'wb').write(pickle.dumps(Bomb()))\nprint('LEFT')", proof="LEFT"),
    attack("prints escape codes and markup", "kept as they are: who shows them cleans them",
           "print('\\x1b]0;owned\\x07\\x1b[2J<script>alert(1)</script>')\nfrom IPython.display import HTML, Javascript, SVG\nHTML('<img src=x onerror=alert(1)>')", proof="owned"),
)  # fmt: skip

ATTACKS = (*SPYING, *NETWORK, *GREED, *STUBBORN, *ESCAPING, *POISON)
