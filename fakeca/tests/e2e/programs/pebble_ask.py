#!/usr/bin/python3
"""Asks a Pebble (the original or `fakeca pebble`) a fixed list of requests and prints what it answers, one line a fact:

    STEP FIELD VALUE

Random values and addresses are masked by what they are, so that two lists can be compared with diff.

usage: pebble_ask.py DIRECTORY MANAGEMENT CHALLTESTSRV
"""

import base64
import hashlib
import hmac
import http.client
import json
import re
import ssl
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import NameOID

TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
SHOWN = ("content-type", "location", "link", "replay-nonce", "retry-after", "cache-control", "allow")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


KEPT = threading.local()  # connections of this thread, by origin


def connection(url):
    parts = urllib.parse.urlsplit(url)
    if not hasattr(KEPT, "by_origin"):
        KEPT.by_origin = {}
    if parts.netloc not in KEPT.by_origin:
        made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        options = {"context": TLS} if parts.scheme == "https" else {}
        KEPT.by_origin[parts.netloc] = made(parts.netloc, timeout=60, **options)
    return KEPT.by_origin[parts.netloc], parts.path + ("?" + parts.query if parts.query else "")


def request(method, url, body=None, headers=None):
    sent = {"User-Agent": "pebble_ask"}
    sent.update(headers or {})
    for attempt in (1, 2):
        talk, path = connection(url)
        try:
            talk.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
            answer = talk.getresponse()
            return answer.status, [(n.lower(), v) for n, v in answer.getheaders()], answer.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            talk.close()  # kept too long; the next attempt opens it anew
            if attempt == 2:
                raise
    return None


