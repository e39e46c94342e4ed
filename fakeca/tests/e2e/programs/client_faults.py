"""Every client under every trouble: client_faults.py FAKECA FOLDER TABLE MODULES [CLIENT|TROUBLE...]

TABLE (fixtures/clients/faults.tsv) has a row a trouble: the rule, and what each client makes of it: "ok"; "F1" it gives up with that status;
"late" still at it when nobody waits any longer; "unmet" it never asks for that. "seen:" stands before what clients.md does not report. The
outcome may be better than said, not worse. Whatever it was: the CA met the client with the trouble, and the client's next run succeeds (not
tried with dehydrated where it is reported: of all clients it takes half of the time)."""
import os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

import clients

LATE = 3  # seconds after the trouble until a client that is said to be late is left alone
LIMIT = 90
# rules that no request is counted for: done by the mock DNS, the validation, the issuer, the listener
UNCOUNTED = ("dns-servfail", "dns-nxdomain", "dns-delay", "blind", "lose", "rotate-issuer", "refuse")
BY_NAME = ("newOrder", "authorization", "challenge", "order", "finalize", "certificate", "renewalInfo")


class Cell:
    def __init__(self, number, trouble, rule, client, expected):
        self.trouble, self.rule, self.client, self.expected = trouble, rule, client, expected.replace("seen:", "")
        self.reported = not expected.startswith("seen:")
        self.name, self.host = "%s under '%s'" % (client.name, trouble), "c%d.test" % number
        self.failures, self.outcome, self.took = [], None, 0
        kind, at = rule["kind"], rule.get("endpoints")
        # a rule that a name bounds can share the CA with others; the others have a CA to themselves
        self.shared = kind.startswith("dns-") or kind in ("processing", "issuance-fails", "offer", "already-replaced") or bool(at and all(e in BY_NAME for e in at))
        self.sleeps = rule.get("delay", "")[-1:] == "s" or "bad-nonce 12" in trouble or "Location" in trouble or "for ever" in trouble

    def fail(self, *what):
        self.failures.append("%s: %s" % (self.name, " ".join(str(w) for w in what)))


def used_of(ca, number):
    return [f["used"] for f in ca.ask("GET", "/faults")[1]["faults"] if f["id"] == number][0]


def wait(cell, running, ca, number):
    """Its exit status; None: it is still at it, LATE seconds after it met the trouble."""
    if cell.expected != "late":
        return running.wait(LIMIT)
    end, status = time.monotonic() + LIMIT, running.wait(LATE)
    while status is None and cell.rule["kind"] not in UNCOUNTED and not used_of(ca, number) and time.monotonic() < end:
        status = running.wait(LATE)
    return status


def outcome_of(status, met):
    if status is None:
        return "late"
    if status:
        return "F%d" % status
    return "ok" if met else "unmet"


def no_worse(got, expected):
    return got == expected or (got == "ok" and expected != "unmet") or (got.startswith("F") and expected == "late")


def go(cell, ca, world, met):
    try:
        run_cell(cell, ca, world, met)
    except Exception as e:  # whatever it is, the test tells it
        cell.fail(repr(e))


def run_cell(cell, ca, world, met):
    rule = dict(cell.rule)
    if cell.shared:
        rule["name"] = cell.host
    folder = os.path.join(world.folder, cell.host)
    run = clients.Run(ca, "production", folder, cell.host, "newAccount" in rule.get("endpoints", []))
    cell.client.prepare(run)
    status, added = ca.ask("POST", "/faults", rule)
    if status != 200:
        return cell.fail("the rule is refused:", added)
    began, running = time.monotonic(), cell.client.start("issue", run)
    status = wait(cell, running, ca, added["id"])
    running.stop()
    cell.took = time.monotonic() - began
    used = used_of(ca, added["id"])
    ca.ask("DELETE", "/faults/%d" % added["id"])
    if used:
        met.append((ca, added["id"], cell))
    cell.outcome = outcome_of(status, used or cell.rule["kind"] in UNCOUNTED)
    if not no_worse(cell.outcome, cell.expected):
        return cell.fail(cell.outcome, "is worse than", cell.expected, "after %.1f s, log in %s" % (cell.took, folder))
    if not used and cell.expected != "unmet" and cell.rule["kind"] not in UNCOUNTED:
        return cell.fail("the trouble was not met")
    if cell.outcome in ("ok", "unmet") or (cell.reported and cell.client.costly):
        return None
    if rule["kind"] == "offer":  # the order with these challenges stays open for a week, and would be used again
        run = clients.Run(ca, "production", folder, "again." + cell.host)
    running = cell.client.start("issue", run)
    status = running.wait(LIMIT)
    running.stop()
    return None if status == 0 else cell.fail("the next run, without trouble, ends with", status, "log in", folder)


