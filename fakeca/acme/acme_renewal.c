/* Renewal information (RFC 9773): the window of a certificate, and what an order may replace; letsencrypt.md E.4 and E.5. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "ca/ca.h"
#include "store/store_cert.h"
#include "store/store_order.h"
#include "store/store_renewal.h"

#define PARSING "While parsing ARI CertID an error occurred"
#define REPLACES "Could not validate ARI 'replaces' field"
#define SERIAL_MAX 20    /* octets */
#define SERIAL_DIGITS 36 /* as the rows hold it */

/* Where Go's decoder says that the first bad character stands. */
static size_t bad_character(const char *text)
{
    size_t at = 0;

    while (text[at] && fc_b64url_alphabet(text + at, 1))
        at++;
    return at;
}

/* The serial number as the rows hold it; octets in front that are zero say nothing. */
static int read_serial(struct fc_acme_call *call, const char *text, const char **ret_serial)
{
    unsigned char *octets = fc_arena_alloc(call->arena, strlen(text) + 1);
    char hex[2 * SERIAL_MAX + 1];
    size_t len;

    if (fc_b64url_decode(text, strlen(text), octets, &len))
        return fc_acme_missing(
            call, "serial number was not base64url-encoded or contained padding: illegal base64 data at input byte %zu",
            bad_character(text));
    for (; len > 1 && *octets == 0; len--)
        octets++;
    fc_text_hex(octets, len < SERIAL_MAX ? len : SERIAL_MAX, hex);
    size_t digits = strlen(hex);
    const char *zeros = "000000000000000000000000000000000000";
    *ret_serial = fc_arena_printf(call->arena, "%s%s", zeros + (digits < SERIAL_DIGITS ? digits : SERIAL_DIGITS), hex);
    return 0;
}

/* A certificate's identifier: *ret_serial as in the rows. */
static int parse(struct fc_acme_call *call, const char *certid, const char **ret_serial)
{
    const char *dot = strchr(certid, '.');
    size_t len;

    if (!dot || dot == certid || !dot[1] || strchr(dot + 1, '.'))
        return fc_acme_refuse(call, MALFORMED, "Invalid path");
    const char *issuer = fc_arena_strndup(call->arena, certid, (size_t)(dot - certid));
    unsigned char *aki = fc_arena_alloc(call->arena, strlen(issuer) + 1);
    if (fc_b64url_decode(issuer, strlen(issuer), aki, &len))
        return fc_acme_refuse(call, MALFORMED,
                              "Authority Key Identifier was not base64url-encoded or contained padding: illegal base64 "
                              "data at input byte %zu",
                              bad_character(issuer));
    if (!fc_ca_issuer_known(call->acme->p.ca, aki, len))
        return fc_acme_missing(call, "path contained an Authority Key Identifier that did not match a known issuer");
    return read_serial(call, dot + 1, ret_serial);
}

const char *fc_acme_renewal_serial(struct fc_acme_call *call)
{
    const struct fc_problem before = call->problem;
    const char *serial = "";

    if (call->req->n_params > 0 && parse(call, call->req->params[0], &serial))
        call->problem = before;
    return serial;
}

/* ---- renewalInfo ---- */

struct info {
    struct fc_certificate cert;
    struct fc_store_window moved;
    bool is_moved;
};

/* Inside a transaction. */
static int find_info(struct fc_acme_call *call, const char *serial, struct info *info)
{
    struct fc_store *store = call->acme->p.store;

    if (fc_store_cert_get(store, call->arena, serial, &info->cert, &call->err))
        return -1;
    info->is_moved = fc_store_window_get(store, call->arena, serial, &info->moved, &call->err) == 0;
    return info->is_moved || fc_acme_problem_caught(call, FC_E_NOT_FOUND) ? 0 : -1;
}

static int read_info(struct fc_acme_call *call, const char *serial, struct info *info)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_READ, &tx, &call->err))
        return -1;
    return find_info(call, serial, info);
}

static int64_t retry_after_s(const struct fc_acme_call *call, const struct info *info)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    int64_t base = policy->renewal_info.retry_after / FC_SECOND;
    int64_t spread = base * policy->renewal_info.retry_after_spread_percent / 100;

    if (info->is_moved && info->moved.retry_after_s)
        return info->moved.retry_after_s;
    if (call->acme->p.ari_retry_after)
        return call->acme->p.ari_retry_after / FC_SECOND;
    if (call->acme->p.pace != FC_PACE_LETSENCRYPT)
        return base;
    return base - spread + (int64_t)fc_rand_below((uint64_t)(2 * spread + 1));
}

/* Revoked before moved before its own dates. */
static void window_of(const struct fc_acme_call *call, const struct info *info, struct fc_ca_window *ret_window)
{
    const struct fc_policy *policy = fc_acme_policy(call);

    if (info->cert.revoked_at)
        fc_ca_ari_revoked(policy, call->now, ret_window);
    else if (info->is_moved)
        *ret_window = (struct fc_ca_window){info->moved.start, info->moved.end};
    else
        fc_ca_ari_window(policy, info->cert.issued_at, info->cert.not_after, ret_window);
}

