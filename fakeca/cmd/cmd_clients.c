/* What each client needs to be told: one table for `fakeca env`, `fakeca help client` and, later, `fakeca run`. Measured facts:
 * trust variables replace or add to the system's roots; those that replace get the bundle that holds both. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_text.h"

/* ---- variables ---- */

enum value {
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
    const char *const texts[] = {[DIRECTORY] = place->directory,
                                 [STAGING] = place->staging,
                                 [DIRECTORY_HTTP] = place->directory_http,
                                 [ROOT] = place->ca_file,
                                 [BUNDLE] = place->trust_file,
                                 [MANAGEMENT] = place->management,
                                 [DNS] = place->dns,
                                 [CLOCK_FILE] = place->clock_file,
                                 [HTTP_PORT] = place->http_port,
                                 [HTTPS_PORT] = place->https_port,
                                 [TRUE] = "true"};
    return texts[value];
}

/* 'text' for a POSIX shell. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    putchar('\'');
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
        printf("export %s=", variables[i].name);
        print_quoted(text);
        putchar('\n');
    }
}

/* ---- pages: {D} directory, {R} root file, {M} management API, {P80} {P443} ports ---- */

static const struct {
    const char *name, *page;
} pages[] = {
    {"certbot",
     "certbot reads its trust from REQUESTS_CA_BUNDLE. Folders of its own let it run as any user:\n"
     "  certbot certonly -n --agree-tos --register-unsafely-without-email --server {D} \\\n"
     "      --config-dir ./le --work-dir ./le/work --logs-dir ./le/log --webroot -w ./www -d a.test\n"
     "  (or, with nothing on the port: --standalone --http-01-port {P80})\n"
     "  certbot renew -n --no-random-sleep-on-renew --config-dir ./le --work-dir ./le/work --logs-dir ./le/log\n"
     "Beware: 'certbot renew --dry-run' without --server {D} asks Let's Encrypt's public staging.\n"},
    {"lego", "lego reads its trust from LEGO_CA_CERTIFICATES. Every option, every time (lego 4):\n"
             "  lego --path ./lego --server {D} --accept-tos --email YOU@YOUR.DOMAIN --domains a.test \\\n"
             "      --http --http.port 127.0.0.1:{P80} run\n"
             "  the same with 'renew --no-random-sleep --renew-hook ./reload' to renew\n"},
    {"acme.sh", "acme.sh takes the trust file as an option; without --server its first run asks another CA:\n"
                "  sh acme.sh --home ./acme --ca-bundle {R} --server {D} --issue -d a.test -w ./www\n"
                "  sh acme.sh --home ./acme --ca-bundle {R} --cron\n"},
    {"dehydrated", "in its config file:\n"
                   "  CA={D}\n"
                   "  WELLKNOWN=./www/.well-known/acme-challenge\n"
                   "then, with CURL_CA_BUNDLE set: dehydrated --register --accept-terms; dehydrated -c -d a.test\n"},
    {"uacme", "uacme 1.7.6 and later read UACME_CAINFO; older ones need the root in the system's store, or a CA that "
              "was started with\n"
              "--acme-http-listen, and then FAKECA_DIRECTORY_HTTP in place of the directory:\n"
              "  uacme -c ./uacme -a {D} -y new; uacme -c ./uacme -a {D} -h ./uacme.sh issue a.test\n"},
    {"acme-tiny",
     "with SSL_CERT_FILE set; --disable-check, for it would look the name up by the system's DNS, at port 80:\n"
     "  acme-tiny --disable-check --directory-url {D} --account-key account.key --csr a.csr --acme-dir "
     "./www/.well-known/acme-challenge\n"},
    {"caddy", "in the Caddyfile, global options:\n"
              "  {\n"
              "      acme_ca {D}\n"
              "      acme_ca_root {R}\n"
              "      http_port {P80}\n"
              "      https_port {P443}\n"
              "  }\n"},
    {"mod_md", "in Apache's configuration; its workers, another user, must be able to read the file: a state folder is "
               "open to its\n"
               "owner alone, so copy it, for instance by curl {M}api/v1/trust/ca.pem:\n"
               "  MDCertificateAuthority {D}\n"
               "  MDCACertificateFile {R}\n"
               "  MDPortMap 80:{P80} 443:{P443}\n"
               "  MDCertificateAgreement accepted\n"},
    {"lacme",
     "in lacme.conf, section [client]: server = {D}; the trust comes from PERL_LWP_SSL_CA_FILE in its 'command ='\n"},
    {"node", "with NODE_EXTRA_CA_CERTS set before Node starts, give the library this directory URL: {D}\n"},
};
#define N_PAGES (sizeof pages / sizeof *pages)

const char *const *fc_cmd_clients(void)
{
    static const char *names[N_PAGES + 1];

    for (size_t i = 0; i < N_PAGES; i++)
        names[i] = pages[i].name;
    return names;
}

static void print_page(const char *page, const struct fc_cmd_place *place, const char *prefix)
{
    const struct {
        const char *mark, *text;
    } marks[] = {{"{D}", place->directory},
                 {"{R}", place->ca_file},
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
    for (size_t i = 0; i < N_PAGES; i++)
        if (strcmp(pages[i].name, name) == 0) {
            print_page(pages[i].page, place, prefix);
            return 0;
        }
    return -1;
}
