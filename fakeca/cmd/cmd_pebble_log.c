#include "cmd/cmd_pebble.h"

#include <stdio.h>
#include <string.h>

#include "base/base_text.h"

#include "cmd/cmd_go.h"

#define PATTERN_MAX 128
#define NAME_MAX_BYTES 300

#define say(...) fc_cmd_go_log(FC_CMD_PEBBLE_PREFIX, __VA_ARGS__)

static const char *text_of(const json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(event, "data"), name));
    return text ? text : "";
}

/* An order as its URL names it. */
static const char *order_of(const json_t *event, char ret_text[NAME_MAX_BYTES])
{
    snprintf(ret_text, NAME_MAX_BYTES, "%lld-%lld", (long long)json_integer_value(json_object_get(event, "account")),
             (long long)json_integer_value(json_object_get(event, "order")));
    return ret_text;
}

/* "/my-order/" for all orders, as the handlers are registered there. */
static void request(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    const char *path = text_of(event, "path"), *second = *path ? strchr(path + 1, '/') : NULL;

    (void)counts;
    say("%s %.*s -> calling handler()", text_of(event, "method"),
        (int)(second ? (size_t)(second + 1 - path) : strnlen(path, PATTERN_MAX)), path);
}

static void account(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    (void)event;
    say("There are now %d accounts in memory", ++counts->accounts);
}

static void authz(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    if (!json_is_true(json_object_get(json_object_get(event, "data"), "reused")))
        say("There are now %d authorizations in the db", ++counts->authzs);
}

static void order(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    char id[NAME_MAX_BYTES];

    say("Added order \"%s\" to the db", order_of(event, id));
    say("There are now %d orders in the db", ++counts->orders);
    if (*text_of(event, "replaces"))
        say("ARI: order \"%s\" is a replacement of \"%s\"", order_of(event, id), text_of(event, "replaces"));
}

static void hop(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    (void)counts;
    if (strcmp(text_of(event, "method"), "http-01") == 0 && *text_of(event, "url"))
        say("Attempting to validate w/ HTTP: %s", text_of(event, "url"));
}

static void verdict(const json_t *event, const char *word)
{
    say("authz %lld set %s by completed challenge %s",
        (long long)json_integer_value(json_object_get(event, "authorization")), word, text_of(event, "method"));
}

static void valid(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    (void)counts;
    verdict(event, "VALID");
}

static void invalid(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    (void)counts;
    verdict(event, "INVALID");
}

static void finalized(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    char id[NAME_MAX_BYTES];

    (void)counts;
    say("Order %s is fully authorized. Processing finalization", order_of(event, id));
}

static void issued(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    char id[NAME_MAX_BYTES];

    (void)counts;
    say("Issued certificate serial %s for order %s", json_string_value(json_object_get(event, "serial")),
        order_of(event, id));
}

void fc_cmd_pebble_log_event(struct fc_cmd_pebble_counts *counts, const json_t *event)
{
    static const struct {
        const char *type;
        void (*said)(struct fc_cmd_pebble_counts *counts, const json_t *event);
    } rows[] = {
        {"request", request},
        {"account.created", account},
        {"authz.created", authz},
        {"order.created", order},
        {"validation.hop", hop},
        {"validation.valid", valid},
        {"validation.invalid", invalid},
        {"order.finalized", finalized},
        {"certificate.issued", issued},
    };
    const char *type = json_string_value(json_object_get(event, "type"));

    for (size_t i = 0; type && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, type) == 0)
            rows[i].said(counts, event);
}