static void answer(struct fc_acme_call *call, const struct info *info)
{
    char start[FC_TIME_TEXT_MAX], end[FC_TIME_TEXT_MAX];
    struct fc_ca_window window;

    window_of(call, info, &window);
    json_t *object = json_pack("{s:{s:s,s:s}}", "suggestedWindow", "start", fc_time_rfc3339(window.start, start), "end",
                               fc_time_rfc3339(window.end, end));
    if (info->is_moved && info->moved.explanation)
        json_object_set_new(object, "explanationURL", json_string(info->moved.explanation));
    fc_http_res_set_header(call->res, "Retry-After",
                           fc_arena_printf(call->arena, "%" PRId64, retry_after_s(call, info)));
    fc_acme_render_json(call, 200, object);
}

int fc_acme_renewal_info(struct fc_acme_call *call)
{
    const char *serial;
    struct info info = {0};

    if (call->req->n_params == 0 || !*call->req->params[0])
        return fc_acme_missing(call, "Must specify a request path");
    if (parse(call, call->req->params[0], &serial))
        return fc_problem_context(&call->problem, call->arena, PARSING);
    if (read_info(call, serial, &info) && !fc_acme_problem_caught(call, FC_E_NOT_FOUND))
        return fc_acme_problem_internal(call, "Error checking if certificate is impacted by an incident");
    if (!info.cert.serial || strcmp(info.cert.env, call->acme->p.policy->name) != 0)
        return fc_acme_missing(call, "Requested certificate was not found");
    answer(call, &info);
    return 0;
}

/* ---- replaces ---- */

/* A replacement counts while it can still come to something, and when it did. */
static int is_replaced(struct fc_acme_call *call, const char *certid, bool *ret_replaced)
{
    struct fc_store *store = call->acme->p.store;
    struct fc_order *orders;
    size_t count;

    *ret_replaced = false;
    if (fc_store_replacements(store, call->arena, call->acme->p.policy->name, certid, &orders, &count, &call->err))
        return -1;
    for (size_t i = 0; i < count && !*ret_replaced; i++) {
        struct fc_authz *authzs;
        if (fc_store_authz_of_order(store, call->arena, &orders[i], &authzs, &call->err))
            return -1;
        *ret_replaced = orders[i].serial || fc_order_status(&orders[i], authzs, call->now) != FC_STATUS_INVALID;
    }
    return 0;
}

/* As a certificate's name covers a host: the same, or its wildcard one label above. */
static bool covers(const struct fc_ident *name, const struct fc_ident *wanted)
{
    const char *dot = strchr(wanted->value, '.');

    if (name->type != wanted->type)
        return false;
    if (strcmp(name->value, wanted->value) == 0)
        return true;
    return fc_ident_wildcard(name) && !fc_ident_wildcard(wanted) && dot && strcmp(name->value + 1, dot) == 0;
}

static bool covers_any(const struct fc_certificate *cert, const struct fc_acme_names *names)
{
    for (size_t i = 0; i < cert->n_idents; i++)
        for (size_t j = 0; j < names->count; j++)
            if (covers(&cert->idents[i], &names->idents[j]))
                return true;
    return false;
}

static int check_cert(struct fc_acme_call *call, const char *serial, const struct fc_acme_names *names,
                      struct info *info)
{
    struct fc_certificate cert;

    if (find_info(call, serial, info) && !fc_acme_problem_caught(call, FC_E_NOT_FOUND))
        return -1;
    cert = info->cert;
    if (!cert.serial || strcmp(cert.env, call->acme->p.policy->name) != 0)
        return fc_acme_missing(
            call, "request included `replaces` field, but no current certificate with serial \"%s\" exists", serial);
    if (cert.account_id != fc_acme_auth_account_id(call))
        return fc_acme_refuse(call, UNAUTHORIZED,
                              "requester account did not request the certificate being replaced by this order");
    if (!covers_any(&cert, names))
        return fc_acme_refuse(
            call, MALFORMED,
            "identifiers in this order do not match any identifiers in the certificate being replaced");
    return 0;
}

static int check(struct fc_acme_call *call, const char *certid, const struct fc_acme_names *names, struct info *info)
{
    const char *serial;
    bool replaced;

    if (parse(call, certid, &serial))
        return -1;
    if (is_replaced(call, certid, &replaced))
        return -1;
    if (replaced)
        return fc_acme_refuse(
            call, ALREADY_REPLACED,
            "cannot indicate an order replaces certificate with serial \"%s\", which already has a replacement order",
            serial);
    return check_cert(call, serial, names, info);
}

int fc_acme_renewal_replaces(struct fc_acme_call *call, const char *certid, const struct fc_acme_names *names,
                             bool *ret_in_window)
{
    struct fc_ca_window window;
    struct info info = {0};

    if (check(call, certid, names, &info) == 0) {
        window_of(call, &info, &window);
        *ret_in_window = window.start <= call->now && call->now < window.end;
        return 0;
    }
    if (call->problem.type == FC_PROBLEM_NONE)
        return fc_acme_problem_internal(call, REPLACES);
    return fc_problem_context(&call->problem, call->arena, REPLACES);
}
