"""RFC 8555, section 7: directory, accounts, orders, authorizations, certificates, revocation."""
import datetime, json, re, threading

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lib import *
from rows_request import fail, roll


@row("8555-7.1.1-07")
def caa_identities(s):
    for i, identity in enumerate(s.directory["meta"]["caaIdentities"]):
        need(caa_allows(Client(s), "identity%d.test" % i, '0 issue "%s"' % identity), identity, "is not the name that counts")
        need(not caa_allows(Client(s), "identity%d.other.test" % i, '0 issue "x%s"' % identity), "another name counts too")


@row("8555-7.1-01", "8555-7.1.1-01", "8555-7.1.1-02", "8555-7.1.1-05", "8555-7.1.1-06", "8555-7.1.1-08", "8555-7.1.1-09")
def directory(s):
    d = s.directory
    for name in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"):
        need(d[name].startswith("https://") and d[name] != s.url, name)
    meta = d["meta"]
    need(meta["termsOfService"].startswith("https://") and meta["website"].startswith("http"), meta)
    need(all(isinstance(c, str) for c in meta["caaIdentities"]) and isinstance(meta.get("externalAccountRequired", False), bool), meta)


@row("8555-7.1.1-03", departs="departures.random_directory_key")
def directory_names(s):
    need(set(s.directory) <= {"newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo", "meta"}, list(s.directory))


@row("8555-7.1.1-04")
def new_authz_member(s):
    offered = "newAuthz" in s.directory
    need(offered == (not s.departures["departures"]["no_pre_authorization"]), "newAuthz")


@row("8555-7.1-02")
def index_links(s):
    c = Client(s)
    for answer in (c.fetch(c.url), c.order("l.test"), c.post(s.directory["newOrder"], {}), s.get(s.directory["newNonce"])):
        need(answer.links("index"), answer.headers)


@row("8555-7.1-03")
def up_links(s):
    c = Client(s)
    authz = ok(c.order("up.test"), 201).json["authorizations"][0]
    need(ok(c.fetch(c.challenge(authz)["url"])).links("up") == [authz], "up")


@row("8555-7.1-04", "8555-7.4-01", "8555-7.1.3-01", "8555-7.1.3-02", "8555-7.1.3-03", "8555-7.1.3-04", "8555-7.1.3-06", "8555-7.1.6-06")
def order_object(s):
    c = Client(s)
    order = ok(c.order("a.test", "b.test"), 201)
    need(order["Location"], "Location")
    need(order.json["status"] == "pending" and re.match(r"\d{4}-\d\d-\d\dT", order.json["expires"]), order)
    need(sorted(i["value"] for i in order.json["identifiers"]) == ["a.test", "b.test"], order)
    first, second = order.json["authorizations"]
    for url in (first, second):
        ok(c.fetch(url))
        need(ok(c.fetch(order["Location"])).json["status"] == "pending", "ready too early")
        challenge = c.challenge(url)
        s.web.right(challenge["token"], c.key)
        c.post(challenge["url"], {})
        c.wait(url, "valid")
    need(ok(c.fetch(order["Location"])).json["status"] == "ready", "ready")


@row("8555-7.1.2-01", "8555-7.3-01", "8555-7.3-02", "8555-7.3-05", "8555-7.3-06", "8555-7.3-04")
def account_object(s):
    c = Client(s, register=False)
    answer = ok(c.new_account({"termsOfServiceAgreed": True, "surprise": 1, "orders": "https://x/", "onlyReturnExisting": False}), 201)
    need(answer["Location"] and answer.json["status"] == "valid", answer)
    need("surprise" not in answer.json and "onlyReturnExisting" not in answer.json and answer.json.get("orders") != "https://x/", answer)
    c.url = answer["Location"]
    ok(c.fetch(c.url))


@row("8555-7.1.2-02", "8555-7.1.2.1-01", "8555-7.1.2.1-02", departs="departures.no_orders_list")
def orders_list(s):
    c = Client(s)
    location = ok(c.order("listed.test"), 201)["Location"]
    listed = ok(c.fetch(ok(c.fetch(c.url)).json["orders"])).json
    need(listed["orders"] == [location], listed)


@row("8555-7.1.2.1-03", departs="departures.no_orders_list")
def invalid_orders_are_not_listed(s):
    c = Client(s)
    fail(c, "broken.test", b"x")
    need(ok(c.fetch(ok(c.fetch(c.url)).json["orders"])).json["orders"] == [], "SHOULD NOT list invalid ones")


@row("8555-7.1.2.1-04", departs="departures.no_orders_list")
def orders_pages(s):
    c = Client(s)
    for i in range(51):
        ok(c.order("n%d.test" % i), 201)
    first = ok(c.fetch(ok(c.fetch(c.url)).json["orders"]))
    second = ok(c.fetch(first.links("next")[0]))
    need(len(set(first.json["orders"] + second.json["orders"])) == 51 and not second.links("next"), "pages")


@row("8555-7.1.2-03", "8555-7.3-08", departs="departures.contact_not_stored")
def contacts(s):
    c = Client(s, contact=["mailto:a@rehearsal.dev"])
    need(ok(c.fetch(c.url)).json.get("contact") == ["mailto:a@rehearsal.dev"], "contact")


@row("8555-7.1.2-04", departs="departures.contact_not_stored")
def terms_member(s):
    c = Client(s)
    need(ok(c.fetch(c.url)).json.get("termsOfServiceAgreed") is True, "termsOfServiceAgreed")


@row("8555-7.1.3-05")
def failed_issuance(s):
    c = Client(s)
    location, order = c.ready("failing.test")
    s.ask("POST", "/api/v1/faults", {"kind": "issuance-fails", "times": 1, "environment": s.env})
    answer = c.post(order["finalize"], {"csr": csr(["failing.test"])})
    need(answer.status == 500 and answer.type == "serverInternal", answer)
    failed = c.wait(location, "invalid").json
    need(failed["error"]["type"] == URN + "serverInternal" and failed["error"]["detail"], failed)


@row("8555-7.1.3-07", "8555-7.4-18", "8555-7.4-19", "8555-7.4-21", "8555-7.1.6-09")
def finalize(s):
    c = Client(s)
    location, order = c.ready("fin.test")
    need("certificate" not in order, order)
    answer = ok(c.post(order["finalize"], {"csr": csr(["fin.test"])}))
    need(answer["Location"] == location and answer.json["status"] in ("processing", "valid"), answer)
    need(c.wait(location, "valid").json["certificate"], "certificate")


@row("8555-7.1.3-08", "8555-7.1.3-09", "8555-7.1.3-10", "8555-7.1.4-09", "8555-8.3-13")
def wildcards(s):
    c = Client(s)
    authz = ok(c.fetch(ok(c.order("*.wild.test"), 201).json["authorizations"][0])).json
    need(authz["identifier"]["value"] == "wild.test" and authz["wildcard"] is True, authz)
    need(not {"http-01", "tls-alpn-01"} & {x["type"] for x in authz["challenges"]}, authz)


@row("8555-7.1.3-11")
def order_keeps_its_lists(s):
    c = Client(s)
    issued = c.issue("keep.test")
    before = ok(c.fetch(issued.location)).json
    need(before["identifiers"] == issued.order["identifiers"] and before["authorizations"] == issued.order["authorizations"], before)


@row("8555-7.1.3-12")
def reused_are_listed(s):
    c = Client(s)
    c.ready("re.test")
    order = ok(c.order("re.test", "re2.test"), 201)
    need(len(order.json["authorizations"]) == 2, order)


