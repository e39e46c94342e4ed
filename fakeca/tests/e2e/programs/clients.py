"""The ACME clients that the tests drive: how each issues, renews, revokes and changes its key, as clients.md part 2 has it.

A client has start(verb, run) -> a thing with wait(seconds) -> exit status, or None when it is still at it, and stop()."""
import http.client, http.server, json, os, shutil, socket, subprocess, threading, time

PROGRAMS = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


class Run:
    """One run of a client: against which CA, in which folder, for which name."""

    def __init__(self, ca, environment, folder, host, fresh=True):
        self.ca, self.environment, self.folder, self.host = ca, environment, folder, host
        self.fresh = fresh  # False: it may begin with an account of an earlier run
        self.directory = ca.directory if environment == "production" else ca.staging
        self.plain = ca.plain if environment == "production" else ca.plain.replace("/dir", "/staging/dir")
        os.makedirs(folder, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)


class Process:
    def __init__(self, run, words, env=None, out=None):
        self.log = open(run.path("log"), "ab")
        self.out = open(run.path(out), "wb") if out else None
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.out or self.log, stderr=self.log, cwd=run.folder,
                                        env={**os.environ, "HOME": run.folder, **(env or {})}, start_new_session=True)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()
        if self.out:
            self.out.close()


class Server:
    """A program that runs many a client in one process: lines of JSON in, "ID STATUS" out."""

    def __init__(self, words, env=None):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        self.lock, self.tasks, self.number, self.dead = threading.Lock(), {}, 0, False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            number, status = line.split()
            self.tasks[int(number)].finish(int(status))
        with self.lock:  # it ended, and what it was still at with it
            self.dead = True
            [task.finish(127) for task in self.tasks.values() if task.status is None]

    def start(self, **what):
        with self.lock:
            self.number += 1
            task = self.tasks[self.number] = Task()
            if self.dead:
                task.finish(127)
                return task
            self.process.stdin.write((json.dumps({"id": self.number, **what}) + "\n").encode())
            self.process.stdin.flush()
        return task

    def stop(self):
        self.process.kill()
        self.process.wait()


class Task:
    def __init__(self):
        self.over, self.status = threading.Event(), None

    def finish(self, status):
        self.status = status
        self.over.set()

    def wait(self, seconds):
        self.over.wait(seconds)
        return self.status

    def stop(self):
        pass


class Client:
    package = None
    costly = False  # a run of it costs more than one of the others together

    def __init__(self, world):
        self.world = world

    def version(self):
        """Of Debian's package, without its epoch and revision."""
        text = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.package], stdout=subprocess.PIPE, check=False, text=True).stdout
        return text.split(":")[-1].split("-")[0].split("+")[0]

    def reason_to_skip(self):
        return None

    def prepare(self, run):
        """What a run needs of a CA that is well; before the trouble begins."""

    def stop(self):
        pass


class PythonAcme(Client):
    package = "python3-acme"
    name, verbs = "python3-acme", ("issue", "renew", "revoke", "rollover")

    def __init__(self, world):
        self.world, self.servers = world, {}

    def start(self, verb, run):
        with self.world.lock:
            if run.ca not in self.servers:
                self.servers[run.ca] = Server([PYTHON, os.path.join(PROGRAMS, "acme_client.py"), run.ca.file])
        return self.servers[run.ca].start(words=[run.directory, run.folder, self.world.webroot, run.host, "issue" if verb == "renew" else verb])

    def stop(self):
        [server.stop() for server in self.servers.values()]


class Npm(Client):
    name, verbs = "npm acme-client", ("issue", "renew", "revoke", "rollover")

    def __init__(self, world):
        self.world, self.servers = world, {}

    def reason_to_skip(self):
        if not os.path.exists(os.path.join(self.world.modules, "acme-client")):
            return "the npm package acme-client is not in build/npm (ci/test installs it)"
        return None

    def version(self):
        with open(os.path.join(self.world.modules, "acme-client", "package.json"), encoding="utf-8") as source:
            return json.load(source)["version"]

    def start(self, verb, run):
        with self.world.lock:
            if run.ca not in self.servers:
                self.servers[run.ca] = Server(["node", os.path.join(PROGRAMS, "npm_client.js"), self.world.modules], {"NODE_EXTRA_CA_CERTS": run.ca.file})
        return self.servers[run.ca].start(do="issue" if verb == "renew" else verb, directory=run.directory, folder=run.folder,
                                          webroot=self.world.webroot, host=run.host)

    def stop(self):
        [server.stop() for server in self.servers.values()]


