/* What is known of each client: one table for `fakeca env`, `fakeca help client`, `fakeca run`, and for what `fakeca clock` says of
 * them. Measured facts: trust variables replace or add to the system's roots; those that replace get the bundle that holds both. */
#include "cmd/cmd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_text.h"

#define QUOTED_MAX (4 * PATH_MAX + 2) /* each byte of a path quoted */

/* ---- variables ---- */

enum value {
    STATE,
    DIRECTORY,
    STAGING,
    DIRECTORY_HTTP,
    ROOT,
    BUNDLE,
    MANAGEMENT,
    DNS,
    CLOCK_FILE,
    HTTP_PORT,
    HTTPS_PORT,
    TRUE
};

#define CLIENTS_MAX 10
static const struct {
    const char *name;
    enum value value;
    const char *clients[CLIENTS_MAX]; /* NULL-terminated; none: of every client */
} variables[] = {
    {"FAKECA_STATE", STATE, {NULL}}, /* other commands find the same CA by it */
    {"FAKECA_DIRECTORY", DIRECTORY, {NULL}},
    {"FAKECA_STAGING", STAGING, {NULL}},
    {"FAKECA_DIRECTORY_HTTP", DIRECTORY_HTTP, {NULL}},
    {"FAKECA_ROOT", ROOT, {NULL}},
    {"FAKECA_MANAGEMENT_URL", MANAGEMENT, {NULL}},
    {"FAKECA_DNS", DNS, {NULL}},
    {"FAKECA_CLOCK_FILE", CLOCK_FILE, {NULL}},
    {"FAKECA_HTTP_PORT", HTTP_PORT, {NULL}},
    {"FAKECA_HTTPS_PORT", HTTPS_PORT, {NULL}},
    {"REQUESTS_CA_BUNDLE", BUNDLE, {"certbot", NULL}},
    {"CURL_CA_BUNDLE", BUNDLE, {"acme.sh", "dehydrated", NULL}},
    {"SSL_CERT_FILE", BUNDLE, {"caddy", "acme-tiny", NULL}},
    {"LEGO_CA_CERTIFICATES", ROOT, {"lego", NULL}},
    {"LEGO_CA_SYSTEM_CERT_POOL", TRUE, {"lego", NULL}},
    {"CA_BUNDLE", BUNDLE, {"acme.sh", NULL}},
    {"UACME_CAINFO", BUNDLE, {"uacme", NULL}},
    {"PERL_LWP_SSL_CA_FILE", BUNDLE, {"lacme", NULL}},
    {"NODE_EXTRA_CA_CERTS", ROOT, {"node", NULL}},
};

static const char *value_text(enum value value, const struct fc_cmd_place *place)
{
    const char *const texts[] = {[STATE] = place->state,           [DIRECTORY] = place->directory,
                                 [STAGING] = place->staging,       [DIRECTORY_HTTP] = place->directory_http,
                                 [ROOT] = place->ca_file,          [BUNDLE] = place->trust_file,
                                 [MANAGEMENT] = place->management, [DNS] = place->dns,
                                 [CLOCK_FILE] = place->clock_file, [HTTP_PORT] = place->http_port,
                                 [HTTPS_PORT] = place->https_port, [TRUE] = "true"};
    return texts[value];
}

static bool meant_for(size_t variable, const char *client)
{
    const char *const *clients = variables[variable].clients;

    if (!client || !clients[0])
        return true;
    for (; *clients; clients++)
        if (strcmp(*clients, client) == 0)
            return true;
    return false;
}

void fc_cmd_clients_exports(const char *name, const struct fc_cmd_place *place, json_t *ret_json)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *text = value_text(variables[i].value, place);
        if (!text || !meant_for(i, name))
            continue;
        if (ret_json) {
            json_object_set_new(ret_json, variables[i].name, json_string(text));
            continue;
        }
        struct fc_buf quoted fc_auto_buf = {0};
        fc_buf_init(&quoted, QUOTED_MAX);
        fc_buf_put_quoted(&quoted, text);
        printf("export %s=%s\n", variables[i].name, quoted.data);
    }
}

