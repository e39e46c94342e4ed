"""RFC 8555, sections 5 and 6: transport, requests, nonces, problems."""
import json, re, socket, ssl, threading

from lib import *


@row("8555-5-01")
def utf8(s):
    c = Client(s)
    refused(c.post(s.directory["newOrder"], b'{"identifiers":[{"type":"dns","value":"a\xff.test"}]}'), "malformed", 400)


@row("8555-5-02")
def answers_are_utf8(s):
    c = Client(s)
    order = ok(c.order("utf8.test"), 201)
    challenge = c.challenge(order.json["authorizations"][0])
    s.web.put(challenge["token"], b"\xff\xfe")
    c.post(challenge["url"], {})
    done = c.wait(order.json["authorizations"][0], "invalid")
    done.body.decode("utf-8")


@row("8555-6.1-01")
def https_only(s):
    with socket.create_connection((s.host, s.port), 5) as sock:
        sock.sendall(b"GET /dir HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.settimeout(5)
        try:
            need(b"newNonce" not in sock.recv(4096), "ACME without TLS")
        except OSError:
            pass


@row("8555-6.1-02")
def tls_versions(s):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        with socket.create_connection((s.host, s.port), 5) as sock, context.wrap_socket(sock, server_hostname="localhost"):
            pass


@row("8555-6.1-03", "8555-6.1-04")
def cors(s):
    for method, url in (("GET", s.url), ("GET", s.directory["newNonce"]), ("OPTIONS", s.directory["newOrder"])):
        answer = s.send(method, url, headers={"Origin": "https://x.example"})
        need(answer["Access-Control-Allow-Origin"] == "*", "no CORS:", answer)
        exposed = answer["Access-Control-Expose-Headers"] or ""
        for name in ("Replay-Nonce", "Location", "Link", "Retry-After"):
            need(name in exposed, name, "is not exposed")
    need("POST" in answer["Access-Control-Allow-Methods"] and "Content-Type" in answer["Access-Control-Allow-Headers"], answer.headers)


@row("8555-6.1-05", "8555-6.5.1-02")
def base64url_fields(s):
    need(re.fullmatch(r"[A-Za-z0-9_-]+", s.nonce()), "nonce")
    c = Client(s)
    authz = ok(c.fetch(ok(c.order("b64.test"), 201).json["authorizations"][0])).json
    for challenge in authz["challenges"]:
        need(re.fullmatch(r"[A-Za-z0-9_-]+", challenge.get("token", "x")), challenge)


@row("8555-6.1-06")
def padded(s):
    c = Client(s)
    for member in ("protected", "payload", "signature"):
        body = c.jws(s.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "p.test"}]})
        body[member] += "="
        refused(c.send(s.directory["newOrder"], body), "malformed", 400)
    other = Client(s, register=False)
    refused(other.post(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk={**other.key.jwk, "x": other.key.jwk["x"] + "="}),
            ("malformed", "badPublicKey"), 400)


@row("8555-6.2-01")
def bad_signature(s):
    c = Client(s)
    body = c.jws(s.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "sig.test"}]})
    raw = bytearray(unb64(body["signature"]))
    raw[5] ^= 1
    refused(c.send(s.directory["newOrder"], {**body, "signature": b64(bytes(raw))}), "malformed", 400)


@row("8555-6.2-02")
def foreign_key(s):
    a, b = Client(s), Client(s)
    refused(a.post(s.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "x.test"}]}, key=b.key), None, (400, 401, 403))


@row("8555-6.2-03")
def es256(s):
    ok(Client(s, register=False).new_account({"termsOfServiceAgreed": True}), 201)


@row("8555-6.2-04", departs="requests.signature_algorithms")
def eddsa(s):
    ok(Client(s, Key("Ed25519"), register=False).new_account({"termsOfServiceAgreed": True}), 201)


@row("8555-6.2-05")
def jwk_and_kid(s):
    c = Client(s)
    refused(c.post(s.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "x.test"}]}, jwk=True, kid=c.url), "malformed", 400)


@row("8555-6.2-06", "8555-6.2-07")
def unsupported_algorithm(s):
    c = Client(s)
    for alg in ("ES256K", "xyz", "HS256"):
        answer = refused(c.new_account({"termsOfServiceAgreed": True}, alg=alg), "badSignatureAlgorithm", 400)
        need("ES256" in answer.json["algorithms"], answer)


