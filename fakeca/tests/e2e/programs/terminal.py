"""fakeca run under a terminal: one Ctrl-C is one SIGINT, jobs stop and go on; nothing is left of a killed run.

usage: terminal.py FAKECA STATE
"""
import os
import pty
import select
import signal
import subprocess
import sys
import time

FAKECA, STATE = sys.argv[1:3]
DEADLINE = 20


def wait_until(what, condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise SystemExit("not in time: " + what)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            pass
    return found


def descendants(pid):
    found = children(pid)
    for child in list(found):
        found += descendants(child)
    return found


class Terminal:
    """A program that leads a session on a terminal of its own."""

    def __init__(self, *command):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def read(self, seconds=0.02):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += data

    def expect(self, word):
        def seen():
            self.read()
            return word in self.text

        wait_until("%r in %r" % (word, self.text[-300:]), seen)

    def send(self, data):
        os.write(self.fd, data)

    def status(self):
        self.read(0.2)
        result = []

        def ended():
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                result.append(status)
            return bool(pid)

        wait_until("the end of the program", ended)
        return result[0]


RUN = [FAKECA, "run", "--state", STATE, "--"]
COUNT = """
import signal, sys, time
got = []
signal.signal(signal.SIGINT, lambda *a: got.append(1))
print("ready", flush=True)
while not got:
    time.sleep(0.05)
time.sleep(0.7)
print("interrupts %d" % len(got), flush=True)
"""


def one_interrupt():
    t = Terminal(*RUN, "python3", "-c", COUNT)
    t.expect(b"ready")
    t.send(b"\x03")
    t.expect(b"interrupts 1")
    assert os.waitstatus_to_exitcode(t.status()) == 0


def interrupt_ends():
    t = Terminal(*RUN, "sh", "-c", "echo ready; sleep 100")
    t.expect(b"ready")
    t.send(b"\x03")
    assert os.waitstatus_to_exitcode(t.status()) in (-signal.SIGINT, 130)


def twice_ends_the_deaf():
    t = Terminal(*RUN, "python3", "-c", "import signal,time; signal.signal(2, signal.SIG_IGN); print('ready', flush=True); time.sleep(100)")
    t.expect(b"ready")
    t.send(b"\x03")
    time.sleep(0.3)
    t.send(b"\x03")
    assert os.waitstatus_to_exitcode(t.status()) == -signal.SIGTERM


def passed_on():
    """A signal to the front alone reaches the command."""
    p = subprocess.Popen(RUN + ["sh", "-c", "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.1; done"], stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"ready\n"
    p.send_signal(signal.SIGUSR1)
    assert p.stdout.readline() == b"usr1\n"
    assert p.wait(DEADLINE) == 5


def jobs():
    t = Terminal("bash", "--norc", "-i")
    t.send(b"PS1='$ '; set -m\n")
    t.expect(b"$ ")
    t.send(" ".join(RUN).encode() + b" sh -c 'echo rea''dy; sleep 2; echo fini''shed'\n")
    t.expect(b"ready")
    t.send(b"\x1a")
    t.expect(b"Stopped")
    t.text = b""
    t.send(b"jobs\n")
    t.expect(b"Stopped")
    t.text = b""
    t.send(b"fg\n")
    t.expect(b"finished")
    t.text = b""
    t.send(b"echo status $?\n")
    t.expect(b"status 0")
    t.send(b"exit\n")
    t.status()


TREE = "sleep 1000 & (setsid sleep 1000 &) ; sh -c 'sleep 1000' & echo ready; wait"


def killed(which):
    p = subprocess.Popen(RUN + ["sh", "-c", TREE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stdout.readline() == b"ready\n"
    supervisor = children(p.pid)[0]
    wait_until("the tree", lambda: len(descendants(supervisor)) >= 4)
    tree = descendants(p.pid)
    os.kill(p.pid if which == "front" else supervisor, signal.SIGKILL)
    wait_until("the end of all after kill -9 of the %s" % which, lambda: not [x for x in tree if alive(x)], 2)
    code = p.wait(DEADLINE)
    if which == "supervisor":
        assert code == 125, code
        assert b"the supervisor was killed; ended" in p.stderr.read()


def rest():
    """What outlives the command is told, and ended by Ctrl-C."""
    t = Terminal(*RUN, "sh", "-c", "setsid sleep 1000 & exit 7")
    t.expect(b"CMD ended (7); still running: sleep")
    t.send(b"\x03")
    assert os.waitstatus_to_exitcode(t.status()) == 7
    p = subprocess.run([FAKECA, "run", "--state", STATE, "--kill-rest", "--", "sh", "-c", "setsid sleep 1001 & exit 8"], timeout=DEADLINE)
    assert p.returncode == 8
    assert subprocess.run(["pgrep", "-f", "^sleep 1001$"], stdout=subprocess.DEVNULL).returncode == 1


def detached():
    p = subprocess.run([FAKECA, "run", "--state", STATE, "--detach", "--", "sh", "-c", "setsid sh -c 'sleep 1; exec sleep 1002' & exit 9"], timeout=DEADLINE)
    assert p.returncode == 9
    running = lambda: subprocess.run(["pgrep", "-f", "^sleep 1002$"], stdout=subprocess.PIPE).stdout
    wait_until("the detached program, which must be able to exec", running)
    os.kill(int(running()), signal.SIGKILL)


for test in (one_interrupt, interrupt_ends, twice_ends_the_deaf, passed_on, jobs, rest, detached):
    print(test.__name__, flush=True)
    test()
for part in ("front", "supervisor"):
    print("kill -9", part, flush=True)
    killed(part)
