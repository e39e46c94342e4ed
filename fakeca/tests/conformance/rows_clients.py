"""What real clients need of the server (reference/clients.md, part 3): C1 to C55, at the pace "fast"."""
import datetime, re, socket, ssl, time

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lib import *
from rows_request import fail, roll, urls


@row("C1")
def nonce_by_both(s):
    found = [s.get(s.directory["newNonce"]), s.send("HEAD", s.directory["newNonce"])]
    need([a.status for a in found] == [204, 200] and found[0]["Replay-Nonce"] != found[1]["Replay-Nonce"], found)


@row("C2", "C11")
def nonce_everywhere(s):
    c = Client(s)
    issued = c.issue("c2.test")
    s.ask("POST", "/api/v1/faults", {"kind": "internal", "endpoints": ["account"], "times": 1, "environment": s.env})
    for answer in (c.fetch(c.url), c.fetch(issued.url), c.order("a..test"), c.post(s.directory["revokeCert"], {"certificate": issued.der})):
        need(re.fullmatch(r"[A-Za-z0-9_-]+", answer["Replay-Nonce"] or ""), answer)


@row("C3")
def many_nonces(s):
    c, pool = Client(s), [s.nonce() for _ in range(3000)]
    s.skip("1d")
    for nonce in pool[:50]:
        ok(c.post(c.url, None, nonce=nonce))


@row("C4")
def bad_nonce_words(s):
    c = Client(s)
    answer = refused(c.post(c.url, None, nonce="AAAA"), "badNonce", 400)
    need(answer.json["detail"] == "JWS has an invalid anti-replay nonce", answer)
    ok(c.post(c.url, None, nonce=answer["Replay-Nonce"]))


@row("C5")
def no_good_nonce_refused(s):
    c = Client(s)
    for _ in range(200):
        ok(c.fetch(c.url))


@row("C6")
def locations(s):
    c = Client(s, register=False)
    one, two = c.new_account({"termsOfServiceAgreed": True}), c.new_account({"termsOfServiceAgreed": True})
    need(one.status == 201 and two.status == 200 and one["Location"] == two["Location"], one, two)
    c.url = one["Location"]
    location, order = c.ready("c6.test")
    need(ok(c.post(order["finalize"], {"csr": csr(["c6.test"])}))["Location"] == location, "finalize")


@row("C7")
def links(s):
    c = Client(s)
    authz = ok(c.order("c7.test"), 201).json["authorizations"][0]
    answer = ok(c.post(c.challenge(authz)["url"], {}))
    need(answer.links("up") == [authz] and answer.links("index"), answer.headers)


@row("C8")
def content_types(s):
    c = Client(s)
    issued = c.issue("c8.test")
    for answer in (c.fetch(c.url), c.fetch(issued.location), s.get(s.directory["renewalInfo"] + "/" + issued.certid()), s.get(s.url)):
        need(answer["Content-Type"] == "application/json", answer.headers)
    need(issued.chain["Content-Type"] == "application/pem-certificate-chain", issued.chain.headers)
    for kind in ("rate-limited", "internal", "unavailable"):
        s.ask("POST", "/api/v1/faults", {"kind": kind, "endpoints": ["newOrder"], "times": 1, "environment": s.env})
        need(c.order("x.test")["Content-Type"] == "application/problem+json", kind)
    need(s.get(s.directory["newOrder"])["Content-Type"] == "application/problem+json", 405)


def raw(s, text):
    with socket.create_connection((s.host, s.port), 10) as sock, s.context.wrap_socket(sock, server_hostname=s.host) as tls:
        tls.sendall(text)
        out = b""
        while True:
            try:
                part = tls.recv(65536)
            except OSError:
                break
            if not part:
                break
            out += part
        return out