@row("8555-7.1.4-01", "8555-7.1.4-03", "8555-7.1.4-06", "8555-7.1.6-01", "8555-8-01", "8555-8-06", "8555-8.3-01", "8555-8.3-02", "8555-8.3-03", "8555-8.4-01", "8555-8-07")
def authz_object(s):
    c = Client(s)
    authz = ok(c.fetch(ok(c.order("az.test"), 201).json["authorizations"][0])).json
    need(authz["status"] == "pending" and "wildcard" not in authz, authz)
    types = [x["type"] for x in authz["challenges"]]
    need("http-01" in types and "dns-01" in types and not any(t.startswith("tls-sni") for t in types), types)
    for challenge in authz["challenges"]:
        need(challenge["status"] == "pending" and ok(c.fetch(challenge["url"])).json["url"] == challenge["url"], challenge)
        need("token" not in challenge or re.fullmatch(r"[A-Za-z0-9_-]{22,}", challenge["token"]), challenge)


@row("8555-7.1.4-05")
def any_challenge_is_enough(s):
    c = Client(s)
    need(try_dns(c, "either.test", lambda v: txt(s, "_acme-challenge.either.test", v)) == "valid", "dns-01 alone")
    c.ready("either2.test")  # http-01 alone


@row("8555-7.1.4-02", "8555-7.1.4-04", "8555-7.1.6-03", "8555-7.5.1-01", "8555-7.5.1-02", "8555-7.5.1-04", "8555-7.5.1-06", "8555-8-02", "8555-8.1-01",
     "8555-8.3-04", "8555-8.3-05", "8555-8.3-06")
def validation(s):
    c = Client(s)
    url = ok(c.order("val.test"), 201).json["authorizations"][0]
    challenge = c.challenge(url)
    s.web.right(challenge["token"], c.key)
    s.ask("PUT", "/api/v1/dns", {"name": "val.test", "type": "A", "values": ["127.0.0.1"], "delay": "700ms"})
    ok(c.post(challenge["url"], {"unknown": 1}))
    need(ok(c.fetch(url)).json["status"] == "pending", "not pending while it is validated")
    authz = c.wait(url, "valid").json
    need(authz["expires"] and len(authz["challenges"]) == 1 and authz["challenges"][0]["status"] == "valid", authz)
    need(re.match(r"\d{4}-", authz["challenges"][0]["validated"]), authz)
    host, path, _ = s.web.seen(challenge["token"])[0]
    need(host == "val.test" and path == "/.well-known/acme-challenge/" + challenge["token"], host, path)


@row("8555-7.1.4-07", "8555-7.1.4-08")
def labels(s):
    c = Client(s)
    for name in ("a.test.", "ä.test", "xn--0.test", "xn--zz.test"):
        refused(c.order(name))


@row("8555-7.1.6-02", departs="departures.challenge_stays_pending")
def processing(s):
    c = Client(s)
    url = ok(c.order("slow.test"), 201).json["authorizations"][0]
    s.ask("PUT", "/api/v1/dns", {"name": "slow.test", "type": "A", "values": ["127.0.0.1"], "delay": "1s"})
    challenge = c.challenge(url)
    s.web.right(challenge["token"], c.key)
    c.post(challenge["url"], {})
    need(ok(c.fetch(challenge["url"])).json["status"] == "processing", "status")
    c.wait(url, "valid")


@row("8555-7.1.6-04", "8555-7.1.6-07", "8555-7.5.1-05", "8555-8-04", "8555-8-05", "8555-7.5.1-10")
def failed_validation(s):
    c = Client(s)
    order = ok(c.order("bad.test"), 201)
    url = order.json["authorizations"][0]
    challenge = c.challenge(url)
    s.web.put(challenge["token"], b"wrong")
    c.post(challenge["url"], {})
    authz = c.wait(url, "invalid").json
    need(authz["challenges"][0]["status"] == "invalid" and authz["challenges"][0]["error"]["type"].startswith(URN), authz)
    need(ok(c.fetch(order["Location"])).json["status"] == "invalid", "order")
    before = len(s.web.requests)
    refused(c.post(challenge["url"], {}), None, 400)
    order = ok(c.order("bad2.test"), 201)
    other = order.json["authorizations"][0]
    challenge = c.challenge(other)
    ok(c.post(other, {"status": "deactivated"}))
    need(ok(c.fetch(order["Location"])).json["status"] == "invalid", "order with a deactivated authorization")
    refused(c.post(challenge["url"], {}), None, (400, 404))
    challenge = c.challenge(ok(c.order("bad3.test"), 201).json["authorizations"][0])
    s.skip("60d")
    refused(c.post(challenge["url"], {}), None, (400, 404))
    need(len(s.web.requests) == before, "the web server was asked again")


@row("8555-7.1.6-05", "8555-7.1.6-08", "8555-7.4-09")
def expiry(s):
    c = Client(s)
    location, order = c.ready("old.test")
    s.skip("60d")
    answer = c.fetch(location)
    need(answer.status == 404 or answer.json["status"] == "invalid", answer)
    answer = c.fetch(order["authorizations"][0])
    need(answer.status == 404 or answer.json["status"] == "expired", answer)


@row("8555-7.1.6-10")
def final_states_stay(s):
    c = Client(s)
    issued = c.issue("final.test")
    refused(c.post(issued.order["finalize"], {"csr": csr(["final.test"])}), "orderNotReady", 403)
    need(ok(c.fetch(issued.location)).json["status"] == "valid", "valid")


@row("8555-7.2-01", "8555-7.2-02", "8555-7.2-05")
def head_nonce(s):
    a, b = s.send("HEAD", s.directory["newNonce"]), s.send("HEAD", s.directory["newNonce"])
    need(a.status == 200 and a["Replay-Nonce"] != b["Replay-Nonce"], a)


@row("8555-7.2-03")
def get_nonce(s):
    answer = s.get(s.directory["newNonce"])
    need(answer.status == 204 and not answer.body and answer["Replay-Nonce"], answer)


@row("8555-7.2-04", departs="departures.new_nonce_no_store_missing")
def no_store(s):
    need("no-store" in s.send("HEAD", s.directory["newNonce"])["Cache-Control"], "Cache-Control")


@row("8555-7.3-03", "8555-7.3.1-04")
def only_return_existing(s):
    c = Client(s, register=False)
    for _ in range(2):
        refused(c.new_account({"onlyReturnExisting": True, "termsOfServiceAgreed": True}), "accountDoesNotExist", 400)


@row("8555-7.3-07", "8555-7.3-09", "8555-7.3-10", "8555-7.3-11", "8555-7.3-c01")
def contact_rules(s):
    answer = refused(Client(s, register=False).new_account({"termsOfServiceAgreed": True, "contact": ["tel:+12025551212"]}), "unsupportedContact", 400)
    need("mailto" in answer.json["detail"], "the supported schemes are not named:", answer)
    for contact, kinds in (("mailto:a@b.test?x=1", ("invalidContact",)), ("mailto:a@b.test,c@b.test", ("invalidContact",)),
                           ("tel:123", ("unsupportedContact",)), ("mailto:nobody", ("invalidContact",))):
        refused(Client(s, register=False).new_account({"termsOfServiceAgreed": True, "contact": [contact]}), kinds, 400)


@row("8555-7.3-12", "8555-7.3-13")
def terms(s):
    need(s.directory["meta"]["termsOfService"], "terms")
    c = Client(s, register=False)
    for payload in ({}, {"termsOfServiceAgreed": False}):
        refused(c.new_account(payload))
        refused(c.new_account({"onlyReturnExisting": True}), "accountDoesNotExist", 400)


@row("8555-7.3-14")
def account_types(s):
    for payload in ({"contact": 5}, {"termsOfServiceAgreed": "yes"}, {"contact": [5]}):
        refused(Client(s, register=False).new_account({"termsOfServiceAgreed": True, **payload}), "malformed", 400)


