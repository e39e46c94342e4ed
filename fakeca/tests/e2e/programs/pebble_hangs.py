#!/usr/bin/python3
"""What makes Pebble 2.10 hang, panic or leave an order without an end (peers.md 1.9), then whether the server still serves.

usage: pebble_hangs.py DIRECTORY MANAGEMENT CHALLTESTSRV BLOCKED
"""

import sys
import threading

import pebble_ask
from cryptography import x509

ENDS = ("pending", "ready", "valid", "invalid")


def check(what, good, told=""):
    if not good:
        sys.exit(f"{what}: {told}")
    print(f"{what}: good")


def serves(asker, after):
    other = pebble_ask.new_key()
    check(f"newAccount after {after}", asker.account(other)[0] == 201)
    order = asker.order(["alive.a.test"])
    check(f"newOrder after {after}", order["status"] == "pending", order)
    check(f"authorization after {after}", asker.read(order["authorizations"][0])["status"] == "pending")


# ---- peers.md 1.9 number 1: a read lock that was taken and not given back ----


def post_to_a_sibling_of_a_valid_authorization(asker):
    order = asker.order(["sibling.a.test"])
    challenges = asker.read(order["authorizations"][0])["challenges"]
    asker.authorize(order)
    for challenge in challenges:
        for payload in ({}, None):
            status = asker.post(challenge["url"], payload)[0]
            check(f"POST {payload} of {challenge['type']} of a valid authorization", status in (200, 400, 404), status)


# ---- number 2: an index behind the end of a name's labels ----


def names_of_one_label_with_a_block_list(asker):
    blocked = sys.argv[4]
    for name in ("example", "localhost", "com", "a", f"deep.{blocked}", blocked):
        order = asker.order([name])
        below = name == blocked or name.endswith("." + blocked)
        good = order.get("type", "").endswith("rejectedIdentifier") if below else order["status"] == "pending"
        check(f"an order for {name} with a block list", good, order)


# ---- number 3: an order that is processing for ever, a certificate of the past ----


def orders_with_dates_that_are_none(asker):
    for window in (
        {"notAfter": "nonsense"},
        {"notBefore": "nonsense"},
        {"notBefore": "2020-01-01T00:00:00Z", "notAfter": "2020-02-01T00:00:00Z"},
        {"notAfter": "9999-99-99T99:99:99Z"},
        {"notAfter": 7},
    ):
        order = asker.order(["dates.a.test"], **window)
        if "authorizations" not in order:
            check(f"an order with {window}", order["status"] == 400, order)
            continue
        asker.authorize(order)
        asker.post(order["finalize"], {"csr": asker.csr(["dates.a.test"])[1]})
        check(f"an order with {window}", asker.until(order["url"], ENDS)["status"] in ENDS)


# ---- number 5: keys that are there and are not found ----


def keys_of_the_ca(asker):
    for path in ("root-keys/0", "intermediate-keys/0"):
        status, _, body = pebble_ask.request("GET", f"{asker.management}/{path}")
        check(path, status == 200 and b"PRIVATE KEY" in body, status)


# ---- number 6: a replacement that failed keeps its place for ever ----


def certificate_id(leaf):
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = leaf.serial_number
    return pebble_ask.b64(issuer) + "." + pebble_ask.b64(serial.to_bytes(serial.bit_length() // 8 + 1, "big"))


def a_replacement_that_failed_frees_its_predecessor(asker):
    done = asker.issue(["replaced.a.test"])
    leaf = x509.load_pem_x509_certificate(asker.post(done["certificate"], None)[2])
    replaces = certificate_id(leaf)
    failed = asker.order(["replaced.a.test"], replaces=replaces)
    check("an order that replaces", failed["status"] == "pending", failed)
    taken = asker.order(["replaced.a.test"], replaces=replaces)
    check("one more meanwhile", taken.get("type", "").endswith("alreadyReplaced"), taken)
    asker.authorize(failed, wrong=True)
    check("its end", asker.until(failed["url"], ENDS)["status"] == "invalid")
    done = asker.issue(["replaced.a.test"], replaces=replaces)
    check("an order that replaces after one that failed", done["status"] == "valid", done)
    taken = asker.order(["replaced.a.test"], replaces=replaces)
    check("an order that replaces what was replaced", taken.get("type", "").endswith("alreadyReplaced"), taken)


# ---- "POST gives 500" of renewal information (peers.md 1.2) ----


def post_to_renewal_information(asker):
    for url in (asker.directory["renewalInfo"], asker.directory["renewalInfo"] + "/x.y"):
        status = asker.post(url, None)[0]
        check(f"POST {url}", 400 <= status < 500, status)


# ---- performance.md 3: a cycle of three locks; one lock taken twice ----


def at_once(works):
    failures = []

    def run(work):
        try:
            work()
        except (Exception, SystemExit) as trouble:  # whatever it is, the test tells it
            failures.append(repr(trouble))

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return failures + ["hangs" for thread in threads if thread.is_alive()]


def new_orders_authorizations_and_challenges_at_once(asker):
    waiting = [asker.order([f"n{n}.lock.a.test"])["authorizations"][0] for n in range(8)]
    works = []
    for n in range(8):
        authz = asker.read(waiting[n])
        challenge = authz["challenges"][0]["url"]
        works.append(lambda n=n: [asker.order([f"t{turn}.n{n}.lock.a.test"]) for turn in range(20)])
        works.append(lambda n=n: [asker.read(waiting[n]) for _ in range(40)])
        works.append(lambda url=challenge: [asker.post(url, {}) for _ in range(20)])
    failures = at_once(works)
    check("orders, authorizations and challenges at once", not failures, failures)


def an_order_that_its_client_polls_while_it_is_issued(asker):
    for turn in range(10):
        names = [f"polled{turn}.a.test"]
        order = asker.order(names)
        asker.authorize(order)
        done = []

        def finalize():
            asker.post(order["finalize"], {"csr": asker.csr(names)[1]})
            done.append(asker.until(order["url"], ENDS)["status"])

        def poll():
            while not done:
                asker.read(order["url"])

        failures = at_once([finalize, poll, poll, poll])
        check(f"order {turn} under polls", not failures and done == ["valid"], (failures, done))


# ---- and what nobody should send ----


def garbage(asker):
    for name in ("newOrder", "newAccount", "revokeCert", "keyChange", "newNonce"):
        for body in (b"", b"{}", b"[]", b'{"protected":"","payload":"","signature":""}', b"\0" * 100, b"{" * 10000):
            status = asker.post(asker.directory[name], None, body=body)[0]
            check(f"{len(body)} bytes to {name}", status in (400, 403, 405), status)


REGRESSIONS = (
    post_to_a_sibling_of_a_valid_authorization,
    names_of_one_label_with_a_block_list,
    orders_with_dates_that_are_none,
    keys_of_the_ca,
    a_replacement_that_failed_frees_its_predecessor,
    post_to_renewal_information,
    new_orders_authorizations_and_challenges_at_once,
    an_order_that_its_client_polls_while_it_is_issued,
    garbage,
)


def main():
    asker = pebble_ask.Asker(*(url.rstrip("/") for url in sys.argv[1:4]))
    asker.account(asker.key)
    for regression in REGRESSIONS:
        print(f"---- {regression.__name__}")
        regression(asker)
        serves(asker, regression.__name__)


if __name__ == "__main__":
    main()