@row("8555-6.2-08", "8555-6.2-09")
def weak_key(s):
    need(refused(Client(s, Key("RSA-1024"), register=False).new_account({"termsOfServiceAgreed": True}), "badPublicKey", 400).json["detail"], "why")


@row("8555-6.2-10", departs="departures.key_mismatch_malformed")
def key_does_not_fit(s):
    refused(Client(s, Key("P-384"), register=False).new_account({"termsOfServiceAgreed": True}, alg="ES256"), "badPublicKey", 400)
    refused(Client(s, register=False).new_account({"termsOfServiceAgreed": True}, alg="RS256"), "badPublicKey", 400)


@row("8555-6.2-11")
def ed448(s):
    jwk = {"kty": "OKP", "crv": "Ed448", "x": b64(bytes(57))}
    refused(Client(s, Key("Ed25519"), register=False).post(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=jwk),
            ("badPublicKey", "badSignatureAlgorithm", "malformed"), 400)


@row("8555-6.2-12")
def compromised_key(s):
    c, key = Client(s), Key()
    issued = c.issue("lost.test", key=key.private)
    lost = Client(s, key, register=False)
    ok(lost.post(s.directory["revokeCert"], {"certificate": issued.der}, jwk=True))
    refused(lost.new_account({"termsOfServiceAgreed": True}), "badPublicKey", 400)


@row("8555-6.2-13", departs="departures.media_type_malformed")
def wrong_media_type(s):
    c = Client(s)
    refused(c.post(s.directory["newOrder"], {}, content_type="application/json"), None, 415)


@row("8555-6.2-14", departs="departures.media_type_malformed")
def no_media_type(s):
    c = Client(s)
    refused(c.post(s.directory["newOrder"], {}, content_type=None), None, 415)


@row("8555-6.2-15")
def unknown_account(s):
    c = Client(s)
    refused(c.post(s.directory["newOrder"], {}, kid=c.url.rsplit("/", 1)[0] + "/999999999"), "accountDoesNotExist", 400)


def urls(s, c):
    location, order = c.ready("gets.test")
    issued = c.issue("gets2.test")
    challenge = c.challenge(ok(c.order("gets3.test"), 201).json["authorizations"][0])
    return {"order": location, "authz": order["authorizations"][0], "finalize": order["finalize"], "cert": issued.url, "challenge": challenge["url"]}


@row("8555-6.3-01", "8555-6.3-04", "8555-6.7-03")
def get_of_post_only(s):
    c = Client(s)
    for url in [s.directory[n] for n in ("newAccount", "newOrder", "revokeCert", "keyChange")] + [c.url, urls(s, c)["finalize"]]:
        answer = s.get(url)
        need(answer.status == 405 and answer.type == "malformed" and "POST" in (answer["Allow"] or ""), url, answer)


@row("8555-6.3-02", departs="departures.unsigned_get")
def get_of_resources(s):
    c = Client(s)
    found = urls(s, c)
    for name in ("order", "authz", "challenge", "cert"):
        answer = s.get(found[name])
        need(answer.status == 405 and answer.type == "malformed", name, answer)


@row("8555-6.3-03", departs="departures.no_orders_list")
def get_of_orders(s):
    c = Client(s)
    need(s.get(ok(c.fetch(c.url)).json["orders"]).status == 405, "orders list")


@row("8555-6.3-05")
def fetch_is_authenticated(s):
    a, b = Client(s), Client(s)
    location = ok(a.order("auth.test"), 201)["Location"]
    refused(a.post(location, None, key=b.key))
    nonce = s.nonce()
    ok(a.post(location, None, nonce=nonce))
    refused(a.post(location, None, nonce=nonce), "badNonce", 400)


@row("8555-6.3-06")
def foreign_order(s):
    a, b = Client(s), Client(s)
    answer = refused(b.fetch(ok(a.order("secret.test"), 201)["Location"]))
    need(b"secret.test" not in answer.body, answer)


@row("8555-6.3-07")
def foreign_authz(s):
    a, b = Client(s), Client(s)
    authz = ok(a.order("secret.test"), 201).json["authorizations"][0]
    refused(b.fetch(authz))
    refused(b.fetch(a.challenge(authz)["url"]))


@row("8555-6.3-08")
def foreign_rest(s):
    a, b = Client(s), Client(s)
    refused(b.fetch(a.url))
    refused(b.fetch(a.issue("theirs.test").url))


