/* The mock DNS of the challenge server: that of fakeca, with records of its own beside it. */
#include "compat/chall_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_clock.h"
#include "base/base_text.h"

#include "ca/ca.h"
#include "dns/dns.h"
#include "events/events.h"
#include "store/store.h"

#define VALUES_MAX 64 /* of one name and type, as the mock takes them */
#define BATCH 1000
#define HISTORY_MAX 10000
#define NAME_BYTES_MAX 255
#define DOH_TYPE "application/dns-message"
#define DOH_MAX 65535

struct fc_chall_dns {
    struct fc_store *store;
    struct fc_events *events;
    struct fc_dns *dns;
    const struct fc_clock *clock;
    struct fc_ca_tls tls;
    pthread_mutex_t change; /* of records, taken before the mock's locks */
    json_t *records;        /* "TYPE host" -> values */
    json_t *forgotten;      /* host -> number of the last event that is not shown any more */
};

static void serve(const struct fc_compat_chall *chall, struct fc_chall_dns *dns, const char *address)
{
    struct fc_err cause = {0};
    unsigned port;

    if (address && *address && fc_dns_serve(dns->dns, address, 0, &port, &cause))
        fc_chall_not_served(chall, &cause);
}

int fc_chall_dns_start(struct fc_compat_chall *chall, const struct fc_compat_chall_params *params,
                       struct fc_chall_dns **ret_dns, struct fc_err *err)
{
    struct fc_chall_dns *dns = fc_calloc(1, sizeof *dns);
    const struct fc_store_params store = {0};
    const char *const no_names[] = {NULL};

    *ret_dns = dns; /* who stops takes one that came half-way up */
    dns->clock = chall->clock;
    dns->records = json_object();
    dns->forgotten = json_object();
    pthread_mutex_init(&dns->change, NULL);
    if (fc_store_open(&store, &dns->store, err))
        return -1;
    const struct fc_events_params events = {.store = dns->store, .clock = dns->clock};
    if (fc_events_new(&events, &dns->events, err) || fc_ca_tls_load(dns->store, no_names, &dns->tls, err))
        return -1;
    const struct fc_dns_params mock = {.store = dns->store, .events = dns->events, .clock = dns->clock};
    if (fc_dns_new(&mock, &dns->dns, err) || fc_chall_dns_default(chall, dns, "A", params->ipv4, err) ||
        fc_chall_dns_default(chall, dns, "AAAA", params->ipv6, err))
        return -1;
    serve(chall, dns, params->dns);
    return 0;
}

void fc_chall_dns_stop(struct fc_chall_dns *dns)
{
    if (!dns)
        return;
    fc_dns_free(dns->dns);
    fc_events_free(dns->events);
    fc_store_close(dns->store);
    fc_ca_tls_release(&dns->tls);
    json_decref(dns->records);
    json_decref(dns->forgotten);
    pthread_mutex_destroy(&dns->change);
    free(dns);
}

const struct fc_ca_tls *fc_chall_dns_tls(const struct fc_chall_dns *dns)
{
    return &dns->tls;
}

/* ---- records ---- */

static int set(struct fc_chall_dns *dns, const char *host, const char *type, json_t *value, struct fc_err *err)
{
    int result = fc_dns_set(dns->dns, host, type, value, fc_clock_now(dns->clock), err);

    json_decref(value);
    return result;
}

int fc_chall_dns_default(const struct fc_compat_chall *chall, struct fc_chall_dns *dns, const char *type,
                         const char *ip, struct fc_err *err)
{
    struct fc_err cause = {0};

    if (ip && *ip) {
        if (set(dns, "*", type, json_pack("{s:[s]}", "values", ip), &cause) == 0)
            return 0;
        fc_chall_log(chall, "%s queries are not answered by default: %s", type, cause.text);
    }
    return set(dns, "*", type, json_pack("{s:[]}", "values"), err);
}

/* Names come with and without the final dot, in any case. */
static char *record_key(const char *type, const char *host)
{
    size_t len = strlen(host);
    char *key = fc_asprintf("%s %.*s", type, (int)(len && host[len - 1] == '.' ? len - 1 : len), host);

    fc_text_lower(key + strlen(type));
    return key;
}

int fc_chall_dns_add(struct fc_chall_dns *dns, const char *type, const char *host, const json_t *values, bool replace,
                     struct fc_err *err)
{
    fc_auto_free char *key = record_key(type, host);

    pthread_mutex_lock(&dns->change);
    const json_t *old = replace ? NULL : json_object_get(dns->records, key);
    json_t *all = old ? json_copy((json_t *)(uintptr_t)old) : json_array();
    json_array_extend(all, (json_t *)(uintptr_t)values);
    while (json_array_size(all) > VALUES_MAX)
        json_array_remove(all, 0);
    int result = set(dns, key + strlen(type) + 1, type, json_pack("{s:O}", "values", all), err);
    if (result == 0)
        json_object_set(dns->records, key, all);
    json_decref(all);
    pthread_mutex_unlock(&dns->change);
    return result;
}

int fc_chall_dns_servfail(struct fc_chall_dns *dns, const char *host, struct fc_err *err)
{
    return set(dns, host, "*", json_pack("{s:s}", "rcode", "SERVFAIL"), err);
}

