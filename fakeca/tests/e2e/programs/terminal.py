"""fakeca run under a terminal: one Ctrl-C is one SIGINT, jobs stop and go on; nothing is left of a killed run.

usage: terminal.py FAKECA STATE
"""
import ctypes
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

FAKECA, STATE = sys.argv[1:3]
DEADLINE = 20
MARK = 10000000 + 2 * os.getpid()  # seconds to sleep, by which a program of this very test is found


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


def stops_in_vfork():
    """Ctrl-Z while the shell waits for a child that is about to exec: the whole job stops, each time."""
    for attempt in range(12):
        t = Terminal(*RUN, "dash", "-c", "echo ready; /bin/true; /bin/true; /bin/true; exec sleep 1000")
        t.expect(b"ready")
        time.sleep(attempt / 4000)  # another moment each time
        t.send(b"\x1a")
        stopped = []

        def has_stopped():
            pid, status = os.waitpid(t.pid, os.WNOHANG | os.WUNTRACED)
            stopped.append(status)
            return pid != 0

        wait_until("the stop of the job", has_stopped)
        assert os.WIFSTOPPED(stopped[-1]), stopped
        os.kill(t.pid, signal.SIGKILL)
        os.waitpid(t.pid, 0)
        os.close(t.fd)


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
    p = subprocess.run([FAKECA, "run", "--state", STATE, "--kill-rest", "--", "sh", "-c", "setsid sleep %d & exit 8" % MARK], timeout=DEADLINE)
    assert p.returncode == 8
    assert subprocess.run(["pgrep", "-f", "^sleep %d$" % MARK], stdout=subprocess.DEVNULL).returncode == 1


def detached():
    p = subprocess.run([FAKECA, "run", "--state", STATE, "--detach", "--", "sh", "-c", "setsid sh -c 'sleep 1; exec sleep %d' & exit 9" % (MARK + 1)], timeout=DEADLINE)
    assert p.returncode == 9
    running = lambda: subprocess.run(["pgrep", "-f", "^sleep %d$" % (MARK + 1)], stdout=subprocess.PIPE).stdout
    wait_until("the detached program, which must be able to exec", running)
    os.kill(int(running()), signal.SIGKILL)


def full_pipe():
    """Nobody reads the launcher's messages: what runs under it goes on (T4). Each copy of a setuid program brings a message."""
    if os.getuid() != 0:
        return
    folder = os.path.dirname(STATE)
    programs = []
    for i in range(20):
        programs.append("%s/setuid-%d" % (folder, i))
        shutil.copy(shutil.which("true"), programs[-1])
        os.chown(programs[-1], 65534, -1)
        os.chmod(programs[-1], 0o4755)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    marker = folder + "/got-on"
    p = subprocess.Popen(RUN + ["sh", "-c", "%s; echo done >%s" % ("; ".join(programs), marker)], stderr=writer)
    os.close(writer)
    wait_until("programs that go on while nobody reads", lambda: os.path.exists(marker))
    while os.read(reader, 65536):
        pass
    assert p.wait(DEADLINE) == 0


SLEEP_UNTIL = """
import ctypes, time
libc = ctypes.CDLL(None)
until = (ctypes.c_long * 2)(int(time.time()) + 100000, 0)
print("ready", flush=True)
libc.clock_nanosleep(0, 1, until, None)
"""


def let_go():
    """The front stands still and the supervisor is killed: who waits with a changed register ends, not only stops being traced (T50)."""
    # stopped in the group of the test it could end all of it by SIGHUP, as an orphaned group
    p = subprocess.Popen(RUN + ["sh", "-c", "sleep 1003 & exec python3 -c '%s'" % SLEEP_UNTIL], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         start_new_session=True)
    assert p.stdout.readline() == b"ready\n"
    supervisor = children(p.pid)[0]
    wait_until("the tree", lambda: len(descendants(supervisor)) >= 2)
    tree = descendants(supervisor)

    def traced():
        with open("/proc/%d/status" % children(supervisor)[0]) as f:
            return "TracerPid:\t%d" % supervisor in f.read()

    wait_until("the wait is translated", traced)
    waiter = children(supervisor)[0]
    os.kill(p.pid, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    wait_until("the end of the waiter", lambda: not alive(waiter), 5)
    os.kill(p.pid, signal.SIGCONT)
    assert p.wait(DEADLINE) == 125
    wait_until("the end of all", lambda: not [x for x in tree if alive(x)], 2)


def zombies():
    """Under a first process that reaps nobody, as in some containers, --detach leaves no zombies of the command's programs."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come to this process, which does not wait for them
        front = subprocess.Popen([FAKECA, "run", "--state", STATE, "--detach", "--", "sh", "-c", "for i in 1 2 3; do (setsid sleep 0.2 &) ; done"])
        front.wait()
        mine = []

        def over():
            mine[:] = children(os.getpid())
            return len(mine) == 1 and not alive(mine[0])  # the supervisor alone, which has ended

        wait_until("the end of what was left behind (%s)" % mine, over)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


for test in (full_pipe, let_go, zombies, one_interrupt, interrupt_ends, twice_ends_the_deaf, passed_on, jobs, stops_in_vfork, rest, detached):
    print(test.__name__, flush=True)
    test()
for part in ("front", "supervisor"):
    print("kill -9", part, flush=True)
    killed(part)
