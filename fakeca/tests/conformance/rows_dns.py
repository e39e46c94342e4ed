"""Challenge types of the drafts (offered by a fault, where the environment does not), CAA in detail, and what is left."""
import datetime, re

from cryptography import x509

from lib import *
from rows_resources import I, caa_allows, csr, txt


def offered(c, kind, name):
    """An order whose authorization offers that challenge."""
    s = c.server
    s.ask("POST", "/api/v1/faults", {"kind": "offer", "types": [kind], "times": 1, "environment": s.env})
    order = ok(c.order(name, "u%s.test" % s.nonce()[:20].lower().replace("_", "").replace("-", "")), 201)  # no order of before
    wanted = [u for u in order.json["authorizations"] if ok(c.fetch(u)).json["identifier"]["value"] == name.replace("*.", "")][0]
    return wanted, c.challenge(wanted, kind)


def digest(c, challenge):
    return b64(hashlib.sha256((challenge["token"] + "." + c.key.thumbprint()).encode()).digest())


def settle(c, url, challenge):
    c.post(challenge["url"], {})
    done = c.wait(url, "valid", "invalid").json
    return done["status"], (done["challenges"][0].get("error") or {})


# ---- dns-account-01 ----


def account_name(c, name):
    import base64
    label = base64.b32encode(hashlib.sha256(c.url.encode()).digest()[:10]).decode().lower()
    return "_%s._acme-challenge.%s" % (label, name)


@row("dacc-3.1-01", "dacc-3.1-02", "dacc-3.2-01", "dacc-3.2-02", "dacc-3.5-02")
def account_label(s):
    c = Client(s)
    url, challenge = offered(c, "dns-account-01", "da1.test")
    need(re.fullmatch(r"[A-Za-z0-9_-]{22,}", challenge["token"]), challenge)
    txt(s, account_name(c, "da1.test"), digest(c, challenge))
    need(settle(c, url, challenge)[0] == "valid", "valid")
    url, challenge = offered(c, "dns-account-01", "da2.test")
    txt(s, account_name(c, "da2.test"), "wrong")
    need(settle(c, url, challenge)[0] == "invalid", "invalid")


@row("dacc-3-01", "dacc-3.3-01", "dacc-3.2-03")
def account_label_more(s):
    c = Client(s)
    url, challenge = offered(c, "dns-account-01", "da3.test")
    s.ask("PUT", "/api/v1/dns", {"name": account_name(c, "da3.test"), "type": "CNAME", "values": ["elsewhere.test"]})
    txt(s, "elsewhere.test", "a", digest(c, challenge), "b")
    need(settle(c, url, challenge)[0] == "valid", "alias, among others")
    url, challenge = offered(c, "dns-account-01", "*.da4.test")
    txt(s, account_name(c, "da4.test"), digest(c, challenge))
    need(settle(c, url, challenge)[0] == "valid", "wildcard")


@row("dacc-3.3-02", "dacc-3.3-03", "dacc-3.4-01")
def account_label_apart(s):
    a, b = Client(s), Client(s)
    url, challenge = offered(b, "dns-account-01", "da5.test")
    txt(s, "_acme-challenge.da5.test", digest(b, challenge))
    txt(s, account_name(a, "da5.test"), digest(a, challenge))
    status, error = settle(b, url, challenge)
    need(status == "invalid" and b.url in error["detail"], error)


@row("dacc-3.5-01", "dacc-4-01")
def account_label_rollover(s):
    from rows_request import roll
    c, new = Client(s), Key()
    before = account_name(c, "da6.test")
    ok(roll(c, new))
    c.key = new
    need(ok(c.new_account({"onlyReturnExisting": True}))["Location"] == c.url and account_name(c, "da6.test") == before, "URL")
    url, challenge = offered(c, "dns-account-01", "da6.test")
    txt(s, before, digest(c, challenge))
    need(settle(c, url, challenge)[0] == "valid", "valid")


# ---- dns-persist-01 ----


def persist(c, name, *records):
    at = "_validation-persist." + (name[2:] if name.startswith("*.") else name)
    url, challenge = offered(c, "dns-persist-01", name)
    if records:
        txt(c.server, at, *[r.replace("ACCOUNT", c.url) for r in records])
    return settle(c, url, challenge)


R = "%s; accounturi=ACCOUNT" % I


