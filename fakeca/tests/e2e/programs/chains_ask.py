#!/usr/bin/env python3
"""The chains of one certificate, asked of a Pebble: chains_ask.py DIRECTORY MANAGEMENT ROOTS

Prints one fact a line, without what is random, so that two servers can be compared.
"""
import re
import sys

import josepy
import requests
import urllib3
from acme import client, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

urllib3.disable_warnings()
session = requests.Session()
directory, management, roots = sys.argv[1], sys.argv[2], int(sys.argv[3])


def get(path):
    return session.get(f"{management}/{path}", verify=False, timeout=30)


def certificates(pem):
    return [x509.load_pem_x509_certificate(one.encode()) for one in re.findall("-----BEGIN.*?END CERTIFICATE-----", pem, re.S)]


def alternates(answer):
    """The numbers at the end of the links, in their order; the default chain's link may lack it."""
    links = [link for link in answer.headers.get("Link", "").split(",") if 'rel="alternate"' in link]
    return [int((re.search(r"/(\d{1,2})>", link) or [0, 0])[1]) for link in links]


def name(subject):
    return subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def verify(signed, issuer):
    """Raises when the issuer's key did not sign it."""
    key, digest = issuer.public_key(), signed.signature_hash_algorithm
    how = (padding.PKCS1v15(), digest) if isinstance(key, rsa.RSAPublicKey) else (ec.ECDSA(digest),)
    key.verify(signed.signature, signed.tbs_certificate_bytes, *how)


def public(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def manage():
    for what in "roots", "intermediates", "root-keys", "intermediate-keys":
        for n in range(roots + 1):
            answer = get(f"{what}/{n}")
            print(f"{what}/{n}", answer.status_code, answer.headers.get("Content-Type"), alternates(answer))
    keys = {get(f"intermediate-keys/{n}").text for n in range(roots)}
    print("keys of the intermediates", len(keys))
    for n in range(roots):
        for what in "root", "intermediate":
            key = serialization.load_pem_private_key(get(f"{what}-keys/{n}").content, None)
            certificate = certificates(get(f"{what}s/{n}").text)[0]
            print(f"{what}-keys/{n}", "is that of the certificate:", public(key.public_key()) == public(certificate.public_key()))


def order():
    account_key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    net = client.ClientNetwork(account_key, verify_ssl=False)
    acme = client.ClientV2(client.ClientV2.get_directory(directory, net), net)
    acme.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("a.test")]), False).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    made = acme.new_order(csr.public_bytes(serialization.Encoding.PEM))
    for authorization in made.authorizations:
        challenge = next(c for c in authorization.body.challenges if c.chall.typ == "http-01")
        acme.answer_challenge(challenge, challenge.response(account_key))
    return acme, acme.poll_and_finalize(made)


def main():
    manage()
    acme, made = order()
    url = made.body.certificate
    answers = [acme._post_as_get(url)]  # pylint: disable=protected-access
    print("alternates of the default chain", len(alternates(answers[0])))
    links = re.findall(r'<([^>]+)>;\s*rel="alternate"', answers[0].headers.get("Link", ""))
    answers += [acme._post_as_get(link) for link in links]  # pylint: disable=protected-access
    leaf = certificates(answers[0].text)[0]
    for n, answer in enumerate(answers):
        chain = certificates(answer.text)
        root = certificates(get(f"roots/{n}").text)[0]
        print(f"chain {n}", answer.status_code, answer.headers["Content-Type"].split(";")[0], "certificates", len(chain),
              "alternates", alternates(answer))
        print(f"chain {n}", "leaf", chain[0] == leaf, "intermediate", chain[1] == certificates(get(f"intermediates/{n}").text)[0],
              "ends below its root", chain[-1].issuer == root.subject, "name of the issuer", name(chain[1].subject) == name(
                  certificates(answers[0].text)[1].subject), "root left out", root not in chain)
        for signed, issuer in zip(chain, chain[1:] + [root]):
            verify(signed, issuer)
    if links:
        try:
            acme._post_as_get(re.sub(r"\d+$", str(len(answers)), links[0]))  # pylint: disable=protected-access
            print("one more: answered")
        except Exception:  # pylint: disable=broad-except
            print("one more: refused")


main()