class Lego(Client):
    """challenge: http, tls, dns; the latter two answer on ports and by a hook of their own."""
    package, verbs = "lego", ("issue", "renew", "revoke")

    def __init__(self, world, challenge="http"):
        self.world, self.challenge = world, challenge
        self.name = "lego" if challenge == "http" else "lego " + {"tls": "tls-alpn-01", "dns": "dns-01"}[challenge]

    def options(self, run):
        if self.challenge == "http":
            return ["--http", "--http.webroot", self.world.webroot]
        if self.challenge == "tls":
            return ["--tls", "--tls.port", "127.0.0.1:%d" % self.world.tls_port]
        return ["--dns", "exec", "--dns.disable-cp", "--dns.resolvers", run.ca.dns]

    def start(self, verb, run):
        env = {"LEGO_CA_CERTIFICATES": run.ca.file}
        if self.challenge == "dns":
            run.write("hook", "#!/bin/sh\nset -e\nname=${2%%.}\n[ \"$1\" = present ] || exec '%s' dns --management '%s' clear \"$name\" TXT\n"
                      "exec '%s' dns --management '%s' set -- \"$name\" TXT \"$3\"\n" % (2 * (run.ca.program, run.ca.management)))
            os.chmod(run.path("hook"), 0o755)
            env.update(EXEC_PATH=run.path("hook"), EXEC_POLLING_INTERVAL="1", EXEC_SEQUENCE_INTERVAL="1")
        words = {"issue": ["run"], "renew": ["renew", "--no-random-sleep"], "revoke": ["revoke", "--keep"]}[verb]
        again = verb == "issue" and os.path.exists(run.path("lego", "certificates", run.host + ".crt"))
        return Process(run, ["lego", "--path", run.path("lego"), "--server", run.directory, "--accept-tos", "--email", "ops@rehearsal.dev",
                             "--domains", run.host] + self.options(run) + (["renew", "--days", "365", "--no-random-sleep"] if again else words), env)


class Uacme(Client):
    """1.7.4 obeys no trust setting: it talks to the listener without TLS."""
    package = "uacme"
    name, verbs = "uacme", ("issue", "renew", "revoke", "rollover")

    def start(self, verb, run):
        base = "uacme -y -t EC -c '%s' -a '%s'" % (run.path("uacme"), run.plain)
        issue = "%s -h /usr/share/uacme/uacme.sh issue %s" % (base, run.host)
        line = {"issue": "[ -e registered ] || { %s new && touch registered; } || exit; exec %s" % (base, issue), "renew": "exec " + issue,
                "revoke": "exec %s revoke '%s'" % (base, run.path("uacme", run.host, "cert.pem")), "rollover": "exec %s newkey" % base}[verb]
        return Process(run, ["sh", "-c", line], {"UACME_CHALLENGE_PATH": self.world.webroot + "/.well-known/acme-challenge"})


class Dehydrated(Client):
    package = "dehydrated"
    costly = True
    name, verbs = "dehydrated", ("issue", "renew", "revoke")

    def __init__(self, world):
        super().__init__(world)
        self.accounts, self.lock = {}, threading.Lock()

    def account(self, run):
        """The folder of an account with this CA: its registration costs as much as an order."""
        with self.lock:
            if run.ca not in self.accounts:
                run = Run(run.ca, "production", run.ca.folder + ".dehydrated", "")
                self.accounts[run.ca] = run.path("accounts")
                self.process(run, self.line("register", run)).wait(60)
        return self.accounts[run.ca]

    def prepare(self, run):
        if not run.fresh:
            shutil.copytree(self.account(run), run.path("accounts"))
            run.write("registered", "")

    def start(self, verb, run):
        return self.process(run, self.line(verb, run))

    @staticmethod
    def process(run, line):
        return Process(run, ["sh", "-c", line])

    def line(self, verb, run):
        run.write("config", 'CA="%s"\nBASEDIR="%s"\nWELLKNOWN="%s/.well-known/acme-challenge"\nCHALLENGETYPE=http-01\nCURL_OPTS="--cacert %s"\n'
                  "KEY_ALGO=prime256v1\nKEYSIZE=2048\nACCOUNT_KEYSIZE=2048\n" % (run.directory, run.folder, self.world.webroot, run.ca.file))
        run.write("domains.txt", run.host + "\n")
        base = "dehydrated -f '%s' " % run.path("config")
        register = base + "--register --accept-terms"
        issue = "[ -e registered ] || { %s && touch registered; } || exit; exec %s --cron --force" % (register, base)
        return {"register": register, "issue": issue, "renew": "exec " + base + "--cron", "revoke": "exec %s --revoke '%s'" % (base, run.path("certs", run.host, "cert.pem"))}[verb]