@row("dper-3.1-01", "dper-3.1-02", "dper-3.1-03")
def persist_object(s):
    c = Client(s)
    _, challenge = offered(c, "dns-persist-01", "dp0.test")
    names = challenge["issuer-domain-names"]
    need("token" not in challenge and 1 <= len(names) <= 10 and all(n == n.lower() and not n.endswith(".") for n in names), challenge)


PERSIST = [
    (("dper-4-01", "dper-4-02"), "dp1.test", [R], "valid", None), (("dper-4-03",), "dp2.test", [R + "; foo=bar"], "valid", None),
    (("dper-4-04",), "dp3.test", ["other.example; accounturi=ACCOUNT"], "invalid", "unauthorized"), (("dper-4-05",), "dp4.test", [I], "invalid", None),
    (("dper-4-06",), "dp5.test", [R + "/"], "invalid", "unauthorized"), (("dper-4-07",), "*.dp6.test", [R + "; Policy=WildCard"], "valid", None),
    (("dper-4-08",), "*.dp7.test", [R + "; policy=foo"], "invalid", None), (("dper-4-11", "dper-9.2-01"), "dp8.test", [R + "; persistUntil=soon"], "invalid", "malformed"),
    (("dper-4.1-01",), "dp9.test", ["other.example; accounturi=x", "v=spf1 -all", R], "valid", None), (("dper-4.1-02", "dper-9.2-02"), "dp10.test", ["other.example; accounturi=x"], "invalid", "unauthorized"),
    (("dper-5-01",), "*.dp11.test", [R], "invalid", None), (("dper-4.2-02",), "dp12.test", [], "invalid", None),
]
for ids, name, records, status, kind in PERSIST:
    def one(s, name=name, records=records, status=status, kind=kind):
        found, error = persist(Client(s), name, *records)
        need(found == status, records, found, error)
        kinds = (kind, "incorrectResponse") if kind == "unauthorized" else (kind,)
        need(not kind or error["type"].replace(URN, "") in kinds, error)
    row(*ids)(one)


@row("dper-4-09", "dper-4-10")
def persist_until(s):
    c = Client(s)
    now = datetime.datetime.fromisoformat(s.ask("GET", "/api/v1/clock")["now"].replace("Z", "+00:00")).timestamp()
    need(persist(c, "dp20.test", R + "; persistUntil=%d" % (now + 3600))[0] == "valid", "before")
    need(persist(c, "dp21.test", R + "; persistUntil=%d" % (now - 60))[0] == "invalid", "after")
    s.skip("2h")
    need(persist(c, "dp20.test", R + "; persistUntil=%d" % (now + 3600))[0] == "invalid", "after a skip")


@row("dper-7.2-01", "dper-7.10-01")
def persist_again(s):
    from rows_request import roll
    c, new = Client(s), Key()
    need(persist(c, "dp30.test", R)[0] == "valid", "first")
    ok(roll(c, new))
    c.key = new
    need(persist(c, "dp30.test")[0] == "valid", "after the rollover")
    s.ask("DELETE", "/api/v1/dns?name=_validation-persist.dp30.test")
    need(persist(c, "dp30.test")[0] == "invalid", "removed")


@row("dper-7.8-01")
def persist_not_reused(s):
    c = Client(s)
    need(persist(c, "dp31.test", R)[0] == "valid", "valid")
    need(ok(c.order("dp31.test"), 201).json["status"] == "pending", "used again")


@row("dper-4.2-01")
def persist_just_in_time(s):
    c = Client(s)
    txt(s, "_validation-persist.dp32.test", R.replace("ACCOUNT", c.url))
    url, _ = offered(c, "dns-persist-01", "dp32.test")
    need(ok(c.fetch(url)).json["status"] in ("pending", "valid"), "status")


untested("the mock DNS takes one string a TXT record; unit.va_dns01 joins several", "dper-9.1-01")
untested("a parent's record is not used at all (MAY)", "dper-6-01")

# ---- CAA: grammar and climbing ----

MORE = [
    (("8659-4.1-03",), "e01.test", ['1 issue "%s"' % I], True), (("8659-4.2-05",), "e02.test", ['0 issue "  %s ;  a = b ; c=d"' % I], True),
    (("8659-4.2-06",), "e03.test", ['0 issue "%s; a=b c"' % I], False), (("8659-4.2-07",), "e04.test", ['0 issue "%s;"' % I], True),
    (("8659-5.1-01",), "e05.test", ['0 issue "other.test"'], False),
]
for ids, name, records, allowed in MORE:
    def two(s, name=name, records=records, allowed=allowed):
        need(caa_allows(Client(s), name, *records) == allowed, records, "allowed is not", allowed)
    row(*ids)(two)