@row("8555-7.3.1-01", "8555-7.3.1-02", "8555-7.3.1-03", "8555-7.3.1-05")
def existing_account(s):
    c = Client(s)
    for payload in ({"termsOfServiceAgreed": True, "contact": ["mailto:x@rehearsal.dev"]}, {}, {"onlyReturnExisting": True}):
        answer = ok(c.new_account(payload))
        need(answer["Location"] == c.url and answer.json.get("contact") in (None, []), answer)


@row("8555-7.3.1-06", "8555-11.1-03")
def account_race(s):
    c, found = Client(s, register=False), []
    bodies = [c.jws(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True) for _ in range(20)]

    def run(body):
        other = Server(s.url, s.ca_file, s.management, s.web, s.env)
        found.append(other.send("POST", s.directory["newAccount"], json.dumps(body).encode(), {"Content-Type": "application/jose+json"}))

    threads = [threading.Thread(target=run, args=(b,)) for b in bodies]
    [t.start() for t in threads], [t.join() for t in threads]
    need(len({a["Location"] for a in found}) == 1 and sorted(a.status for a in found) == 19 * [200] + [201], [str(a) for a in found])


@row("8555-7.3.2-01", departs="departures.contact_not_stored")
def update_contact(s):
    c = Client(s)
    answer = ok(c.post(c.url, {"contact": ["mailto:new@rehearsal.dev"]}))
    need(answer.json.get("contact") == ["mailto:new@rehearsal.dev"] == ok(c.fetch(c.url)).json.get("contact"), answer)


@row("8555-7.3.2-02")
def update_ignores(s):
    c = Client(s)
    answer = ok(c.post(c.url, {"orders": "https://x/", "termsOfServiceAgreed": False, "surprise": 1}))
    need(answer.json["status"] == "valid" and "surprise" not in answer.json and answer.json.get("orders") != "https://x/", answer)


@row("8555-7.3.2-03", departs="departures.account_status_refused")
def update_status(s):
    c = Client(s)
    need(ok(c.post(c.url, {"status": "revoked"})).json["status"] == "valid", "status")


@row("8555-7.3.2-04", departs="departures.contact_not_stored")
def remove_contact(s):
    c = Client(s, contact=["mailto:a@rehearsal.dev"])
    need(ok(c.fetch(c.url)).json.get("contact"), "contact")
    need(not ok(c.post(c.url, {"contact": []})).json.get("contact"), "still there")


@row("8555-7.3.2-05", "8555-7.3.6-02")
def foreign_account(s):
    a, b = Client(s), Client(s)
    refused(b.post(a.url, {"status": "deactivated"}))
    need(ok(a.fetch(a.url)).json["status"] == "valid", "status")


@row("8555-7.3.3-01", "8555-7.3.3-02", "8555-7.3.3-03")
def user_action(s):
    c = Client(s)
    s.ask("POST", "/api/v1/faults", {"kind": "problem", "type": "userActionRequired", "endpoints": ["newOrder"], "times": 1, "environment": s.env})
    answer = refused(c.order("x.test"), "userActionRequired", 403)
    need(answer.links("terms-of-service") and answer.json["instance"], answer)


def bind(s, c, kid, key, alg="HS256", payload=None, url=None, **more):
    head = {"alg": alg, "kid": kid, "url": url or s.directory["newAccount"], **more}
    protected = b64(json.dumps({k: v for k, v in head.items() if v is not None}))
    body = b64(json.dumps(payload or c.key.jwk))
    mac = hmac.new(key, ("%s.%s" % (protected, body)).encode(), {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}.get(alg, "sha256"))
    return {"protected": protected, "payload": body, "signature": b64(mac.digest())}


def external(s):
    if not s.departures.get("external_account", {}).get("offered"):
        raise Departs("external_account.offered")
    kid = "kid-" + s.nonce()[:20]
    return kid, unb64(s.ask("POST", "/api/v1/external-accounts", {"kid": kid, "environment": s.env})["key"])


@row("8555-7.3.4-11")
def external_good(s):
    for alg in ("HS256", "HS384", "HS512"):
        kid, key = external(s)
        c = Client(s, register=False)
        binding = bind(s, c, kid, key, alg)
        answer = ok(c.new_account({"termsOfServiceAgreed": True, "externalAccountBinding": binding}), 201)
        need(answer.json["externalAccountBinding"] == binding, answer)


@row("8555-7.3.4-03", "8555-7.3.4-04", "8555-7.3.4-05", "8555-7.3.4-06", "8555-7.3.4-07", "8555-7.3.4-08", "8555-7.3.4-09", "8555-7.3.4-10", "8555-7.3.4-12")
def external_refused(s):
    kid, key = external(s)
    c = Client(s, register=False)
    for binding in ({}, bind(s, c, kid, key, "RS256"), bind(s, c, kid, key, nonce="abc"), bind(s, c, kid, key, url="https://x/"), bind(s, c, "nobody", key),
                    bind(s, c, kid, b"x" * 32), bind(s, c, kid, key, payload=Key().jwk)):
        refused(c.new_account({"termsOfServiceAgreed": True, "externalAccountBinding": binding}))
        refused(c.new_account({"onlyReturnExisting": True}), "accountDoesNotExist")


@row("8555-7.3.4-01", "8555-7.3.4-02")
def external_required(s):
    with Own(s, "--eab", "required", "--eab-key", "kid-1=" + b64(b"k" * 32)) as own:
        need(own.server.directory["meta"]["externalAccountRequired"] is True, own.server.directory["meta"])
        c = Client(own.server, register=False)
        refused(c.new_account({"termsOfServiceAgreed": True}), "externalAccountRequired")
        binding = bind(own.server, c, "kid-1", b"k" * 32)
        ok(c.new_account({"termsOfServiceAgreed": True, "externalAccountBinding": binding}), 201)




@row("8555-7.3.5-01", "8555-7.3.5-14")
def rollover(s):
    c, new = Client(s), Key()
    location = ok(c.order("roll.test"), 201)["Location"]
    ok(roll(c, new))
    refused(c.fetch(c.url))
    c.key = new
    ok(c.fetch(location))


@row("8555-7.3.5-03", "8555-7.3.5-05", "8555-7.3.5-06", "8555-7.3.5-07", "8555-7.3.5-08", "8555-7.3.5-09", "8555-7.3.5-13", "8555-7.3.5-16", "8555-7.3.5-04")
def rollover_refused(s):
    c, new = Client(s), Key()
    refused(c.post(s.directory["keyChange"], {"protected": "x"}))
    refused(roll(c, new, signer=Key()))
    refused(roll(c, new, payload=b"[]"))
    refused(roll(c, new, inner_url=s.directory["newOrder"]))
    refused(roll(c, new, account=c.url + "9"))
    refused(roll(c, new, old=Key().jwk))
    weak = Key("RSA-1024")
    refused(roll(c, weak))
    inner = c.jws(s.directory["keyChange"], {"account": c.url, "oldKey": c.key.jwk}, key=new, drop=("nonce",))
    refused(c.post(s.directory["keyChange"], inner))
    ok(c.fetch(c.url))


@row("8555-7.3.5-10", "8555-7.3.5-11")
def rollover_conflict(s):
    a, b = Client(s), Client(s)
    answer = roll(a, b.key)
    need(answer.status == 409 and answer["Location"] == b.url, answer)


@row("8555-7.3.5-12", departs="departures.same_key_malformed")
def rollover_same(s):
    c = Client(s)
    answer = roll(c, c.key)
    need(answer.status == 409, answer)


