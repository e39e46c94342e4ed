/* fakeca certs, fakeca revoke: what was issued. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define PATH_MAX_LEN 4096

struct target {
    struct fc_cmd_target api;
    const char *environment, *name;
    int64_t account, limit;
    bool pem, renew_now, renew_reset;
    int64_t chain;
    const char *explanation;
    int64_t retry_after;
};

static const char about[] =
    "Lists the certificates that were issued, newest first, with their status at the simulated time; or shows one.\n"
    "\n"
    "examples:\n"
    "  fakeca certs --name www.a.test\n"
    "  fakeca certs 03ab12... --pem | openssl x509 -text\n"
    "  fakeca certs 03ab12... --pem --chain 1   (the first alternate chain; without --pem all are listed by name)\n"
    "  fakeca certs 03ab12... --renew-now --explanation https://ca.test/incident   (its ARI window moves into the "
    "past)\n"
    "  fakeca certs --json | jq -r '.certificates[].serial'\n";

/* "a.test, www.a.test and 3 more" */
static void print_names(const json_t *names)
{
    size_t n = json_array_size(names), shown = n > 3 ? 2 : n;

    for (size_t i = 0; i < shown; i++)
        printf("%s%s", i ? ", " : "", json_string_value(json_array_get(names, i)));
    if (shown < n)
        printf(" and %zu more", n - shown);
}

static void print_row(const json_t *cert)
{
    printf("%s  %-13s  %s  ", fc_cmd_text(cert, "serial"), fc_cmd_text(cert, "status"), fc_cmd_text(cert, "not_after"));
    print_names(json_object_get(cert, "identifiers"));
    printf("  (%s, account %s)\n", fc_cmd_text(cert, "environment"), fc_cmd_text(cert, "account"));
}

static void print_list(const json_t *answer)
{
    const json_t *certs = json_object_get(answer, "certificates"), *cert;
    size_t i;

    if (!json_array_size(certs)) {
        printf("no certificates\n");
        return;
    }
    printf("%-36s  %-13s  %-20s  names\n", "serial", "status", "not after");
    json_array_foreach(certs, i, cert) print_row(cert);
    if (json_is_integer(json_object_get(answer, "next")))
        printf("(older ones exist: --limit shows up to 1000)\n");
}

static void print_chains(const json_t *chains)
{
    const json_t *chain, *name;
    size_t i, j;

    json_array_foreach(chains, i, chain)
    {
        printf("chain %-6zu ", i);
        json_array_foreach(json_object_get(chain, "certificates"), j, name) printf("%s > ", json_string_value(name));
        printf("%s (not served)%s\n", fc_cmd_text(chain, "root"), i ? "" : ", the default");
    }
}

static void print_one(const json_t *cert)
{
    static const char *const rows[] = {"serial",   "status",     "environment", "account",    "order",
                                       "profile",  "issuer",     "issued_at",   "not_before", "not_after",
                                       "renew_at", "revoked_at", "reason",      NULL};

    for (size_t i = 0; rows[i]; i++)
        printf("%-12s %s\n", rows[i], fc_cmd_text(cert, rows[i]));
    printf("%-12s ", "names");
    print_names(json_object_get(cert, "identifiers"));
    putchar('\n');
    print_chains(json_object_get(cert, "chains"));
}

static char *list_path(const struct target *target)
{
    struct fc_buf path fc_auto_buf = {0};
    const struct {
        const char *key, *value;
    } filters[] = {{"environment", target->environment}, {"name", target->name}};

    fc_buf_init(&path, PATH_MAX_LEN);
    fc_buf_printf(&path, "/api/v1/certificates?limit=%lld", (long long)target->limit);
    if (target->account)
        fc_buf_printf(&path, "&account=%lld", (long long)target->account);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        fc_auto_free char *value = filters[i].value ? fc_cmd_api_encode(filters[i].value) : NULL;
        if (value)
            fc_buf_printf(&path, "&%s=%s", filters[i].key, value);
    }
    return fc_buf_detach(&path);
}

