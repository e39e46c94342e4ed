"""Eight connections to each server for some seconds, while the clock skips; then the servers must be idle.

usage: load.py FAKECA STATE PORT... -- PID...     (PID: the servers' launchers; what runs below them is looked at)
Prints a line a server: PORT requests N reconnects N failed N; then "idle SECONDS" of processor time in a second.
"""
import http.client
import os
import subprocess
import sys
import threading
import time

at = sys.argv.index("--")
FAKECA, STATE = sys.argv[1:3]
PORTS = [int(p) for p in sys.argv[3:at]]
FRONTS = [int(p) for p in sys.argv[at + 1 :]]
CONNECTIONS = 8
SKIPS = ["60d", "6h", "6h", "-1d", "10d"]
over = threading.Event()


class Load(threading.Thread):
    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.requests, self.reconnects, self.failed = port, 0, 0, []

    def ask(self, connection):
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or body.strip() != b"hello":
            raise ValueError("%d %r" % (answer.status, body))

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not over.is_set():
            try:
                try:
                    self.ask(connection)
                except (ConnectionError, http.client.BadStatusLine):
                    # a connection that was kept alive may have timed out by the server's clock: once, and a new one works
                    self.reconnects += 1
                    connection.close()
                    self.ask(connection)
                self.requests += 1
            except Exception as e:
                self.failed.append("%s: %s" % (type(e).__name__, e))
                connection.close()
        connection.close()


def below(pid):
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                with open("/proc/%s/stat" % name) as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found += [int(name)] + below(int(name))
        except OSError:
            pass
    return found


def processor_time(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


loads = [Load(port) for port in PORTS for _ in range(CONNECTIONS)]
for load in loads:
    load.start()
for skip in SKIPS:
    seen = [load.requests for load in loads]
    end = time.monotonic() + 20
    while time.monotonic() < end and any(load.requests < before + 5 for load, before in zip(loads, seen)):
        time.sleep(0.02)
    subprocess.run([FAKECA, "clock", "--state", STATE, "advance", skip], check=True, stdout=subprocess.DEVNULL)
seen = [load.requests for load in loads]
end = time.monotonic() + 20
while time.monotonic() < end and any(load.requests < before + 5 for load, before in zip(loads, seen)):
    time.sleep(0.02)
stuck = sum(load.requests < before + 5 for load, before in zip(loads, seen))
over.set()
for load in loads:
    load.join(15)
for port in PORTS:
    mine = [load for load in loads if load.port == port]
    failed = [text for load in mine for text in load.failed]
    print("%d requests %d reconnects %d failed %d %s" % (port, sum(l.requests for l in mine), sum(l.reconnects for l in mine), len(failed), failed[:1]))
print("stuck %d" % stuck)
tree = [pid for front in FRONTS for pid in below(front)]
before = processor_time(tree)
time.sleep(1)
print("idle %.2f" % (processor_time(tree) - before))
