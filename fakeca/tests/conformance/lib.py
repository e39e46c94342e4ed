"""An ACME client that can also do it wrongly, a web server for validations, and the list of rows. Standard library and cryptography."""
import base64, hashlib, hmac, http.client, http.server, json, os, re, socket, ssl, subprocess, tempfile, threading, urllib.parse, urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

URN = "urn:ietf:params:acme:error:"
ROWS = {}  # id -> function
LAST = set()  # functions that look at the whole run
NOT_TESTED = {}  # id -> reason


class Broken(Exception):
    """A row that does not hold."""


class Departs(Exception):
    """A row that does not hold because the environment departs from it by that named boolean of its policy."""


class Everywhere(str):
    """A departure that no policy switches: every environment has it. The row must fail in each."""


def row(*ids, departs=None, last=False):
    """The function shows these rows. departs: the policy's boolean by which an environment leaves them out, or Everywhere(why). last: it
    looks at what the other rows got, so it runs behind them."""

    def add(function):
        if last:
            LAST.add(function)
        for name in ids:
            if name in ROWS:
                raise ValueError(name + " twice")
            ROWS[name] = (function, departs)
        return function

    return add


def untested(reason, *ids):
    for name in ids:
        NOT_TESTED[name] = reason


def need(condition, *what):
    if not condition:
        raise Broken(" ".join(str(w) for w in what))


def b64(data):
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


CURVES = {"P-256": (ec.SECP256R1, "ES256", hashes.SHA256, 32), "P-384": (ec.SECP384R1, "ES384", hashes.SHA384, 48)}


class Key:
    def __init__(self, kind="P-256"):
        self.kind = kind
        if kind in CURVES:
            self.private = ec.generate_private_key(CURVES[kind][0]())
            self.alg = CURVES[kind][1]
        elif kind == "Ed25519":
            self.private, self.alg = ed25519.Ed25519PrivateKey.generate(), "EdDSA"
        else:
            self.private, self.alg = rsa.generate_private_key(65537, int(kind.split("-")[1])), "RS256"
        self.jwk = self.make_jwk()

    def make_jwk(self):
        public = self.private.public_key()
        if self.kind in CURVES:
            n, size = public.public_numbers(), CURVES[self.kind][3]
            return {"crv": self.kind, "kty": "EC", "x": number(n.x, size), "y": number(n.y, size)}
        if self.kind == "Ed25519":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}
        n = public.public_numbers()
        return {"e": number(n.e), "kty": "RSA", "n": number(n.n)}

    def thumbprint(self):
        return b64(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def sign(self, data, alg=None):
        if self.kind in CURVES:
            _, _, digest, size = CURVES[self.kind]
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest())))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.kind == "Ed25519":
            return self.private.sign(data)
        if alg == "PS256":
            return self.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body
        self.json = None
        if "json" in (self["Content-Type"] or ""):
            self.json = json.loads(body.decode("utf-8")) if body else None

    def __getitem__(self, header):
        return self.headers.get(header)

    def links(self, rel):
        found = []
        for value in self.headers.get_all("Link") or []:
            m = re.match(r'<([^>]*)>;\s*rel="?([^"]*)"?', value)
            if m and m.group(2) == rel:
                found.append(m.group(1))
        return found

    @property
    def type(self):
        return (self.json or {}).get("type", "").replace(URN, "") if isinstance(self.json, dict) else ""

    def __str__(self):
        return "%d %s" % (self.status, self.body[:300].decode("utf-8", "replace").replace("\n", " "))


def ok(answer, status=200):
    need(answer.status == status, "status is not", status, ":", answer)
    return answer


def refused(answer, kind=None, status=None):
    """A problem document of a registered type, with a nonce."""
    need(400 <= answer.status < 500, "not refused:", answer)
    need((answer["Content-Type"] or "").startswith("application/problem+json"), "no problem document:", answer)
    need(answer.json.get("type", "").startswith(URN) and answer.json.get("detail"), "no type or detail:", answer)
    if kind:
        need(answer.type in (kind if isinstance(kind, tuple) else (kind,)), "type is not", kind, ":", answer)
    if status:
        need(answer.status in (status if isinstance(status, tuple) else (status,)), "status is not", status, ":", answer)
    return answer


