"""tls-alpn-01 (RFC 8737, and 8738 section 6): a TLS server that can be wrong in each way."""
import datetime, ipaddress, os, socket, ssl, tempfile, threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lib import *
from rows_dns import offered, settle

ACME = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def pair(names, value=None, critical=True, folder=None, key=None, until=2199, spoil=lambda der: der):
    key, subject = key or ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(datetime.datetime(2000, 1, 1)).not_valid_after(datetime.datetime(until, 1, 1)))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    if value is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(ACME, value), critical)
    cert = builder.sign(key, hashes.SHA256())
    path = os.path.join(folder, "pair.pem")
    with open(path, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        out.write(ssl.DER_cert_to_PEM_cert(spoil(cert.public_bytes(serialization.Encoding.DER))).encode())
    return path


def client_hello(data):
    """Server names and protocols of a ClientHello (RFC 8446 section 4.1.2), in their order."""
    at = 9 + 2 + 32  # record and handshake headers, version, random
    at += 1 + data[at]
    at += 2 + int.from_bytes(data[at:at + 2], "big")
    at += 1 + data[at]
    end, names, protocols = at + 2 + int.from_bytes(data[at:at + 2], "big"), [], []
    at += 2
    while at < end:
        kind, size = int.from_bytes(data[at:at + 2], "big"), int.from_bytes(data[at + 2:at + 4], "big")
        body, at = data[at + 4:at + 4 + size], at + 4 + size
        if kind == 0:
            names.append(body[5:].decode())
        if kind == 16:
            rest = body[2:]
            while rest:
                protocols.append(rest[1:1 + rest[0]].decode())
                rest = rest[1 + rest[0]:]
    return names, protocols


class TlsServer:
    """One certificate; remembers the names that it was asked for, the protocol, and what came after the handshake."""

    def __init__(self, path, protocols=("acme-tls/1",), version=None):
        self.names, self.protocols, self.after, self.hellos = [], [], [], []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        if version:
            context.maximum_version = version
        context.sni_callback = lambda sock, name, _: self.names.append(name)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, args=(context,), daemon=True)
        self.thread.start()

    def stop(self):
        """When it returns, all that was seen is there."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(30)
        self.socket.close()

    def serve(self, context):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            try:
                self.hellos.append(client_hello(sock.recv(16384, socket.MSG_PEEK)))
                with context.wrap_socket(sock, server_side=True) as tls:
                    self.protocols.append(tls.selected_alpn_protocol())
                    tls.settimeout(5)
                    self.after.append(tls.recv(100))
            except OSError as e:
                self.after.append(e)


def attempt(s, name, make, kind="dns", **server):
    c = Client(s)
    if kind == "ip":
        profile = {} if s.env == "rfc8555" else {"profile": "shortlived"}
        s.ask("POST", "/api/v1/faults", {"kind": "offer", "types": ["tls-alpn-01"], "times": 1, "environment": s.env})
        url = ok(c.order({"type": "ip", "value": name}, **profile), 201).json["authorizations"][0]
        challenge = c.challenge(url, "tls-alpn-01")
    else:
        url, challenge = offered(c, "tls-alpn-01", name)
    value = b"\x04\x20" + hashlib.sha256((challenge["token"] + "." + c.key.thumbprint()).encode()).digest()
    with tempfile.TemporaryDirectory() as folder:
        tls = TlsServer(make(value, folder), **server)
        s.ask("PUT", "/api/v1/port-map", {"map": "80=127.0.0.1:%d,443=127.0.0.1:%d" % (s.web.port, tls.port)})
        try:
            return settle(c, url, challenge), tls
        finally:
            s.ask("PUT", "/api/v1/port-map", {"map": "80=127.0.0.1:%d" % s.web.port})
            tls.stop()


def dns(*names):
    return [x509.DNSName(n) for n in names]


@row("8737-3-03", "8737-3-04", "8737-3-05", "8737-3-07", "8737-3-10", "8737-3-11", "8737-3-12", "8737-3-14", "8737-4-01", "8737-4-02", "8737-4-04", "8737-4-06")
def tls_alpn_valid(s):
    (status, error), tls = attempt(s, "t1.test", lambda v, f: pair(dns("t1.test"), v, folder=f))
    need(status == "valid", error)
    need(set(tls.names) == {"t1.test"} and set(tls.protocols) == {"acme-tls/1"}, tls.names, tls.protocols)
    need(all(hello == (["t1.test"], ["acme-tls/1"]) for hello in tls.hellos), tls.hellos)
    need(all(a == b"" or isinstance(a, OSError) for a in tls.after), "data after the handshake:", tls.after)
    for name, make in (("t2.test", lambda v, f: pair(dns("t2.test", "more.test"), v, folder=f)), ("t3.test", lambda v, f: pair(dns("other.test"), v, folder=f)),
                       ("t4.test", lambda v, f: pair(dns("t4.test"), None, folder=f)), ("t5.test", lambda v, f: pair(dns("t5.test"), v, critical=False, folder=f)),
                       ("t6.test", lambda v, f: pair(dns("t6.test"), v[:-1] + bytes([v[-1] ^ 1]), folder=f)), ("t7.test", lambda v, f: pair(dns("t7.test"), v[2:], folder=f)),
                       ("t8.test", lambda v, f: pair([], v, folder=f)), ("t9.test", lambda v, f: pair(dns("t9.test"), v + b"x", folder=f)),
                       ("t10.test", lambda v, f: pair(dns("t10.test"), b"\x04\x1f" + v[2:-1], folder=f)),
                       ("t11.test", lambda v, f: pair(dns("t11.test") + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], v, folder=f)),
                       ("t12.test", lambda v, f: pair(dns("t12.test"), b"\x04\x20" + hashlib.sha256(b"t." + Key().thumbprint().encode()).digest(), folder=f))):
        s.ask("POST", "/api/v1/limits/reset", {"environment": s.env})
        (status, error), _ = attempt(s, name, make)
        need(status == "invalid", name, "is valid")


@row("8737-3-13")
def tls_alpn_any_key_and_date(s):
    key = rsa.generate_private_key(65537, 2048)
    for name, more in (("k1.test", {"key": key}), ("k2.test", {"until": 2001})):
        (status, error), _ = attempt(s, name, lambda v, f: pair(dns(name), v, folder=f, **more))
        need(status == "valid", name, error)


@row("8737-3-06")
def tls_alpn_protocol(s):
    for i, protocols in enumerate((None, ("http/1.1",))):
        (status, error), _ = attempt(s, "p%d.test" % i, lambda v, f: pair(dns("p%d.test" % i), v, folder=f), protocols=protocols)
        need(status == "invalid", "valid without acme-tls/1")


@row("8737-3-09")
def tls_alpn_a_labels(s):
    (status, error), tls = attempt(s, "xn--mgba3gch31f.test", lambda v, f: pair(dns("xn--mgba3gch31f.test"), v, folder=f))
    need(status == "valid" and tls.names[0] == "xn--mgba3gch31f.test", error, tls.names)


@row("8737-4-05")
def tls_alpn_broken_signature(s):
    (status, error), _ = attempt(s, "broken.test", lambda v, f: pair(dns("broken.test"), v, folder=f, spoil=lambda der: der[:-1] + bytes([der[-1] ^ 1])))
    need(status == "invalid" and error["type"] in (URN + "unauthorized", URN + "incorrectResponse"), status, error)


@row("8555-6.7-08")
def tls_trouble(s):
    (status, error), _ = attempt(s, "oldtls.test", lambda v, f: pair(dns("oldtls.test"), v, folder=f), version=ssl.TLSVersion.TLSv1_1)
    need(status == "invalid" and error["type"] == URN + "tls", status, error)


@row("8737-4-03")
def tls_alpn_version(s):
    (status, error), _ = attempt(s, "v1.test", lambda v, f: pair(dns("v1.test"), v, folder=f), version=ssl.TLSVersion.TLSv1_1)
    need(status == "invalid", "valid by TLS 1.1")
    for i, version in enumerate((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        (status, error), _ = attempt(s, "v%d.test" % (i + 2), lambda v, f: pair(dns("v%d.test" % (i + 2)), v, folder=f), version=version)
        need(status == "valid", version, error)


@row("8738-6-01", "8738-6-02")
def tls_alpn_ip(s):
    address = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    (status, error), tls = attempt(s, "127.0.0.1", lambda v, f: pair(address, v, folder=f), kind="ip")
    need(status == "valid" and tls.names[0] == "1.0.0.127.in-addr.arpa", status, error, tls.names)
    (status, _), _ = attempt(s, "127.0.0.1", lambda v, f: pair(dns("127.0.0.1"), v, folder=f), kind="ip")
    need(status == "invalid", "valid with a dNSName")


untested("Let's Encrypt compares case-sensitively, and so does every environment here", "8737-3-08")
