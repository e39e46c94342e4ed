#!/usr/bin/python3
"""What Pebble 2.10 has and Debian's has not: dns-account-01, dns-persist-01, renewal information, profiles; and lists in any order.
The config file names caaIdentities and the profiles default and shortlived.

usage: pebble_new.py DIRECTORY MANAGEMENT CHALLTESTSRV
"""

import base64
import datetime
import hashlib
import json
import sys

import pebble_ask
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pebble_hangs import certificate_id, check

ISSUER = "pebble.letsencrypt.org"


def set_txt(asker, host, value):
    body = json.dumps({"host": host, "value": value}).encode()
    check(f"set-txt {host}", pebble_ask.request("POST", f"{asker.challenges}/set-txt", body)[0] == 200)


def challenge_of(asker, authz_url, kind):
    return next(c for c in asker.read(authz_url)["challenges"] if c["type"] == kind)


def dns_account(asker):
    label = base64.b32encode(hashlib.sha256(asker.key.kid.encode()).digest()[:10]).decode().lower()
    for names in (["account.new.test"], ["*.account.new.test"]):
        order = asker.order(names)
        challenge = challenge_of(asker, order["authorizations"][0], "dns-account-01")
        digest = hashlib.sha256(f"{challenge['token']}.{asker.key.thumbprint()}".encode()).digest()
        set_txt(asker, f"_{label}._acme-challenge.account.new.test.", pebble_ask.b64(digest))
        asker.post(challenge["url"], {})
        check(f"dns-account-01 of {names}", asker.until(order["url"], ("ready", "invalid"))["status"] == "ready")


def dns_persist(asker):
    set_txt(asker, "_validation-persist.persist.new.test.", f"{ISSUER}; accounturi={asker.key.kid}; policy=wildcard")
    order = asker.order(["persist.new.test", "*.persist.new.test"])
    for url in order["authorizations"]:
        for _ in range(10):
            last = asker.read(url)["challenges"][-1]
            check("the challenge without a token is the last", last["type"] == "dns-persist-01" and "token" not in last, last)
        check("the names of the CA", last["issuer-domain-names"] == [ISSUER], last)
        asker.post(last["url"], {})
    check("dns-persist-01", asker.until(order["url"], ("ready", "invalid"))["status"] == "ready")


def any_order(asker):
    names = [f"n{n}.shuffle.new.test" for n in range(5)]
    order = asker.order(names)
    seen = {"authorizations": set(), "identifiers": set(), "challenges": set()}
    for _ in range(30):
        read = asker.read(order["url"])
        seen["authorizations"].add(tuple(read["authorizations"]))
        seen["identifiers"].add(tuple(i["value"] for i in read["identifiers"]))
        seen["challenges"].add(tuple(c["type"] for c in asker.read(order["authorizations"][0])["challenges"]))
        check("the names of an order", sorted(i["value"] for i in read["identifiers"]) == names)
    for what, orders in seen.items():
        check(f"{what} in any order", len(orders) > 3, orders)


def window(asker, leaf):
    status, headers, body = pebble_ask.request("GET", f"{asker.directory['renewalInfo']}/{certificate_id(leaf)}")
    check("renewal information", status == 200 and "retry-after" in dict(headers), status)
    start = json.loads(body)["suggestedWindow"]["start"]
    return datetime.datetime.fromisoformat(start.replace("Z", "+00:00"))


def renewal(asker):
    now = datetime.datetime.now(datetime.timezone.utc)
    done = asker.issue(["renewed.new.test"], profile="default")
    leaf = x509.load_pem_x509_certificate(asker.post(done["certificate"], None)[2])
    check("a window to come", window(asker, leaf) > now)
    der = leaf.public_bytes(serialization.Encoding.DER)
    asker.post(asker.directory["revokeCert"], {"certificate": pebble_ask.b64(der)})
    check("a window that has begun, as it is revoked", window(asker, leaf) < now)
    done = asker.issue(["renewed.new.test"], replaces=certificate_id(leaf), profile="shortlived")
    check("an order that replaces what is revoked", done["status"] == "valid" and done["profile"] == "shortlived", done)
    short = x509.load_pem_x509_certificate(asker.post(done["certificate"], None)[2])
    lifetime = short.not_valid_after - short.not_valid_before
    check("the lifetime of shortlived", abs(lifetime.total_seconds() - 518400) < 5, lifetime)


def main():
    asker = pebble_ask.Asker(*(url.rstrip("/") for url in sys.argv[1:4]))
    asker.account(asker.key)
    check("the names of the CA", asker.directory["meta"]["caaIdentities"] == [ISSUER], asker.directory)
    path = asker.directory["renewalInfo"]
    check("the path of renewal information", path.endswith("/draft-ietf-acme-ari-03/renewalInfo"), path)
    check("the profiles", sorted(asker.directory["meta"]["profiles"]) == ["default", "shortlived"], asker.directory)
    for part in (dns_account, dns_persist, any_order, renewal):
        part(asker)


main()
