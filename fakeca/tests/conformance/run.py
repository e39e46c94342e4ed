"""Runs the rows of fixtures/conformance/rows.tsv against a running CA: run.py RUN_JSON ENVIRONMENT ROWS_TSV [ROW...]

Prints a line a row: "ok", "departs NAME" (the environment leaves the row out by that value of its policy), "not tested: reason", "FAILED: why",
and the count. Ends with 1 when a row failed, or held although the environment is said to depart from it."""
import glob, json, os, re, sys

from lib import *
import rows_clients, rows_dns, rows_more, rows_request, rows_resources, rows_tls  # noqa: they fill the table


def departure(server, path):
    if isinstance(path, Everywhere):
        return True
    value = server.departures
    for part in path.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    return value is True or (path == "requests.signature_algorithms" and "EdDSA" not in value)


def missing_tests(reason):
    """Tests that a reason names and that are not there."""
    tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    places = {"unit": "*/test_%s.c", "e2e": "e2e/%s.sh"}
    return [kind + "." + name for kind, name in re.findall(r"\b(unit|e2e)\.([a-z0-9_]+)", reason) if not glob.glob(os.path.join(tests, places[kind] % name))]


def one(server, name):
    if name in NOT_TESTED:
        missing = missing_tests(NOT_TESTED[name])
        return "FAILED: there is no test '%s'" % missing[0] if missing else "not tested: " + NOT_TESTED[name]
    if name not in ROWS:
        return "not tested: no test yet"
    function, departs = ROWS[name]
    expected = departs and departure(server, departs)
    server.ask("POST", "/api/v1/limits/reset", {"environment": server.env})
    server.ask("DELETE", "/api/v1/faults")
    try:
        function(server)
    except Departs as e:
        return "departs %s" % e
    except Exception as e:  # a client that breaks is a row that does not hold
        return "departs " + departs if expected and "rateLimited" not in str(e) else "FAILED: %s: %s" % (type(e).__name__, str(e)[:400])
    return "FAILED: it holds, although %s says that it does not" % departs if expected else "ok"


def main():
    run, env, table, wanted = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3], set(sys.argv[4:])
    rows = [line.split("\t") for line in open(table, encoding="utf-8").read().splitlines()[1:]]
    web = Web()
    base = run["directory"].rsplit("/", 1)[0]
    prefix = {"production": "/dir", "staging": "/staging/dir"}.get(env, "/%s/dir" % env)
    origin = "/".join(base.split("/")[:3])
    server = Server(origin + prefix, run["ca_file"], run["management"], web, env)
    server.ca_file = run["ca_file"]
    server.ask("PUT", "/api/v1/port-map", {"map": "80=127.0.0.1:%d" % web.port})
    server.dns = run["dns"]
    counts, done = {"ok": 0, "departs": 0, "not": 0, "FAILED:": 0}, {}
    rows = [r for r in rows if not wanted or r[0] in wanted]
    for name, *_ in sorted(rows, key=lambda r: ROWS.get(r[0], (None,))[0] in LAST):
        function = ROWS.get(name, (name,))[0]
        if function not in done:
            done[function] = one(server, name)
    for name, level, text, _ in rows:
        result = done[ROWS.get(name, (name,))[0]]
        counts[result.split()[0]] += 1
        print("%-18s %-9s %s | %s" % (name, level, result, text[:100]))
    total = sum(counts.values())
    print("%s: %d rows: %d hold, %d depart, %d not tested, %d failed" % (env, total, counts["ok"], counts["departs"], counts["not"], counts["FAILED:"]))
    sys.exit(1 if counts["FAILED:"] else 0)


main()