int fc_chall_dns_clear(struct fc_chall_dns *dns, const char *type, const char *host, struct fc_err *err)
{
    fc_auto_free char *key = record_key(type ? type : "*", host);
    int64_t count;

    pthread_mutex_lock(&dns->change);
    json_object_del(dns->records, key);
    int result = fc_dns_clear(dns->dns, strchr(key, ' ') + 1, type ? type : "*", fc_clock_now(dns->clock), &count, err);
    pthread_mutex_unlock(&dns->change);
    return result;
}

/* ---- history ---- */

/* RFC 1035 section 3.2.2 and the registry of RR types; "TYPE65" for others. */
static json_int_t type_number(const char *name)
{
    static const struct {
        const char *name;
        json_int_t number;
    } types[] = {{"A", 1},     {"NS", 2},   {"CNAME", 5}, {"SOA", 6},     {"PTR", 12},   {"MX", 15},   {"TXT", 16},
                 {"AAAA", 28}, {"SRV", 33}, {"DS", 43},   {"DNSKEY", 48}, {"HTTPS", 65}, {"ANY", 255}, {"CAA", 257}};
    int64_t number = 0;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].number;
    if (fc_text_starts(name, "TYPE") && fc_text_int(name + 4, 0, 65535, &number, NULL))
        number = 0;
    return number;
}

static bool is_of(const json_t *event, const char *host)
{
    const char *name = json_string_value(json_object_get(json_object_get(event, "data"), "name"));
    size_t len = strlen(host);

    len -= len && host[len - 1] == '.';
    return name && strncasecmp(name, host, len) == 0 && (!name[len] || strcmp(name + len, ".") == 0);
}

static void add_questions(json_t *list, const struct fc_event_view *views, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *data = json_object_get(views[i].json, "data");
        const char *name = json_string_value(json_object_get(data, "name"));
        const char *type = json_string_value(json_object_get(data, "type"));
        if (!is_of(views[i].json, host))
            continue;
        if (json_array_size(list) >= HISTORY_MAX)
            json_array_remove(list, 0);
        json_array_append_new(list, json_pack("{s:{s:o,s:I,s:i}}", "Question", "Name",
                                              json_sprintf("%s%s", name, fc_text_ends(name, ".") ? "" : "."), "Qtype",
                                              type_number(type ? type : ""), "Qclass", 1));
    }
}

static int64_t forgotten(struct fc_chall_dns *dns, const char *host)
{
    pthread_mutex_lock(&dns->change);
    int64_t seq = json_integer_value(json_object_get(dns->forgotten, host));
    pthread_mutex_unlock(&dns->change);
    return seq;
}

json_t *fc_chall_dns_history(struct fc_chall_dns *dns, const char *host)
{
    static const char *const types[] = {"dns.query", NULL};
    int64_t after = forgotten(dns, host), last = fc_events_last(dns->events);
    json_t *list = json_array();

    while (after < last) {
        struct fc_event_view *views = NULL;
        size_t count = 0;
        if (fc_events_read(dns->events, after, BATCH, types, &views, &count, &after, NULL))
            break;
        add_questions(list, views, count, host);
        fc_events_views_free(views, count);
    }
    return list;
}

void fc_chall_dns_forget(struct fc_chall_dns *dns, const char *host)
{
    pthread_mutex_lock(&dns->change);
    if (json_object_size(dns->forgotten) < FC_CHALL_ENTRIES_MAX || json_object_get(dns->forgotten, host))
        json_object_set_new(dns->forgotten, host, json_integer(fc_events_last(dns->events)));
    pthread_mutex_unlock(&dns->change);
}

/* ---- DNS over HTTPS (RFC 8484) ---- */

/* The message of a POST, or of a GET's parameter; NULL when there is none. */
static const unsigned char *message_of(struct fc_http_req *req, size_t *ret_len)
{
    const char *type = fc_http_req_header(req, "Content-Type");
    const char *text;

    if (strcmp(req->method, "POST") == 0) {
        *ret_len = req->body_len;
        return type && fc_text_starts(type, DOH_TYPE) && !req->body_too_large ? (const unsigned char *)req->body : NULL;
    }
    text = strcmp(req->method, "GET") == 0 ? fc_http_req_query(req, "dns") : NULL;
    if (!text || strlen(text) > DOH_MAX)
        return NULL;
    unsigned char *bytes = fc_arena_alloc(req->arena, strlen(text) + 1);
    return fc_b64url_decode(text, strlen(text), bytes, ret_len) ? NULL : bytes;
}

void fc_chall_dns_doh(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_compat_chall *chall = cookie;
    const unsigned char *data;
    size_t len = 0;
    const unsigned char *message = message_of(req, &len);

    if (!message) {
        fc_http_res_text(req, res, 415, "text/plain; charset=utf-8",
                         "a POST of " DOH_TYPE ", or a GET with the parameter 'dns', is expected\n");
        return;
    }
    if (!fc_dns_message(chall->dns->dns, req->arena, message, len, req->peer, &data, &len)) {
        fc_http_res_text(req, res, 400, "text/plain; charset=utf-8", "this is no DNS message\n");
        return;
    }
    res->status = 200;
    fc_http_res_header(res, "Content-Type", DOH_TYPE);
    res->body = (const char *)data;
    res->body_len = len;
}
