"""Beyond the RFCs' rows (fixtures/conformance/more.tsv): what other CAs of this kind hang on, panic or get wrong (reference/peers.md), the
further kinds of account keys, and the reuse of orders and authorizations, switched on and off and purged."""
import datetime, http.client, json, os, subprocess, tempfile, urllib.parse

from cryptography.hazmat.primitives import serialization

from lib import *
from rows_request import fail, roll


def serves(s, after):
    """For an account that has nothing to do with what was done before: all that Pebble stopped doing."""
    other = Client(s)
    order = ok(other.order("alive.test"), 201)
    need(ok(other.fetch(order.json["authorizations"][0])).json["status"] == "pending", "after", after)
    need(ok(other.fetch(order["Location"])).json["status"] == "pending", "after", after)


@row("peers-sibling-challenge")
def sibling_challenge(s):
    c = Client(s)
    order = ok(c.order("sibling.test"), 201)
    authz = order.json["authorizations"][0]
    siblings = ok(c.fetch(authz)).json["challenges"]
    c.authorize(order)
    for challenge in siblings * 2:
        for payload in ({}, None):
            answer = c.post(challenge["url"], payload)
            need(answer.status in (200, 400, 404), challenge["type"], payload, answer)
    need(ok(c.fetch(authz)).json["status"] == "valid", "it is valid no more")
    serves(s, "a POST to a sibling challenge")


@row("peers-second-post")
def second_post(s):
    c = Client(s)
    authz = ok(c.order("second.test"), 201).json["authorizations"][0]
    challenge = c.challenge(authz)
    s.web.right(challenge["token"], c.key)
    s.ask("PUT", "/api/v1/dns", {"name": "second.test", "type": "A", "values": ["127.0.0.1"], "delay": "400ms"})
    for _ in range(4):
        ok(c.post(challenge["url"], {}))
    c.wait(authz, "valid")
    ok(c.post(challenge["url"], {}))
    serves(s, "many a POST to one challenge")


@row("peers-one-label")
def one_label(s):
    c = Client(s)
    for name in ("example", "localhost", "com", "a", "test", "", ".", "-"):
        answer = c.order(name)
        need(answer.status in (201, 400), name, answer)
    need(s.departures["blocked_names"] or s.env != "production", "nothing is blocked: the case is not met")
    serves(s, "names of one label")


@row("peers-nonsense-dates")
def nonsense_dates(s):
    c = Client(s)
    for more in ({"notAfter": "nonsense"}, {"notBefore": "nonsense"}, {"notAfter": "9999-99-99T99:99:99Z"}, {"notAfter": 7},
                 {"notBefore": "2020-01-01T00:00:00Z", "notAfter": "2020-02-01T00:00:00Z"}):
        refused(c.order("dates.test", **more), "malformed", 400)
    serves(s, "orders with dates")


@row("peers-finished-orders-list")
def finished_orders_list(s):
    a, b = Client(s), Client(s)
    a.issue("finished.test")  # one account with orders that are over, one with none that is listed
    for c, left in ((a, 1), (b, 0)):
        fail(c, "finished%d.test" % left, b"x")
        listed = ok(c.fetch(c.url)).json.get("orders")
        need(bool(listed) != s.departures["departures"]["no_orders_list"], "the orders list of the account:", listed)
        for i in range(2):
            if listed:
                need(len(ok(c.fetch(listed)).json["orders"]) == left + i, "what is left")
            ok(c.order("next%d.test" % i), 201)


@row("peers-failed-replacement")
def failed_replacement(s):
    c = Client(s)
    certid = c.issue("renewed.test").certid()
    order = ok(c.order("renewed.test", "other.renewed.test", replaces=certid), 201)
    ok(c.post(order.json["authorizations"][-1], {"status": "deactivated"}))
    need(ok(c.fetch(order["Location"])).json["status"] == "invalid", "the first replacement")
    ok(c.order("renewed.test", "again.renewed.test", replaces=certid), 201)


@row("peers-post-renewal-info")
def post_renewal_info(s):
    c = Client(s)
    url = s.directory["renewalInfo"] + "/" + c.issue("posted.test").certid()
    refused(c.post(url, {}), "malformed", 405)
    ok(s.get(url))