class Key:
    def __init__(self, private):
        self.private = private
        self.kid = None

    def jwk(self):
        public = self.private.public_key().public_numbers()
        if isinstance(self.private, rsa.RSAPrivateKey):
            size = (public.n.bit_length() + 7) // 8
            return {"e": b64(public.e.to_bytes(3, "big")), "kty": "RSA", "n": b64(public.n.to_bytes(size, "big"))}
        size = (self.private.curve.key_size + 7) // 8
        return {
            "crv": {256: "P-256", 384: "P-384", 521: "P-521"}[self.private.curve.key_size],
            "kty": "EC",
            "x": b64(public.x.to_bytes(size, "big")),
            "y": b64(public.y.to_bytes(size, "big")),
        }

    def alg(self):
        if isinstance(self.private, rsa.RSAPrivateKey):
            return "RS256"
        return {256: "ES256", 384: "ES384", 521: "ES512"}[self.private.curve.key_size]

    def sign(self, data):
        if isinstance(self.private, rsa.RSAPrivateKey):
            from cryptography.hazmat.primitives.asymmetric import padding

            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        digest = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}[self.private.curve.key_size]
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest())))
        size = (self.private.curve.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def thumbprint(self):
        text = json.dumps(self.jwk(), sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())


def new_key(curve=None):
    return Key(ec.generate_private_key(curve or ec.SECP256R1()))


class Asker:
    def __init__(self, directory, management, challenges):
        self.management = management
        self.challenges = challenges
        self.origin = re.match(r"https://[^/]+", directory).group(0)
        self.directory_url = directory
        self.directory = json.loads(request("GET", directory)[2])
        self.key = new_key()
        self.masks = []

    # ---- talking ----

    def nonce(self):
        headers = dict(request("HEAD", self.directory["newNonce"])[1])
        return headers["replay-nonce"]

    def jws(self, url, payload, key, protected=None):
        header = {"alg": key.alg(), "nonce": self.nonce(), "url": url}
        header.update({"kid": key.kid} if key.kid else {"jwk": key.jwk()})
        header.update(protected or {})
        header = {name: value for name, value in header.items() if value is not None}
        first = b64(json.dumps(header).encode())
        second = "" if payload is None else b64(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
        signature = b64(key.sign(f"{first}.{second}".encode()))
        return json.dumps({"protected": first, "payload": second, "signature": signature}).encode()

    def post(self, url, payload, key=None, protected=None, headers=None, body=None):
        sent = {"Content-Type": "application/jose+json"}
        sent.update(headers or {})
        data = body if body is not None else self.jws(url, payload, key or self.key, protected)
        return request("POST", url, data, sent)

    # ---- printing ----

    def mask(self, text):
        text = str(text).strip().replace("\n", "\\n")
        for value, name in self.masks:
            text = text.replace(value, name)
        text = text.replace(self.origin, "ORIGIN")
        for member, url in self.directory.items():
            if isinstance(url, str):
                text = text.replace(url.replace(self.origin, "ORIGIN"), f"<{member}>")
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "<time>", text)
        text = text.replace("ORIGIN/dir", "<directory>")
        text = re.sub(r"ORIGIN/[^>\s\"]+", "<url>", text)
        text = re.sub(r"[0-9a-f]{30,}", "<hex>", text)
        text = re.sub(r"(urn:ietf:params:acme:error:)(\w+)", lambda m: f"error {m.group(2)[:8]}..{m.group(2)[-8:]}", text)
        return re.sub(r"[A-Za-z0-9_-]{20,}", "<random>", text)

    def facts(self, step, value, path=""):
        if isinstance(value, dict):
            for name in sorted(value):
                self.facts(step, value[name], f"{path}.{name}")
            if not value:
                print(step, path, "{}")
        elif isinstance(value, list):
            print(step, f"{path}#", len(value))
            for item in sorted(value, key=lambda item: json.dumps(item, sort_keys=True)):
                self.facts(step, item, f"{path}[]")
        else:
            print(step, path, self.mask(value))

    def show(self, step, answer, body=True):
        status, headers, data = answer
        print(step, "status", status)
        for name, value in sorted(headers):
            if name in SHOWN:
                value = "<seconds or date>" if name == "retry-after" else self.mask(value.split("; charset=")[0])
                print(step, f"header.{name}", value)
        if not body:
            return answer
        try:
            self.facts(step, json.loads(data), "body")
        except ValueError:
            kind = "PEM" if data.startswith(b"-----BEGIN") else repr(self.mask(data.decode()))
            print(step, "body", kind)
        return answer

    # ---- steps of a client ----

    def account(self, key, step=None, **payload):
        payload.setdefault("termsOfServiceAgreed", True)
        answer = self.post(self.directory["newAccount"], payload, key)
        if step:
            self.show(step, answer)
        key.kid = dict(answer[1]).get("location")
        if key.kid:
            self.masks.append((key.kid, "<account>"))
        return answer

    def order(self, names, step=None, key=None, **more):
        idents = [{"type": "ip" if re.match(r"[\d.]+$|.*:", n) else "dns", "value": n} for n in names]
        answer = self.post(self.directory["newOrder"], dict(identifiers=idents, **more), key)
        if step:
            self.show(step, answer)
        order = json.loads(answer[2])
        order["url"] = dict(answer[1]).get("location")
        return order

    def read(self, url):
        return json.loads(self.post(url, None)[2])

    def until(self, url, words):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            value = self.read(url)
            if value["status"] in words:
                return value
            time.sleep(0.05)
        sys.exit(f"{url} is {value['status']}")

    def provide(self, kind, name, challenge, wrong=False):
        key_authorization = "wrong" if wrong else f"{challenge['token']}.{self.key.thumbprint()}"
        calls = {
            "http-01": ("add-http01", {"token": challenge.get("token"), "content": key_authorization}),
            "tls-alpn-01": ("add-tlsalpn01", {"host": name, "content": key_authorization}),
            "dns-01": (
                "set-txt",
                {"host": f"_acme-challenge.{name}.", "value": b64(hashlib.sha256(key_authorization.encode()).digest())},
            ),
        }
        path, body = calls[kind]
        status, _, _ = request("POST", f"{self.challenges}/{path}", json.dumps(body).encode())
        if status != 200:
            sys.exit(f"{path} answers {status}")

    def authorize(self, order, kind="http-01", step=None, wrong=False):
        for url in order["authorizations"]:
            authz = self.read(url)
            if authz["status"] == "valid":
                continue
            challenge = next(c for c in authz["challenges"] if c["type"] == kind)
            self.provide(kind, authz["identifier"]["value"], challenge, wrong)
            answer = self.post(challenge["url"], {})
            if step:
                self.show(step, (answer[0], answer[1], b"{}"))
            authz = self.until(url, ("valid", "invalid"))
        return authz

    def csr(self, names, key=None, cn=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else [])
        import ipaddress

        sans = [
            x509.IPAddress(ipaddress.ip_address(n)) if re.match(r"[\d.]+$|.*:", n) else x509.DNSName(n) for n in names
        ]
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), False)
        return key, b64(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))

    def issue(self, names, step=None, kind="http-01", key=None, **more):
        order = self.order(names, **more)
        self.authorize(order, kind)
        if not order.get("url"):
            sys.exit(f"no order for {names}: {order}")
        self.until(order["url"], ("ready",))
        key, csr = self.csr(names, key)
        answer = self.post(order["finalize"], {"csr": csr})
        if step:
            self.show(step, (answer[0], answer[1], b"{}"))
        if answer[0] != 200:
            return None
        done = self.until(order["url"], ("valid", "invalid"))
        done["url"] = order["url"]
        done["key"] = key
        return done


