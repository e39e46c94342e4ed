#include "dns/dns_int.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_opt.h"
#include "base/base_text.h"

#define STRING_MAX 255 /* of a TXT record's strings (RFC 1035 section 3.3) */
#define CAA_TAG_MAX 15 /* RFC 8659 section 4.1 */
#define TEXT_MAX 400   /* of an event */

typedef int (*wire_fn)(struct fc_arena *arena, const char *text, struct fc_dns_value *ret_value, struct fc_err *err);

static int address(struct fc_arena *arena, const char *text, size_t len, struct fc_dns_value *ret_value,
                   struct fc_err *err)
{
    struct fc_net_addr addr;
    char canonical[FC_NET_ADDR_TEXT];

    if (fc_net_addr_parse_ip(text, &addr, NULL) != 0 || fc_net_addr_len(&addr) != len)
        return fc_err_set(err, FC_E_USAGE, "'%s' is no %s address", text, len == 4 ? "IPv4" : "IPv6");
    ret_value->text = fc_arena_strdup(arena, fc_net_addr_ip(&addr, canonical));
    ret_value->wire = fc_arena_memdup(arena, addr.bytes, len);
    ret_value->len = len;
    return 0;
}

static int wire_a(struct fc_arena *arena, const char *text, struct fc_dns_value *ret_value, struct fc_err *err)
{
    return address(arena, text, 4, ret_value, err);
}

static int wire_aaaa(struct fc_arena *arena, const char *text, struct fc_dns_value *ret_value, struct fc_err *err)
{
    return address(arena, text, 16, ret_value, err);
}

static int wire_cname(struct fc_arena *arena, const char *text, struct fc_dns_value *ret_value, struct fc_err *err)
{
    char name[FC_DNS_NAME_SIZE];
    unsigned char wire[FC_DNS_NAME_SIZE];

    if (fc_dns_name_normalize(text, false, name, err) != 0)
        return -1;
    ret_value->len = fc_dns_name_wire(name, wire);
    ret_value->text = fc_arena_strdup(arena, name);
    ret_value->wire = fc_arena_memdup(arena, wire, ret_value->len);
    return 0;
}

/* The text is the record's content; it is cut into strings of 255 bytes. */
static int wire_txt(struct fc_arena *arena, const char *text, struct fc_dns_value *ret_value, struct fc_err *err)
{
    size_t left = strlen(text);

    if (left > FC_DNS_TXT_MAX)
        return fc_err_set(err, FC_E_USAGE, "a TXT record has at most %d bytes", FC_DNS_TXT_MAX);
    unsigned char *wire = fc_arena_alloc(arena, left + left / STRING_MAX + 1);
    size_t at = 0;
    ret_value->text = fc_arena_strdup(arena, text);
    do {
        size_t len = left > STRING_MAX ? STRING_MAX : left;
        wire[at++] = (unsigned char)len;
        memcpy(wire + at, text, len);
        at += len;
        text += len;
        left -= len;
    } while (left > 0);
    ret_value->wire = wire;
    ret_value->len = at;
    return 0;
}

static int caa_usage(const char *text, struct fc_err *err)
{
    return fc_err_set(err, FC_E_USAGE, "'%s' is no CAA record: FLAGS TAG \"VALUE\", as in 0 issue \"letsencrypt.org\"",
                      text);
}

/* The value of a CAA record: in quotes, where \" and \\ stand for the character behind the backslash, or one bare word. Writes
 * the bytes to `out`; -1 when it is neither. */
static int caa_value(const char *text, unsigned char *out, size_t *ret_len)
{
    size_t n = 0;

    if (*text != '"') {
        *ret_len = strlen(text);
        memcpy(out, text, *ret_len);
        return strpbrk(text, " \t\"\\") ? -1 : 0;
    }
    for (text++; *text && *text != '"'; text++) {
        if (*text == '\\' && *++text == '\0')
            return -1;
        out[n++] = (unsigned char)*text;
    }
    *ret_len = n;
    return text[0] == '"' && text[1] == '\0' ? 0 : -1;
}