@row("8555-6.3-09", "8555-7.1-05", "8555-7.5-01")
def fetch_answers(s):
    c = Client(s)
    found = urls(s, c)
    for url in (found["order"], found["authz"], found["challenge"], c.url):
        answer = ok(c.fetch(url))
        need(answer["Content-Type"] == "application/json" and isinstance(answer.json, dict), answer)


@row("8555-6.3-10")
def fetch_starts_nothing(s):
    c = Client(s)
    challenge = c.challenge(ok(c.order("idle.test"), 201).json["authorizations"][0])
    need(ok(c.fetch(challenge["url"])).json["status"] == "pending", "started")
    need(not s.web.seen(challenge["token"]), "the web server was asked")


@row("8555-6.3-11")
def get_directory_and_nonce(s):
    ok(s.get(s.url))
    ok(s.get(s.directory["newNonce"]), 204)


@row("8555-6.3-12")
def fetch_directory_and_nonce(s):
    c = Client(s)
    need("newNonce" in ok(c.fetch(s.url)).json, "directory")
    answer = c.fetch(s.directory["newNonce"])
    need(answer.status in (200, 204) and answer["Replay-Nonce"], answer)


@row("8555-6.4-01", departs="departures.url_mismatch_malformed")
def wrong_url(s):
    c = Client(s)
    refused(c.post(s.directory["newOrder"], {}, to=s.directory["newAccount"], jwk=True), "unauthorized", (401, 403))


@row("8555-6.4-02", departs="departures.url_mismatch_malformed")
def wrong_query(s):
    c = Client(s)
    location = ok(c.order("q.test"), 201)["Location"]
    refused(c.post(location, None, to=location + "?x=1"), "unauthorized", (401, 403))
    refused(c.post(location + "?x=1", None, to=location), "unauthorized", (401, 403))


@row("8555-6.4-03", departs="departures.url_mismatch_malformed")
def no_normalising(s):
    c = Client(s)
    location = ok(c.order("n.test"), 201)["Location"]
    for other in (location.replace("localhost", "LOCALHOST"), location + "/", location.replace("https:", "http:"), location.replace("/acme/", "/%61cme/")):
        refused(c.post(location, None, sent_url=other), "unauthorized", (401, 403))


@row("8555-6.4-04")
def urls_work_literally(s):
    c = Client(s)
    for url in urls(s, c).values():
        answer = c.fetch(url)
        need(answer.status == 200 or "finalize" in url, url, answer)


@row("8555-6.5-01", "8555-6.5-02")
def nonce_in_every_answer(s):
    c = Client(s)
    location, order = c.ready("nonces.test")
    for answer in (c.order("a.test"), c.fetch(location), c.post(order["finalize"], {"csr": "x"}), c.post(s.directory["newOrder"], {}),
                   c.fetch(location + "9"), c.new_account({}), c.post(s.directory["revokeCert"], {}), c.post(s.directory["keyChange"], {})):
        need(len(answer.headers.get_all("Replay-Nonce") or []) == 1, answer)


@row("8555-6.5-03")
def unknown_nonce(s):
    c, nonce = Client(s), s.nonce()
    refused(c.post(c.url, None, nonce=nonce[:-2] + ("AB" if nonce[-2:] != "AB" else "BA")), "badNonce", 400)


@row("8555-6.5-04")
def nonce_works_once(s):
    c = Client(s)
    body = c.jws(s.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "once.test"}]})
    ok(c.send(s.directory["newOrder"], body), 201)
    refused(c.send(s.directory["newOrder"], body), "badNonce", 400)


@row("8555-6.5-05", departs="departures.nonce_kept_on_refusal")
def nonce_is_spent_by_refusals(s):
    c, nonce = Client(s), s.nonce()
    refused(c.post(c.url, None, nonce=nonce, key=Key()))
    refused(c.post(c.url, None, nonce=nonce), "badNonce", 400)


@row("8555-6.5-06")
def nonce_race(s):
    c = Client(s)
    for _ in range(5):
        body, found = c.jws(c.url, None), []

        def run():
            other = Server(s.url, s.ca_file, s.management, s.web, s.env)
            found.append(other.send("POST", c.url, json.dumps(body).encode(), {"Content-Type": "application/jose+json"}).status)

        threads = [threading.Thread(target=run) for _ in range(2)]
        [t.start() for t in threads], [t.join() for t in threads]
        need(sorted(found) == [200, 400], found)