def describe(asker, step, pem):
    chain = re.findall(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", pem, re.S)
    print(step, "chain", len(chain))
    leaf = x509.load_pem_x509_certificate(chain[0])
    print(step, "subject", leaf.subject.rfc4514_string())
    for extension in leaf.extensions:
        print(step, "extension", extension.oid._name, "critical" if extension.critical else "")
    sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    print(step, "names", sorted(str(name.value) for name in sans))
    return leaf


def key_type(pem):
    return type(serialization.load_pem_private_key(pem, None)).__name__.lstrip("_")


def plain_requests(asker):
    asker.show("directory", request("GET", asker.directory_url))
    asker.show("directory-post-as-get", asker.post(asker.directory_url, None, Key(asker.key.private)), body=False)
    asker.show("new-nonce-head", request("HEAD", asker.directory["newNonce"]))
    asker.show("new-nonce-get", request("GET", asker.directory["newNonce"]))
    asker.show("unknown-path", request("GET", f"{asker.origin}/nothing-here"))
    asker.show("new-account-get", request("GET", asker.directory["newAccount"]), body=False)


def accounts(asker):
    where = asker.directory["newAccount"]
    asker.show("account-no-terms", asker.post(where, {"contact": ["mailto:a@a.test"]}, new_key()))
    asker.show("account-only-existing", asker.post(where, {"onlyReturnExisting": True}, new_key()))
    asker.show("account-tel", asker.post(where, {"termsOfServiceAgreed": True, "contact": ["tel:123"]}, new_key()))
    asker.show("account-bad-mail", asker.post(where, {"termsOfServiceAgreed": True, "contact": ["mailto:x"]}, new_key()))
    asker.account(asker.key, "account-new", contact=["mailto:ops@a.test"])
    again = Key(asker.key.private)
    asker.show("account-again", asker.post(where, {"termsOfServiceAgreed": True}, again))
    asker.show("account-found", asker.post(where, {"onlyReturnExisting": True}, again))
    asker.show("account-read", asker.post(asker.key.kid, None))
    asker.show("account-update", asker.post(asker.key.kid, {"contact": ["mailto:new@a.test"]}))
    for step, contact in (
        ("three", ["mailto:a@a.test", "mailto:b@a.test", "mailto:c@a.test"]),
        ("empty", ["mailto:"]),
        ("unicode", ["mailto:\u00fc@a.test"]),
    ):
        answer = asker.post(where, {"termsOfServiceAgreed": True, "contact": contact}, new_key())
        asker.show(f"account-contact-{step}", answer)
    asker.show("account-update-status", asker.post(asker.key.kid, {"status": "revoked"}))
    asker.show("account-update-empty", asker.post(asker.key.kid, {}))
    asker.show("account-p521", asker.account(new_key(ec.SECP521R1())), body=False)
    small = Key(rsa.generate_private_key(public_exponent=65537, key_size=1024))
    asker.show("account-rsa1024", asker.account(small), body=False)
    gone = new_key()
    asker.account(gone)
    asker.show("account-deactivate", asker.post(gone.kid, {"status": "deactivated"}, gone))
    asker.show("account-deactivated", asker.post(gone.kid, None, gone))
    asker.show("account-new-deactivated", asker.post(where, {"termsOfServiceAgreed": True}, Key(gone.private)))
    bindings(asker, where)
    rolled, fresh = new_key(), new_key()
    asker.account(rolled)
    url = asker.directory["keyChange"]
    inner = Key(fresh.private)
    payload = {"account": rolled.kid, "oldKey": rolled.jwk()}
    body = asker.jws(url, payload, inner, {"nonce": None})
    asker.show("key-change", asker.post(url, body, rolled), body=False)
    fresh.kid = rolled.kid
    same = {"account": rolled.kid, "oldKey": fresh.jwk()}
    asker.show("key-change-same", asker.post(url, asker.jws(url, same, Key(fresh.private), {"nonce": None}), fresh))
    other = {"account": rolled.kid, "oldKey": rolled.jwk()}
    asker.show("key-change-other", asker.post(url, asker.jws(url, other, new_key(), {"nonce": None}), fresh))
    asker.show("key-change-after", asker.post(fresh.kid, None, fresh), body=False)
    asker.show("key-change-old", asker.post(rolled.kid, None, rolled))


def bindings(asker, where):
    """External accounts: the config file has kid-1, and nobody must have one."""
    mac_key = base64.urlsafe_b64decode("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
    for step, kid, alg, secret in (
        ("good", "kid-1", "HS256", mac_key),
        ("unknown", "kid-9", "HS256", mac_key),
        ("mac", "kid-1", "HS256", b"x" * 32),
        ("alg", "kid-1", "RS256", mac_key),
    ):
        key = new_key()
        header = b64(json.dumps({"alg": alg, "kid": kid, "url": where}).encode())
        payload = b64(json.dumps(key.jwk()).encode())
        mac = b64(hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest())
        binding = {"protected": header, "payload": payload, "signature": mac}
        answer = asker.post(where, {"termsOfServiceAgreed": True, "externalAccountBinding": binding}, key)
        asker.show(f"external-{step}", answer, body=step != "good")


def envelopes(asker):
    url = asker.directory["newOrder"]
    good = {"identifiers": [{"type": "dns", "value": "a.test"}]}
    asker.show("bad-content-type", asker.post(url, good, headers={"Content-Type": "application/json"}))
    asker.show("bad-nonce", asker.post(url, good, protected={"nonce": b64(b"not a nonce that was given")}))
    asker.show("no-nonce", asker.post(url, good, protected={"nonce": None}))
    asker.show("bad-url", asker.post(url, good, protected={"url": url + "x"}))
    asker.show("bad-alg", asker.post(url, good, protected={"alg": "HS256"}))
    asker.show("bad-kid", asker.post(url, good, protected={"kid": asker.key.kid + "9999"}))
    asker.show("both-keys", asker.post(url, good, protected={"jwk": asker.key.jwk()}))
    asker.show("no-json", asker.post(url, None, body=b"this is no JWS"))
    other = new_key()
    other.kid = asker.key.kid
    asker.show("bad-signature", asker.post(url, good, other))
    asker.show("payload-no-json", asker.post(url, b"no json"))


def orders(asker):
    asker.order(["one.a.test"], "order-new")
    asker.show("order-none", asker.post(asker.directory["newOrder"], {"identifiers": []}))
    bad_type = {"identifiers": [{"type": "mail", "value": "x"}]}
    asker.show("order-type", asker.post(asker.directory["newOrder"], bad_type))
    for name in ("single", "localhost", "a.unknown-tld", "com", "*.wild.test", "127.0.0.1", "192.0.2.1", "::1"):
        answer = asker.order([name])
        print("order-name", name, answer.get("status"))
    for name in ("a..test", "-a.test", "a_b.test", "a." + "b" * 64 + ".test", "ünï.test", ""):
        answer = asker.order([name])
        print("order-bad-name", ascii(name), answer.get("status"), answer.get("type"))
    for step, names in (
        ("illegal", [{"type": "dns", "value": "invalid!.a.test"}]),
        ("wildcards", [{"type": "dns", "value": "*.*.test"}]),
        ("wildcard", [{"type": "dns", "value": "a.*.test"}]),
        ("period", [{"type": "dns", "value": "a.test."}]),
        ("long", [{"type": "dns", "value": "a." * 130 + "test"}]),
        ("dns-ip", [{"type": "dns", "value": "127.0.0.1"}]),
        ("ip", [{"type": "ip", "value": "a.test"}]),
        ("blocked", [{"type": "dns", "value": "good.a.test"}, {"type": "dns", "value": "www.blocked.test"}]),
    ):
        asker.show(f"order-name-{step}", asker.post(asker.directory["newOrder"], {"identifiers": names}))
    answer = asker.order([f"n{n}.a.test" for n in range(150)])
    print("order-150", len(answer.get("authorizations", [])))
    order = asker.order(["two.a.test", "*.two.a.test"])
    print("order-wildcard", len(order["authorizations"]))
    asker.show("order-read", asker.post(order["url"], None))
    asker.show("order-get", request("GET", order["url"]), body=False)
    asker.show("order-unknown", asker.post(order["url"] + "9999", None), body=False)
    for url in order["authorizations"]:
        authz = asker.read(url)
        kind = "wildcard" if authz.get("wildcard") else "plain"
        print("authz-challenges", kind, sorted(c["type"] for c in authz["challenges"]))
    plain = next(url for url in order["authorizations"] if not asker.read(url).get("wildcard"))
    asker.show("authz-read", asker.post(plain, None), body=False)
    authz = asker.read(plain)
    for name in sorted(authz):
        print("authz-member", name, authz[name] if name in ("identifier", "status") else "")
    challenge = next(c for c in authz["challenges"] if c["type"] == "http-01")
    asker.show("challenge-read", asker.post(challenge["url"], None))
    asker.show("authz-deactivate", asker.post(plain, {"status": "deactivated"}), body=False)
    print("authz-deactivated", asker.read(plain)["status"], asker.until(order["url"], ("invalid", "deactivated"))["status"])
    early = asker.order(["early.a.test"])
    asker.show("finalize-early", asker.post(early["finalize"], {"csr": asker.csr(["early.a.test"])[1]}))
    dates = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400)) for days in (0, 1, 30, 3650)]
    for first, last in ((0, 2), (1, 2), (1, 3)):
        order = asker.order(["dated.a.test"], notBefore=dates[first], notAfter=dates[last])
        print("order-dates", first, order.get("notBefore") == dates[first], order.get("notAfter") == dates[last])


