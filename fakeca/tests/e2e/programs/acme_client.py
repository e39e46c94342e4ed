"""python3-acme as a program: acme_client.py DIRECTORY CA_FILE FOLDER WEBROOT NAME issue|revoke|rollover"""
import os, sys

os.environ["REQUESTS_CA_BUNDLE"] = sys.argv[2]
import josepy as jose
from acme import challenges, client, crypto_util, messages
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import OpenSSL

directory, _, folder, webroot, name, what = sys.argv[1:7]
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, "account.pem")


def new_key():
    return rsa.generate_private_key(65537, 2048, default_backend())


def save(key):
    with open(path, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


if not os.path.exists(path):
    save(new_key())
with open(path, "rb") as source:
    account = jose.JWKRSA(key=serialization.load_pem_private_key(source.read(), None))
net = client.ClientNetwork(account, user_agent="python3-acme test")
acme = client.ClientV2(client.ClientV2.get_directory(directory, net), net)
try:
    regr = acme.new_account(messages.NewRegistration.from_data(email="ops@rehearsal.dev", terms_of_service_agreed=True))
except Exception as e:
    if type(e).__name__ != "ConflictError":
        raise
    regr = messages.RegistrationResource(uri=e.location, body=messages.Registration())
net.account = regr
if what == "revoke":
    with open(os.path.join(folder, "chain.pem"), "rb") as source:
        cert = jose.ComparableX509(OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, source.read()))
    acme.revoke(cert, 4)
    sys.exit(0)
key = OpenSSL.crypto.PKey()
key.generate_key(OpenSSL.crypto.TYPE_RSA, 2048)
pem = OpenSSL.crypto.dump_privatekey(OpenSSL.crypto.FILETYPE_PEM, key)
order = acme.new_order(crypto_util.make_csr(pem, [name]))
for authz in order.authorizations:
    if authz.body.status == messages.STATUS_VALID:
        continue
    challenge = [c for c in authz.body.challenges if isinstance(c.chall, challenges.HTTP01)][0]
    response, validation = challenge.response_and_validation(account)
    target = webroot + challenge.chall.path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w") as out:
        out.write(validation)
    acme.answer_challenge(challenge, response)
done = acme.poll_and_finalize(order)
with open(os.path.join(folder, "chain.pem"), "w") as out:
    out.write(done.fullchain_pem)
