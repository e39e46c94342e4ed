/* Rules of the mock DNS. What a rule may be is dns/'s business; here is only the form of the request. */
#include "manage/manage_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"
#include "dns/dns.h"
#include "model/model.h"
#include "store/store_order.h"

#define NAME_MAX_BYTES 255
#define TYPE_MAX_BYTES 16
#define VALUES_MAX 64
#define VALUE_MAX_BYTES 4096

int fc_manage_dns_list(struct fc_manage_call *call, struct fc_err *err)
{
    (void)err;
    fc_manage_json(call, fc_dns_list(call->manage->params.dns));
    return 0;
}

/* Members whose form is dns/'s business. */
static void pass_on(struct fc_json_obj *body, json_t *value)
{
    static const char *const keys[] = {"delay", "truncate"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *member = fc_json_any(body, keys[i], FC_JSON_OPTIONAL);
        if (member && value)
            json_object_set_new(value, keys[i], json_deep_copy(member));
    }
}

/* The value as dns/ takes it: {"values":[...]} or {"rcode":"..."} and what goes beside; new reference. */
static json_t *read_value(struct fc_json_obj *body)
{
    fc_auto_free const char **values = fc_json_strs(body, "values", FC_JSON_OPTIONAL, VALUES_MAX, VALUE_MAX_BYTES);
    const char *rcode = fc_json_str(body, "rcode", FC_JSON_OPTIONAL, TYPE_MAX_BYTES);

    if (body->value && fc_json_has(body, "values") == fc_json_has(body, "rcode"))
        fc_json_errs_add(body, NULL, "exactly one of 'values' and 'rcode' is needed");
    json_t *value = rcode ? json_pack("{s:s}", "rcode", rcode) : NULL;
    if (values) {
        json_t *list = json_array();
        for (size_t i = 0; values[i]; i++)
            json_array_append_new(list, json_string(values[i]));
        json_decref(value);
        value = json_pack("{s:o}", "values", list);
    }
    pass_on(body, value);
    return value;
}

static bool same_name(const char *rule, const char *asked)
{
    size_t len = strlen(asked);
    fc_auto_free char *plain = fc_strndup(asked, len && asked[len - 1] == '.' ? len - 1 : len);

    return fc_text_equal_nocase(rule, plain);
}

/* The rule as it is kept: names and types come back in their normal form. */
static json_t *find_rule(struct fc_dns *dns, const char *name, const char *type)
{
    fc_auto_json list = fc_dns_list(dns);
    json_t *rule;
    size_t i;

    json_array_foreach(json_object_get(list, "rules"), i, rule)
    {
        if (same_name(json_string_value(json_object_get(rule, "name")), name) &&
            fc_text_equal_nocase(json_string_value(json_object_get(rule, "type")), type))
            return json_incref(rule);
    }
    return NULL;
}

int fc_manage_dns_put(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_dns *dns = call->manage->params.dns;
    struct fc_manage_input input fc_auto_input = {0};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    const char *name = fc_json_str(&input.root, "name", FC_JSON_REQUIRED, NAME_MAX_BYTES);
    const char *type = fc_json_str(&input.root, "type", FC_JSON_REQUIRED, TYPE_MAX_BYTES);
    fc_auto_json value = read_value(&input.root);
    if (fc_manage_body_close(&input, err) || fc_dns_set(dns, name, type, value, call->req->now, err))
        return -1;
    json_t *rule = find_rule(dns, name, type);
    if (!rule) /* another request has taken it away meanwhile */
        return fc_err_set(err, FC_E_BUSY, "the rule for '%s' was changed by another request", name);
    fc_manage_json(call, rule);
    return 0;
}

/* NULL when absent. */
static int read_word(struct fc_manage_call *call, const char *parameter, const char **ret_word, struct fc_err *err)
{
    *ret_word = fc_http_req_query(call->req, parameter);
    if (*ret_word && !**ret_word)
        return fc_err_set(err, FC_E_USAGE, "query parameter '%s': is empty", parameter);
    return 0;
}

int fc_manage_dns_delete(struct fc_manage_call *call, struct fc_err *err)
{
    const char *name, *type;
    int64_t removed;

    if (read_word(call, "name", &name, err) || read_word(call, "type", &type, err))
        return -1;
    if (type && !name)
        return fc_err_set(err, FC_E_USAGE, "query parameter 'type': needs 'name' beside it");
    if (fc_dns_clear(call->manage->params.dns, name, type, call->req->now, &removed, err))
        return -1;
    fc_manage_json(call, json_pack("{s:I}", "removed", (json_int_t)removed));
    return 0;
}

/* ---- names and addresses, for who asks no DNS server: `fakeca run --resolve-all` ---- */

#define ADDRESSES_MAX 16
#define NAMES_MAX 10000

static void add_name(struct fc_manage_call *call, json_t *hosts, const char *name)
{
    const char *addresses[ADDRESSES_MAX];

    /* a hosts file has no wildcards, and localhost is everybody's own */
    if (strchr(name, '*') || strcmp(name, "localhost") == 0 || json_object_get(hosts, name) ||
        json_object_size(hosts) >= NAMES_MAX)
        return;
    json_t *list = json_array();
    size_t n = fc_dns_addresses(call->manage->params.dns, call->req->arena, name, addresses, ADDRESSES_MAX);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(addresses[i]));
    json_object_set_new(hosts, name, list);
}

static int add_ordered(struct fc_manage_call *call, json_t *hosts, struct fc_err *err)
{
    const struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX, .newest_first = true};
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_order *orders;
    size_t count;

    if (fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_order_list(store, call->req->arena, NULL, 0, &page, &orders, &count, err))
        return -1;
    fc_store_end(&tx);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < orders[i].n_idents; j++)
            if (orders[i].idents[j].type == FC_IDENT_DNS)
                add_name(call, hosts, orders[i].idents[j].value);
    return 0;
}

int fc_manage_dns_hosts(struct fc_manage_call *call, struct fc_err *err)
{
    fc_auto_json rules = fc_dns_list(call->manage->params.dns);
    fc_auto_json hosts = json_object();
    const json_t *rule;
    size_t i;

    if (add_ordered(call, hosts, err))
        return -1;
    json_array_foreach(json_object_get(rules, "rules"), i, rule)
        add_name(call, hosts, json_string_value(json_object_get(rule, "name")));
    fc_manage_json(call, json_pack("{s:O}", "hosts", hosts));
    return 0;
}
