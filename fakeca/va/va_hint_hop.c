/* The hops of a validation: as JSON, as lines, and as a command that repeats them. */
#include <string.h>

#include "base/base_buf.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "va/va.h"
#include "va/va_hint.h"

enum { LINE_MAX_LEN = 64 * 1024 };

/* ---- as JSON ---- */

static void set_text(json_t *json, const char *name, const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;

    if (value != NULL)
        json_object_set_new(json, name, value);
}

static void set_number(json_t *json, const char *name, int64_t value, int64_t absent)
{
    if (value != absent)
        json_object_set_new(json, name, json_integer(value));
}

static void set_milliseconds(json_t *json, const char *name, int64_t duration)
{
    json_object_set_new(json, name, json_real((double)(duration / 1000) / 1000.0));
}

static void set_addresses(json_t *json, const char *name, const char **addresses)
{
    json_t *array = addresses != NULL ? json_array() : NULL;

    if (array == NULL)
        return;
    for (; *addresses != NULL; addresses++)
        json_array_append_new(array, json_string(*addresses));
    json_object_set_new(json, name, array);
}

/* What it met, and what was made of it. */
static void set_findings(json_t *json, const struct fc_va_hop *hop)
{
    char until[FC_TIME_TEXT_MAX];

    set_number(json, "status", hop->status, 0);
    set_text(json, "location", hop->location);
    set_text(json, "redirect", hop->redirect);
    set_text(json, "redirect_rule", hop->redirect_rule);
    set_text(json, "hsts", hop->hsts);
    set_text(json, "server", hop->server);
    set_text(json, "tls", hop->tls);
    set_text(json, "cert_subject", hop->cert_subject);
    set_text(json, "cert_issuer", hop->cert_issuer);
    set_text(json, "cert_not_after", hop->cert_not_after != 0 ? fc_time_rfc3339(hop->cert_not_after, until) : NULL);
    set_text(json, "cert_fault", hop->cert_fault);
    set_text(json, "error", hop->error);
    set_number(json, "compared", (int64_t)hop->compared, 0);
    set_number(json, "first_difference", hop->first_difference, -1);
    set_text(json, "expected", hop->expected);
    set_text(json, "received", hop->received);
}

json_t *fc_va_hint_hop_json(const struct fc_va_hop *hop)
{
    json_t *json = json_object();

    set_text(json, "perspective", hop->perspective);
    set_text(json, "step", hop->step);
    set_text(json, "url", hop->url);
    set_text(json, "host", hop->host);
    set_number(json, "port", hop->port, 0);
    set_addresses(json, "resolved", hop->resolved);
    set_text(json, "used", hop->used);
    set_text(json, "address", hop->connected != NULL ? hop->connected : hop->used);
    set_text(json, "family", hop->family);
    set_text(json, "source", hop->source);
    set_text(json, "rule", hop->dns_rule);
    set_findings(json, hop);
    set_milliseconds(json, "connect_ms", hop->connect_ns);
    set_milliseconds(json, "ms", hop->total_ns);
    if (hop->rehearsal)
        set_text(json, "rehearsal", hop->rehearsal_what);
    return json;
}

/* ---- as a line ---- */

static const char *text_of(const json_t *hop, const char *name)
{
    return json_string_value(json_object_get(hop, name));
}

static bool is_step(const json_t *hop, const char *step)
{
    const char *text = text_of(hop, "step");

    return text != NULL && strcmp(text, step) == 0;
}

/* prefix, the member and suffix, when the member is there */
static void put(struct fc_buf *line, const char *prefix, const json_t *hop, const char *name, const char *suffix)
{
    const json_t *value = json_object_get(hop, name);

    if (json_is_string(value))
        fc_buf_printf(line, "%s%s%s", prefix, json_string_value(value), suffix);
    else if (json_is_integer(value))
        fc_buf_printf(line, "%s%" JSON_INTEGER_FORMAT "%s", prefix, json_integer_value(value), suffix);
    else if (json_is_real(value))
        fc_buf_printf(line, "%s%.1f%s", prefix, json_real_value(value), suffix);
}

static void put_question(struct fc_buf *line, const json_t *hop)
{
    if (text_of(hop, "url") != NULL)
        put(line, "GET ", hop, "url", "");
    else if (is_step(hop, "tls-alpn"))
        put(line, "TLS acme-tls/1 with ", hop, "host", "");
    else
        put(line, is_step(hop, "caa") ? "CAA " : "TXT ", hop, "host", "");
}