@row("8659-3-05")
def every_name(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "every2.test", "type": "CAA", "values": ['0 issue ";"']})
    order = ok(c.order("every1.test", "every2.test"), 201)
    states = []
    for url in order.json["authorizations"]:
        challenge = c.challenge(url)
        s.web.right(challenge["token"], c.key)
        c.post(challenge["url"], {})
        states.append(c.wait(url, "valid", "invalid").json["status"])
    need(sorted(states) == ["invalid", "valid"], states)


@row("8659-3-09", "8659-3-10")
def caa_aliases(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "al1.test", "type": "CNAME", "values": ["sub.target.test"]})
    s.ask("PUT", "/api/v1/dns", {"name": "sub.target.test", "type": "A", "values": ["127.0.0.1"]})
    s.ask("PUT", "/api/v1/dns", {"name": "target.test", "type": "CAA", "values": ['0 issue ";"']})
    need(caa_allows(c, "al1.test", at="nothing.test"), "the alias target's parent was asked")
    s.ask("PUT", "/api/v1/dns", {"name": "al2.test", "type": "CNAME", "values": ["sub2.target.test"]})
    s.ask("PUT", "/api/v1/dns", {"name": "sub2.target.test", "type": "A", "values": ["127.0.0.1"]})
    need(not caa_allows(c, "al2.test", '0 issue ";"', at="sub2.target.test"), "the record at the alias target was not seen")
    s.ask("PUT", "/api/v1/dns", {"name": "up.al3.test", "type": "A", "values": ["127.0.0.1"]})
    s.ask("PUT", "/api/v1/dns", {"name": "al3.test", "type": "CNAME", "values": ["sub2.target.test"]})
    need(not caa_allows(c, "up.al3.test", at="nothing.test"), "the alias of the parent was not followed")


@row("8659-3-07")
def caa_of_the_root(s):
    with Own(s) as own:
        c = Client(own.server)
        c.ready("deep.er.noroot.test")
    asked = {name for name, kind in s.queries() if kind == "CAA"}
    need({"deep.er.noroot.test", "er.noroot.test", "noroot.test", "test"} <= asked and not {"", "."} & asked, sorted(asked))


@row("8659-6-02")
def caa_above(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "up2.test", "type": "CAA", "rcode": "SERVFAIL"})
    need(caa_allows(c, "low.up2.test", '0 issue "%s"' % I), "above the deciding set")


# ---- the rest ----