@row("C9")
def odd_requests(s):
    c = Client(s)
    path = c.url.split(str(s.port), 1)[1]
    host = "Host: %s:%d\r\n" % (s.host, s.port)

    def body():
        return json.dumps(c.jws(c.url, None)).encode()

    data = body()
    answer = raw(s, ("POST %s HTTP/1.1\r\n%scontent-TYPE: application/jose+json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" % (path, host)).encode()
                 + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
    need(answer.startswith(b"HTTP/1.1 200"), answer[:200])
    data = body()
    answer = raw(s, ("POST %s HTTP/1.1\r\n%sContent-Type: application/jose+json\r\nExpect: 100-continue\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" %
                     (path, host, len(data))).encode() + data)
    need(b"HTTP/1.1 200" in answer, answer[:200])
    for headers in ({"Accept": "application/json, text/plain, */*"}, {"Accept": "image/png"}, {"Accept-Encoding": "gzip, br"}, {"Content-Type": "text/html"}):
        ok(s.get(s.url, headers=headers))


@row("C10")
def a_connection_each(s):
    c, began = Client(s), time.monotonic()
    for _ in range(30):
        s.connection = None
        ok(s.get(s.url))
    need(time.monotonic() - began < 15, "slow")
    ok(c.fetch(c.url))


@row("C12")
def plain_json(s):
    c = Client(s)
    order = ok(c.order("c12.test"), 201)
    authz = ok(c.fetch(order.json["authorizations"][0]))
    for answer in (order, authz):
        need(b"\\/" not in answer.body and all(b < 128 for b in answer.body), answer)
    for challenge in authz.json["challenges"]:
        need(not any(isinstance(v, dict) for v in challenge.values()), challenge)


@row("C13")
def urls_follow_the_host(s):
    for host in ("127.0.0.1", "[::1]", "ca.other.test"):
        answer = raw(s, ("GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n" % (s.url.split(str(s.port), 1)[1], host, s.port)).encode())
        need(("https://%s:%d/" % (host, s.port)).encode() in answer, host, answer[:300])


@row("C15", "C17")
def directory_certificate(s):
    for host in ("localhost", "127.0.0.1", "::1"):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=s.ca_file)
            context.minimum_version = context.maximum_version = version
            with socket.create_connection((host, s.port), 5) as sock, context.wrap_socket(sock, server_hostname=host) as tls:
                cert = tls.getpeercert()
    need(cert["notBefore"].endswith("2000 GMT") and cert["notAfter"].endswith("2199 GMT"), cert)


@row("C16")
def one_root_file(s):
    need(len(pem_all(open(s.ca_file, "rb").read())) >= 2, "the directory's root and an issuing root")


@row("C20")
def terms_stay(s):
    before = s.directory["meta"]["termsOfService"]
    s.skip("1d")
    need(before and s.get(s.url).json["meta"]["termsOfService"] == before, before)


@row("C21")
def unknown_key(s):
    refused(Client(s, register=False).new_account({"onlyReturnExisting": True}), "accountDoesNotExist", 400)


@row("C22")
def register_at_each_run(s):
    c = Client(s)
    for payload in ({}, {"termsOfServiceAgreed": True}, {"contact": ["mailto:x@rehearsal.dev"]}):
        need(ok(c.new_account(payload))["Location"] == c.url, payload)


@row("C23")
def account_keys(s):
    for kind in ("RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384"):
        Client(s, Key(kind))


@row("C24", "C25", "C26")
def challenges_in_order(s):
    c = Client(s)
    found = ok(c.fetch(ok(c.order("c24.test"), 201).json["authorizations"][0])).json["challenges"]
    need([x["type"] for x in found] == ["http-01", "dns-01", "tls-alpn-01"], [x["type"] for x in found])
    need(all(re.fullmatch(r"[A-Za-z0-9_-]+", x["token"]) for x in found), found)


@row("C27")
def challenge_is_decided_at_once(s):
    c = Client(s)
    challenge = c.challenge(ok(c.order("c27.test"), 201).json["authorizations"][0])
    s.web.right(challenge["token"], c.key)
    need(ok(c.post(challenge["url"], {})).json["status"] == "valid", "status")


@row("C28")
def challenge_again(s):
    c = Client(s)
    _, order = c.ready("c28.test")
    ok(c.post(ok(c.fetch(order["authorizations"][0])).json["challenges"][0]["url"], {}))
    refused(c.post(fail(c, "c28b.test", b"x")["url"], {}), None, 400)


@row("C29")
def retry_after_of_pending(s):
    c = Client(s)
    url = ok(c.order("c29.test"), 201).json["authorizations"][0]
    need(ok(c.fetch(url))["Retry-After"] == "1" == ok(c.fetch(c.challenge(url)["url"]))["Retry-After"], "1")


@row("C30")
def ready_by_itself(s):
    c = Client(s)
    location, order = c.ready("c30.test")
    need(order["status"] == "ready" and "error" not in order, order)


@row("C31")
def fetches(s):
    c = Client(s)
    for url in list(urls(s, c).values()) + [c.url]:
        need("finalize" in url or c.fetch(url).status == 200, url)


