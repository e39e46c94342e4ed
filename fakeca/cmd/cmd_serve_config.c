/* The options of `fakeca serve`, from the config file, the environment and the command line. */
#include "cmd/cmd_serve.h"

#include <stdio.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_time.h"

#include "cmd/cmd.h"

#define CONFIG_MAX (1 << 20)

static const char *const paces[] = {"fast", "letsencrypt", NULL};
static const char *const eabs[] = {"policy", "off", "optional", "required", NULL}; /* enum fc_app_eab */
static const char *const prints[] = {"text", "json", "none", NULL};
static const char *const resolvers[] = {"mock", "system", NULL}; /* enum fc_app_dns */
static const char *const logs[] = {"events", "all", "none", NULL};

#define AT(member) .offset = offsetof(struct fc_cmd_serve_target, member)
#define TEXT(row_name, member, row_arg, row_env, row_help)                                                             \
    {                                                                                                                  \
        .name = row_name, .type = FC_OPT_STRING, AT(member), .arg = row_arg, .env = row_env, .help = row_help          \
    }

const struct fc_opt fc_cmd_serve_options[] = {
    TEXT("state", app.state, "DIR", "FAKECA_STATE",
         "keep accounts, certificates, keys and the clock in this folder; without it they end with the process"),
    TEXT("port-map", app.port_map, "MAP", "FAKECA_PORT_MAP",
         "where validation really connects: [ADDR:]80=[ADDR:]5002,443=5003"),
    TEXT("clock", app.clock, "WHEN", "FAKECA_CLOCK", "where a new state's clock begins: -60d, 2027-02-10"),
    TEXT("config", config, "FILE", "FAKECA_CONFIG", "JSON object with these options as members"),
    {.name = "environment",
     .type = FC_OPT_STRINGS,
     AT(app.environments),
     .arg = "NAME",
     .help = "whose rules are served: production, staging, rfc8555, pebble; production and staging when none is named"},
    {.name = "policy",
     .type = FC_OPT_STRINGS,
     AT(app.policies),
     .arg = "FILE",
     .help = "policy file; replaces the environment of its name, or is served beside the others"},
    TEXT("limits", app.limits, "WHICH", "FAKECA_LIMITS",
         "rate limits: letsencrypt, staging, off, or a factor that multiplies every count (default: as the environment "
         "has them)"),
    {.name = "pace",
     .type = FC_OPT_WORD,
     AT(app.pace),
     .arg = "PACE",
     .env = "FAKECA_PACE",
     .words = paces,
     .help = "fast answers when decided; letsencrypt answers pending and processing as there"},
    TEXT("acme-listen", app.acme_listen, "ADDR:PORT", "FAKECA_ACME_LISTEN", "ACME over TLS; port 0: any free one"),
    TEXT("acme-http-listen", app.acme_http_listen, "ADDR:PORT", "FAKECA_ACME_HTTP_LISTEN",
         "the same ACME without TLS on loopback, for clients that obey no trust setting"),
    TEXT("management-listen", app.management_listen, "ADDR:PORT", "FAKECA_MANAGEMENT_LISTEN", "management API"),
    TEXT("dns-listen", app.dns_listen, "ADDR:PORT", "FAKECA_DNS_LISTEN", "mock DNS on UDP and TCP; none: not served"),
    {.name = "dns",
     .type = FC_OPT_WORD,
     AT(app.dns),
     .arg = "WHICH",
     /* no variable: 'fakeca env' sets FAKECA_DNS to the mock's address, and what we set is never read */
     .words = resolvers,
     .help = "whom validation asks: the mock, or the internet's DNS from the roots, with DNSSEC"},
    TEXT("dns-server", app.dns_server, "ADDR[:PORT]", "FAKECA_DNS_SERVER",
         "the resolver, or another fakeca's mock DNS, that validation asks instead"),
    TEXT("dns-default", app.dns_default, "ADDR[,ADDR]", "FAKECA_DNS_DEFAULT", "addresses of names without a rule"),
    TEXT("pki-url", app.pki_url, "URL", NULL, "base of the AIA and CRL addresses in certificates"),
    {.name = "tls-name",
     .type = FC_OPT_STRINGS,
     AT(app.tls_names),
     .arg = "NAME",
     .help = "further name or address of the directory's own certificate"},
    TEXT("tls-cert", app.tls_cert, "FILE", NULL, "own certificate chain of the directory, PEM"),
    TEXT("tls-key", app.tls_key, "FILE", NULL, "its key, PEM"),
    TEXT("root-cert", app.root_cert, "FILE", NULL, "own root that signs the intermediates, PEM"),
    TEXT("root-key", app.root_key, "FILE", NULL, "its key, PEM"),
    {.name = "threads",
     .type = FC_OPT_INT,
     AT(app.threads),
     .arg = "N",
     .min = 1,
     .max = 16,
     .help = "threads that serve ACME"},
    {.name = "perspectives",
     .type = FC_OPT_INT,
     AT(app.perspectives),
     .arg = "N",
     .env = "FAKECA_PERSPECTIVES",
     .min = 1,
     .max = 16,
     .help = "how many addresses validate a name: 1, or 4 and more; without it as the policy says"},
    {.name = "ari-retry-after",
     .type = FC_OPT_DURATION,
     AT(app.ari_retry_after),
     .arg = "TIME",
     .env = "FAKECA_ARI_RETRY_AFTER",
     .min = FC_SECOND,
     .max = 30 * FC_DAY,
     .help = "how soon a client looks at its renewal information again; Let's Encrypt says 6h"},
    {.name = "eab",
     .type = FC_OPT_WORD,
     AT(app.eab),
     .arg = "WHICH",
     .words = eabs,
     .help = "external account binding: as the policy says, unless this says otherwise; with --eab-key: optional"},
    {.name = "eab-key",
     .type = FC_OPT_STRINGS,
     AT(app.eab_keys),
     .arg = "KID=KEY",
     .help = "an external account: its name and its key, base64url of 16 bytes or more"},
    {.name = "durable",
     .type = FC_OPT_FLAG,
     AT(app.durable),
     .help = "flush every answer's facts to disk before it leaves: a power cut loses nothing"},
    {.name = "seed",
     .type = FC_OPT_INT,
     AT(app.seed),
     .arg = "N",
     .env = "FAKECA_SEED",
     .min = 0,
     .max = INT64_MAX,
     .help = "repeatable tokens and serial numbers (never keys)"},
    {.name = "allow-public",
     .type = FC_OPT_FLAG,
     AT(app.allow_public),
     .help = "listen beyond loopback; the management API then needs --token"},
    TEXT("token", app.token, "TOKEN", "FAKECA_TOKEN", "what every management request must carry"),
    {.name = "print",
     .type = FC_OPT_WORD,
     AT(print),
     .arg = "FORM",
     .words = prints,
     .help = "what standard output gets when all is up; json is one line, the same as STATE/run.json"},
    {.name = "log",
     .type = FC_OPT_WORD,
     AT(log),
     .arg = "WHAT",
     .words = logs,
     .help = "what standard error gets: events, all (every request and DNS query too), none"},
    {.name = NULL},
};