@row("8738-7-02", "8738-7-03")
def ip_certificate(s):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    import ipaddress
    c = Client(s)
    profile = {} if s.env == "rfc8555" else {"profile": "shortlived"}
    order = ok(c.order({"type": "ip", "value": "127.0.0.1"}, **profile), 201)
    c.authorize(order)
    refused(c.post(order.json["finalize"], {"csr": csr(["127.0.0.1"])}))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
    der = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    ok(c.post(order.json["finalize"], {"csr": b64(der)}))
    leaf = pem_all(ok(c.fetch(c.wait(order["Location"], "valid").json["certificate"])).body)[0]
    sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    need([str(a) for a in sans.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"], sans)


@row("8555-8.1-02", "8555-8.1-03")
def thumbprints(s):
    Client(s, Key("RSA-2048")).ready("rsathumb.test")
    padded = Key("RSA-2048")
    before = padded.thumbprint()
    padded.jwk = {**padded.jwk, "n": b64(b"\0" + unb64(padded.jwk["n"]))}
    answer = Client(s, padded, register=False).post(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=padded.jwk)
    if answer.status == 201:  # then it is the same key
        found = s.ask("GET", "/api/v1/accounts/" + answer["Location"].rsplit("/", 1)[1])
        need(found["thumbprint"] == before, "the thumbprint is of the padded form")
    else:
        refused(answer, ("malformed", "badPublicKey"), 400)
    key = Key()
    while unb64(key.jwk["x"])[0] and unb64(key.jwk["y"])[0]:  # one that begins with 00 comes once in 128 keys
        key = Key()
    Client(s, key).ready("ecthumb.test")


@row("8555-7.4-08")
def order_is_a_promise(s):
    c = Client(s)
    location, order = c.ready("promise.test")
    now = datetime.datetime.fromisoformat(s.ask("GET", "/api/v1/clock")["now"][:19])
    left = datetime.datetime.fromisoformat(order["expires"][:19]) - now
    s.skip("%ds" % (left.total_seconds() - 20))
    need(ok(c.fetch(location)).json["status"] == "ready", "ready")
    ok(c.post(order["finalize"], {"csr": csr(["promise.test"])}))


@row("8737-3-01", "8737-3-02")
def tls_alpn_object(s):
    c = Client(s)
    _, challenge = offered(c, "tls-alpn-01", "alpn.test")
    need(re.fullmatch(r"[A-Za-z0-9_-]{22,}", challenge["token"]), challenge)


@row("8555-10.5-01", departs=Everywhere("decimal ids, in every environment, as at Let's Encrypt"))
def urls_are_unpredictable(s):
    c = Client(s)
    ends = [re.search(r"([^/]*)$", ok(c.order("guess%d.test" % i), 201)["Location"]).group(1) for i in range(3)]
    steps = {int(b) - int(a) for a, b in zip(ends, ends[1:])} if all(e.isdigit() for e in ends) else set()
    need(len(steps) != 1, "the next one can be guessed:", ends)


@row("8657-5.3-01")
def every_identity(s):
    c = Client(s)
    for i, identity in enumerate(s.directory["meta"]["caaIdentities"]):
        need(caa_allows(c, "i%d.every.test" % i, '0 issue "%s; accounturi=%s; validationmethods=http-01"' % (identity, c.url)), identity)
        need(not caa_allows(c, "j%d.every.test" % i, '0 issue "%s; accounturi=%s0"' % (identity, c.url)), identity)
        need(not caa_allows(c, "k%d.every.test" % i, '0 issue "%s; validationmethods=dns-01"' % identity), identity)


@row("8657-5.4-01")
def account_uris_are_unique(s):
    with Own(s, "--environment", "staging") as own:
        other = Server(own.server.url.split("/", 3)[0] + "//" + own.server.url.split("/", 3)[2] + "/staging/dir", own.server.ca_file, own.server.management, s.web, "staging")
        urls = [Client(x).url for x in (own.server, own.server, other)]
    need(len(set(urls)) == 3, urls)


@row("9773-5-11")
def renewals_are_exempt(s):
    if not s.departures["limits"].get("enforced"):
        return
    c = Client(s)
    issued = c.issue("exempt.test")
    ok(c.post(s.directory["revokeCert"], {"certificate": issued.der}))  # its window is in the past now
    s.ask("POST", "/api/v1/limits/fill", {"environment": s.env, "limit": "NewOrdersPerAccount", "account": int(c.url.rsplit("/", 1)[1])})
    ok(c.order("exempt.test", replaces=issued.certid()), 201)


untested("no request of a client does it: the operator's revocation of accounts is not offered", "8555-7.1.2-05")
untested("Let's Encrypt leaves them until they expire, and so does every environment here", "8555-7.3.6-05")
untested("one attempt a challenge, as at Let's Encrypt and Pebble: no retries in any environment", "8555-8.2-01", "8555-8.2-02", "8555-8.2-03", "8555-8.2-04", "8555-8.2-05", "8555-8.2-06")
untested("several addresses of one name on one port need ::1 and a closed 127.0.0.1: unit.va_http01", "8555-8.3-11")
untested("one machine: unit.va looks at the addresses of the perspectives", "8555-10.2-01")
untested("the rehearsal runs on loopback by design", "8555-10.4-01")
untested("the keys of other accounts are not compared, as at Let's Encrypt", "8555-11.1-02")
untested("outside of the process: unit.net_unbound_dnssec validates a zone of its own", "8555-11.2-01", "8555-11.2-02", "8659-5.4-01", "8659-5.4-02", "8657-5.6-01", "dper-7.7-01")
untested("the RFC says nothing; as at Let's Encrypt it is case-sensitive", "8659-4.2-08")
untested("needs an authorization of seven hours and a changed record: unit.acme_caa", "8657-4-06", "8657-5.5-01")
untested("the operator's duty: a policy file has the profiles that it has", "prof-4-06")