/* ---- clients. Pages: {D} directory, {R} root file ({Q} in a configuration file), {M} management API, {P80} {P443} ports ---- */

/* When a client renews by its own rule, from some version on. */
enum rule {
    LEFT,       /* when less than n days are left */
    WHOLE_LEFT, /* when n or fewer whole days are left: it cuts what is left to whole days */
    USED,       /* when n thousandths of the lifetime are used */
    AFTER       /* n days after issue, whatever the lifetime */
};
struct rules {
    int major, minor; /* from this version on; a row's rules end with one without `since` */
    enum rule rule;
    int n;
    int slack; /* days more until it is certain: the moment is chosen in a window, or it looks twice a day */
    bool ari;
};
#define RULES_MAX 3

#define COMMAND "its command, under 'fakeca run'"
#define ITSELF "the server, under 'fakeca run --monotonic', at once; "
static const struct client {
    const char *name;
    const char *agent;             /* in its User-Agent; what follows is the version when it ends with '/' */
    struct rules rules[RULES_MAX]; /* the oldest version first; n 0: not known */
    const char *looks;             /* what brings it to look again, on the CA's clock */
    const char *page;              /* NULL: nothing to copy from */
} clients[] = {
    {"certbot",
     "CertbotACMEClient/",
     {{0, 0, LEFT, 30, 0, false}, {4, 0, USED, 666, 0, false}, {4, 1, USED, 666, 1, true}},
     COMMAND,
     "certbot reads its trust from REQUESTS_CA_BUNDLE. Folders of its own let it run as any user:\n"
     "  certbot certonly -n --agree-tos --register-unsafely-without-email --server {D} \\\n"
     "      --config-dir ./le --work-dir ./le/work --logs-dir ./le/log --webroot -w ./www -d a.test\n"
     "  (or, with nothing on the port: --standalone --http-01-port {P80})\n"
     "  certbot renew -n --no-random-sleep-on-renew --config-dir ./le --work-dir ./le/work --logs-dir ./le/log\n"
     "Another chain: --preferred-chain and the common name of its root, as 'fakeca status' lists them.\n"
     "Beware: 'certbot renew --dry-run' without --server {D} asks Let's Encrypt's public staging.\n"},
    {"lego",
     "xenolf-acme/",
     {{0, 0, WHOLE_LEFT, 30, 0, false}, {4, 20, WHOLE_LEFT, 30, 0, true}, {5, 0, USED, 666, 1, true}},
     COMMAND,
     "lego reads its trust from LEGO_CA_CERTIFICATES. Every option, every time (lego 4):\n"
     "  lego --path ./lego --server {D} --accept-tos --email YOU@YOUR.DOMAIN --domains a.test \\\n"
     "      --http --http.port 127.0.0.1:{P80} run\n"
     "  the same with 'renew --no-random-sleep --renew-hook ./reload' to renew\n"
     "Another chain: --preferred-chain and the common name of its root, as 'fakeca status' lists them.\n"},
    {"acme.sh",
     "acme.sh/",
     {{0, 0, AFTER, 59, 0, false}, {3, 1, USED, 666, 0, true}},
     COMMAND,
     "acme.sh takes the trust file as an option; without --server its first run asks another CA:\n"
     "  sh acme.sh --home ./acme --ca-bundle {R} --server {D} --issue -d a.test -w ./www\n"
     "  sh acme.sh --home ./acme --ca-bundle {R} --cron\n"},
    {"dehydrated",
     "dehydrated/",
     {{0, 0, LEFT, 30, 0, false}},
     COMMAND,
     "in its config file:\n"
     "  CA={D}\n"
     "  WELLKNOWN=./www/.well-known/acme-challenge\n"
     "then, with CURL_CA_BUNDLE set: dehydrated --register --accept-terms; dehydrated -c -d a.test\n"},
    {"uacme",
     "uacme/",
     {{0, 0, LEFT, 30, 0, false}, {1, 8, LEFT, 30, 0, true}},
     COMMAND,
     "uacme 1.7.6 and later read UACME_CAINFO; older ones need the root in the system's store, or a CA that "
     "was started with\n"
     "--acme-http-listen, and then FAKECA_DIRECTORY_HTTP in place of the directory:\n"
     "  uacme -c ./uacme -a {D} -y new; uacme -c ./uacme -a {D} -h ./uacme.sh issue a.test\n"},
    {"acme-tiny",
     "acme-tiny",
     {{0, 0, LEFT, 30, 0, false}},
     "the script that decides when to call it, under 'fakeca run'",
     "with SSL_CERT_FILE set; --disable-check, for it would look the name up by the system's DNS, at port 80:\n"
     "  acme-tiny --disable-check --directory-url {D} --account-key account.key --csr a.csr --acme-dir "
     "./www/.well-known/acme-challenge\n"},
    {"caddy",
     "Caddy/",
     {{0, 0, USED, 666, 0, false}, {2, 8, USED, 666, 1, true}},
     ITSELF "else within 10 minutes under 'fakeca run'",
     "in the Caddyfile, global options:\n"
     "  {\n"
     "      acme_ca {D}\n"
     "      acme_ca_root {Q}\n"
     "      http_port {P80}\n"
     "      https_port {P443}\n"
     "  }\n"},
    {"mod_md",
     "mod_md/",
     {{0, 0, USED, 670, 0, false}, {2, 6, USED, 666, 0, true}},
     "the server, under 'fakeca run', at its next start or within 12 hours; it serves a new certificate after a "
     "graceful restart only",
     "in Apache's configuration; its workers, another user, must be able to read the file: a state folder is "
     "open to its\n"
     "owner alone, so copy it, for instance by curl {M}api/v1/trust/ca.pem:\n"
     "  MDCertificateAuthority {D}\n"
     "  MDCACertificateFile {Q}\n"
     "  MDPortMap 80:{P80} 443:{P443}\n"
     "  MDCertificateAgreement accepted\n"},
    {"lacme",
     "lacme-client/",
     {{0, 0, LEFT, 21, 0, false}},
     COMMAND,
     "in lacme.conf, section [client]: server = {D}; the trust comes from PERL_LWP_SSL_CA_FILE in its 'command ='\n"},
    {"node",
     "node-acme-client/",
     {{0, 0, LEFT, 0, 0, false}},
     "the program, under 'fakeca run'",
     "with NODE_EXTRA_CA_CERTS set before Node starts, give the library this directory URL: {D}\n"},
    /* without a page: known by what they call themselves */
    {"acmetool", "acmetool acmeapi", {{0, 0, LEFT, 30, 0, false}}, COMMAND, NULL},
    {"haproxy", "HAProxy", {{0, 0, USED, 916, 1, false}}, ITSELF "else within 12 hours", NULL},
    {"autocert", "golang.org/x/crypto/acme", {{0, 0, LEFT, 30, 0, false}}, ITSELF "else by its own timer", NULL},
    {"certmagic", "CertMagic", {{0, 0, USED, 666, 1, true}}, ITSELF "else within 10 minutes under 'fakeca run'", NULL},
    {"acme-python", "acme-python/", {{0, 0, LEFT, 0, 0, false}}, "the program, under 'fakeca run'", NULL},
    {"greenlock", "ACME.js/", {{0, 0, LEFT, 0, 0, false}}, "the program, under 'fakeca run'", NULL},
    {"acme-client (Ruby)", "Acme::Client", {{0, 0, LEFT, 0, 0, false}}, "the program, under 'fakeca run'", NULL},
};
#define N_CLIENTS (sizeof clients / sizeof *clients)