def failures(asker):
    """What a validation that fails leaves in its challenge and in its order."""
    hosts = {"refused.a.test": ("add-a", {"addresses": ["127.0.0.77"]}), "sick.a.test": ("set-servfail", {})}
    for host, (path, more) in hosts.items():
        request("POST", f"{asker.challenges}/{path}", json.dumps(dict(host=host, **more)).encode())
        if path == "set-servfail":
            request("POST", f"{asker.challenges}/{path}", json.dumps({"host": f"_acme-challenge.{host}"}).encode())
    for kind in ("http-01", "dns-01", "tls-alpn-01"):
        for host in ("nothing.a.test", "wrong.a.test", *hosts):
            order = asker.order([host])
            authz = asker.read(order["authorizations"][0])
            challenge = next(c for c in authz["challenges"] if c["type"] == kind)
            if host == "wrong.a.test":
                asker.provide(kind, host, challenge, wrong=True)
            asker.post(challenge["url"], {})
            failed = asker.until(order["authorizations"][0], ("valid", "invalid"))
            error = next(c for c in failed["challenges"] if c["type"] == kind).get("error", {})
            step = f"failed-{kind}-{host.split('.')[0]}"
            print(step, "status", failed["status"], error.get("status"), asker.until(order["url"], ("invalid",))["status"])
            print(step, "error.type", error.get("type"))
            print(step, "error.detail", asker.mask(error.get("detail")))
    asker.show("challenge-again", asker.post(challenge["url"], {}))


