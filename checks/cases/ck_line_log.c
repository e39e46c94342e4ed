/* The CA's log, as far as it is about the setup: counts, hops, certificates. */
#include <stdio.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_time.h"
#include "cases/ck_line.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int64_t time_of(const json_t *object, const char *key)
{
    int64_t at = 0;

    fc_time_parse(text_of(object, key), &at, NULL);
    return at;
}

/* Whether an event is about the setup's names: others may use the CA too. */
static bool ours(const struct ck_line *line, const json_t *data)
{
    const json_t *names = json_object_get(data, "identifiers"), *name;
    const char *one = text_of(data, "identifier");
    bool any = !names && !*one;
    size_t i;

    for (size_t h = 0; h < line->setup->n_hosts; h++) {
        any |= strcmp(one, line->setup->hosts[h]) == 0;
        json_array_foreach(names, i, name) any |= strcmp(json_string_value(name), line->setup->hosts[h]) == 0;
    }
    return any;
}

static void on_order(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    (void)data;
    line->n_orders++;
}

static void on_account(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    (void)data;
    line->n_accounts++;
}

static void on_started(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    (void)data;
    line->n_started++;
}

static void on_hop(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    if (strcmp(text_of(data, "perspective"), "primary") == 0 && strcmp(text_of(data, "step"), "http") == 0)
        json_array_append(line->hops, (json_t *)(uintptr_t)data);
}

static void on_valid(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    snprintf(line->last_method, sizeof line->last_method, "%s", text_of(data, "method"));
    json_object_set_new(line->fresh_names, text_of(data, "identifier"), json_true());
}

static void on_invalid(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    line->n_invalid++;
    json_array_append(line->invalid, (json_t *)(uintptr_t)data);
}

static void on_refused(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    if (line->dry)
        return;
    /* a nonce that is used up is the protocol's daily bread */
    if (strcmp(text_of(data, "type"), "badNonce") == 0)
        return;
    line->n_refused++;
    json_array_append(line->refusals, (json_t *)(uintptr_t)data);
}

static void on_request(struct ck_line *line, const json_t *event, const json_t *data)
{
    (void)event;
    line->n_requests++;
    if (*text_of(data, "client"))
        snprintf(line->agent, sizeof line->agent, "%s", text_of(data, "client"));
}

static void on_issued(struct ck_line *line, const json_t *event, const json_t *data)
{
    if (line->n_issues == CK_LINE_ISSUES_MAX)
        return;
    struct ck_issue *issue = &line->issues[line->n_issues];
    *issue = (struct ck_issue){.order = json_integer_value(json_object_get(event, "order")),
                               .account = json_integer_value(json_object_get(event, "account")),
                               .at = time_of(event, "time"),
                               .not_before = time_of(data, "not_before"),
                               .not_after = time_of(data, "not_after"),
                               .names = json_incref(json_object_get(data, "identifiers")),
                               .fresh = json_object_size(line->fresh_names),
                               .hops_from = line->hops_before,
                               .hops_to = json_array_size(line->hops),
                               .phase = line->phase};
    snprintf(issue->serial, sizeof issue->serial, "%s", text_of(event, "serial"));
    snprintf(issue->method, sizeof issue->method, "%s", line->last_method);
    snprintf(issue->agent, sizeof issue->agent, "%s", line->agent);
    line->hops_before = issue->hops_to;
    json_object_clear(line->fresh_names);
    line->kept = ++line->n_issues;
}

/* What a reader of the report wants to see of the log; the rest is counted only. */
static bool worth_showing(const json_t *event)
{
    static const char *const types[] = {
        "account.created",    "order.created",   "order.invalid", "validation.valid", "validation.invalid",
        "certificate.issued", "request.refused", "clock.changed", "validation.hop",   NULL};
    const json_t *data = json_object_get(event, "data");

    if (strcmp(text_of(event, "type"), "validation.hop") == 0 &&
        (strcmp(text_of(data, "perspective"), "primary") != 0 || strcmp(text_of(data, "step"), "http") != 0))
        return false;
    for (const char *const *type = types; *type; type++)
        if (strcmp(*type, text_of(event, "type")) == 0)
            return true;
    return false;
}

static void take_event(struct ck_line *line, json_t *event)
{
    static const struct {
        const char *type;
        void (*take)(struct ck_line *line, const json_t *event, const json_t *data);
    } rows[] = {{"order.created", on_order},     {"account.created", on_account}, {"challenge.started", on_started},
                {"validation.hop", on_hop},      {"validation.valid", on_valid},  {"validation.invalid", on_invalid},
                {"request.refused", on_refused}, {"request", on_request},         {"certificate.issued", on_issued}};
    const char *type = text_of(event, "type");
    size_t issues = line->n_issues;

    if (!ours(line, json_object_get(event, "data")))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, type) == 0)
            rows[i].take(line, event, json_object_get(event, "data"));
    if (!worth_showing(event))
        return;
    long seen = ck_stream_seen(line->stage->stream, "ca", time_of(event, "time"),
                               json_incref(json_object_get(event, "data")), "%s", text_of(event, "text"));
    if (line->n_issues > issues)
        line->issues[issues].seen = seen;
}

void ck_line_listen(struct ck_line *line)
{
    fc_auto_json events = ck_ca_events(&line->stage->ca);
    size_t i;
    json_t *event;

    line->heard |= json_array_size(events) > 0;
    json_array_foreach(events, i, event) take_event(line, event);
}