class Server:
    """One environment over HTTPS."""

    def __init__(self, directory, ca_file, management, web, env):
        self.ca_file = ca_file
        self.url, self.management, self.web, self.env = directory, management, web, env
        self.context = ssl.create_default_context(cafile=ca_file)
        parts = urllib.parse.urlsplit(directory)
        self.host, self.port = parts.hostname, parts.port
        self.types, self.bare, self.errors, self.connection = set(), set(), 0, None
        self.directory = self.get(directory).json
        self.departures = self.ask("GET", "/api/v1/policy?environment=" + env)["policy"]

    def queries(self):
        """The queries to the mock DNS so far: (name, type)."""
        found, after = [], 0
        while True:
            page = self.ask("GET", "/api/v1/events?types=dns.query&limit=1000&after=%d" % after)
            if not page["events"]:
                return found
            found += [(e["data"]["name"].rstrip(".").lower(), e["data"]["type"]) for e in page["events"]]
            after = page["next"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.management.rstrip("/") + path, method=method)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as e:
            return {"error": e.code, "body": e.read().decode()}

    def send(self, method, url, body=None, headers=None, agent="conformance"):
        parts = urllib.parse.urlsplit(url)
        path = parts.path + ("?" + parts.query if parts.query else "")
        sent = dict(headers or {})
        if agent:
            sent["User-Agent"] = agent
        for attempt in (0, 1):
            if not self.connection:
                self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=60)
            try:
                self.connection.request(method, path, body, sent)
                response = self.connection.getresponse()
                answer = Answer(response, response.read())
                break
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt:
                    raise
        if answer.status >= 400:
            self.errors += 1
            self.types.add(answer.type)
            self.look(method, path, answer)
        return answer

    def look(self, method, path, answer):
        """RFC 7807 section 3: what an error answer must be; kept for the row that judges all of them."""
        good = answer["Content-Type"] == "application/problem+json" and isinstance(answer.json, dict) and (
            answer.type and isinstance(answer.json.get("detail"), str) and answer.json.get("status") == answer.status)
        if not good and method != "HEAD":
            self.bare.add("%s %s: %s" % (method, path, answer))

    def get(self, url, **more):
        return self.send("GET", url, **more)

    def nonce(self):
        return self.send("HEAD", self.directory["newNonce"])["Replay-Nonce"]

    def skip(self, by):
        self.ask("POST", "/api/v1/clock/advance", {"by": by})


class Own:
    """A CA of a row's own, of the same program and environment, which asks the DNS of the first one: so it can be restarted, and what it asks
    is in the first one's log."""

    def __init__(self, s, *options):
        self.s, self.options, self.folder = s, options, tempfile.TemporaryDirectory()
        self.state = os.path.join(self.folder.name, "state")

    def __enter__(self):
        self.start()
        return self

    def start(self):
        words = [os.environ["FAKECA"], "serve", "--state", self.state, "--environment", self.s.env, "--acme-listen", "localhost:0", "--management-listen",
                 "localhost:0", "--dns-listen", "none", "--dns-server", self.s.dns, "--port-map", "80=127.0.0.1:%d" % self.s.web.port, "--print", "none", "--log", "none", *self.options]
        self.process = subprocess.Popen(words)
        subprocess.run([os.environ["FAKECA"], "health", "--state", self.state, "--wait", "30s"], stdout=subprocess.DEVNULL, check=True)
        with open(os.path.join(self.state, "run.json"), encoding="utf-8") as source:
            run = json.load(source)
        self.server = Server(run["directory"], run["ca_file"], run["management"], self.s.web, self.s.env)

    def stop(self):
        self.process.terminate()
        need(self.process.wait(60) == 0, "it does not end well")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


UNSET = object()