def paths(asker):
    """Suites know them: all of the directory's, and how those behind it begin."""
    for member, url in asker.directory.items():
        if member not in ("meta", "renewalInfo"):
            print(f"path-{member}", urllib.parse.urlsplit(url).path)
    done = asker.issue(["path.a.test"])
    authz = asker.read(done["authorizations"][0])
    account = json.loads(asker.post(asker.key.kid, None)[2])
    for member, url in (
        ("account", asker.key.kid),
        ("orders", account["orders"]),
        ("order", done["url"]),
        ("authorization", done["authorizations"][0]),
        ("challenge", authz["challenges"][0]["url"]),
        ("finalize", done["finalize"]),
        ("certificate", done["certificate"]),
    ):
        path = urllib.parse.urlsplit(url).path
        print(f"path-{member}", path[: path.index("/", 1) + 1], re.fullmatch(r"/[\w-]+/[\w-]+", path) is not None)
    serial = done["certificate"].rsplit("/", 1)[1]
    print("path-certificate", "ends in a serial", request("GET", f"{asker.management}/cert-status-by-serial/{serial}")[0])


def certificates(asker):
    for kind in ("http-01", "dns-01", "tls-alpn-01"):
        name = f"{kind}.a.test"
        order = asker.order([name])
        authz = asker.authorize(order, kind, f"challenge-{kind}")
        print(f"valid-{kind}", authz["status"], [(c["type"], c["status"]) for c in authz["challenges"] if c["status"] == "valid"])
    order = asker.order(["wrong.a.test"])
    authz = asker.authorize(order, wrong=True)
    failed = next(c for c in authz["challenges"] if c["type"] == "http-01")
    print("invalid", authz["status"], failed["status"], failed["error"]["type"], failed["error"]["status"])
    print("invalid-order", asker.until(order["url"], ("invalid",))["status"])
    done = asker.issue(["cert.a.test", "www.cert.a.test"], "finalize")
    print("order-valid", "members", sorted(name for name in done if name not in ("url", "key")))
    answer = asker.show("certificate", asker.post(done["certificate"], None))
    leaf = describe(asker, "leaf", answer[2])
    lifetime = leaf.not_valid_after - leaf.not_valid_before
    print("leaf", "serial bits at most 160", leaf.serial_number.bit_length() <= 160, "lives", lifetime.days > 0)
    asker.show("certificate-get", request("GET", done["certificate"]), body=False)
    asker.show("certificate-unknown", asker.post(done["certificate"][:-4] + "0000", None), body=False)
    management(asker, leaf)
    order = asker.order(["csr.a.test"])
    asker.authorize(order)
    asker.until(order["url"], ("ready",))
    for step, payload in (
        ("csr-no-base64", {"csr": "*"}),
        ("csr-garbage", {"csr": b64(b"garbage")}),
        ("csr-other-name", {"csr": asker.csr(["other.a.test"])[1]}),
        ("csr-account-key", {"csr": asker.csr(["csr.a.test"], asker.key.private)[1]}),
    ):
        asker.show(step, asker.post(order["finalize"], payload))
    for key in (ec.generate_private_key(ec.SECP521R1()), rsa.generate_private_key(65537, 1024)):
        done_small = asker.issue([f"k{key.key_size}.a.test"], key=key)
        print("key", key.key_size, done_small["status"] if done_small else "refused")
    print("ip", asker.issue(["127.0.0.1"])["status"])
    print("single", asker.issue(["single"])["status"])
    revoke(asker, leaf, done)