@row("C32")
def finalize_gives_it(s):
    c = Client(s)
    _, order = c.ready("c32.test")
    answer = ok(c.post(order["finalize"], {"csr": csr(["c32.test"])}))
    need(answer.json["status"] == "valid" and answer.json["certificate"], answer)
    refused(c.post(order["finalize"], {"csr": csr(["c32.test"])}), "orderNotReady", 403)


@row("C33")
def processing_ends(s):
    c = Client(s)
    location, order = c.ready("c33.test")
    s.ask("POST", "/api/v1/faults", {"kind": "processing", "delay": "300ms", "times": 1, "environment": s.env})
    need(ok(c.post(order["finalize"], {"csr": csr(["c33.test"])})).json["status"] == "processing", "status")
    c.wait(location, "valid")


@row("C34")
def chain_shape(s):
    text = Client(s).issue("c34.test").chain.body
    need(text.startswith(b"-----BEGIN") and text.endswith(b"-----END CERTIFICATE-----\n") and b"-----\n\n-----BEGIN" in text, text)


@row("C35")
def without_renewal_info(s):
    s.ask("POST", "/api/v1/faults", {"kind": "drop-member", "member": "renewalInfo", "times": 1, "environment": s.env})
    need("renewalInfo" not in s.get(s.url).json and "renewalInfo" in s.get(s.url).json, "renewalInfo")


@row("C36", "C53")
def renewal_info(s):
    now, ends = s.ask("GET", "/api/v1/clock")["now"], []
    for name in ("c36.test", "c36b.test"):
        answer = ok(s.get(s.directory["renewalInfo"] + "/" + Client(s).issue(name).certid()))
        window = answer.json["suggestedWindow"]
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", window["start"]) and now < window["start"] < window["end"], window)
        need(answer["Retry-After"].isdigit(), answer.headers)
        ends.append(window)


@row("C37")
def replaces_again(s):
    c = Client(s)
    certid = c.issue("c37.test").certid()
    s.ask("POST", "/api/v1/faults", {"kind": "already-replaced", "environment": s.env})
    refused(c.order("c37.test", "c37b.test", replaces=certid), "alreadyReplaced", 409)
    ok(c.order("c37.test", "c37b.test"), 201)


@row("C38")
def csrs(s):
    c = Client(s)
    keys = (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()))
    for i, key in enumerate(keys):
        for cn in (None, "c38-%d.test" % i):
            location, order = c.ready("c38-%d.test" % i, "z.c38-%d.test" % i)
            ok(c.post(order["finalize"], {"csr": csr(["Z.c38-%d.test" % i, "c38-%d.test" % i], key, cn=cn)}))
            c.wait(location, "valid")
            s.ask("POST", "/api/v1/limits/reset", {"environment": s.env})


@row("C39")
def revocations(s):
    c, key = Client(s), Key()
    one, two = c.issue("c39.test"), c.issue("c39b.test", key=key.private)
    ok(c.post(s.directory["revokeCert"], {"certificate": one.der}))
    refused(c.post(s.directory["revokeCert"], {"certificate": one.der}), "alreadyRevoked", 400)
    ok(Client(s, key, register=False).post(s.directory["revokeCert"], {"certificate": two.der}, jwk=True))


@row("C40")
def host_without_port(s):
    c = Client(s)
    challenge = c.challenge(ok(c.order("c40.test"), 201).json["authorizations"][0])
    c.post(challenge["url"], {})
    need(s.web.seen(challenge["token"])[0][0] == "c40.test", s.web.seen(challenge["token"])[0][0])


@row("C43")
def no_ocsp(s):
    from cryptography import x509
    found = Client(s).issue("c43.test").leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    need(not [d for d in found if d.access_method == x509.oid.AuthorityInformationAccessOID.OCSP], found)


@row("C50")
def retry_after_of_429(s):
    s.ask("POST", "/api/v1/faults", {"kind": "rate-limited", "endpoints": ["newOrder"], "times": 1, "environment": s.env})
    answer = Client(s).order("x.test")
    need(answer.status == 429 and answer["Retry-After"].isdigit(), answer)


@row("C51")
def bounded_faults(s):
    c = Client(s)
    s.ask("POST", "/api/v1/faults", {"kind": "unavailable", "endpoints": ["newOrder"], "times": 2, "for": "1h", "retry_after": "7s", "environment": s.env})
    need([c.order("c51.test").status for _ in range(3)] == [503, 503, 201], "times")
    s.ask("POST", "/api/v1/faults", {"kind": "unavailable", "endpoints": ["newOrder"], "for": "1h", "environment": s.env})
    need(c.order("c51b.test").status == 503, "for")
    s.skip("2h")
    ok(c.order("c51b.test"), 201)