/* "at 127.0.0.1:5002 (IPv4 127.0.0.1, DNS rule: default; connected in 0.3 ms from 127.0.0.2:40312)" */
static void put_way(struct fc_buf *line, const json_t *hop)
{
    if (text_of(hop, "address") == NULL) {
        put(line, " (DNS rule: ", hop, "rule", ")");
        return;
    }
    put(line, " at ", hop, "address", " (");
    put(line, "", hop, "family", " ");
    put(line, "", hop, "used", "");
    put(line, ", DNS rule: ", hop, "rule", "");
    if (text_of(hop, "source") != NULL) {
        put(line, "; connected in ", hop, "connect_ms", " ms");
        put(line, " from ", hop, "source", "");
    }
    fc_buf_putc(line, ')');
}

static void put_tls(struct fc_buf *line, const json_t *hop)
{
    put(line, "; ", hop, "tls", "");
    if (text_of(hop, "cert_subject") != NULL) {
        put(line, is_step(hop, "tls-alpn") ? ", certificate of " : ", certificate not verified: ", hop, "cert_subject",
            "");
        put(line, " issued by ", hop, "cert_issuer", "");
        put(line, " until ", hop, "cert_not_after", "");
        put(line, " (", hop, "cert_fault", ")");
    }
    put(line, "; HSTS ignored: ", hop, "hsts", "");
}

static void put_comparison(struct fc_buf *line, const json_t *hop)
{
    put(line, "; ", hop, "compared", " bytes compared");
    if (json_object_get(hop, "first_difference") != NULL) {
        put(line, ", first difference at byte ", hop, "first_difference", " (counted from 0)");
        put(line, ": expected ", hop, "expected", "");
        put(line, ", got ", hop, "received", "");
    } else if (is_step(hop, "caa")) {
        /* what is expected there is only one of the ways to allow it */
        put(line, " -> ", hop, "received", "");
        if (text_of(hop, "error") == NULL)
            fc_buf_puts(line,
                        text_of(hop, "received") != NULL ? ", which allows it" : " -> no records, which allows it");
    } else if (text_of(hop, "expected") != NULL && text_of(hop, "error") == NULL) {
        fc_buf_puts(line, is_step(hop, "txt") ? " -> the expected record is there" : ", equal");
    } else {
        put(line, ": ", hop, "received", "");
    }
}

/* What servers send must not steer a terminal. */
static char *without_controls(const struct fc_buf *line)
{
    struct fc_buf clean = {0};

    fc_buf_init(&clean, 4 * (size_t)LINE_MAX_LEN);
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->data[i];
        if (c < 0x20 || c == 0x7F)
            fc_buf_printf(&clean, "\\x%02x", c);
        else
            fc_buf_putc(&clean, line->data[i]);
    }
    return fc_buf_detach(&clean);
}

char *fc_va_hint_hop_text(const json_t *hop)
{
    struct fc_buf line fc_auto_buf = {0};

    fc_buf_init(&line, LINE_MAX_LEN);
    put(&line, "", hop, "perspective", ": ");
    put_question(&line, hop);
    put_way(&line, hop);
    put(&line, " -> ", hop, "status", "");
    put(&line, " Location: ", hop, "location", "");
    put(&line, ", ", hop, "redirect", "");
    put(&line, " (rule: ", hop, "redirect_rule", ")");
    put_tls(&line, hop);
    put_comparison(&line, hop);
    put(&line, "; allowed only in rehearsal: ", hop, "rehearsal", "");
    put(&line, "; FAILED: ", hop, "error", "");
    return without_controls(&line);
}

/* ---- as a command ---- */

static bool same_perspective(const json_t *a, const json_t *b)
{
    const char *one = text_of(a, "perspective"), *other = text_of(b, "perspective");

    return one == NULL || other == NULL || strcmp(one, other) == 0;
}

/* The last hop that failed; when none did, the end of the first perspective's way. */
static const json_t *hop_that_matters(const json_t *hops)
{
    const json_t *first = json_array_get(hops, 0), *found = NULL, *hop;
    size_t i;

    json_array_foreach(hops, i, hop) if (text_of(hop, "error") != NULL) found = hop;
    if (found != NULL)
        return found;
    json_array_foreach(hops, i, hop) if (same_perspective(hop, first) && !is_step(hop, "caa")) found = hop;
    return found;
}