def check_log(ca, cells):
    """Each rule that was met is in the event log."""
    seen, after = set(), 0
    while True:
        page = ca.ask("GET", "/events?types=fault.met&limit=1000&after=%d" % after)[1]
        if not page["events"]:
            break
        seen.update(e["data"]["fault"] for e in page["events"])
        after = page["next"]
    for number, cell in cells:
        if number not in seen:
            cell.fail("rule", number, "was met, and the log does not say so")


def read_table(path, world, wanted):
    lines = [line.split("\t") for line in open(path, encoding="utf-8").read().splitlines()]
    known = {client.name: client for client in (kind(world) for kind in clients.ALL)}
    columns = [(i, known[name]) for i, name in enumerate(lines[0]) if name in known]
    versions = {client.name: lines[1][i] for i, client in columns}
    cells = []
    for line in lines[2:]:
        for i, client in columns:
            if not wanted or client.name in wanted or line[0] in wanted:
                cells.append(Cell(len(cells), line[0], clients.json.loads(line[1]), client, line[i]))
                if cells[-1].rule["kind"].startswith("dns-"):
                    cells[-1].rule["name"] = cells[-1].host
    return cells, versions


def exclusive(program, folder, world, cells, lock, met, cas):
    ca = None
    while True:
        with lock:
            if not cells:
                return
            cell = cells.pop(0)
        if not ca:
            ca = clients.Ca(program, folder, world)
            cas.append(ca)
        go(cell, ca, world, met)


def main():
    program, folder, table, modules = sys.argv[1:5]
    world = clients.World(folder, modules)
    cells, versions = read_table(table, world, sys.argv[5:])
    used, skipped = {c.client for c in cells}, set()
    for client in used:
        if client.reason_to_skip():
            print("skipped: %s: %s" % (client.name, client.reason_to_skip()))
            skipped.add(client)
        elif client.version() != versions[client.name]:
            print("note: %s is %s here, the table is of %s" % (client.name, client.version(), versions[client.name]))
    cells = [c for c in cells if c.client not in skipped]
    met, cas = [], [clients.Ca(program, os.path.join(folder, "shared"), world)]
    if not sys.argv[5:]:
        known = {k["kind"] for k in cas[0].ask("GET", "/faults/kinds")[1]["kinds"]}
        for kind in known - {c.rule["kind"] for c in cells}:
            cells[0].fail("no row of the table has the kind", kind)
    alone, lock = [c for c in cells if not c.shared], threading.Lock()
    threads = [threading.Thread(target=exclusive, args=(program, os.path.join(folder, "alone%d" % i), world, alone, lock, met, cas)) for i in range(3)]
    [t.start() for t in threads]
    sleepers = [c for c in cells if c.shared and c.sleeps]
    with ThreadPoolExecutor(max_workers=max(1, len(sleepers))) as slow, ThreadPoolExecutor(max_workers=4) as fast:
        futures = [slow.submit(go, c, cas[0], world, met) for c in sleepers]
        futures += [fast.submit(go, c, cas[0], world, met) for c in cells if c.shared and not c.sleeps]
        [f.result() for f in futures]
    [t.join() for t in threads]
    report(cells, met, cas, used)


def report(cells, met, cas, used):
    for ca in cas:
        check_log(ca, [(number, cell) for at, number, cell in met if at is ca])
        if ca.ask("GET", "/faults")[1]["faults"] or ca.stop() != 0:
            cells[0].fail("a CA did not end well:", ca.folder)
    [client.stop() for client in used]
    failures = [f for cell in cells for f in cell.failures]
    for cell in cells:
        if cell.outcome != cell.expected and not cell.failures:
            print("better: %s: %s, not %s (%.1f s)" % (cell.name, cell.outcome, cell.expected, cell.took))
    for failure in failures:
        print("FAILED: " + failure)
    if not all(c.outcome for c in cells):
        print("FAILED: not every cell was run")
    print("%d cells, %d failed" % (len(cells), len(failures)))
    sys.exit(1 if failures or not cells or not all(c.outcome for c in cells) else 0)


main()