@row("C52")
def requests_are_logged(s):
    c = Client(s)
    ok(c.fetch(c.url))
    after, found = 0, {}
    while True:
        page = s.ask("GET", "/api/v1/events?types=request&limit=1000&after=%d" % after)
        if not page["events"]:
            break
        found, after = page["events"][-1]["data"], page["next"]
    need(found["client"] == "conformance" and found["alg"] == "ES256" and found["conn"] > 0 and found["method"] == "POST", found)


@row("C54")
def a_skip_ends_only_what_is_over(s):
    c = Client(s)
    issued = c.issue("c54.test")
    s.skip("20d")
    ok(c.fetch(issued.url))
    ok(c.fetch(c.url))


@row("C55")
def date_header(s):
    now = datetime.datetime.fromisoformat(s.ask("GET", "/api/v1/clock")["now"][:19])
    sent = datetime.datetime.strptime(s.get(s.url)["Date"], "%a, %d %b %Y %H:%M:%S GMT")
    need(abs((sent - now).total_seconds()) < 60, sent, now)


@row("C14")
def restart(s):
    with Own(s) as own:
        c = Client(own.server)
        before, order = own.server.url, ok(c.order("restart.test"), 201)
        own.stop()
        own.start()
        need(own.server.url == before, before, own.server.url)
        c.server = own.server
        need(ok(c.new_account({"onlyReturnExisting": True}))["Location"] == c.url, "the account")
        need(ok(c.fetch(order["Location"])).json == order.json, "the order")
        c.authorize(order)


@row("C41")
def tls_alpn(s):
    from rows_tls import attempt, dns, pair
    (status, error), tls = attempt(s, "c41.test", lambda v, f: pair(dns("c41.test"), v, folder=f))
    need(status == "valid" and tls.hellos and all(hello == (["c41.test"], ["acme-tls/1"]) for hello in tls.hellos), error, tls.hellos)


TYPES = {"A": 1, "NS": 2, "SOA": 6, "TXT": 16, "AAAA": 28, "CAA": 257}


def look_up(s, name, kind):
    """What the mock DNS answers over UDP: response code and (type, data) of its answer section."""
    host, port = s.dns.rsplit(":", 1)
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + TYPES[kind].to_bytes(2, "big") + b"\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question, (host, int(port)))
        data = sock.recv(65535)
    at, found = 12 + len(question), []
    for _ in range(int.from_bytes(data[6:8], "big")):
        while data[at] and data[at] < 0xC0:  # its name: labels, or a pointer
            at += 1 + data[at]
        at += 2 if data[at] else 1
        size = int.from_bytes(data[at + 8:at + 10], "big")
        found.append((int.from_bytes(data[at:at + 2], "big"), data[at + 10:at + 10 + size]))
        at += 10 + size
    return data[3] & 15, found


@row("C42")
def mock_dns(s):
    home = (TYPES["A"], bytes([127, 0, 0, 1]))
    for name in ("c42.test", "www.c42.example", "localhost"):
        need(look_up(s, name, "A") == (0, [home]), name, look_up(s, name, "A"))
        need(look_up(s, name, "AAAA") == (0, []), name)
    s.ask("PUT", "/api/v1/dns", {"name": "six.c42.test", "type": "AAAA", "values": ["::1"]})
    need(look_up(s, "six.c42.test", "AAAA") == (0, [(TYPES["AAAA"], bytes(15) + b"\1")]), "AAAA by rule")
    for kind in ("SOA", "NS"):
        code, found = look_up(s, "test", kind)  # every last label is a zone
        need(code == 0 and found and found[0][0] == TYPES[kind], kind, code, found)
    s.ask("PUT", "/api/v1/dns", {"name": "_acme-challenge.c42.test", "type": "TXT", "values": ["at once"]})
    need(look_up(s, "_acme-challenge.c42.test", "TXT") == (0, [(TYPES["TXT"], b"\x07at once")]), "TXT")
    began = time.monotonic()
    for i in range(20):
        need(look_up(s, "n%d.c42.test" % i, "CAA") == (0, []), "CAA")
    need(time.monotonic() - began < 5, "20 empty answers take", time.monotonic() - began, "s")