static int show(const struct fc_cmd *self, const struct target *target, const char *serial)
{
    fc_auto_free char *encoded = serial ? fc_cmd_api_encode(serial) : NULL;
    fc_auto_free char *path = serial ? fc_asprintf("/api/v1/certificates/%s", encoded) : list_path(target);
    struct fc_err err = {0};
    fc_auto_json answer = NULL;

    if (fc_cmd_api(&target->api, "GET", path, NULL, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(answer);
    else if (serial)
        print_one(answer);
    else
        print_list(answer);
    return fc_cmd_done(self);
}

static int show_pem(const struct fc_cmd *self, const struct target *target, const char *serial)
{
    fc_auto_free char *encoded = fc_cmd_api_encode(serial);
    fc_auto_free char *path =
        fc_asprintf("/api/v1/certificates/%s/chain.pem?chain=%lld", encoded, (long long)target->chain);
    fc_auto_free char *pem = NULL;
    struct fc_err err = {0};

    if (fc_cmd_api_text(&target->api, path, &pem, &err))
        return fc_cmd_fail(self, &err);
    fputs(pem, stdout);
    return fc_cmd_done(self);
}

/* ---- renewal information ---- */

static int renew(const struct fc_cmd *self, const struct target *target, const char *serial)
{
    fc_auto_free char *encoded = fc_cmd_api_encode(serial);
    fc_auto_free char *path = fc_asprintf("/api/v1/certificates/%s/renewal", encoded);
    fc_auto_json body = target->renew_now ? json_object() : NULL;
    char duration[FC_TIME_TEXT_MAX];
    struct fc_err err = {0};
    fc_auto_json answer = NULL;

    if (target->explanation && body)
        json_object_set_new(body, "explanation_url", json_string(target->explanation));
    if (target->retry_after && body)
        json_object_set_new(body, "retry_after", json_string(fc_duration_text(target->retry_after, duration)));
    if (fc_cmd_api(&target->api, body ? "PUT" : "DELETE", path, body, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(answer);
    else
        printf("%s  renew from %s to %s (%s)\n", fc_cmd_text(answer, "serial"), fc_cmd_text(answer, "start"),
               fc_cmd_text(answer, "end"), fc_cmd_text(answer, "why"));
    return fc_cmd_done(self);
}

/* What goes only with a serial, and what not together. */
static int check(const struct target *target, const char *serial, struct fc_err *err)
{
    if (!serial && target->pem)
        return fc_err_set(err, FC_E_USAGE, "--pem needs the serial of one certificate ('fakeca certs' lists them)");
    if (!serial && (target->renew_now || target->renew_reset))
        return fc_err_set(err, FC_E_USAGE,
                          "--renew-now and --renew-reset need the serial of one certificate ('fakeca certs' lists "
                          "them)");
    if (target->chain && !target->pem)
        return fc_err_set(err, FC_E_USAGE, "--chain goes with --pem");
    if (target->pem + target->renew_now + target->renew_reset > 1)
        return fc_err_set(err, FC_E_USAGE, "only one of --pem, --renew-now and --renew-reset is possible");
    if (target->pem && target->api.json)
        return fc_err_set(err, FC_E_USAGE, "only one of --pem and --json is possible");
    if ((target->explanation || target->retry_after) && !target->renew_now)
        return fc_err_set(err, FC_E_USAGE, "--explanation and --retry-after go with --renew-now");
    return 0;
}

static int run_certs(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "name",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, name),
                                           .arg = "NAME",
                                           .help = "only those with exactly this name"},
                                          {.name = "environment",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, environment),
                                           .arg = "NAME",
                                           .help = "production or staging"},
                                          {.name = "account",
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, account),
                                           .arg = "ID",
                                           .min = 1,
                                           .max = INT64_MAX,
                                           .help = "only those of this account"},
                                          {.name = "limit",
                                           .letter = 'n',
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, limit),
                                           .arg = "N",
                                           .min = 1,
                                           .max = 1000,
                                           .help = "how many at most"},
                                          {.name = "pem",
                                           .type = FC_OPT_FLAG,
                                           .offset = offsetof(struct target, pem),
                                           .help = "with a serial: the chain as PEM"},
                                          {.name = "chain",
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, chain),
                                           .arg = "N",
                                           .min = 0,
                                           .max = INT32_MAX,
                                           .help = "with --pem: an alternate chain (0: the default one)"},
                                          {.name = "renew-now",
                                           .type = FC_OPT_FLAG,
                                           .offset = offsetof(struct target, renew_now),
                                           .help = "with a serial: move its renewal window (ARI) into the past"},
                                          {.name = "explanation",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, explanation),
                                           .arg = "URL",
                                           .help = "with --renew-now: the explanationURL that clients are shown"},
                                          {.name = "retry-after",
                                           .type = FC_OPT_DURATION,
                                           .offset = offsetof(struct target, retry_after),
                                           .arg = "TIME",
                                           .min = FC_SECOND,
                                           .max = 30 * FC_DAY,
                                           .help = "with --renew-now: when clients are to look again"},
                                          {.name = "renew-reset",
                                           .type = FC_OPT_FLAG,
                                           .offset = offsetof(struct target, renew_reset),
                                           .help = "with a serial: its window comes from its own dates again"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {.limit = 20};
    struct fc_err err = {0};

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 1);
    if (code >= 0)
        return code;
    if (check(&target, operands[0], &err))
        return fc_cmd_fail(self, &err);
    if (target.renew_now || target.renew_reset)
        return renew(self, &target, operands[0]);
    return target.pem ? show_pem(self, &target, operands[0]) : show(self, &target, operands[0]);
}