static bool caa_tag(const char *tag, size_t len)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return len > 0 && len <= CAA_TAG_MAX && strspn(tag, alphabet) >= len;
}

static int wire_caa(struct fc_arena *arena, const char *text, struct fc_dns_value *ret_value, struct fc_err *err)
{
    size_t len = strlen(text);
    size_t flags_len = strcspn(text, " ");
    int64_t flags = 0;

    if (len > FC_DNS_TXT_MAX || text[flags_len] == '\0' ||
        fc_text_int(fc_arena_strndup(arena, text, flags_len), 0, 255, &flags, NULL) != 0)
        return caa_usage(text, err);
    const char *tag = text + flags_len + strspn(text + flags_len, " ");
    size_t tag_len = strcspn(tag, " ");
    if (tag[tag_len] == '\0' || !caa_tag(tag, tag_len))
        return caa_usage(text, err);
    const char *value = tag + tag_len + strspn(tag + tag_len, " ");
    unsigned char *wire = fc_arena_alloc(arena, len + 2);
    size_t value_len = 0;
    wire[0] = (unsigned char)flags;
    wire[1] = (unsigned char)tag_len;
    memcpy(wire + 2, tag, tag_len);
    if (*value == '\0' || caa_value(value, wire + 2 + tag_len, &value_len) != 0)
        return caa_usage(text, err);
    *ret_value =
        (struct fc_dns_value){.text = fc_arena_strdup(arena, text), .wire = wire, .len = 2 + tag_len + value_len};
    return 0;
}

static const struct {
    const char *name;
    unsigned type;
    size_t values_max;
    wire_fn wire; /* NULL: only an rcode */
} types[] = {
    {"*", FC_DNS_TYPE_ALL, 0, NULL},
    {"A", FC_DNS_A, FC_DNS_VALUES_MAX, wire_a},
    {"AAAA", FC_DNS_AAAA, FC_DNS_VALUES_MAX, wire_aaaa},
    {"CAA", FC_DNS_CAA, FC_DNS_VALUES_MAX, wire_caa},
    {"CNAME", FC_DNS_CNAME, 1, wire_cname},
    {"TXT", FC_DNS_TXT, FC_DNS_VALUES_MAX, wire_txt},
};
#define N_TYPES (sizeof types / sizeof types[0])

/* IANA's names (RFC 6895 section 2.3) of the codes that fit into a header. */
static const struct {
    const char *name;
    int rcode;
} rcodes[] = {
    {"FORMERR", 1},
    {"SERVFAIL", FC_DNS_RCODE_SERVFAIL},
    {"NXDOMAIN", FC_DNS_RCODE_NXDOMAIN},
    {"NOTIMP", 4},
    {"REFUSED", 5},
    {"YXDOMAIN", 6},
    {"YXRRSET", 7},
    {"NXRRSET", 8},
    {"NOTAUTH", 9},
    {"NOTZONE", 10},
    {"DROP", FC_DNS_RCODE_DROP},
};
#define N_RCODES (sizeof rcodes / sizeof rcodes[0])

static const char *rcode_name(int rcode)
{
    size_t i = 0;

    while (i < N_RCODES - 1 && rcodes[i].rcode != rcode)
        i++;
    return rcodes[i].name;
}

/* Index into types. */
static size_t type_index(unsigned type)
{
    size_t i = 0;

    while (i < N_TYPES && types[i].type != type)
        i++;
    return i;
}

/* The word of a list that a mistaken one in either case is nearest to, or NULL. */
static const char *nearest(const char *text, const char *const *names, size_t count)
{
    char upper[16] = "";

    for (size_t i = 0; text[i] && i < sizeof upper - 1; i++)
        upper[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
    return fc_opt_nearest(upper, names, count);
}

int fc_dns_type_parse(const char *text, unsigned *ret_type, struct fc_err *err)
{
    const char *names[N_TYPES];

    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i].name;
        if (fc_text_equal_nocase(text, names[i])) {
            *ret_type = types[i].type;
            return 0;
        }
    }
    const char *near = nearest(text, names, N_TYPES);
    if (near && strcmp(near, "*") != 0)
        return fc_err_set(err, FC_E_USAGE, "'type': unknown record type '%.32s', did you mean '%s'?", text, near);
    return fc_err_set(err, FC_E_USAGE, "'type': unknown record type '%.32s': A, AAAA, CAA, CNAME, TXT or *", text);
}