def serial_status(asker, step, serial, **kinds):
    status, headers, data = request("GET", f"{asker.management}/cert-status-by-serial/{serial}")
    print(step, status)
    if status == 200:
        value = json.loads(data)
        print(step, "members", sorted(value), value["Status"], value.get("Reason"), value["Certificate"][:27])
        print(step, "same serial", int(value["Serial"], 16) == int(serial, 16))


def management(asker, leaf):
    for path in ("roots/0", "intermediates/0", "roots/9", "roots/x", "root-keys/9", "nothing", "cert-status-by-serial/", "cert-status-by-serial/zz", "cert-status-by-serial/ab"):
        asker.show(f"management-{path}", request("GET", f"{asker.management}/{path}"))
    for path in ("root-keys/0", "intermediate-keys/0"):
        answer = asker.show(f"management-{path}", request("GET", f"{asker.management}/{path}"), body=False)
        print(f"management-{path}", "a key" if answer[0] == 200 and key_type(answer[2]) else "none")
    asker.show("management-post", request("POST", f"{asker.management}/roots/0", b""), body=False)
    issuer = x509.load_pem_x509_certificate(request("GET", f"{asker.management}/intermediates/0")[2])
    root = x509.load_pem_x509_certificate(request("GET", f"{asker.management}/roots/0")[2])
    print("management", "intermediate issued the leaf", issuer.subject == leaf.issuer, "root the intermediate", issuer.issuer == root.subject)
    serial_status(asker, "status-valid", f"{leaf.serial_number:x}")