class AcmeTiny(Client):
    package = "acme-tiny"
    name, verbs = "acme-tiny", ("issue", "renew")

    def start(self, verb, run):
        with self.world.lock:  # one account key for all: an RSA key costs as much as an order
            key = os.path.join(self.world.folder, "acme-tiny.key")
            if not os.path.exists(key):
                subprocess.run(["openssl", "genrsa", "-out", key, "2048"], stderr=subprocess.DEVNULL, check=True)
        if not os.path.exists(run.path("csr.pem")):
            csr = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-subj", "/",
                   "-addext", "subjectAltName=DNS:" + run.host, "-out", "csr.pem"]
            subprocess.run(csr, cwd=run.folder, stderr=subprocess.DEVNULL, check=True)
        return Process(run, ["acme-tiny", "--account-key", key, "--csr", "csr.pem", "--disable-check", "--directory-url", run.directory,
                             "--acme-dir", self.world.webroot + "/.well-known/acme-challenge"], {"SSL_CERT_FILE": run.ca.file}, out="chain.pem")


class Caddy(Client):
    """A daemon: it has issued when the certificate lies in its storage, and it never says that it gave up."""
    package = "caddy"
    name, verbs = "Caddy", ("issue", "renew")

    def start(self, verb, run):
        port, https = free_port(), free_port()
        run.write("Caddyfile", "{\n admin off\n skip_install_trust\n default_bind 127.0.0.1\n http_port %d\n https_port %d\n storage file_system %s\n acme_ca %s\n acme_ca_root %s\n"
                  " email ops@rehearsal.dev\n}\n%s {\n tls {\n  issuer acme {\n   disable_tlsalpn_challenge\n  }\n }\n respond ok\n}\n"
                  % (port, https, run.path("storage"), run.directory, run.ca.file, run.host))
        self.world.proxies[run.host] = port
        return Daemon(run)


class Daemon(Process):
    """Over when there is a certificate in its storage that was not there before."""

    def __init__(self, run):
        self.run = run
        self.before = self.certificate()
        super().__init__(run, ["caddy", "run", "--config", run.path("Caddyfile"), "--adapter", "caddyfile"])

    def certificate(self):
        for folder, _, files in os.walk(self.run.path("storage", "certificates")):
            if self.run.host + ".json" in files:  # the last of the three that it writes
                with open(os.path.join(folder, self.run.host + ".crt"), "rb") as source:
                    return source.read()
        return None

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.certificate() != self.before:
                self.stop()
                return 0
            if self.process.poll() is not None:
                return self.process.returncode
            time.sleep(0.05)
        return None


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class World:
    """Port 80 of all names: the webroot, or the port of a client that answers itself."""

    def __init__(self, folder, modules):
        self.folder, self.modules, self.webroot = folder, os.path.abspath(modules), os.path.join(folder, "www")
        self.proxies, self.lock, self.tls_port = {}, threading.Lock(), free_port()
        os.makedirs(self.webroot + "/.well-known/acme-challenge")
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = world.answer(self.headers["Host"], self.path)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the CA was not interested any longer

            def log_message(self, *_):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            request_queue_size = 256  # of 5 perspectives each, for many names at once

        server = Threads(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def answer(self, host, path):
        try:
            if host in self.proxies:
                connection = http.client.HTTPConnection("127.0.0.1", self.proxies[host], timeout=10)
                connection.request("GET", path, headers={"Host": host})
                answer = connection.getresponse()
                return answer.status, answer.read()
            with open(self.webroot + os.path.normpath("/" + path), "rb") as source:
                return 200, source.read()
        except OSError:
            return 404, b"no"


ALL = (PythonAcme, Lego, Npm, Uacme, Dehydrated, AcmeTiny, Caddy)


class Ca:
    """A CA that runs for the test."""

    def __init__(self, program, folder, world, *options):
        self.program, self.folder = program, folder
        self.log = open(folder + ".log", "wb")
        self.process = subprocess.Popen([program, "serve", "--state", folder, "--acme-listen", "localhost:0", "--acme-http-listen", "127.0.0.1:0",
                                         "--management-listen", "localhost:0", "--dns-listen", "127.0.0.1:0", "--limits", "off", "--print", "none",
                                         "--port-map", "80=127.0.0.1:%d,443=127.0.0.1:%d" % (world.port, world.tls_port), *options],
                                        stdout=self.log, stderr=self.log)
        subprocess.run([program, "health", "--state", folder, "--wait", "60s"], stdout=self.log, stderr=self.log, check=True)
        with open(os.path.join(folder, "run.json"), encoding="utf-8") as source:
            where = json.load(source)
        self.directory, self.staging, self.plain = where["directory"], where["staging_directory"], where["directory_http"]
        self.management, self.dns, self.file = where["management"], where["dns"], where["ca_file"]

    def ask(self, method, path, body=None):
        """Status and JSON of an answer of the management API."""
        host = self.management.split("//")[1].rstrip("/")
        connection = http.client.HTTPConnection(host, timeout=60)
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, "/api/v1" + path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def stop(self):
        """Ends it; its exit status."""
        self.process.terminate()
        return self.process.wait(60)