const struct fc_cmd fc_cmd_certs = {.name = "certs",
                                    .synopsis = "[SERIAL [--pem | --renew-now]] [--name NAME] [--account ID]",
                                    .summary = "list the certificates that were issued, or show one",
                                    .about = about,
                                    .run = run_certs};

/* ---- revoke ---- */

struct revoke_target {
    struct fc_cmd_target api;
    const char *reason;
};

/* RFC 5280 section 5.3.1; 7 is not used. */
static const char *const reasons[] = {"unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
                                      "superseded",    "cessationOfOperation", "certificateHold", "",
                                      "removeFromCRL", "privilegeWithdrawn",   "aACompromise",    NULL};

static int reason_code(const char *text, int64_t *ret, struct fc_err *err)
{
    int64_t number;
    size_t n = 0;

    for (; reasons[n]; n++)
        if (*reasons[n] && fc_text_equal_nocase(reasons[n], text)) {
            *ret = (int64_t)n;
            return 0;
        }
    if (fc_text_int(text, 0, 10, &number, NULL) == 0) {
        *ret = number;
        return 0;
    }
    const char *nearest = fc_opt_nearest(text, reasons, n);
    return fc_err_set(err, FC_E_USAGE, "option '--reason': '%s' is no reason of RFC 5280 section 5.3.1%s%s%s", text,
                      nearest ? ", did you mean '" : " (a word such as keyCompromise, or its number 0 to 10)",
                      nearest ? nearest : "", nearest ? "'?" : "");
}

static int run_revoke(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "reason",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct revoke_target, reason),
                                           .arg = "REASON",
                                           .help = "keyCompromise, superseded, cessationOfOperation ... or 0 to 10"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct revoke_target target = {.reason = "unspecified"};
    struct fc_err err = {0};
    fc_auto_json answer = NULL;
    int64_t reason = 0;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 1, 1);
    if (code >= 0)
        return code;
    if (reason_code(target.reason, &reason, &err))
        return fc_cmd_fail(self, &err);
    fc_auto_free char *serial = fc_cmd_api_encode(operands[0]);
    fc_auto_free char *path = fc_asprintf("/api/v1/certificates/%s/revoke", serial);
    fc_auto_json body = json_pack("{s:I}", "reason", (json_int_t)reason);
    if (fc_cmd_api(&target.api, "POST", path, body, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target.api.json)
        fc_cmd_print_json(answer);
    else
        print_row(answer);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_revoke = {
    .name = "revoke",
    .synopsis = "SERIAL [--reason REASON]",
    .summary = "revoke a certificate, as its CA",
    .about = "Revokes a certificate as the CA itself would; it stands in the next CRL at once.\n"
             "\n"
             "example:\n"
             "  fakeca revoke 03ab12... --reason keyCompromise\n",
    .run = run_revoke};