const char *fc_dns_type_name(unsigned type)
{
    size_t i = type_index(type);
    return i < N_TYPES ? types[i].name : NULL;
}

int fc_dns_rcode_parse(const char *text, int *ret_rcode, struct fc_err *err)
{
    const char *names[N_RCODES];

    for (size_t i = 0; i < N_RCODES; i++) {
        names[i] = rcodes[i].name;
        if (fc_text_equal_nocase(text, names[i])) {
            *ret_rcode = rcodes[i].rcode;
            return 0;
        }
    }
    const char *near = nearest(text, names, N_RCODES);
    if (near)
        return fc_err_set(err, FC_E_USAGE, "'rcode': unknown code '%.32s', did you mean '%s'?", text, near);
    return fc_err_set(err, FC_E_USAGE, "'rcode': unknown code '%.32s': NXDOMAIN, SERVFAIL, REFUSED, DROP ...", text);
}

bool fc_dns_is_rcode(const char *word)
{
    int rcode;

    return fc_dns_rcode_parse(word, &rcode, NULL) == 0;
}

static int read_rcode(struct fc_dns_rule *rule, const char *text, struct fc_err *err)
{
    if (fc_dns_rcode_parse(text, &rule->rcode, err) != 0)
        return -1;
    if (rule->truncate)
        return fc_err_set(err, FC_E_USAGE, "'truncate': goes with 'values' only");
    if (rule->rcode == FC_DNS_RCODE_DROP && rule->delay > 0)
        return fc_err_set(err, FC_E_USAGE, "'delay': what is dropped is never answered, however late");
    return 0;
}

static int read_values(struct fc_dns_rule *rule, const char **texts, struct fc_err *err)
{
    size_t kind = type_index(rule->type);
    size_t total = 0;

    if (!types[kind].wire)
        return fc_err_set(err, FC_E_USAGE, "'values': a rule of type '*' has an 'rcode' instead");
    struct fc_dns_value *values = fc_arena_alloc(rule->arena, types[kind].values_max * sizeof *values);
    for (size_t i = 0; texts[i]; i++) {
        if (i == types[kind].values_max)
            return fc_err_set(err, FC_E_USAGE, "'values': a name has at most %zu %s record%s", types[kind].values_max,
                              types[kind].name, types[kind].values_max == 1 ? "" : "s");
        struct fc_err why = {0};
        if (types[kind].wire(rule->arena, texts[i], &values[i], &why) != 0)
            return fc_err_set(err, FC_E_USAGE, "'values[%zu]': %.1000s", i, why.text);
        total += values[i].len;
        rule->n_values++;
    }
    if (total > FC_DNS_RDATA_MAX)
        return fc_err_set(err, FC_E_USAGE, "'values': together at most %u bytes", FC_DNS_RDATA_MAX);
    if (rule->type == FC_DNS_CNAME && rule->n_values == 0)
        return fc_err_set(err, FC_E_USAGE, "'values': a CNAME needs its target");
    rule->values = values;
    return 0;
}