@row("8555-7.3.5-15")
def rollover_thumbprint(s):
    c, new = Client(s), Key()
    order = ok(c.order("thumb.test"), 201)
    ok(roll(c, new))
    c.key = new
    c.authorize(order)


@row("8555-7.3.5-02")
def rollover_dead(s):
    c = Client(s)
    ok(c.post(c.url, {"status": "deactivated"}))
    refused(roll(c, Key()), "unauthorized", (401, 403))


@row("8555-7.3.5-c01", "8555-7.3.5-c02")
def rollover_inner(s):
    c, new, url = Client(s), Key(), s.directory["keyChange"]
    payload = {"account": c.url, "oldKey": c.key.jwk}
    inner = c.jws(url, payload, key=new, kid=c.url, jwk=new.jwk, drop=("nonce",))
    refused(c.post(url, inner))
    refused(c.post(url, {**c.jws(url, payload, key=new, kid=None, jwk=new.jwk, drop=("nonce",)), "header": {}}))
    refused(c.post(url, c.jws(url, payload, key=new, kid=None, jwk=new.jwk, alg="none", drop=("nonce",))))


@row("8555-7.3.6-01", "8555-7.3.6-06", "8555-7.3.6-07")
def deactivation(s):
    c = Client(s)
    issued = c.issue("stays.test")
    need(ok(c.post(c.url, {"status": "deactivated"})).json["status"] == "deactivated", "status")
    refused(c.post(c.url, {"status": "valid"}), "unauthorized", (401, 403))
    found = s.ask("GET", "/api/v1/certificates?name=stays.test&environment=" + s.env)
    need(found["certificates"][0]["status"] == "valid" and issued.url, found)


@row("8555-7.3.6-03", "8555-7.3.6-04", departs="departures.dead_account_forbidden")
def dead_account(s):
    c = Client(s)
    location = ok(c.order("dead.test"), 201)["Location"]
    ok(c.post(c.url, {"status": "deactivated"}))
    for answer in (c.fetch(c.url), c.fetch(location), c.order("x.test"), c.new_account({"termsOfServiceAgreed": True}), c.new_account({"onlyReturnExisting": True})):
        refused(answer, "unauthorized", 401)


@row("8555-7.3.6-08")
def revoke_after_deactivation(s):
    c, key = Client(s), Key()
    issued = c.issue("gone.test", key=key.private)
    ok(c.post(c.url, {"status": "deactivated"}))
    ok(Client(s, key, register=False).post(s.directory["revokeCert"], {"certificate": issued.der}, jwk=True))


@row("8555-7.4-02")
def impossible_order(s):
    c = Client(s)
    refused(c.order("fine.test", "not_fine.test"))
    year = int(s.ask("GET", "/api/v1/clock")["now"][:4])
    refused(c.order("fine.test", notAfter="%d-01-01T00:00:00Z" % (year + 20)), "malformed", 400)
    refused(c.order("fine.test", notBefore="%d-01-01T00:00:00Z" % (year - 1)), "malformed", 400)


@row("8555-7.4-13")
def names_in_cn_or_san(s):
    c = Client(s)
    for i, (names, cn) in enumerate((([], "cn0.test"), (["cn1.test"], None), (["cn2.test"], "cn2.test"))):
        location, order = c.ready("cn%d.test" % i)
        ok(c.post(order["finalize"], {"csr": csr(names, cn=cn)}))
        c.wait(location, "valid")


@row("8555-7.4-03", "8555-7.4-24", "8555-7.4-14", "prof-4-08")
def certificate_contents(s):
    c, key = Client(s), ec.generate_private_key(ec.SECP256R1())
    location, order = c.ready("one.test", "two.test")
    ok(c.post(order["finalize"], {"csr": csr(["two.test", "ONE.test"], key, cn="one.test")}))
    chain = ok(c.fetch(c.wait(location, "valid").json["certificate"]))
    leaf = pem_all(chain.body)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    need(sorted(names) == ["one.test", "two.test"], names)
    need(leaf.public_key().public_numbers() == key.public_key().public_numbers(), "key")


