/* A rule from JSON and back. */
#include <string.h>

#include "base/base_opt.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "faults/faults_int.h"

#define WORD_MAX 64
#define TEXT_MAX 4096
#define BODY_MAX 16384
#define DELAY_MAX (10 * FC_MINUTE)
#define RETRY_AFTER_MAX (30 * FC_DAY)
#define TIMES_MAX 1000000
#define PERSPECTIVE_MAX 15

/* Members that only some kinds have. */
static const char *const members[] = {"type",  "status",     "detail", "retry_after",  "retry_after_form",
                                      "delay", "header",     "member", "content_type", "body",
                                      "types", "perspective"};

static int read_kind(struct fc_json_obj *body)
{
    const char *words[FC_FAULT__MAX + 1] = {0};

    for (int i = 0; i < FC_FAULT__MAX; i++)
        words[i] = fc_fault_kind_name((enum fc_fault_kind)i);
    return fc_json_word(body, "kind", FC_JSON_REQUIRED, words, -1);
}

static unsigned endpoint_bit(const char *word)
{
    const char *const *names = fc_fault_endpoint_names();

    for (unsigned i = 0; names[i]; i++)
        if (fc_text_equal_nocase(names[i], word))
            return 1U << (i + 1);
    return 0;
}

static unsigned usual_endpoints(const char *list)
{
    const char *const *names = fc_fault_endpoint_names();
    unsigned bits = 0;

    for (unsigned i = 0; names[i]; i++)
        if (fc_fault_listed(list, names[i]))
            bits |= 1U << (i + 1);
    return bits;
}

static unsigned read_endpoints(struct fc_json_obj *body, const struct fc_fault_row *row)
{
    fc_auto_free const char **words = fc_json_strs(body, "endpoints", FC_JSON_OPTIONAL, FC_FAULT_AT__MAX, WORD_MAX);
    unsigned bits = 0;

    if (!words)
        return usual_endpoints(row->endpoints);
    for (size_t i = 0; words[i]; i++) {
        unsigned bit = endpoint_bit(words[i]);
        if (!bit) {
            const char *nearest = fc_opt_nearest(words[i], fc_fault_endpoint_names(), FC_FAULT_AT__MAX - 1);
            fc_json_errs_add(body, "endpoints", "unknown endpoint '%s'%s%s%s", words[i],
                             nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
        }
        bits |= bit;
    }
    return bits;
}

static void read_types(struct fc_json_obj *body, struct fc_fault *rule)
{
    fc_auto_free const char **types = fc_json_strs(body, "types", FC_JSON_OPTIONAL, FC_FAULT_TYPES_MAX, WORD_MAX);
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    for (size_t i = 0; types && types[i]; i++) {
        if (!*types[i] || strspn(types[i], allowed) != strlen(types[i]))
            fc_json_errs_add(body, "types", "'%s' is no name of a challenge type (lower-case letters, digits, '-')",
                             types[i]);
        rule->types[i] = types[i];
    }
}

static void read_where(struct fc_json_obj *body, int64_t now, struct fc_fault *rule, uint64_t *ret_seed)
{
    rule->env = fc_json_str(body, "environment", FC_JSON_OPTIONAL, WORD_MAX);
    rule->account_id = fc_json_int(body, "account", FC_JSON_OPTIONAL, 1, INT64_MAX, 0);
    rule->name = fc_json_str(body, "name", FC_JSON_OPTIONAL, 255);
    rule->times = fc_json_int(body, "times", FC_JSON_OPTIONAL, 1, TIMES_MAX, 0);
    rule->share = fc_json_int(body, "share", FC_JSON_OPTIONAL, 1, 100, 100);
    *ret_seed = (uint64_t)fc_json_int(body, "seed", FC_JSON_OPTIONAL, 0, INT64_MAX, 1);
    int64_t lasts = fc_json_duration(body, "for", FC_JSON_OPTIONAL, FC_SECOND, FC_DURATION_MAX, 0);
    rule->ends_at = lasts ? now + lasts : 0;
}

static void read_what(struct fc_json_obj *body, struct fc_fault *rule)
{
    static const char *const forms[] = {"seconds", "date", NULL};

    rule->type = fc_json_str(body, "type", FC_JSON_OPTIONAL, WORD_MAX);
    rule->status = fc_json_int(body, "status", FC_JSON_OPTIONAL, 200, 599, 0);
    rule->detail = fc_json_str(body, "detail", FC_JSON_OPTIONAL, TEXT_MAX);
    rule->retry_after = fc_json_duration(body, "retry_after", FC_JSON_OPTIONAL, FC_SECOND, RETRY_AFTER_MAX, 0);
    rule->retry_after_date = fc_json_word(body, "retry_after_form", FC_JSON_OPTIONAL, forms, 0) == 1;
    rule->delay = fc_json_duration(body, "delay", FC_JSON_OPTIONAL, FC_MS, DELAY_MAX, 0);
    rule->perspective = fc_json_int(body, "perspective", FC_JSON_OPTIONAL, 0, PERSPECTIVE_MAX, -1);
    rule->header = fc_json_str(body, "header", FC_JSON_OPTIONAL, WORD_MAX);
    rule->member = fc_json_str(body, "member", FC_JSON_OPTIONAL, WORD_MAX);
    rule->content_type = fc_json_str(body, "content_type", FC_JSON_OPTIONAL, WORD_MAX);
    rule->body = fc_json_str(body, "body", FC_JSON_OPTIONAL, BODY_MAX);
    read_types(body, rule);
}

/* What the kind needs must be there, what means nothing to it must not. */
static void check_members(struct fc_json_obj *body, const struct fc_fault_row *row)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        bool needed = fc_fault_listed(row->needs, members[i]);
        if (needed && !fc_json_has(body, members[i]))
            fc_json_errs_add(body, members[i], "is needed for the kind '%s'", row->name);
        if (!needed && fc_json_has(body, members[i]) && !fc_fault_listed(row->may, members[i]))
            fc_json_errs_add(body, members[i], "means nothing to the kind '%s'", row->name);
    }
    if (fc_fault_listed(row->needs, "name") && !fc_json_has(body, "name"))
        fc_json_errs_add(body, "name", "is needed for the kind '%s'", row->name);
}