/* What the value says, once its form is known to be right. */
static int read_value(struct fc_dns_rule *rule, const json_t *value, struct fc_err *err)
{
    struct fc_json_errs errs;
    struct fc_json_obj obj;

    fc_json_errs_init(&errs, NULL, NULL, 0);
    fc_json_obj_root(&obj, value, &errs);
    bool has_values = fc_json_has(&obj, "values");
    bool has_rcode = fc_json_has(&obj, "rcode");
    fc_auto_free const char **texts =
        has_values ? fc_json_strs(&obj, "values", FC_JSON_REQUIRED, FC_DNS_VALUES_MAX, FC_DNS_TXT_MAX) : NULL;
    const char *rcode = has_rcode ? fc_json_str(&obj, "rcode", FC_JSON_REQUIRED, 32) : NULL;
    rule->delay = fc_json_duration(&obj, "delay", FC_JSON_OPTIONAL, 0, FC_DNS_DELAY_MAX, 0);
    rule->truncate = fc_json_bool(&obj, "truncate", FC_JSON_OPTIONAL, false);
    if (errs.count == 0)
        fc_json_obj_end(&obj);
    int failed = fc_json_errs_report(&errs, err);
    fc_json_errs_release(&errs);
    if (failed != 0)
        return -1;
    if (has_values == has_rcode)
        return fc_err_set(err, FC_E_USAGE, "a rule has either 'values' or an 'rcode'");
    return rcode ? read_rcode(rule, rcode, err) : read_values(rule, texts, err);
}

int fc_dns_rule_new(const char *name, const char *type, const json_t *value, struct fc_dns_rule **ret_rule,
                    struct fc_err *err)
{
    char normal[FC_DNS_NAME_SIZE];
    unsigned number = 0;

    if (fc_dns_name_normalize(name, true, normal, err) != 0 || fc_dns_type_parse(type, &number, err) != 0)
        return -1;
    struct fc_arena *arena = fc_arena_new();
    fc_auto(fc_dns_rule_free) struct fc_dns_rule *rule = fc_arena_alloc(arena, sizeof *rule);
    rule->arena = arena;
    rule->name = fc_arena_strdup(arena, normal);
    rule->type = number;
    if (read_value(rule, value, err) != 0)
        return -1;
    *ret_rule = FC_TAKE(rule);
    return 0;
}

void fc_dns_rule_free(struct fc_dns_rule *rule)
{
    if (rule)
        fc_arena_free(rule->arena);
}

json_t *fc_dns_rule_json(const struct fc_dns_rule *rule, bool with_name)
{
    json_t *object = json_object();
    char delay[FC_TIME_TEXT_MAX];

    if (with_name) {
        json_object_set_new(object, "name", json_string(rule->name));
        json_object_set_new(object, "type", json_string(fc_dns_type_name(rule->type)));
    }
    if (rule->rcode != 0) {
        json_object_set_new(object, "rcode", json_string(rcode_name(rule->rcode)));
    } else {
        json_t *values = json_array();
        for (size_t i = 0; i < rule->n_values; i++)
            json_array_append_new(values, json_string(rule->values[i].text));
        json_object_set_new(object, "values", values);
    }
    if (rule->delay > 0)
        json_object_set_new(object, "delay", json_string(fc_duration_text(rule->delay, delay)));
    if (rule->truncate)
        json_object_set_new(object, "truncate", json_true());
    return object;
}

const char *fc_dns_values_text(struct fc_arena *arena, int rcode, const struct fc_dns_value *values, size_t n_values)
{
    struct fc_buf buf fc_auto_buf = {0};

    if (rcode != 0)
        return rcode_name(rcode);
    if (n_values == 0)
        return "no data";
    fc_buf_init(&buf, TEXT_MAX);
    for (size_t i = 0; i < n_values && fc_buf_printf(&buf, "%s%s", i > 0 ? ", " : "", values[i].text) == 0; i++)
        continue;
    return buf.full ? fc_arena_printf(arena, "%s ...", buf.data) : fc_arena_strdup(arena, buf.data);
}

const char *fc_dns_rule_text(struct fc_arena *arena, const struct fc_dns_rule *rule)
{
    char delay[FC_TIME_TEXT_MAX];

    return fc_arena_printf(arena, "%s%s%s%s", fc_dns_values_text(arena, rule->rcode, rule->values, rule->n_values),
                           rule->delay > 0 ? ", after " : "",
                           rule->delay > 0 ? fc_duration_text(rule->delay, delay) : "",
                           rule->truncate ? ", truncated" : "");
}
