"""python3-acme as a program.

acme_client.py DIRECTORY CA_FILE FOLDER WEBROOT NAME issue|revoke|rollover
acme_client.py CA_FILE     runs what the lines of standard input say, {"id", "words": [DIRECTORY, FOLDER, WEBROOT, NAME, VERB]}, each in a
                           process of its own, and prints "ID STATUS" when one is over: the imports cost more than an order"""
import json, os, signal, sys, traceback

os.environ["REQUESTS_CA_BUNDLE"] = sys.argv[1] if len(sys.argv) == 2 else sys.argv[2]
import josepy as jose
from acme import challenges, client, crypto_util, jws, messages
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import OpenSSL

LIMIT = 90  # seconds that a run may take


def new_key():
    return rsa.generate_private_key(65537, 2048, default_backend())


def save(path, key):
    with open(path, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Run:
    def __init__(self, directory, folder, webroot, name):
        self.folder, self.webroot, self.name = folder, webroot, name
        self.path = os.path.join(folder, "account.pem")
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(self.path):
            save(self.path, new_key())
        with open(self.path, "rb") as source:
            self.account = jose.JWKRSA(key=serialization.load_pem_private_key(source.read(), None))
        self.net = client.ClientNetwork(self.account, user_agent="python3-acme test")
        self.acme = client.ClientV2(client.ClientV2.get_directory(directory, self.net), self.net)
        try:
            regr = self.acme.new_account(messages.NewRegistration.from_data(email="ops@rehearsal.dev", terms_of_service_agreed=True))
        except Exception as e:
            if type(e).__name__ != "ConflictError":
                raise
            regr = messages.RegistrationResource(uri=e.location, body=messages.Registration())
        self.net.account = regr

    def revoke(self):
        with open(os.path.join(self.folder, "chain.pem"), "rb") as source:
            cert = jose.ComparableX509(OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, source.read()))
        self.acme.revoke(cert, 4)

    def rollover(self):
        """The library has no call for it, but all that it takes."""
        url, key = self.acme.directory["keyChange"], new_key()
        new = jose.JWKRSA(key=key)
        inner = json.dumps({"account": self.net.account.uri, "oldKey": self.account.public_key().to_partial_json()}).encode()
        signed = jws.JWS.sign(inner, key=new, alg=jose.RS256, nonce=None, url=url)

        class Body(jose.JSONDeSerializable):
            def to_partial_json(self):
                return json.loads(signed.json_dumps())

            @classmethod
            def from_json(cls, jobj):
                raise NotImplementedError

        self.acme._post(url, Body())
        save(self.path, key)

    def issue(self):
        key = OpenSSL.crypto.PKey()
        key.generate_key(OpenSSL.crypto.TYPE_RSA, 2048)
        pem = OpenSSL.crypto.dump_privatekey(OpenSSL.crypto.FILETYPE_PEM, key)
        order = self.acme.new_order(crypto_util.make_csr(pem, [self.name]))
        for authz in order.authorizations:
            if authz.body.status == messages.STATUS_VALID:
                continue
            challenge = [c for c in authz.body.challenges if isinstance(c.chall, challenges.HTTP01)][0]
            response, validation = challenge.response_and_validation(self.account)
            target = self.webroot + challenge.chall.path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w") as out:
                out.write(validation)
            self.acme.answer_challenge(challenge, response)
        done = self.acme.poll_and_finalize(order)
        with open(os.path.join(self.folder, "chain.pem"), "w") as out:
            out.write(done.fullchain_pem)


def run(directory, folder, webroot, name, verb):
    getattr(Run(directory, folder, webroot, name), verb)()


def run_apart(line):
    """In the child: whatever happens, it says so and ends."""
    task, status = json.loads(line), 1
    signal.alarm(LIMIT)
    try:
        run(*task["words"])
        status = 0
    except Exception:
        os.makedirs(task["words"][1], exist_ok=True)
        with open(os.path.join(task["words"][1], "log"), "a") as log:
            traceback.print_exc(file=log)
    os.write(1, ("%s %d\n" % (task["id"], status)).encode())
    os._exit(0)


def serve():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            run_apart(line)


if len(sys.argv) == 2:
    serve()
else:
    words = sys.argv[1:2] + sys.argv[3:7]
    run(*words)