/* A header's value must stay in its line. */
static void check_line(struct fc_json_obj *body, const char *member, const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f) {
            fc_json_errs_add(body, member, "may only have printable ASCII characters");
            return;
        }
}

enum { BY_NAME = 1, BY_ENV = 2, BY_TIME = 4, BY_REQUEST = 8 };

/* Kinds that meet no request of a client, and so are not counted either. */
static const struct {
    enum fc_fault_kind kind;
    unsigned may;
    const char *why;
} elsewhere[] = {
    {FC_FAULT_REFUSE, BY_TIME, "meets every connection: only 'for' can bound it"},
    {FC_FAULT_BLIND, 0, "meets every validation until it is cleared: nothing else can bound it"},
    {FC_FAULT_LOSE, 0, "meets every validation until it is cleared: nothing else can bound it"},
    {FC_FAULT_DNS_SERVFAIL, BY_NAME, "is a rule of the mock DNS until it is cleared: only 'name' can bound it"},
    {FC_FAULT_DNS_NXDOMAIN, BY_NAME, "is a rule of the mock DNS until it is cleared: only 'name' can bound it"},
    {FC_FAULT_DNS_DELAY, BY_NAME, "is a rule of the mock DNS until it is cleared: only 'name' can bound it"},
    {FC_FAULT_ROTATE_ISSUER, BY_ENV, "happens once, at once: only 'environment' can bound it"},
};