class Client:
    def __init__(self, server, key=None, register=True, **payload):
        self.server, self.key, self.url = server, key or Key(), None
        if register:
            answer = self.new_account({"termsOfServiceAgreed": True, **payload})
            need(answer.status in (200, 201), "no account:", answer)
            self.url = answer["Location"]

    def jws(self, url, payload, key=None, alg=None, nonce=UNSET, kid=UNSET, jwk=None, header=None, drop=(), sent_url=None):
        key = key or self.key
        head = {"alg": alg or key.alg, "nonce": self.server.nonce() if nonce is UNSET else nonce, "url": sent_url or url}
        if jwk:
            head["jwk"] = key.jwk if jwk is True else jwk
        elif kid is UNSET:
            head["kid"] = self.url
        if kid is not UNSET and kid is not None:
            head["kid"] = kid
        head.update(header or {})
        for name in drop:
            head.pop(name, None)
        text = "" if payload is None else b64(payload if isinstance(payload, (str, bytes)) else json.dumps(payload))
        protected = b64(json.dumps(head))
        signature = key.sign(("%s.%s" % (protected, text)).encode(), head.get("alg"))
        return {"protected": protected, "payload": text, "signature": b64(signature)}

    def send(self, url, body, content_type="application/jose+json", headers=None, agent="conformance"):
        sent = dict(headers or {})
        if content_type:
            sent["Content-Type"] = content_type
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.server.send("POST", url, data.encode() if isinstance(data, str) else data, sent, agent)

    def post(self, url, payload=None, content_type="application/jose+json", headers=None, to=None, agent="conformance", **twist):
        return self.send(to or url, self.jws(url, payload, **twist), content_type, headers, agent)

    def new_account(self, payload, **twist):
        return self.post(self.server.directory["newAccount"], payload, jwk=True, **twist)

    def order(self, *names, **more):
        idents = [n if isinstance(n, dict) else {"type": "dns", "value": n} for n in names]
        return self.post(self.server.directory["newOrder"], {"identifiers": idents, **more})

    def fetch(self, url):
        return self.post(url)

    def challenge(self, authz_url, kind="http-01"):
        authz = ok(self.fetch(authz_url)).json
        found = [c for c in authz["challenges"] if c["type"] == kind]
        need(found, "no", kind, "in", authz)
        return found[0]

    def wait(self, url, *states):
        for _ in range(400):
            answer = ok(self.fetch(url))
            if answer.json["status"] in states:
                return answer
            threading.Event().wait(0.02)
        raise Broken("%s stays %s: %s" % (url, answer.json["status"], [x.get("error") for x in answer.json.get("challenges", [])]))

    def authorize(self, order):
        for url in order.json["authorizations"]:
            if ok(self.fetch(url)).json["status"] != "pending":
                continue
            challenge = self.challenge(url)
            self.server.web.right(challenge["token"], self.key)
            ok(self.post(challenge["url"], {}))
            self.wait(url, "valid")

    def ready(self, *names, **more):
        order = ok(self.order(*names, **more), 201)
        self.authorize(order)
        return order["Location"], ok(self.fetch(order["Location"])).json

    def issue(self, *names, key=None, **more):
        location, order = self.ready(*names, **more)
        answer = ok(self.post(order["finalize"], {"csr": csr(names, key)}))
        if answer.json["status"] != "valid":
            answer = self.wait(location, "valid")
        chain = ok(self.fetch(answer.json["certificate"]))
        return Issued(answer.json, location, chain)


def pem_all(text):
    return [x509.load_pem_x509_certificate(block + b"-----END CERTIFICATE-----\n") for block in text.split(b"-----END CERTIFICATE-----\n") if block.strip()]


class Issued:
    def __init__(self, order, location, chain):
        self.order, self.location, self.chain, self.url = order, location, chain, order["certificate"]
        self.certs = pem_all(chain.body)
        self.leaf = self.certs[0]
        self.der = b64(self.leaf.public_bytes(serialization.Encoding.DER))

    def certid(self):
        aki = self.leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        serial = self.leaf.serial_number
        return b64(aki) + "." + b64(serial.to_bytes(serial.bit_length() // 8 + 1, "big"))


def csr(names, key=None, cn=None, digest=hashes.SHA256):
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else []))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    return b64(builder.sign(key, digest()).public_bytes(serialization.Encoding.DER))


class Web:
    """Answers the validation's requests on the port to which 80 is mapped."""

    def __init__(self):
        self.answers, self.requests, self.default = {}, [], None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.headers["Host"], self.path, dict(self.headers)))
                status, headers, body = outer.answers.get(self.path, outer.default or (404, {}, b"no"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, token, body, status=200, headers=None):
        self.answers["/.well-known/acme-challenge/" + token] = (status, headers or {}, body)

    def right(self, token, key, after=b""):
        self.put(token, (token + "." + key.thumbprint()).encode() + after)

    def seen(self, token):
        return [r for r in self.requests if token in r[1]]