def revoke(asker, leaf, done):
    url = asker.directory["revokeCert"]
    der = b64(leaf.public_bytes(serialization.Encoding.DER))
    asker.show("revoke-garbage", asker.post(url, {"certificate": b64(b"garbage")}))
    asker.show("revoke-reason", asker.post(url, {"certificate": der, "reason": 7}))
    other = new_key()
    asker.account(other)
    asker.show("revoke-foreign", asker.post(url, {"certificate": der}, other))
    asker.show("revoke", asker.post(url, {"certificate": der, "reason": 4}), body=False)
    asker.show("revoke-again", asker.post(url, {"certificate": der, "reason": 4}))
    serial_status(asker, "status-revoked", f"{leaf.serial_number:x}")
    asker.show("certificate-revoked", asker.post(done["certificate"], None), body=False)
    unknown = asker.issue(["unknown.a.test"])["key"]
    stranger = x509.CertificateBuilder().subject_name(leaf.subject).issuer_name(leaf.issuer).public_key(unknown.public_key())
    stranger = stranger.serial_number(7).not_valid_before(leaf.not_valid_before).not_valid_after(leaf.not_valid_after)
    made = stranger.sign(unknown, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    asker.show("revoke-unknown", asker.post(url, {"certificate": b64(made)}))
    by_key = asker.issue(["bykey.a.test"])
    pem = asker.post(by_key["certificate"], None)[2]
    der = b64(x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER))
    asker.show("revoke-by-key", asker.post(url, {"certificate": der}, Key(by_key["key"])), body=False)


def lists(asker):
    account = json.loads(asker.post(asker.key.kid, None)[2])
    print("account", "orders", "orders" in account)
    if "orders" not in account:
        return
    status, headers, data = asker.post(account["orders"], None)
    print("orders", status, len(json.loads(data)["orders"]), [re.sub(r"<.*>", "<url>", v) for n, v in headers if n == "link" and "next" in v])


def main():
    asker = Asker(*(argument.rstrip("/") for argument in sys.argv[1:4]))
    for part in (plain_requests, accounts, envelopes, orders, failures, paths, certificates, lists):
        part(asker)


if __name__ == "__main__":
    main()