@row("8555-7.4-04", "8555-7.4-05", departs="departures.no_dates_in_orders")
def dates(s):
    c = Client(s)
    now = datetime.datetime.fromisoformat(s.ask("GET", "/api/v1/clock")["now"][:19])
    begin, end = now + datetime.timedelta(hours=1), now + datetime.timedelta(days=5)
    shown = {"notBefore": begin.strftime("%Y-%m-%dT%H:%M:%SZ"), "notAfter": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    asked = {"notBefore": shown["notBefore"], "notAfter": (end + datetime.timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M:%S+04:00")}
    order = ok(c.order("dated.test", **asked), 201)
    need({name: order.json[name] for name in shown} == shown, order)
    leaf = c.issue("dated2.test", **asked).leaf
    need((leaf.not_valid_before, leaf.not_valid_after) == (begin, end), leaf.not_valid_before, leaf.not_valid_after)


@row("8555-7.4-06", "8555-7.4-07")
def order_shape(s):
    c, url = Client(s), s.directory["newOrder"]
    for payload in ({}, {"identifiers": []}, {"identifiers": [{"type": "dns"}]}, {"identifiers": [{"value": "a.test"}]}, {"identifiers": 5}):
        refused(c.post(url, payload))
    order = c.order("mine.test", status="valid", certificate="https://x/", authorizations=[])
    need(order.status >= 400 or (order.json["status"] == "pending" and "certificate" not in order.json), order)


@row("8555-7.4-10", "8555-7.4-23", "8555-7.4-15")
def csr_refused(s):
    c = Client(s)
    location, order = c.ready("csr.test")
    good = csr(["csr.test"])
    pem = "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n" % base64.b64encode(unb64(good)).decode()
    for payload in ({}, {"csr": 5}, {"csr": "AAAA"}, {"csr": good + "="}, {"csr": pem}, {"csr": b64(unb64(good) + b"x")}):
        refused(c.post(order["finalize"], payload))
    need(ok(c.fetch(location)).json["status"] == "ready", "ready")
    ok(c.post(order["finalize"], {"csr": csr(["csr.test"])}))


@row("8555-7.4-11", "8555-7.4-c01")
def csr_names(s):
    c = Client(s)
    _, order = c.ready("exact.test")
    for names in (["exact.test", "more.test"], ["other.test"], []):
        refused(c.post(order["finalize"], {"csr": csr(names)}))


@row("8555-7.4-12", departs="departures.csr_not_bad_csr")
def bad_csr_type(s):
    c = Client(s)
    _, order = c.ready("type.test")
    for text in (csr(["other.test"]), "AAAA", csr(["type.test"], rsa.generate_private_key(65537, 1024))):
        refused(c.post(order["finalize"], {"csr": text}), "badCSR", 400)


@row("8555-7.4-16")
def not_ready(s):
    c = Client(s)
    pending = ok(c.order("notyet.test"), 201)
    refused(c.post(pending.json["finalize"], {"csr": csr(["notyet.test"])}), "orderNotReady", 403)
    ok(c.post(pending.json["authorizations"][0], {"status": "deactivated"}))
    refused(c.post(pending.json["finalize"], {"csr": csr(["notyet.test"])}), "orderNotReady", 403)
    location, order = c.ready("notyet2.test")
    s.ask("POST", "/api/v1/faults", {"kind": "processing", "delay": "1s", "times": 1, "environment": s.env})
    need(ok(c.post(order["finalize"], {"csr": csr(["notyet2.test"])})).json["status"] == "processing", "processing")
    refused(c.post(order["finalize"], {"csr": csr(["notyet2.test"])}), "orderNotReady", 403)
    c.wait(location, "valid")
    refused(c.post(order["finalize"], {"csr": csr(["notyet2.test"])}), "orderNotReady", 403)


@row("8555-7.4-17")
def finalize_race(s):
    c, found = Client(s), []
    _, order = c.ready("race.test")
    bodies = [c.jws(order["finalize"], {"csr": csr(["race.test"])}) for _ in range(10)]

    def run(body):
        other = Server(s.url, s.ca_file, s.management, s.web, s.env)
        found.append(other.send("POST", order["finalize"], json.dumps(body).encode(), {"Content-Type": "application/jose+json"}).status)

    threads = [threading.Thread(target=run, args=(b,)) for b in bodies]
    [t.start() for t in threads], [t.join() for t in threads]
    need(sorted(found) == [200] + 9 * [403], found)
    made = s.ask("GET", "/api/v1/certificates?name=race.test&environment=" + s.env)["certificates"]
    need(len(made) == 1, len(made), "certificates")


@row("8555-7.4-20")
def processing_retry_after(s):
    c = Client(s)
    location, order = c.ready("proc.test")
    s.ask("POST", "/api/v1/faults", {"kind": "processing", "delay": "200ms", "retry_after": "1s", "times": 1, "environment": s.env})
    answer = ok(c.post(order["finalize"], {"csr": csr(["proc.test"])}))
    need(answer.json["status"] == "processing" and answer["Retry-After"] == "1", answer)
    c.wait(location, "valid")


@row("8555-7.4-22")
def finalize_foreign(s):
    a, b = Client(s), Client(s)
    _, order = a.ready("foreign.test")
    refused(b.post(order["finalize"], {"csr": csr(["foreign.test"])}))


@row("8555-7.4.1-01", "8555-7.4.1-02", "8555-7.4.1-04", "8555-7.4.1-05", "8555-7.4.1-03", departs="departures.no_pre_authorization")
def pre_authorization(s):
    c = Client(s)
    need("newAuthz" in s.directory, "newAuthz is not offered")
    url = s.directory["newAuthz"]
    authz = ok(c.post(url, {"identifier": {"type": "dns", "value": "pre.test"}}), 201)
    need(authz.json["status"] == "pending", authz)
    challenge = c.challenge(authz["Location"])
    s.web.right(challenge["token"], c.key)
    c.post(challenge["url"], {})
    c.wait(authz["Location"], "valid")
    need(ok(c.order("pre.test"), 201).json["status"] == "ready", "not used")
    refused(c.post(url, {"identifier": {"type": "dns", "value": "*.pre.test"}}))
    refused(c.post(url, {"identifier": {"type": "dns", "value": "a_b.test"}}))


@row("8555-7.4.2-01", "8555-7.4.2-04", "8555-9.1-01", "8555-9.1-02", "8555-9.1-03", "8555-9.1-04", "8555-9.1-05", "8555-9.1-06", "8555-9.1-07", "8555-7.4.2-05")
def chain(s):
    c = Client(s)
    issued = c.issue("chain.test")
    need(issued.chain["Content-Type"] == "application/pem-certificate-chain", issued.chain.headers)
    ok(c.post(s.directory["revokeCert"], {"certificate": c.issue("chain.test").der}))
    ok(c.post(s.directory["revokeCert"], {"certificate": issued.der}))
    need(ok(c.fetch(issued.url)).body == issued.chain.body, "changed by a renewal or a revocation")
    need(issued.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["chain.test"], "first")
    need(len(issued.certs) > 1, "no issuer")
    for child, parent in zip(issued.certs, issued.certs[1:]):
        parent.public_key().verify(child.signature, child.tbs_certificate_bytes, *([ec.ECDSA(child.signature_hash_algorithm)]
                                   if isinstance(parent.public_key(), ec.EllipticCurvePublicKey) else []))
    text = issued.chain.body.decode()
    need(re.fullmatch(r"(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n\n?)+", text), text)


@row("8555-7.4.2-02", "8555-7.4.2-03")
def alternates(s):
    c = Client(s)
    issued = c.issue("alternates.test")
    links = issued.chain.links("alternate")
    need(links, issued.chain.headers)
    bodies = [issued.chain.body]
    for link in links:
        answer = ok(c.fetch(link))
        need(answer["Content-Type"] == "application/pem-certificate-chain", answer.headers)
        certs = pem_all(answer.body)
        need(certs[0] == issued.certs[0], "another end-entity certificate")
        need(len(answer.links("alternate")) == len(links), answer.headers)
        for child, parent in zip(certs, certs[1:]):
            parent.public_key().verify(child.signature, child.tbs_certificate_bytes, ec.ECDSA(child.signature_hash_algorithm))
        bodies.append(answer.body)
    need(len(set(bodies)) == len(bodies), "two of them are the same")
    refused(c.fetch(re.sub(r"\d+$", "99", links[-1])), status=404)


@row("8555-7.4.2-07", departs="departures.unsigned_get")
def alternates_access(s):
    c = Client(s)
    link = c.issue("access.test").chain.links("alternate")[0]
    refused(Client(s).fetch(link))
    need(s.get(link).status == 405, "answered without a signature")


untested("only PEM chains are offered", "8555-7.4.2-06")


@row("8555-7.5.1-03")
def challenge_body(s):
    c = Client(s)
    challenge = c.challenge(ok(c.order("resp.test"), 201).json["authorizations"][0])
    refused(c.post(challenge["url"], b"[]"), "malformed", 400)


@row("8555-7.5.1-07")
def retry_after_of_challenges(s):
    c = Client(s)
    url = ok(c.order("poll.test"), 201).json["authorizations"][0]
    need(ok(c.fetch(url))["Retry-After"], "MAY")


@row("8555-7.5.1-08")
def foreign_challenge(s):
    a, b = Client(s), Client(s)
    challenge = a.challenge(ok(a.order("theirs.test"), 201).json["authorizations"][0])
    refused(b.post(challenge["url"], {}))
    need(ok(a.fetch(challenge["url"])).json["status"] == "pending" and not s.web.seen(challenge["token"]), "it was validated")


@row("8555-7.5.1-09")
def valid_challenge_again(s):
    c = Client(s)
    _, order = c.ready("again.test")
    before = ok(c.fetch(order["authorizations"][0])).json
    need(ok(c.post(before["challenges"][0]["url"], {})).json["status"] == "valid", "status")
    need(ok(c.fetch(order["authorizations"][0])).json == before, "changed")


@row("8555-7.5.2-01", "8555-7.5.2-02", "8555-7.5.2-03", "8555-7.5.2-04")
def authz_deactivation(s):
    a, b = Client(s), Client(s)
    location, order = a.ready("off.test")
    url = order["authorizations"][0]
    refused(b.post(url, {"status": "deactivated"}))
    refused(a.post(url, {"status": "valid"}))
    need(ok(a.post(url, {"status": "deactivated"})).json["status"] == "deactivated", "status")
    need(ok(a.fetch(location)).json["status"] == "invalid", "order")
    refused(a.post(order["finalize"], {"csr": csr(["off.test"])}), "orderNotReady", 403)
    again = ok(a.order("off.test"), 201).json
    need(again["status"] == "pending" and url not in again["authorizations"], "used again")
    need(ok(a.post(again["authorizations"][0], {"status": "deactivated"})).json["status"] == "deactivated", "a pending one")


@row("8555-7.6-01", "8555-7.6-03", "8555-7.6-08", "8555-7.6-13")
def revocation(s):
    c = Client(s)
    issued, url = c.issue("rev.test"), s.directory["revokeCert"]
    ok(c.post(url, {"certificate": issued.der}))
    refused(c.post(url, {"certificate": issued.der}), "alreadyRevoked", 400)
    other = c.issue("rev2.test")
    pem = other.leaf.public_bytes(serialization.Encoding.PEM).decode()
    for text in ("AAAA", pem, other.der[:-40], other.der + "=", 5):
        refused(c.post(url, {"certificate": text}), "malformed", 400)


@row("8555-7.6-02", "8555-7.6-04", "8555-7.6-05", "8555-7.6-07")
def revocation_rights(s):
    a, b, url = Client(s), Client(s), s.directory["revokeCert"]
    issued = a.issue("right.test", "right2.test")
    refused(b.post(url, {"certificate": issued.der}), "unauthorized", 403)
    b.ready("right.test")
    refused(b.post(url, {"certificate": issued.der}), "unauthorized", 403)
    refused(Client(s, register=False).post(url, {"certificate": issued.der}, jwk=True), "unauthorized", 403)
    found = s.ask("GET", "/api/v1/certificates?name=right.test&environment=" + s.env)["certificates"]
    need([f["status"] for f in found] == ["valid"], "revoked all the same", found)
    b.ready("right2.test")
    ok(b.post(url, {"certificate": issued.der}))


@row("8555-7.6-06")
def revocation_by_key(s):
    key = Key()
    issued = Client(s).issue("bykey.test", key=key.private)
    ok(Client(s, key, register=False).post(s.directory["revokeCert"], {"certificate": issued.der}, jwk=True))


@row("8555-7.6-09", "8555-7.6-15")
def revocation_reasons(s):
    c = Client(s)
    issued = c.issue("reason.test")
    for reason in (7, 11, -1, 99):
        refused(c.post(s.directory["revokeCert"], {"certificate": issued.der, "reason": reason}), "badRevocationReason", 400)
    for reason in ("1", 1.5, [1]):
        refused(c.post(s.directory["revokeCert"], {"certificate": issued.der, "reason": reason}), "malformed", 400)


@row("8555-7.6-10", departs="departures.revocation_reasons_unnamed")
def revocation_reason_detail(s):
    c = Client(s)
    issued = c.issue("reason2.test")
    need(", allowed:" in refused(c.post(s.directory["revokeCert"], {"certificate": issued.der, "reason": 7})).json["detail"], "codes")


@row("8555-7.6-11", "8555-7.6-12")
def crl_reasons(s):
    c = Client(s)
    for reason, flag in ((None, None), (4, x509.ReasonFlags.superseded)):
        issued = c.issue("crl%s.test" % reason)
        ok(c.post(s.directory["revokeCert"], {"certificate": issued.der, **({"reason": reason} if reason else {})}))
        points = issued.leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        crl = x509.load_der_x509_crl(urllib.request.urlopen(points[0].full_name[0].value).read())
        entry = crl.get_revoked_certificate_by_serial_number(issued.leaf.serial_number)
        need(entry is not None, "not in the CRL")
        found = [e for e in entry.extensions if isinstance(e.value, x509.CRLReason)]
        need((found[0].value.reason if found else None) == flag, found)


@row("8555-7.6-14")
def revocation_foreign(s):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x.test")])
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(5)
            .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2190, 1, 1)).sign(key, hashes.SHA256()))
    refused(Client(s).post(s.directory["revokeCert"], {"certificate": b64(cert.public_bytes(serialization.Encoding.DER))}))


