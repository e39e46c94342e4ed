#!/usr/bin/python3
"""python3-acme as test suites for Pebble drive it: challenges are answered by the challenge server, each kind once, then the key is
changed, the contact too, the certificate revoked by account and by its key, orders counted, the account deactivated.

usage: pebble_acme.py DIRECTORY MANAGEMENT CHALLTESTSRV PREFIX
"""

import json
import ssl
import sys
import urllib.request

import josepy
import urllib3
from OpenSSL import crypto
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

urllib3.disable_warnings()
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data, timeout=30, context=TLS if url.startswith("https") else None) as answer:
        return answer.read()


def new_key():
    """For accounts and for revocation by key: josepy's classes are simplest with RSA."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Suite:
    def __init__(self, directory, management, chall, prefix):
        self.management, self.chall, self.prefix = management, chall, prefix
        self.key = josepy.JWKRSA(key=new_key())
        net = client.ClientNetwork(self.key, user_agent="pebble_acme", verify_ssl=False)
        self.acme = client.ClientV2(messages.Directory.from_json(net.get(directory).json()), net)

    def answer(self, name, body):
        response = body.response(self.key)
        token = body.chall.encode("token")
        if isinstance(body.chall, challenges.HTTP01):
            call(f"{self.chall}/add-http01", {"token": token, "content": response.key_authorization})
        elif isinstance(body.chall, challenges.DNS01):
            call(f"{self.chall}/set-txt", {"host": f"_acme-challenge.{name}.", "value": body.chall.validation(self.key)})
        else:
            call(f"{self.chall}/add-tlsalpn01", {"host": name, "content": response.key_authorization})
        self.acme.answer_challenge(body, response)

    def clean(self, name, body):
        token = body.chall.encode("token")
        if isinstance(body.chall, challenges.HTTP01):
            call(f"{self.chall}/del-http01", {"token": token})
        elif isinstance(body.chall, challenges.DNS01):
            call(f"{self.chall}/clear-txt", {"host": f"_acme-challenge.{name}."})
        else:
            call(f"{self.chall}/del-tlsalpn01", {"host": name})

    def issue(self, kind, names, key=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        order = self.acme.new_order(crypto_util.make_csr(pem_of(key), names))
        done = []
        for authz in order.authorizations:
            if authz.body.status == messages.STATUS_VALID:
                continue
            body = next(c for c in authz.body.challenges if isinstance(c.chall, kind))
            self.answer(authz.body.identifier.value, body)
            done.append((authz.body.identifier.value, body))
        order = self.acme.poll_and_finalize(order)
        for name, body in done:
            self.clean(name, body)
        leaf = x509.load_pem_x509_certificate(order.fullchain_pem.encode())
        got = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        assert sorted(got) == sorted(names), (got, names)
        return leaf

    def status(self, leaf):
        return json.loads(call(f"{self.management}/cert-status-by-serial/{leaf.serial_number:x}"))

    def revoke(self, leaf, key=None):
        der = josepy.ComparableX509(crypto.X509.from_cryptography(leaf))
        if key is None:
            self.acme.revoke(der, 4)
            return
        net = client.ClientNetwork(josepy.JWKRSA(key=key), user_agent="pebble_acme", verify_ssl=False)
        client.ClientV2(self.acme.directory, net).revoke(der, 1)

    def run(self):
        account = self.acme.new_account(
            messages.NewRegistration.from_data(email="ops@example.com", terms_of_service_agreed=True)
        )
        for kind in (challenges.HTTP01, challenges.DNS01, challenges.TLSALPN01):
            leaf = self.issue(kind, [f"{kind.typ}.{self.prefix}.example.com", f"www.{kind.typ}.{self.prefix}.example.com"])
        self.issue(challenges.DNS01, [f"*.{self.prefix}.example.com", f"{self.prefix}.example.com"])
        assert self.status(leaf)["Status"] == "Valid"
        self.revoke(leaf)
        assert (self.status(leaf)["Status"], self.status(leaf)["Reason"]) == ("Revoked", 4)
        try:
            self.revoke(leaf)
            raise SystemExit("a revoked certificate is revoked again")
        except messages.Error as error:
            assert error.code == "alreadyRevoked", error
        key = new_key()
        leaf = self.issue(challenges.HTTP01, [f"key.{self.prefix}.example.com"], key)
        self.revoke(leaf, key)
        assert self.status(leaf)["Status"] == "Revoked"
        update = self.acme.update_registration(account.update(body=account.body.update(contact=("mailto:new@example.com",))))
        assert update.body.contact == ("mailto:new@example.com",), update
        try:
            order = self.acme.new_order(crypto_util.make_csr(pem_of(ec.generate_private_key(ec.SECP256R1())), [f"wrong.{self.prefix}.example.com"]))
            body = next(c for c in order.authorizations[0].body.challenges if isinstance(c.chall, challenges.HTTP01))
            self.acme.answer_challenge(body, body.response(self.key))
            self.acme.poll_and_finalize(order)
            raise SystemExit("a challenge that nobody answers is valid")
        except errors.ValidationError as error:
            assert error.failed_authzrs[0].body.challenges[0].error.code == "unauthorized", error
        assert self.acme.deactivate_registration(account).body.status == "deactivated"


Suite(*(argument.rstrip("/") for argument in sys.argv[1:5])).run()
