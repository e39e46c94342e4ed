"""Every client through a certificate's life, in production and in staging: client_life.py FAKECA FOLDER MODULES

It issues 61 days ago; the CA comes to today, and it renews because that is due, not by force (python3-acme, acme-client and acme-tiny leave
the rule to who calls them); it changes its account's key and orders with the new one; it revokes: each as far as it can (clients.md part 2)."""
import os, sys, threading

import clients

LIMIT = 90


class Life:
    def __init__(self, client, ca, environment, folder):
        self.client, self.ca, self.environment = client, ca, environment
        self.host = "%s.%s.test" % (client.name.replace(" ", "-").lower(), environment)
        self.folder, self.failures = os.path.join(folder, self.host), []

    def do(self, verb, host=None):
        running = self.client.start(verb, clients.Run(self.ca, self.environment, self.folder, host or self.host))
        status = running.wait(LIMIT)
        running.stop()
        self.need(status == 0, verb, "ends with", status, "log in", self.folder)

    def need(self, condition, *what):
        if not condition:
            self.failures.append("%s in %s: %s" % (self.client.name, self.environment, " ".join(str(w) for w in what)))

    def certificates(self, host=None):
        found = self.ca.ask("GET", "/certificates?name=%s&environment=%s" % (host or self.host, self.environment))[1]
        return found["certificates"]

    def count(self, wanted, why, host=None):
        found = len(self.certificates(host))
        self.need(found == wanted, found, "certificates, not", wanted, why)

    def issue(self):
        self.do("issue")
        self.count(1, "after issuing")

    def rest(self):
        self.do("renew")
        self.count(2, "after the renewal")
        if "rollover" in self.client.verbs:
            keys = self.keys()
            self.do("rollover")
            self.need(self.keys() != keys, "the account still has its key")
            self.do("issue", "new." + self.host)
            self.count(1, "with the account's new key", "new." + self.host)
        if "revoke" in self.client.verbs:
            self.do("revoke", ("new." if "rollover" in self.client.verbs else "") + self.host)
            revoked = [c for host in (self.host, "new." + self.host) for c in self.certificates(host) if c["status"] == "revoked"]
            self.need(len(revoked) == 1, len(revoked), "certificates are revoked, not 1")

    def keys(self):
        return self.ca.ask("GET", "/accounts/%s" % self.certificates()[0]["account"])[1]["thumbprint"]


def run_all(lives, verb):
    """The clients at once, the environments of one after each other."""

    def both(name):
        for life in lives:
            if life.client.name == name:
                try:
                    getattr(life, verb)()
                except Exception as e:  # whatever it is, the test tells it
                    life.need(False, verb, repr(e))

    threads = [threading.Thread(target=both, args=(name,)) for name in {life.client.name for life in lives}]
    [t.start() for t in threads], [t.join() for t in threads]


def main():
    program, folder, modules = sys.argv[1:4]
    world = clients.World(folder, modules)
    ca = clients.Ca(program, os.path.join(folder, "ca"), world, "--clock", "-61d")
    every = [kind(world) for kind in clients.ALL] + [clients.Lego(world, "tls"), clients.Lego(world, "dns")]
    for client in every:
        if client.reason_to_skip():
            print("skipped: %s: %s" % (client.name, client.reason_to_skip()))
    every = [client for client in every if not client.reason_to_skip()]
    lives = [Life(client, ca, environment, folder) for client in every for environment in ("production", "staging")]
    run_all(lives, "issue")
    ca.ask("POST", "/clock/advance", {"by": "61d"})
    run_all(lives, "rest")
    [client.stop() for client in every]
    failures = [f for life in lives for f in life.failures] + ([] if ca.stop() == 0 else ["the CA did not end well"])
    for failure in failures:
        print("FAILED: " + failure)
    for client in every:
        print("%s %s: %s" % (client.name, client.version(), ", ".join(client.verbs)))
    print("%d lives, %d failed" % (len(lives), len(failures)))
    sys.exit(1 if failures or not lives else 0)


main()
