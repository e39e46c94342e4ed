#!/usr/bin/python3
"""Many clients at once, each with an account of its own: order, http-01, finalize, certificate; polls without a pause.

usage: pebble_many.py DIRECTORY MANAGEMENT CHALLTESTSRV CLIENTS ORDERS [NAMES]

Ends with 1 when a client got no certificate, or waited for an answer for a minute.
"""

import sys
import threading
import time

import pebble_ask


def client(number, orders, names, urls, failures):
    try:
        asker = pebble_ask.Asker(*urls)
        asker.account(asker.key)
        for turn in range(orders):
            wanted = [f"n{name}.t{turn}.c{number}.many.test" for name in range(names)]
            done = asker.issue(wanted)
            pem = asker.post(done["certificate"], None)[2]
            if done["status"] != "valid" or not pem.startswith(b"-----BEGIN CERTIFICATE"):
                raise RuntimeError(f"the order is {done['status']}")
    except (Exception, SystemExit) as trouble:  # whatever it is, the test tells it
        failures.append(f"client {number}: {trouble!r}")


def main():
    urls = [url.rstrip("/") for url in sys.argv[1:4]]
    clients, orders = int(sys.argv[4]), int(sys.argv[5])
    names = int(sys.argv[6]) if len(sys.argv) > 6 else 1
    failures, began = [], time.monotonic()
    threads = [threading.Thread(target=client, args=(n, orders, names, urls, failures), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=max(1, began + 240 - time.monotonic()))
    hung = sum(thread.is_alive() for thread in threads)
    for failure in failures[:10]:
        print(failure)
    print(f"{clients} clients, {orders} orders of {names} names each: {len(failures)} failed, {hung} hang, {time.monotonic() - began:.1f} s")
    sys.exit(1 if failures or hung else 0)


main()