@row("8555-8-03", departs="departures.validated_on_failure")
def validated_only_when_valid(s):
    need("validated" not in fail(Client(s), "notvalidated.test", b"x"), "validated")


@row("8555-8.3-07")
def trailing_space(s):
    c = Client(s)
    for after in (b"\n", b"\r\n", b"  \t"):
        url = ok(c.order("space%d.test" % len(after)), 201).json["authorizations"][0]
        challenge = c.challenge(url)
        s.web.right(challenge["token"], c.key, after)
        c.post(challenge["url"], {})
        c.wait(url, "valid")


@row("8555-8.3-09")
def redirects(s):
    c = Client(s)
    for status in (301, 302, 307, 308):
        url = ok(c.order("redirect%d.test" % status), 201).json["authorizations"][0]
        challenge = c.challenge(url)
        s.web.put(challenge["token"], b"", status, {"Location": "/elsewhere/%d" % status})
        s.web.answers["/elsewhere/%d" % status] = (200, {}, (challenge["token"] + "." + c.key.thumbprint()).encode())
        c.post(challenge["url"], {})
        c.wait(url, "valid")


@row("8555-8.3-08")
def wrong_bodies(s):
    c = Client(s)
    for i, make in enumerate((lambda t: t, lambda t: t + "." + Key().thumbprint(), lambda t: ("y" if t[0] == "x" else "x") + t[1:] + "." + c.key.thumbprint(), lambda t: "",
                              lambda t: " " + t + "." + c.key.thumbprint(), lambda t: "<html>" + t + "." + c.key.thumbprint() + "</html>")):
        s.ask("POST", "/api/v1/limits/reset", {"environment": s.env})
        url = ok(c.order("body%d.test" % i), 201).json["authorizations"][0]
        challenge = c.challenge(url)
        s.web.put(challenge["token"], make(challenge["token"]).encode())
        c.post(challenge["url"], {})
        c.wait(url, "invalid")


@row("8555-8.3-10")
def failed_requests(s):
    c = Client(s)
    for status in (404, 500, 403):
        url = ok(c.order("status%d.test" % status), 201).json["authorizations"][0]
        challenge = c.challenge(url)
        s.web.put(challenge["token"], (challenge["token"] + "." + c.key.thumbprint()).encode(), status)
        c.post(challenge["url"], {})
        c.wait(url, "invalid")


@row("8555-8.3-12")
def any_content_type(s):
    c = Client(s)
    url = ok(c.order("ctype.test"), 201).json["authorizations"][0]
    challenge = c.challenge(url)
    s.web.put(challenge["token"], (challenge["token"] + "." + c.key.thumbprint()).encode(), 200, {"Content-Type": "video/mp4"})
    c.post(challenge["url"], {})
    c.wait(url, "valid")


def txt(s, name, *values):
    s.ask("PUT", "/api/v1/dns", {"name": name, "type": "TXT", "values": list(values)})


def try_dns(c, name, make):
    url = ok(c.order(name), 201).json["authorizations"][0]
    challenge = c.challenge(url, "dns-01")
    value = b64(hashlib.sha256((challenge["token"] + "." + c.key.thumbprint()).encode()).digest())
    make(value)
    c.post(challenge["url"], {})
    return c.wait(url, "valid", "invalid").json["status"]


@row("8555-8.4-02", "8555-8.4-03", "8555-8.4-04", "8555-8.4-05", "8555-8.4-06")
def dns_01(s):
    c = Client(s)
    need(try_dns(c, "*.d0.test", lambda v: txt(s, "_acme-challenge.d0.test", v)) == "valid", "wildcard")
    need(try_dns(c, "d6.test", lambda v: txt(s, "_acme-challenge.d6.test", unb64(v).hex())) == "invalid", "hexadecimal")
    need(try_dns(c, "d7.test", lambda v: txt(s, "d7.test", v)) == "invalid", "at the name itself")
    need(try_dns(c, "d1.test", lambda v: txt(s, "_acme-challenge.d1.test", v)) == "valid", "one")
    need(try_dns(c, "d2.test", lambda v: txt(s, "_acme-challenge.d2.test", "x", v, "y")) == "valid", "among others")
    need(try_dns(c, "d3.test", lambda v: txt(s, "_acme-challenge.d3.test", v + "=")) == "invalid", "padded")
    need(try_dns(c, "d4.test", lambda v: None) == "invalid", "none")

    def alias(value):
        s.ask("PUT", "/api/v1/dns", {"name": "_acme-challenge.d5.test", "type": "CNAME", "values": ["other.test"]})
        txt(s, "other.test", value)

    need(try_dns(c, "d5.test", alias) == "valid", "alias")