static void defaults(struct fc_cmd_serve_target *target)
{
    *target = (struct fc_cmd_serve_target){0};
    fc_app_config_defaults(&target->app);
    target->app.seed = -1;
}

static int read_file(const char *path, const struct fc_cmd_serve_target *given, struct fc_cmd_serve_target *target,
                     struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    struct fc_json_errs errs;
    struct fc_json_obj root;
    size_t len;

    if (fc_file_read(path, CONFIG_MAX, &text, &len, err))
        return err ? (err->code = FC_E_USAGE, -1) : -1;
    if (fc_json_parse(text, len, &target->file, err)) {
        fc_err_prefix(err, "config file '%s'", path);
        err->code = FC_E_USAGE;
        return -1;
    }
    fc_json_errs_init(&errs, path, text, len);
    fc_json_obj_root(&root, target->file, &errs);
    fc_opt_read_json(fc_cmd_serve_options, target, given, &root);
    if (target->config)
        fc_json_errs_add(&root, "config", "a config file names no other");
    fc_json_obj_end(&root);
    int result = fc_json_errs_report(&errs, err);
    fc_json_errs_release(&errs);
    return result;
}

int fc_cmd_serve_read(const struct fc_cmd *self, int argc, char *const *argv, struct fc_cmd_serve_target *target)
{
    struct fc_cmd_serve_target given;
    struct fc_opt_result result = {0};
    struct fc_err err = {0};

    /* first only to learn the file's name: what the file says comes below what is given here */
    defaults(&given);
    defaults(target);
    int code = fc_cmd_parse(self, fc_cmd_serve_options, &given, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    if (given.config && read_file(given.config, &given, target, &err))
        return fc_cmd_fail(self, &err);
    code = fc_cmd_parse(self, fc_cmd_serve_options, target, argc, argv, &result, 0, 0);
    target->app.seeded = target->app.seed >= 0;
    return code;
}