/* " @127.0.0.1 -p 8053": dig wants no brackets around an address. */
static void put_server(struct fc_buf *line, const char *server)
{
    const bool bracket = server[0] == '[', bare_v6 = !bracket && strchr(server, ':') != strrchr(server, ':');
    const char *begin = server + (bracket ? 1 : 0);
    const size_t len = bare_v6 ? strlen(server) : strcspn(begin, bracket ? "]" : ":");
    const char *port = bare_v6 ? NULL : strchr(begin + len, ':');

    fc_buf_printf(line, " @%.*s", (int)len, begin);
    if (port != NULL)
        fc_buf_printf(line, " -p %s", port + 1);
}

static void put_dig(struct fc_buf *line, const struct fc_va_hint_repeat *what, const json_t *hop)
{
    const char *host = text_of(hop, "host");

    fc_buf_puts(line, "dig");
    if (what->dns != NULL)
        put_server(line, what->dns);
    if (text_of(hop, "url") != NULL) {
        fc_buf_puts(line, " A ");
        fc_buf_put_quoted(line, host != NULL ? host : "");
        fc_buf_puts(line, " AAAA ");
    } else {
        fc_buf_puts(line, is_step(hop, "caa") ? " CAA " : " TXT ");
    }
    fc_buf_put_quoted(line, host != NULL ? host : "");
}

static void put_openssl(struct fc_buf *line, const json_t *hop)
{
    const char *host = text_of(hop, "host");

    fc_buf_puts(line, "openssl s_client -alpn acme-tls/1 -servername ");
    fc_buf_put_quoted(line, host != NULL ? host : "");
    put(line, " -connect ", hop, "address", "");
    fc_buf_puts(line, " </dev/null | openssl x509 -noout -text");
}

/* Our own end without its port, where it is not the usual one. */
static void put_interface(struct fc_buf *line, const json_t *hop)
{
    const char *source = text_of(hop, "source"), *colon = source != NULL ? strrchr(source, ':') : NULL;

    if (colon == NULL || fc_text_starts(source, "127.0.0.1:") || fc_text_starts(source, "[::1]:"))
        return;
    bool bracket = source[0] == '[';
    fc_buf_printf(line, " --interface %.*s", (int)(colon - source) - (bracket ? 2 : 0), source + (bracket ? 1 : 0));
}

static void put_connect_to(struct fc_buf *line, const json_t *hop)
{
    const char *host = text_of(hop, "host"), *address = text_of(hop, "address");

    if (host == NULL || address == NULL || text_of(hop, "used") == NULL)
        return;
    bool bracket = strchr(host, ':') != NULL;
    struct fc_buf value fc_auto_buf = {0};
    fc_buf_init(&value, LINE_MAX_LEN);
    fc_buf_printf(&value, "%s%s%s:%" JSON_INTEGER_FORMAT ":%s", bracket ? "[" : "", host, bracket ? "]" : "",
                  json_integer_value(json_object_get(hop, "port")), address);
    fc_buf_puts(line, " --connect-to ");
    fc_buf_put_quoted(line, value.data);
}

static void put_curl(struct fc_buf *line, const struct fc_va_hint_repeat *what, const json_t *last)
{
    const json_t *first = NULL, *hop;
    size_t i, followed = 0;

    fc_buf_puts(line, "curl -v --http1.1 --max-time 20");
    json_array_foreach(what->hops, i, hop)
    {
        if (!same_perspective(hop, last) || text_of(hop, "url") == NULL)
            continue;
        if (first == NULL)
            first = hop;
        put_connect_to(line, hop);
        const char *redirect = text_of(hop, "redirect");
        followed += redirect != NULL && strcmp(redirect, "followed") == 0 ? 1 : 0;
        if (hop == last)
            break;
    }
    if (followed > 0)
        fc_buf_printf(line, " -k -L --max-redirs %zu", followed);
    put_interface(line, last);
    fc_buf_puts(line, " -A ");
    fc_buf_put_quoted(line, what->user_agent);
    fc_buf_putc(line, ' ');
    fc_buf_put_quoted(line, text_of(first != NULL ? first : last, "url"));
}

char *fc_va_hint_hop_repeat(const struct fc_va_hint_repeat *what)
{
    const json_t *hop = hop_that_matters(what->hops);
    struct fc_buf line fc_auto_buf = {0};

    if (hop == NULL)
        return NULL;
    fc_buf_init(&line, LINE_MAX_LEN);
    if (is_step(hop, "tls-alpn") && text_of(hop, "address") != NULL)
        put_openssl(&line, hop);
    else if (text_of(hop, "url") != NULL && text_of(hop, "address") != NULL)
        put_curl(&line, what, hop);
    else
        put_dig(&line, what, hop);
    return without_controls(&line);
}