@row("8555-6.5-07")
def no_nonce(s):
    c = Client(s)
    refused(c.post(c.url, None, drop=("nonce",)), "badNonce", 400)


@row("8555-6.5-08", "8555-6.5-c02")
def fresh_nonce(s):
    c = Client(s)
    answer = refused(c.post(c.url, None, nonce="AAAA"), "badNonce", 400)
    ok(c.post(c.url, None, nonce=answer["Replay-Nonce"]))
    refused(c.post(c.url, None, nonce="AAAA"), "badNonce", 400)


@row("8555-6.5-09")
def nonce_scope(s):
    a, b = Client(s), Client(s)
    for i, nonce in enumerate(reversed([s.nonce() for _ in range(20)])):
        c = (a, b)[i % 2]
        ok(c.post(c.url, None, nonce=nonce))


@row("8555-6.5-10")
def nonces_live(s):
    c, nonce = Client(s), s.nonce()
    for _ in range(1000):
        s.nonce()
    s.skip("1h")
    ok(c.post(c.url, None, nonce=nonce))


@row("8555-6.5.1-01")
def nonces_differ(s):
    found = [s.nonce() for _ in range(1000)]
    need(len(set(found)) == 1000 and len(set(n[8:] for n in found)) == 1000, "the same twice")


@row("8555-6.5.1-03", departs="departures.replay_nonce_header_refused")
def nonce_header_in_request(s):
    c = Client(s)
    ok(c.post(c.url, None, headers={"Replay-Nonce": "x"}))


@row("8555-6.5.2-01", departs="departures.nonce_syntax_bad_nonce")
def nonce_syntax(s):
    c = Client(s)
    for nonce in ("a+b/", "abc=", "a b"):
        refused(c.post(c.url, None, nonce=nonce), "malformed", 400)


@row("8555-6.7-01", "7807-3-01", departs="departures.unknown_path_plain_text", last=True)
def errors_are_problems(s):
    """Every error answer of the whole run."""
    c = Client(s)
    for answer in (s.get(s.url + "/nowhere"), s.get(s.directory["newOrder"]), c.post(s.directory["newOrder"], {}), c.order("a..test"), c.fetch(c.url + "9")):
        need(answer.status >= 400, answer)
    need(s.errors >= 5 and not s.bare, len(s.bare), "of", s.errors, "error answers are no problem documents:", sorted(s.bare)[:3])


@row("7807-3.1-01", "7807-3.1-03", "7807-3.1-05")
def members_of_problems(s):
    c = Client(s)
    for answer in (s.get(s.directory["newOrder"]), c.post(s.directory["newOrder"], {}), c.order("a..test"), c.fetch(c.url + "9")):
        need(answer.json["status"] == answer.status and isinstance(answer.json["detail"], str) and answer.type, answer)


@row("8555-6.7-02", departs="departures.conflict_type", last=True)
def registered_types(s):
    """Every type of the whole run, the refusal of a key in use among them."""
    known = set("accountDoesNotExist alreadyReplaced alreadyRevoked badCSR badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa "
                "compound connection dns externalAccountRequired incorrectResponse invalidContact invalidProfile malformed orderNotReady "
                "rateLimited rejectedIdentifier serverInternal tls unauthorized unsupportedContact unsupportedIdentifier "
                "userActionRequired".split())
    a, b = Client(s), Client(s)
    roll(a, b.key)
    need(s.types - {""} <= known, s.types - known)


def roll(c, new, **twist):
    url = c.server.directory["keyChange"]
    inner = {"account": twist.pop("account", c.url), "oldKey": twist.pop("old", c.key.jwk)}
    signed = c.jws(twist.pop("inner_url", url), twist.pop("payload", inner), key=twist.pop("signer", new), kid=None, jwk=twist.pop("jwk", new.jwk), drop=("nonce",))
    return c.post(url, signed)


@row("8555-6.7-04")
def rejected_identifier(s):
    refused(Client(s).order("a_b.example.com"), ("rejectedIdentifier", "malformed"), 400)


@row("8555-6.7-05")
def unsupported_identifier(s):
    refused(Client(s).order({"type": "email", "value": "a@a.test"}), "unsupportedIdentifier", 400)