const char *const *fc_cmd_clients(void)
{
    static const char *names[N_CLIENTS + 1];
    size_t n = 0;

    for (size_t i = 0; i < N_CLIENTS; i++)
        if (clients[i].page)
            names[n++] = clients[i].name;
    names[n] = NULL;
    return names;
}

/* A word of a Caddyfile or of Apache's configuration. */
static char *config_word(const char *text)
{
    return strpbrk(text, " \t") ? fc_asprintf("\"%s\"", text) : fc_strdup(text);
}

static void print_page(const char *page, const struct fc_cmd_place *place, const char *prefix)
{
    fc_auto_free char *shell = fc_cmd_shell_word(place->ca_file), *config = config_word(place->ca_file);
    const struct {
        const char *mark, *text;
    } marks[] = {{"{D}", place->directory},
                 {"{R}", shell},
                 {"{Q}", config},
                 {"{M}", place->management},
                 {"{P80}", place->http_port},
                 {"{P443}", place->https_port}};

    fputs(prefix, stdout);
    while (*page) {
        size_t i = 0, n = sizeof marks / sizeof *marks;
        while (i < n && !fc_text_starts(page, marks[i].mark))
            i++;
        if (i < n) {
            fputs(marks[i].text, stdout);
            page += strlen(marks[i].mark);
            continue;
        }
        putchar(*page);
        if (*page++ == '\n' && *page)
            fputs(prefix, stdout);
    }
}

