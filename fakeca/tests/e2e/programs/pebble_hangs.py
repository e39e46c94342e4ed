#!/usr/bin/python3
"""What makes Pebble 2.10 hang, panic or leave an order without an end (peers.md 1.9), then whether the server still serves.

usage: pebble_hangs.py DIRECTORY MANAGEMENT CHALLTESTSRV BLOCKED
"""

import sys

import pebble_ask

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


def siblings(asker):
    order = asker.order(["sibling.a.test"])
    challenges = asker.read(order["authorizations"][0])["challenges"]
    asker.authorize(order)
    for challenge in challenges:
        for payload in ({}, None):
            status = asker.post(challenge["url"], payload)[0]
            check(f"POST {payload} of {challenge['type']} of a valid authorization", status in (200, 400, 404), status)
    serves(asker, "a POST to a sibling challenge")


def dates(asker):
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
    serves(asker, "orders with dates")


def labels(asker, blocked):
    for name in ("example", "localhost", "com", "a", f"deep.{blocked}", blocked):
        order = asker.order([name])
        below = name == blocked or name.endswith("." + blocked)
        good = order.get("type", "").endswith("rejectedIdentifier") if below else order["status"] == "pending"
        check(f"an order for {name} with a block list", good, order)
    serves(asker, "names of one label")


def garbage(asker):
    for name in ("newOrder", "newAccount", "revokeCert", "keyChange", "newNonce"):
        for body in (b"", b"{}", b"[]", b'{"protected":"","payload":"","signature":""}', b"\0" * 100, b"{" * 10000):
            status = asker.post(asker.directory[name], None, body=body)[0]
            check(f"{len(body)} bytes to {name}", status in (400, 403, 405), status)
    serves(asker, "garbage")


def main():
    asker = pebble_ask.Asker(*(url.rstrip("/") for url in sys.argv[1:4]))
    asker.account(asker.key)
    siblings(asker)
    dates(asker)
    labels(asker, sys.argv[4])
    garbage(asker)


main()