@row("8555-6.7-06")
def connection(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "closed.test", "type": "A", "values": ["127.0.0.9"]})
    old = s.ask("GET", "/api/v1/port-map")
    order = ok(c.order("closed.test"), 201)
    challenge = c.challenge(order.json["authorizations"][0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        s.ask("PUT", "/api/v1/port-map", {"map": "80=127.0.0.1:%d" % free.getsockname()[1]})
    try:
        c.post(challenge["url"], {})
        done = c.wait(order.json["authorizations"][0], "invalid").json
        need(done["challenges"][0]["error"]["type"] == URN + "connection", done)
    finally:
        s.ask("PUT", "/api/v1/port-map", old)


@row("8555-6.7-07")
def dns(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "servfail.test", "type": "*", "rcode": "SERVFAIL"})
    done = fail(c, "servfail.test", b"")
    need(done["error"]["type"] == URN + "dns", done)


def fail(c, name, body, status=200):
    order = ok(c.order(name), 201)
    challenge = c.challenge(order.json["authorizations"][0])
    c.server.web.put(challenge["token"], body, status)
    c.post(challenge["url"], {})
    return c.wait(order.json["authorizations"][0], "invalid").json["challenges"][0]


@row("8555-6.7-09", departs="departures.incorrect_response_unauthorized")
def incorrect_response(s):
    need(fail(Client(s), "wrong.test", b"wrong")["error"]["type"] == URN + "incorrectResponse", "type")


@row("8555-6.7-10", "8659-3-01", "8659-3-02")
def caa(s):
    c = Client(s)
    s.ask("PUT", "/api/v1/dns", {"name": "caa.test", "type": "CAA", "values": ['0 issue ";"']})
    order = ok(c.order("caa.test"), 201)
    challenge = c.challenge(order.json["authorizations"][0])
    s.web.right(challenge["token"], c.key)
    c.post(challenge["url"], {})
    done = c.wait(order.json["authorizations"][0], "invalid").json["challenges"][0]
    need(done["error"]["type"] == URN + "caa", done)


@row("8555-6.7-11")
def server_internal(s):
    s.ask("POST", "/api/v1/faults", {"kind": "internal", "endpoints": ["newOrder"], "times": 1, "environment": s.env})
    answer = Client(s).order("x.test")
    need(answer.status == 500 and answer.type == "serverInternal", answer)


@row("8555-6.7-13")
def missing_resources(s):
    c = Client(s)
    need(c.fetch(c.url.replace("/acct/", "/order/") + "/99999").status == 404, "order")


@row("8555-6.7.1-01", "8555-6.7.1-02", "8555-6.7.1-03")
def subproblems(s):
    answer = refused(Client(s).order("a_b.test", "c_d.test", "good.test"))
    need("identifier" not in answer.json, answer)
    subs = answer.json.get("subproblems")
    need(subs and len(subs) == 2, answer)
    for sub in subs:
        need(sub["type"] and sub["detail"] and set(sub["identifier"]) == {"type", "value"}, sub)


@row("8555-6.1-c01")
def no_user_agent(s):
    c = Client(s)
    ok(c.post(c.url, None, agent=None))


@row("8555-6.2-c01")
def no_jws(s):
    c = Client(s)
    for body in (b"{}", b"", b"hello", b"a.b.c", b"[]"):
        refused(c.send(s.directory["newOrder"], body), "malformed", 400)


@row("8555-6.2-c02", "8555-6.2-c03", "8555-6.2-c05")
def jws_shape(s):
    c = Client(s)
    body = c.jws(c.url, None)
    refused(c.send(c.url, {"payload": body["payload"], "signatures": [{"protected": body["protected"], "signature": body["signature"]}]}), "malformed", 400)
    refused(c.send(c.url, {**body, "header": {}}), "malformed", 400)
    refused(c.send(c.url, {"protected": body["protected"], "signature": body["signature"]}), "malformed", 400)


@row("8555-6.2-c04")
def unencoded(s):
    c = Client(s)
    refused(c.post(c.url, None, header={"b64": False, "crit": ["b64"]}), "malformed", 400)


@row("8555-6.2-c06", "8555-6.2-c07")
def alg_none(s):
    c = Client(s)
    for alg in ("none", "HS256"):
        body = c.jws(c.url, None, alg=alg)
        need("algorithms" in refused(c.send(c.url, {**body, "signature": body["signature"] if alg != "none" else "AA"}), "badSignatureAlgorithm", 400).json, alg)


@row("8555-6.2-c08")
def no_alg(s):
    c = Client(s)
    refused(c.post(c.url, None, drop=("alg",)), ("malformed", "badSignatureAlgorithm"), 400)


@row("8555-6.2-c09")
def no_key(s):
    c = Client(s)
    refused(c.post(c.url, None, drop=("kid",)), "malformed", 400)


@row("8555-6.2-c10")
def new_account_with_kid(s):
    c = Client(s)
    refused(c.post(s.directory["newAccount"], {"termsOfServiceAgreed": True}), "malformed", 400)


@row("8555-6.2-c11")
def jwk_where_kid_belongs(s):
    c = Client(s)
    for url in list(urls(s, c).values()) + [c.url, s.directory["newOrder"], s.directory["keyChange"]]:
        refused(c.post(url, None, jwk=True), "malformed", 400)


@row("8555-6.2-c12")
def broken_jwk(s):
    c = Client(s, register=False)
    for jwk in ({**c.key.jwk, "y": c.key.jwk["x"]}, {"kty": "EC", "crv": "P-256", "x": c.key.jwk["x"]}, {"kty": "oct", "k": "AAAA"}):
        refused(c.post(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=jwk), ("malformed", "badPublicKey"), 400)


@row("8555-6.2-c13")
def jwk_does_not_sign(s):
    c = Client(s, register=False)
    refused(c.post(s.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=Key().jwk), "malformed", 400)


@row("8555-6.2-c14")
def strange_kid(s):
    c = Client(s)
    for kid in (c.url.replace("/acct/", "/order/"), "https://other.test/acme/acct/1", "1"):
        refused(c.post(c.url, None, kid=kid), ("malformed", "accountDoesNotExist"), 400)


@row("8555-6.2-c15")
def payload_no_object(s):
    c = Client(s)
    for payload in (b"[]", b"5", b"null", b"x"):
        refused(c.post(s.directory["newOrder"], payload), "malformed", 400)


@row("8555-6.2-c16", departs="departures.large_body_unauthorized")
def large_body(s):
    c = Client(s)
    refused(c.send(s.directory["newOrder"], b"{" + b" " * 50001 + b"}"), "malformed", (400, 413))
    ok(c.fetch(c.url))


@row("8555-6.3-c01")
def fetch_with_object(s):
    c = Client(s)
    found = urls(s, c)
    for name in ("order", "cert"):
        refused(c.post(found[name], {}), "malformed", 400)


@row("8555-6.4-c01", "8555-6.4-c02", "8555-6.5-c01")
def url_member(s):
    c = Client(s)
    refused(c.post(c.url, None, drop=("url",)), ("malformed", "unauthorized"))
    refused(c.post(c.url, None, header={"url": 5}), "malformed", 400)
    body = c.jws(c.url, None, drop=("nonce",))
    refused(c.send(c.url, {**body, "header": {"nonce": s.nonce()}}), ("malformed", "badNonce"), 400)


untested("nothing to see: the nonce rows cover the danger", "8555-6.1-07")
@row("8555-6.6-01", "8555-6.6-02", "8555-6.6-03", "8555-6.6-04", "8555-6.6-05")
def limits(s):
    with Own(s, "--limits", "letsencrypt") as own:  # those of rfc8555 are off
        c = Client(own.server)

        def fill(*names):
            own.server.ask("POST", "/api/v1/limits/reset", {"environment": s.env})
            for name, whose in names:
                own.server.ask("POST", "/api/v1/limits/fill", {"environment": s.env, "limit": name, **whose})
            answer = refused(c.order("limited.test"), "rateLimited", 429)
            need(answer.links("help"), answer.headers)
            return int(answer["Retry-After"])

        orders = ("NewOrdersPerAccount", {"account": int(c.url.rsplit("/", 1)[1])})
        domain = ("CertificatesPerDomain", {"names": ["limited.test"]})
        one, two, both = fill(orders), fill(domain), fill(orders, domain)
        need(0 < 2 * one < two and both > 0.9 * two, one, two, both)  # as there they are spread a little
        own.server.skip("%ds" % (both + 1))
        ok(c.order("limited.test"), 201)


untested("MAY; the server never does it", "8555-6.7-12")
untested("no problem of ACME leaves type out", "7807-3.1-02", "7807-4.2-01", "7807-3.1-04")