int fc_cmd_clients_page(const char *name, const struct fc_cmd_place *place, const char *prefix)
{
    for (size_t i = 0; i < N_CLIENTS; i++)
        if (clients[i].page && strcmp(clients[i].name, name) == 0) {
            print_page(clients[i].page, place, prefix);
            return 0;
        }
    return -1;
}

/* ---- who is it, and when does it renew ---- */

/* "4.20.2" as far as it goes; a version that is not told counts as the newest. */
static void read_version(const char *at, struct fc_cmd_client *ret)
{
    size_t len = strspn(at, "0123456789.");

    ret->major = ret->minor = INT_MAX;
    if (len == 0 || len >= sizeof ret->version)
        return;
    memcpy(ret->version, at, len);
    ret->version[len] = '\0';
    if (sscanf(ret->version, "%6d.%6d", &ret->major, &ret->minor) < 2)
        ret->minor = 0;
}

static const struct rules *rules_of(const struct client *client, const struct fc_cmd_client *who)
{
    const struct rules *found = &client->rules[0];

    for (size_t i = 1; i < RULES_MAX && client->rules[i].n; i++) {
        const struct rules *r = &client->rules[i];
        if (who->major > r->major || (who->major == r->major && who->minor >= r->minor))
            found = r;
    }
    return found;
}

bool fc_cmd_clients_know(const char *user_agent, struct fc_cmd_client *ret_client)
{
    *ret_client = (struct fc_cmd_client){0};
    for (size_t i = 0; i < N_CLIENTS; i++) {
        const char *at = strstr(user_agent, clients[i].agent);
        size_t len = strlen(clients[i].agent);
        if (!at)
            continue;
        read_version(clients[i].agent[len - 1] == '/' ? at + len : "", ret_client);
        ret_client->name = clients[i].name;
        ret_client->looks = clients[i].looks;
        ret_client->row = i;
        ret_client->ari = rules_of(&clients[i], ret_client)->ari;
        return true;
    }
    return false;
}

int fc_cmd_clients_due(const struct fc_cmd_client *client, int days)
{
    const struct rules *r = rules_of(&clients[client->row], client);
    int day = 0;

    switch (r->rule) {
    case LEFT:
        day = days - r->n;
        break;
    case WHOLE_LEFT:
        day = days - r->n - 1;
        break;
    case USED:
        day = (days * r->n + 999) / 1000;
        break;
    case AFTER:
        day = r->n;
        break;
    }
    if (r->n == 0)
        return -1;
    return day + r->slack > 0 ? day + r->slack : 0;
}