@row("peers-advertised-is-served")
def advertised_is_served(s):
    c = Client(s)
    for name, url in s.directory.items():
        if isinstance(url, str) and url.startswith(s.url.rsplit("/", 1)[0]) and "Nonce" not in name:
            answer = c.post(url, {})
            need(answer.status < 500 and answer.status != 404 or name == "renewalInfo", name, answer)
    refused(Client(s, register=False).new_account({"termsOfServiceAgreed": False}))
    ok(roll(c, Key()))


@row("peers-dns-trouble-is-dns")
def dns_trouble(s):
    for rcode in ("SERVFAIL", "NXDOMAIN", "REFUSED"):
        name = rcode.lower() + ".trouble.test"
        s.ask("PUT", "/api/v1/dns", {"name": name, "type": "*", "rcode": rcode})
        found = fail(Client(s), name, b"")
        need(found["error"]["type"] == URN + "dns", rcode, found)


@row("peers-redirects-as-there")
def redirects_as_there(s):
    c = Client(s)
    for i, (status, to) in enumerate(((303, "/elsewhere"), (302, "http://redirect1.test:8080/elsewhere"), (302, "ftp://redirect2.test/elsewhere"))):
        url = ok(c.order("redirected%d.test" % i), 201).json["authorizations"][0]
        challenge = c.challenge(url)
        s.web.put(challenge["token"], b"", status, {"Location": to})
        s.web.answers["/elsewhere"] = (200, {}, (challenge["token"] + "." + c.key.thumbprint()).encode())
        c.post(challenge["url"], {})
        c.wait(url, "invalid")