@row("8555-10.2-02")
def other_accounts_key(s):
    a, b = Client(s), Client(s)
    url = ok(a.order("mix.test"), 201).json["authorizations"][0]
    challenge = a.challenge(url)
    s.web.right(challenge["token"], b.key)
    a.post(challenge["url"], {})
    a.wait(url, "invalid")


@row("8555-10.5-02", departs="departures.authz_existence_shown")
def looks_alike(s):
    a, b = Client(s), Client(s)
    order = ok(a.order("hidden.test"), 201)
    for url in (order["Location"], order.json["authorizations"][0]):
        one, two = b.fetch(url), b.fetch(url + "99999")
        need((one.status, one.type) == (two.status, two.type), one, two)


@row("8555-11.1-01", "8555-11.1-c01")
def account_key_in_csr(s):
    c = Client(s)
    _, order = c.ready("ownkey.test")
    refused(c.post(order["finalize"], {"csr": csr(["ownkey.test"], c.key.private)}))


@row("8555-11.3-01")
def token_is_ours(s):
    c = Client(s)
    challenge = c.challenge(ok(c.order("tok.test"), 201).json["authorizations"][0])
    need(ok(c.post(challenge["url"], {"token": "mine"})).json["token"] == challenge["token"], "token")


@row("7807-3.2-01", "7807-5-01")
def problem_members(s):
    c = Client(s)
    for answer in (c.order("a..test"), c.post(s.directory["newOrder"], {}), c.fetch(c.url + "9")):
        need(all(v not in (None, []) for v in answer.json.values()), answer)
        need(not re.search(r"sqlite|SELECT|\.c:|/home|/work", answer.body.decode()), answer)


@row("8738-3-01", "8738-3-02", "8738-3-04", "8738-4-01", "8738-7-01")
def ip_identifiers(s):
    c = Client(s)
    profile = {} if s.env == "rfc8555" else {"profile": "shortlived"}
    order = ok(c.order({"type": "ip", "value": "127.0.0.1"}, **profile), 201)
    authz = ok(c.fetch(order.json["authorizations"][0])).json
    need(authz["identifier"] == {"type": "ip", "value": "127.0.0.1"}, authz)
    types = {x["type"] for x in authz["challenges"]}
    need("http-01" in types and "dns-01" not in types, types)
    refused(c.order({"type": "dns", "value": "127.0.0.1"}, **profile))
    for value in ("a.test", "192.0.2.01", "0xc0000201", "192.0.513", "192.0.2.1/24", "192.0.2.1 "):
        refused(c.order({"type": "ip", "value": value}, **profile))