static void check_bounds(struct fc_json_obj *body, const struct fc_fault *rule)
{
    bool by_request = rule->endpoints || rule->account_id || rule->times || rule->share != 100;
    unsigned bounds = (rule->name ? BY_NAME : 0) | (rule->env ? BY_ENV : 0) | (rule->ends_at ? BY_TIME : 0) |
                      (by_request ? BY_REQUEST : 0);

    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (elsewhere[i].kind == rule->kind && (bounds & ~elsewhere[i].may))
            fc_json_errs_add(body, "kind", "'%s' %s", fc_fault_kind_name(rule->kind), elsewhere[i].why);
    if (rule->kind == FC_FAULT_LOSE && rule->perspective == 0)
        fc_json_errs_add(body, "perspective", "the primary perspective is the CA itself: 1 is the first remote one");
}

void fc_fault_read(struct fc_json_obj *body, int64_t now, struct fc_fault *ret_rule, uint64_t *ret_seed)
{
    int kind = read_kind(body);
    const struct fc_fault_row *row = fc_fault_kind_row(kind < 0 ? FC_FAULT_PROBLEM : (enum fc_fault_kind)kind);

    *ret_rule = (struct fc_fault){.kind = (enum fc_fault_kind)kind, .endpoints = read_endpoints(body, row)};
    read_where(body, now, ret_rule, ret_seed);
    read_what(body, ret_rule);
    if (kind < 0)
        return;
    check_members(body, row);
    check_bounds(body, ret_rule);
    check_line(body, "content_type", ret_rule->content_type);
    check_line(body, "header", ret_rule->header);
}

/* ---- back ---- */

static void put_text(json_t *object, const char *name, const char *text)
{
    if (text)
        json_object_set_new(object, name, json_string(text));
}

static void put_int(json_t *object, const char *name, int64_t value)
{
    if (value)
        json_object_set_new(object, name, json_integer(value));
}

static void put_duration(json_t *object, const char *name, int64_t value)
{
    char text[FC_TIME_TEXT_MAX];

    if (value)
        json_object_set_new(object, name, json_string(fc_duration_text(value, text)));
}

static json_t *endpoints_json(unsigned bits)
{
    const char *const *names = fc_fault_endpoint_names();
    json_t *list = json_array();

    for (unsigned i = 0; names[i]; i++)
        if (bits & 1U << (i + 1))
            json_array_append_new(list, json_string(names[i]));
    return list;
}

static const char *state_of(const struct fc_fault *rule, int64_t now)
{
    if (rule->times && rule->used >= rule->times)
        return "spent";
    return rule->ends_at && now >= rule->ends_at ? "over" : "active";
}

json_t *fc_fault_json(const struct fc_fault *rule, int64_t now)
{
    json_t *object =
        json_pack("{s:I,s:s,s:s,s:I,s:I,s:o}", "id", (json_int_t)rule->id, "kind", fc_fault_kind_name(rule->kind),
                  "state", state_of(rule, now), "used", (json_int_t)rule->used, "share", (json_int_t)rule->share,
                  "endpoints", endpoints_json(rule->endpoints));
    char text[FC_TIME_TEXT_MAX];

    put_text(object, "environment", rule->env);
    put_int(object, "account", rule->account_id);
    put_text(object, "name", rule->name);
    put_int(object, "times", rule->times);
    put_text(object, "ends_at", rule->ends_at ? fc_time_rfc3339(rule->ends_at, text) : NULL);
    put_text(object, "type", rule->type);
    put_int(object, "status", rule->status);
    put_text(object, "detail", rule->detail);
    put_duration(object, "retry_after", rule->retry_after);
    put_text(object, "retry_after_form", rule->retry_after_date ? "date" : NULL);
    put_duration(object, "delay", rule->delay);
    if (rule->kind == FC_FAULT_BLIND || rule->kind == FC_FAULT_LOSE)
        json_object_set_new(object, "perspective", json_integer(rule->perspective));
    put_text(object, "header", rule->header);
    put_text(object, "member", rule->member);
    put_text(object, "content_type", rule->content_type);
    put_text(object, "body", rule->body);
    if (rule->types[0]) {
        json_t *types = json_array();
        for (size_t i = 0; rule->types[i]; i++)
            json_array_append_new(types, json_string(rule->types[i]));
        json_object_set_new(object, "types", types);
    }
    return object;
}