def start_with(config):
    """Exit status and error of a start with this config file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.json")
        with open(path, "w", encoding="utf-8") as out:
            out.write(config)
        done = subprocess.run([os.environ["FAKECA"], "serve", "--state", os.path.join(folder, "state"), "--config", path], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
        return done.returncode, done.stderr


@row("peers-mistyped-config-key")
def mistyped_config_key(_):
    for config, says in (('{"port-mapp": "80=81"}', "port-mapp"), ('{\n "pace": "fsat"}', "fsat"), ('{"threads": "2"}', "threads"), ('{"threads": 2', "config"), ("[]", "config")):
        status, error = start_with(config)
        need(status == 2 and says in error, config, status, error)


# ---- account keys: PS256 and EdDSA ----


def ps256():
    key = Key("RSA-2048")
    key.alg = "PS256"
    return key


FURTHER = (("PS256", ps256), ("EdDSA", lambda: Key("Ed25519")))


@row("keys-further-kinds", departs="requests.signature_algorithms")
def further_kinds(s):
    for alg, make in FURTHER:
        c = Client(s, make(), register=False)
        c.url = ok(c.new_account({"termsOfServiceAgreed": True}), 201)["Location"]
        issued = c.issue("%s.keys.test" % alg.lower())
        ok(c.post(s.directory["revokeCert"], {"certificate": issued.der}))
        need(ok(c.new_account({"onlyReturnExisting": True}))["Location"] == c.url, "account")


@row("keys-rollover-to-further-kinds", departs="requests.signature_algorithms")
def rollover_to_further_kinds(s):
    c = Client(s)
    for new in (ps256(), Key("Ed25519"), Key()):  # to each, from each, and back
        ok(roll(c, new))
        refused(c.fetch(c.url))
        c.key = new
        ok(c.fetch(c.url))
    c.issue("rolled.keys.test")


@row("keys-refused-kinds")
def refused_kinds(s):
    """Where the policy does not have them the refusal says which there are; a bad signature is refused where it has them."""
    known = s.departures["requests"]["signature_algorithms"]
    c = Client(s)
    for alg, make in FURTHER + (("ES256K", Key), ("HS256", Key)):
        if alg in known:
            other = make()
            body = Client(s, other, register=False).jws(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True, kid=None)
            raw = bytearray(unb64(body["signature"]))
            raw[3] ^= 1
            refused(c.send(s.directory["newAccount"], {**body, "signature": b64(bytes(raw))}), "malformed", 400)
            continue
        says = 'JWS signature header contains unsupported algorithm "%s", expected one of [%s]' % (alg, " ".join(known))
        answer = refused(Client(s, make(), register=False).new_account({"termsOfServiceAgreed": True}, alg=alg), "badSignatureAlgorithm", 400)
        need(answer.json["algorithms"] == known and answer.json["detail"].endswith(says), answer)
        if alg in ("PS256", "EdDSA"):
            new = make()
            refused(roll(c, new), "badSignatureAlgorithm", 400)
            ok(c.fetch(c.url))


# ---- reuse ----


def reused(c, first, second):
    """Whether the second order for the same names is the first."""
    one, two = ok(c.order(*first), 201), ok(c.order(*second), 201)
    return one["Location"] == two["Location"]


def validates_nothing(c, name):
    """Whether the order after a certificate needs no validation."""
    c.issue(name)
    return ok(c.order(name, "b." + name), 201).json, ok(c.order(name), 201).json["status"] == "ready"


def purge(s, **whose):
    return s.ask("POST", "/api/v1/authorizations/purge", {"environment": s.env, **whose})


@row("reuse-as-there")
def reuse_as_there(s):
    c, other = Client(s), Client(s)
    on = s.departures["reuse"]
    names = ["one.reuse.test", "two.reuse.test"]
    need(reused(c, names, names[::-1]) == on["orders"], "orders")
    need(not reused(other, names, names[:1]), "another set of names")
    both, again = validates_nothing(c, "three.reuse.test")
    need(again == on["authorizations"] and both["status"] == "pending", "authorizations")


def switched(s, **reuse):
    policy = s.ask("GET", "/api/v1/policy?environment=" + s.env)["policy"]
    policy["reuse"].update(reuse)
    policy.setdefault("changes", [])
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "policy.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(policy, out)
    own = Own(s, "--policy", path)
    own.policy = folder
    return own


@row("prof-4-05")
def profile_is_gone(s):
    with switched(s) as own:
        with open(own.options[1], encoding="utf-8") as source:
            policy = json.load(source)
        with_it = json.loads(json.dumps(policy))
        with_it["profiles"].append({**policy["profiles"][0], "name": "gone", "offered": True, "description": "https://ca.test/gone"})
        own.stop()
        for value in (with_it, policy):
            with open(own.options[1], "w", encoding="utf-8") as out:
                json.dump(value, out)
            own.start()
            if value is with_it:
                c = Client(own.server)
                _, order = c.ready("gone.test", profile="gone")
                own.stop()
        c.server = own.server
        refused(c.post(order["finalize"], {"csr": csr(["gone.test"])}), "invalidProfile", 400)


@row("reuse-orders-off")
def orders_off(s):
    with switched(s, orders=False, authorizations=True) as own:
        c = Client(own.server)
        need(not reused(c, ["off.reuse.test"], ["off.reuse.test"]), "the order was used again")
        need(validates_nothing(c, "off2.reuse.test")[1], "authorizations are another switch")


@row("reuse-authorizations-off")
def authorizations_off(s):
    with switched(s, orders=True, authorizations=False) as own:
        c = Client(own.server)
        need(reused(c, ["off.reuse.test"], ["off.reuse.test"]), "orders are another switch")
        need(not validates_nothing(c, "off2.reuse.test")[1], "the authorization was used again")


@row("reuse-purge-api")
def purge_by_api(s):
    a, b = Client(s), Client(s)
    for c in (a, b):
        c.issue("p1.purge.test")
        c.issue("p2.purge.test")

    def ready(c, name):
        return ok(c.order(name, "x%s.purge.test" % s.nonce()[:12].lower().replace("_", "").replace("-", "")), 201)

    def kept(c, name):
        order = ready(c, name)
        states = {x["identifier"]["value"]: x["status"] for x in (ok(c.fetch(u)).json for u in order.json["authorizations"])}
        return states[name] == "valid"

    number = int(a.url.rsplit("/", 1)[1])
    need(kept(a, "p1.purge.test") and kept(b, "p1.purge.test"), "not used again before")
    need(purge(s, name="p1.purge.test", account=number)["removed"] == 1, "removed")
    need([kept(a, "p1.purge.test"), kept(a, "p2.purge.test"), kept(b, "p1.purge.test")] == [False, True, True], "by account and name")
    need(purge(s, name="p1.purge.test")["removed"] == 1 and not kept(b, "p1.purge.test") and kept(b, "p2.purge.test"), "by name")
    need(purge(s)["removed"] >= 2 and not kept(a, "p2.purge.test") and not kept(b, "p2.purge.test"), "all")
    need(purge(s, names="x").get("error") == 400 and purge(s, account="x").get("error") == 400, "a mistyped member")


@row("reuse-purge-command")
def purge_by_command(s):
    c = Client(s)
    c.issue("cmd.purge.test")

    def command(*words):
        return subprocess.run([os.environ["FAKECA"], "reset", *words, "--management", s.management], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True)

    done = command("authorizations", "--name", "cmd.purge.test", "--environment", s.env)
    need(done.returncode == 0 and done.stdout == "1 authorization ended: the next order validates again\n", done.stdout, done.stderr)
    need(ok(c.order("cmd.purge.test"), 201).json["status"] == "pending", "used again")
    need(command("--name", "x.test").returncode == 2 and command("authorisations").returncode == 2, "bad usage is taken")
    ok(c.fetch(c.url))


# ---- checks.md part 8: what the examiner needs of the CA, a row a point ----


def one_validation(s, name, status=200, headers=None, body=None):
    """A validation of that name by an answer as given: its record at the management API, and the token."""
    c = Client(s)
    url = ok(c.order(name), 201).json["authorizations"][0]
    challenge = c.challenge(url)
    right = (challenge["token"] + "." + c.key.thumbprint()).encode()
    s.web.put(challenge["token"], right if body is None else body, status, headers)
    s.web.answers["/found/" + name] = (200, {}, right)
    c.post(challenge["url"], {})
    c.wait(url, "valid", "invalid")
    number = s.ask("GET", "/api/v1/orders?limit=1&environment=" + s.env)["orders"][0]["id"]
    authz = s.ask("GET", "/api/v1/orders/%d" % number)["authorizations"][0]["id"]
    return s.ask("GET", "/api/v1/validations/%d" % authz), challenge["token"]


@row("part8-01")
def mapped_redirects_and_sources(s):
    for i, to in enumerate(("http://map%d.test/found/map%d.test", "http://map%d.test:80/found/map%d.test", "http://map%%d.test:%d/found/map%%d.test" % s.web.port)):
        record, token = one_validation(s, "map%d.test" % i, 302, {"Location": to % (i, i)})
        need(record["status"] == "valid", record)
        sources = {h["source"].rsplit(":", 1)[0] for h in record["hops"] if h["step"] == "http"}
        need(len(s.web.seen(token)) == len(sources) and (len(sources) >= 3) == (s.env != "rfc8555"), "from several addresses", sources)
    s.ask("PUT", "/api/v1/dns", {"name": "six.map.test", "type": "A", "values": []})
    s.ask("PUT", "/api/v1/dns", {"name": "six.map.test", "type": "AAAA", "values": ["::1"]})
    record, _ = one_validation(s, "six.map.test")
    need([h["resolved"] for h in record["hops"] if "url" in h][0] == ["::1"] and {h["used"] for h in record["hops"] if "used" in h} == {"::1"}, "IPv6 where declared", record)


@row("part8-02")
def validation_records(s):
    record, _ = one_validation(s, "record.test", 302, {"Location": "/found/record.test"})
    first, second = record["hops"][:2]
    need((first["status"], first["location"], second["status"]) == (302, "/found/record.test", 200), first, second)
    need(first["url"].startswith("http://record.test/") and first["server"].startswith("BaseHTTP") and first["used"] == "127.0.0.1", first)
    need("expected" in second and "received" in second and record["ms"] >= 0, second)
    wrong, _ = one_validation(s, "record2.test", body=b"something else")
    need(wrong["status"] == "invalid" and wrong["problem"]["type"] and wrong["cause"] and "something else" in wrong["hops"][0]["received"], wrong)
    again = s.ask("GET", "/api/v1/validations/%d" % record["authorization"])
    need(again == record, "overwritten by a later one")
    hops = [e for e in pages(s, "validation.hop") if e["data"]["identifier"] == "record.test"]
    need(hops and all(e["time"] and e["real_time"] for e in hops), "no times")


def pages(s, kind):
    found, after = [], 0
    while True:
        page = s.ask("GET", "/api/v1/events?types=%s&limit=1000&after=%d" % (kind, after))
        if not page["events"]:
            return found
        found += page["events"]
        after = page["next"]


@row("part8-03")
def a_clock_that_starts_in_the_past(s):
    with Own(s, "--clock", "-60d", "--ari-retry-after", "90s") as own:
        c = Client(own.server)
        issued, other = c.issue("past.test"), c.issue("past2.test")
        ask = own.server.ask
        window = ok(own.server.get(own.server.directory["renewalInfo"] + "/" + issued.certid()))
        need(window["Retry-After"] == "90", window["Retry-After"])
        serial = "%036x" % issued.leaf.serial_number
        ask("PUT", "/api/v1/certificates/%s/renewal" % serial, {})
        now = ask("GET", "/api/v1/clock")["now"]
        info = own.server.directory["renewalInfo"] + "/"
        need(ok(own.server.get(info + issued.certid())).json["suggestedWindow"]["end"] <= now, "moved")
        need(ok(own.server.get(info + other.certid())).json["suggestedWindow"]["start"] > now, "only that one")
        due = ask("POST", "/api/v1/clock/advance", {"by": "60d"})
        need(due, "advance")
        need(ok(own.server.get(info + other.certid())).json["suggestedWindow"]["start"] < ask("GET", "/api/v1/clock")["now"], "60 days age what was issued")
        lasts = {}
        for name in own.server.directory["meta"]["profiles"]:
            leaf = c.issue("%s.past.test" % name, profile=name).leaf
            lasts[name] = (leaf.not_valid_after - leaf.not_valid_before).days
        need(s.env != "production" or len(set(lasts.values())) >= 3, "a lifetime a profile:", lasts)


@row("part8-04")
def reuse_of_the_profile(s):
    with switched(s) as own:
        own.stop()
        with open(own.options[1], encoding="utf-8") as source:
            policy = json.load(source)
        for lasts, used, not_used in (("10d", "8d", "3d"), ("7h", "1h", "7h")):
            policy["profiles"][0].update(valid_authz_lifetime=lasts, order_lifetime="8h", pending_authz_lifetime="1h")
            with open(own.options[1], "w", encoding="utf-8") as out:
                json.dump(policy, out)
            own.start()
            c, name = Client(own.server), "reuse%s.part8.test" % lasts
            c.issue(name)
            for by, again in ((used, True), (not_used, False)):
                own.server.skip(by)
                need((ok(c.order(name), 201).json["status"] == "ready") == again, lasts, "after", by)
            own.stop()
        own.start()


@row("part8-05")
def two_environments(s):
    with Own(s, "--environment", "production", "--environment", "staging") as own:
        origin = "/".join(own.server.url.split("/")[:3])
        one, two = (Server(origin + path, own.server.ca_file, own.server.management, s.web, env) for path, env in (("/dir", "production"), ("/staging/dir", "staging")))
        a, b = Client(one), Client(two)
        chains = [c.issue("both.test").certs for c in (a, b)]
        need(chains[0][-1].issuer != chains[1][-1].issuer and chains[0][1] != chains[1][1], "one chain for both")
        one.ask("POST", "/api/v1/limits/fill", {"environment": "production", "limit": "CertificatesPerDomain", "names": ["both.test"]})
        refused(a.order("x.both.test"), "rateLimited", 429)
        ok(b.order("x.both.test"), 201)
        spent = {bucket["limit"]: bucket for bucket in one.ask("GET", "/api/v1/limits?environment=production")["buckets"]}
        need(spent["CertificatesPerDomain"]["remaining"] == 0 and spent["NewOrdersPerAccount"]["used"] >= 1, spent)
        refused(Client(one).order("y.both.test"), "rateLimited", 429)  # a client that starts anew changes nothing


@row("part8-06")
def fault_switches(s):
    kinds = {k["kind"] for k in s.ask("GET", "/api/v1/faults/kinds")["kinds"]}
    need({"unavailable", "unavailable-html", "refuse", "slow", "cut", "bad-nonce", "processing", "rate-limited", "internal", "body", "already-replaced",
          "blocked-key"} <= kinds, kinds)
    c = Client(s)
    for step in ("newOrder", "authorization", "challenge", "finalize", "order", "certificate"):  # a cut connection and a bad nonce at each step
        location, order = c.ready("%s.faults.test" % step.lower())
        authz = ok(c.fetch(order["authorizations"][0])).json
        urls = {"newOrder": s.directory["newOrder"], "authorization": order["authorizations"][0], "challenge": authz["challenges"][0]["url"],
                "finalize": order["finalize"], "order": location, "certificate": ""}
        if step == "certificate":
            urls[step] = ok(c.post(order["finalize"], {"csr": csr(["certificate.faults.test"])})).json["certificate"]
        s.ask("POST", "/api/v1/faults", {"kind": "bad-nonce", "endpoints": [step], "times": 1, "environment": s.env})
        refused(c.post(urls[step], {} if step in ("newOrder", "finalize") else None), "badNonce", 400)
        s.ask("POST", "/api/v1/faults", {"kind": "cut", "endpoints": [step], "times": 2, "environment": s.env})
        try:
            need(not c.post(urls[step], None), "answered")
        except (OSError, http.client.HTTPException):
            pass
        s.ask("DELETE", "/api/v1/faults")
    s.ask("POST", "/api/v1/faults", {"kind": "bad-nonce", "endpoints": ["account"], "share": 50, "seed": 7, "environment": s.env})
    seen = [c.fetch(c.url).status for _ in range(60)]
    need(15 <= seen.count(400) <= 45 and set(seen) == {200, 400}, "by rate:", seen.count(400))
    s.ask("DELETE", "/api/v1/faults")
    issued = c.issue("operator.faults.test")  # revocation by the CA
    need(s.ask("POST", "/api/v1/certificates/%036x/revoke" % issued.leaf.serial_number, {"reason": 4})["status"] == "revoked", "revocation")


@row("part8-07")
def issuers_and_the_log(s):
    with Own(s) as own:
        c, issuers = Client(own.server), set()
        for i in range(3):
            issued = c.issue("rotated%d.test" % i)
            issuers.add(issued.leaf.issuer.rfc4514_string())
            need(issued.chain.links("alternate"), "no alternate chain")
            own.server.ask("POST", "/api/v1/faults", {"kind": "rotate-issuer"})
        need(len(issuers) >= 2, issuers)
        logged = own.server.ask("GET", "/api/v1/certificates?limit=100")["certificates"]
        need({n for row in logged for n in row["identifiers"]} == {"rotated%d.test" % i for i in range(3)}, logged)


@row("part8-08")
def the_event_stream(s):
    c = Client(s)
    c.issue("stream.test")
    first = s.ask("GET", "/api/v1/events?limit=5")
    again = s.ask("GET", "/api/v1/events?limit=5")
    need(first == again and [e["seq"] for e in first["events"]] == sorted(e["seq"] for e in first["events"]), "it cannot be replayed")
    mine = [e for e in pages(s, "request") if e.get("account") == int(c.url.rsplit("/", 1)[1])]
    need(mine and mine[-1]["data"]["client"] == "conformance" and mine[-1]["time"] and mine[-1]["real_time"], mine[-1:])
    begin = s.ask("GET", "/api/v1/events?types=certificate.issued&limit=1")["events"][0]["seq"] - 1
    parts = urllib.parse.urlsplit(s.management)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("GET", "/api/v1/events/stream?after=%d" % begin)
    line = b""
    answer = connection.getresponse()
    while not line.strip().startswith((b"data:", b"{")):
        line = answer.readline()
    need(json.loads(line[line.index(b"{"):])["seq"] == begin + 1, line)
    connection.close()


@row("part8-09")
def offered_types(s):
    c = Client(s)
    for i, types in enumerate((["http-01"], ["surprise-01", "http-01"], ["tokenless-01"])):
        s.ask("POST", "/api/v1/faults", {"kind": "offer", "types": types, "times": 1, "environment": s.env})
        challenges = ok(c.fetch(ok(c.order("offer%d.part8.test" % i), 201).json["authorizations"][0])).json["challenges"]
        need(sorted(x["type"] for x in challenges) == sorted(types), types, challenges)
    need(("token" in challenges[0]) is False, challenges)


@row("part8-10")
def trust_as_a_file(s):
    ok(Server(s.url, s.ca_file, s.management, s.web, s.env).get(s.url))  # verified by that file alone
    issued = Client(s).issue("trust.part8.test")
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("leaf.pem", "chain.pem")]
        for path, certs in zip(paths, (issued.certs[:1], issued.certs[1:])):
            with open(path, "wb") as out:
                out.writelines(cert.public_bytes(serialization.Encoding.PEM) for cert in certs)
        when = datetime.datetime.fromisoformat(s.ask("GET", "/api/v1/clock")["now"].replace("Z", "+00:00")).timestamp()
        done = subprocess.run(["openssl", "verify", "-attime", "%d" % when, "-CAfile", s.ca_file, "-untrusted", paths[1], paths[0]], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, text=True)
        need(done.returncode == 0, done.stdout)
    words = subprocess.run([os.environ["FAKECA"], "env", "--management", s.management], stdout=subprocess.PIPE, check=True, text=True).stdout
    for name in ("REQUESTS_CA_BUNDLE", "LEGO_CA_CERTIFICATES", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "FAKECA_ROOT"):
        need(name + "=" in words, name, "is not printed")