@row("8738-3-03")
def ipv6_text(s):
    c = Client(s)
    profile = {} if s.env == "rfc8555" else {"profile": "shortlived"}
    need(ok(c.order({"type": "ip", "value": "::1"}, **profile), 201).json["identifiers"] == [{"type": "ip", "value": "::1"}], "the right form")
    for value in ("0:0:0:0:0:0:0:1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "fe80::1%lo", "::1/128", "[::1]"):
        refused(c.order({"type": "ip", "value": value}, **profile))


@row("8738-5-01", "8738-4-02")
def ip_host(s):
    c = Client(s)
    profile = {} if s.env == "rfc8555" else {"profile": "shortlived"}
    order = ok(c.order({"type": "ip", "value": "127.0.0.1"}, **profile), 201)
    challenge = c.challenge(order.json["authorizations"][0])
    s.web.right(challenge["token"], c.key)
    c.post(challenge["url"], {})
    c.wait(order.json["authorizations"][0], "valid")
    need(s.web.seen(challenge["token"])[0][0] == "127.0.0.1", s.web.seen(challenge["token"])[0][0])


@row("9773-3-01", "9773-4.1-01", "9773-4.1-02", "9773-4.1-03", "9773-4.1-04", "9773-4.1-06", "9773-4.2-01", "9773-4.2-02", "9773-4.2-03", "9773-4.2-04", "9773-4.3-01",
     "9773-4.3-02")
def renewal_info(s):
    issued = Client(s).issue("ari.test")
    certid = issued.certid()
    need("=" not in certid, certid)
    first = ok(s.get(s.directory["renewalInfo"] + "/" + certid))
    window = first.json["suggestedWindow"]
    need(window["start"] < window["end"] and window["start"].endswith("Z"), window)
    need(issued.leaf.not_valid_before.isoformat() < window["start"] and window["end"] < issued.leaf.not_valid_after.isoformat() + "Z", window)
    need(60 <= int(first["Retry-After"]) <= 86400, first.headers)
    need(ok(s.get(s.directory["renewalInfo"] + "/" + certid)).json == first.json, "wanders")


@row("9773-4.1-05", "9773-4.3-03")
def renewal_info_refused(s):
    for certid in ("x", "x.y", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "a=.b", "."):
        refused(s.get(s.directory["renewalInfo"] + "/" + certid))


@row("9773-4.2-05")
def window_moves(s):
    c = Client(s)
    issued = c.issue("moved.test")
    before = ok(s.get(s.directory["renewalInfo"] + "/" + issued.certid())).json
    ok(c.post(s.directory["revokeCert"], {"certificate": issued.der}))
    after = ok(s.get(s.directory["renewalInfo"] + "/" + issued.certid())).json
    need(after["suggestedWindow"]["start"] < after["suggestedWindow"]["end"] < before["suggestedWindow"]["start"], after)


@row("9773-4.3-c01", "9773-4.3-c02")
def asked_for_old_ones(s):
    issued = Client(s).issue("oldari.test")
    s.skip("200d")
    answer = s.get(s.directory["renewalInfo"] + "/" + issued.certid())
    need(answer.status == 404 or answer.json["suggestedWindow"]["start"] < answer.json["suggestedWindow"]["end"], answer)


@row("9773-5-01", "9773-5-04", "9773-5-05", "9773-5-06", "9773-5-08", "9773-5-09", "9773-7.4-01")
def replaces(s):
    c = Client(s)
    certid = c.issue("rep.test", "rep2.test").certid()
    order = ok(c.order("rep.test", "rep3.test", replaces=certid), 201)
    need(order.json["replaces"] == certid == ok(c.fetch(order["Location"])).json["replaces"], order)
    refused(c.order("rep2.test", replaces=certid), "alreadyReplaced", 409)
    c.authorize(order)
    need(ok(c.fetch(order["Location"])).json["replaces"] == certid, "ready")
    need(ok(c.post(order.json["finalize"], {"csr": csr(["rep.test", "rep3.test"])})).json["replaces"] == certid, "finalize")
    need(c.wait(order["Location"], "valid").json["replaces"] == certid, "valid")


@row("9773-5-02", "9773-5-03", "9773-5-10")
def replaces_refused(s):
    a, b = Client(s), Client(s)
    certid = a.issue("rr.test").certid()
    refused(b.order("rr.test", replaces=certid))
    refused(a.order("else.test", replaces=certid))
    refused(a.order("rr.test", "q.test", replaces="nonsense"))
    refused(a.order("rr.test", "q.test", replaces=certid[:-4] + "AAAA"))


@row("9773-5-07")
def invalid_replacement(s):
    c = Client(s)
    certid = c.issue("ir.test").certid()
    order = ok(c.order("ir.test", "ir2.test", replaces=certid), 201)
    url = [u for u in order.json["authorizations"] if ok(c.fetch(u)).json["status"] == "pending"][0]
    challenge = c.challenge(url)
    s.web.put(challenge["token"], b"x")
    c.post(challenge["url"], {})
    c.wait(order["Location"], "invalid")
    ok(c.order("ir.test", "ir3.test", replaces=certid), 201)


@row("prof-3-01", "prof-3-02")
def profiles(s):
    found = s.directory["meta"]["profiles"]
    need(found and all(isinstance(v, str) and v for v in found.values()), found)


@row("prof-4-01", "prof-4-02", "prof-4-07", "prof-6.3-01")
def profile_in_order(s):
    c = Client(s)
    for name in s.directory["meta"]["profiles"]:
        order = ok(c.order("prof.test", profile=name), 201)
        need(order.json["profile"] == name == ok(c.fetch(order["Location"])).json["profile"], "profile")
    for name in ("nobody", name.upper()):
        refused(c.order("prof.test", profile=name), "invalidProfile", 400)
    for name in (5, []):
        refused(c.order("prof.test", profile=name), "malformed", 400)


@row("prof-4-03", departs="departures.identifier_type_rejected")
def profile_incompatible(s):
    if s.env == "rfc8555":
        return  # its only profile takes both types
    refused(Client(s).order({"type": "ip", "value": "127.0.0.1"}, profile="classic"), "invalidProfile")


@row("prof-4-04", departs="departures.profile_not_shown")
def profile_chosen(s):
    need(ok(Client(s).order("chosen.test"), 201).json.get("profile"), "profile")


def caa_allows(c, name, *records, at=None):
    s = c.server
    s.ask("PUT", "/api/v1/dns", {"name": at or name, "type": "CAA", "values": list(records)})
    url = ok(c.order(name), 201).json["authorizations"][0]
    wild = name.startswith("*.")
    challenge = c.challenge(url, "dns-01" if wild else "http-01")
    if wild:
        txt(s, "_acme-challenge." + name[2:], b64(hashlib.sha256((challenge["token"] + "." + c.key.thumbprint()).encode()).digest()))
    else:
        s.web.right(challenge["token"], c.key)
    c.post(challenge["url"], {})
    return c.wait(url, "valid", "invalid").json["status"] == "valid"


I, CAA_MORE = "letsencrypt.org", []
CAA = [
    (("8659-3-03",), "caa01.test", [], True), (("8659-3-04", "8659-4.4-01"), "caa02.test", ['0 iodef "mailto:a@b.test"'], True),
    (("8659-4.1-01",), "caa03.test", ['128 tbs "x"', '0 issue "%s"' % I], False), (("8659-4.1-02",), "caa04.test", ['128 issue "%s"' % I], True),
    (("8659-4.1-04",), "caa05.test", ['0 ISSUE "other.test"'], False), (("8659-4.2-01",), "caa06.test", ['0 issue "%s"' % I], True),
    ((), "caa07.test", ['0 issue "%s; %%%%"' % I], False), ((), "caa08.test", ['0 issue "other.test"', '0 issue "%s"' % I], True),
    (("8659-4.3-01",), "caa09.test", ['0 issuewild "other.test"'], True), ((), "*.caa10.test", ['0 issue "%s"' % I, '0 issuewild "other.test"'], False),
    (("8657-3-02",), "caa11.test", ['0 issue "%s"' % I], True), ((), "caa12.test", ['0 issue "%s; accounturi=https://x/"' % I], False),
    (("8657-3-05",), "caa13.test", ['0 issue "other.test; accounturi=ACCOUNT"'], False), ((), "caa14.test", ['0 issue "%s; accounturi=ACCOUNT"' % I], True),
    (("8657-3-06",), "caa15.test", ['0 issue "%s; accounturi=https://x/"' % I, '0 issue "%s; accounturi=ACCOUNT"' % I], True),
    ((), "caa16.test", ['0 issue "%s; validationmethods=dns-01"' % I], False), (("8657-4-02",), "caa17.test", ['0 issue "%s; validationmethods=dns-01,http-01"' % I], True),
    (("8657-4-03",), "caa18.test", ['0 issue "%s; validationmethods="' % I], False),
    ((), "caa19.test", ['0 issue "%s; accounturi=ACCOUNT; validationmethods=dns-01"' % I], False),
    (("8657-3-04",), "caa20.test", ['0 issue "%s; accounturi=ACCOUNT; accounturi=ACCOUNT"' % I], False),
    ((), "caa22.test", ['0 issue ""'], False), ((), "caa23.test", ['0 issue "%%%%%%%%%%"'], False), ((), "caa24.test", ['0 issue "%s x"' % I], False),
    ((), "caa25.test", ['0 issue "%%%%"', '0 issue "%s"' % I], True), ((), "*.caa26.test", ['0 issue ";"', '0 issuewild "%s"' % I], True),
    ((), "caa27.test", ['0 issue "%s; accounturi="' % I], False), ((), "*.caa28.test", ['0 issue "%s; validationmethods=dns-01"' % I], True),
    ((), "caa29.test", ['0 issue "%s; accounturi=https://x/; validationmethods=http-01"' % I], False),
    ((), "caa32.test", ['0 issue "%s; validationmethods=,http-01"' % I], False),
    ((), "caa30.test", ['0 issue "%s; accounturi=ACCOUNT; validationmethods=http-01"' % I], True), ((), "caa31.test", ['0 issue "%s; validationmethods=http_01,http-01"' % I], False),
    (("8657-3-07",), "*.caa21.test", ['0 issuewild "%s; accounturi=https://x/"' % I], False),
]
for ids, name, records, allowed in CAA:
    def one(s, name=name, records=records, allowed=allowed):
        c = Client(s)
        at = name[2:] if name.startswith("*.") else name
        need(caa_allows(c, name, *[r.replace("ACCOUNT", c.url) for r in records], at=at) == allowed, records, "allowed is not", allowed)
    CAA_MORE.append(one) if not ids else row(*ids)(one)


@row("8657-3-01", "8657-3.1-01")
def caa_of_an_account(s):
    a, b = Client(s), Client(s)
    need(caa_allows(a, "acct.caa.test", '0 issue "%s; accounturi=%s"' % (I, a.url)), "its own account")
    need(not caa_allows(b, "acct.caa.test", '0 issue "%s; accounturi=%s"' % (I, a.url)), "another account")


@row("8659-4.2-02", "8659-4.2-03", "8659-4.2-04", "8659-4.3-02", "8657-3-03", "8657-4-01", "8657-4-04", "8657-4-05")
def caa_more_cases(s):
    for one in CAA_MORE:
        s.ask("POST", "/api/v1/limits/reset", {"environment": s.env})
        one(s)


@row("8659-3-06", "8659-3-08")
def caa_climbs(s):
    c = Client(s)
    need(not caa_allows(c, "x.y.climb.test", '0 issue ";"', at="climb.test"), "parent")
    s.ask("PUT", "/api/v1/dns", {"name": "climb2.test", "type": "CAA", "values": ['0 issue ";"']})
    need(caa_allows(c, "x.y.climb2.test", '0 issue "%s"' % I, at="y.climb2.test"), "the first set from below decides")
    s.ask("PUT", "/api/v1/dns", {"name": "climb3.test", "type": "CAA", "values": ['0 issue "%s"' % I]})
    need(not caa_allows(c, "x.y.climb3.test", '0 issue ";"', at="y.climb3.test"), "the first set from below decides")
    need(not caa_allows(c, "*.wildcaa.test", '0 issue ";"', at="wildcaa.test"), "wildcard")


@row("8659-6-01")
def caa_fails(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "caafail.test", "type": "CAA", "rcode": "SERVFAIL"})
    url = ok(c.order("caafail.test"), 201).json["authorizations"][0]
    challenge = c.challenge(url)
    s.web.right(challenge["token"], c.key)
    c.post(challenge["url"], {})
    c.wait(url, "invalid")
