/* What a skip of the clock means for the clients that the event log shows: which way of moving time each will notice. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define EVENTS_MAX 20000 /* the newest ones that are looked at */
#define PAGE 1000
#define SHOWN_MAX 12
#define AGENT_MAX 60
#define SURE_DAYS 61 /* the skip that is safe for most clients */

/* ---- what the log tells: accounts, as whom their owner called itself, and their certificates */

/* The clock went to this time: what was issued later, by tries of find-due for one, is nothing that a client has now. */
static void forget_later(json_t *accounts, const char *to)
{
    const char *number;
    json_t *account;

    json_object_foreach(accounts, number, account)
    {
        json_t *certs = json_object_get(account, "certs");
        for (size_t i = json_array_size(certs); i-- > 0;)
            if (strcmp(json_string_value(json_object_get(json_array_get(certs, i), "from")), to) > 0)
                json_array_remove(certs, i);
    }
}

static void note_event(const json_t *event, json_t *accounts)
{
    const json_t *data = json_object_get(event, "data");
    const json_t *agent = json_object_get(data, "client"), *until = json_object_get(data, "not_after");
    json_int_t number = json_integer_value(json_object_get(event, "account"));
    const char *from = json_string_value(json_object_get(data, "not_before"));
    const char *to = json_string_value(json_object_get(data, "to"));
    char key[32];

    if (to)
        forget_later(accounts, to);
    if (!number)
        return;
    snprintf(key, sizeof key, "%lld", (long long)number);
    json_t *account = json_object_get(accounts, key);
    if (!account) {
        account = json_pack("{s:[]}", "certs");
        json_object_set_new(accounts, key, account);
    }
    if (json_is_string(agent))
        json_object_set_nocheck(account, "agent", (json_t *)(uintptr_t)agent);
    if (from && json_is_string(until))
        json_array_append_new(json_object_get(account, "certs"),
                              json_pack("{s:s,s:s}", "from", from, "until", json_string_value(until)));
}

static int read_page(const struct fc_cmd_target *target, json_int_t *io_after, json_int_t *ret_last, json_t *accounts,
                     struct fc_err *err)
{
    fc_auto_free char *path =
        fc_asprintf("/api/v1/events?types=request,certificate.issued,clock.changed&limit=%d&after=%lld", PAGE,
                    (long long)*io_after);
    fc_auto_json answer = NULL;
    const json_t *event;
    size_t i;

    if (fc_cmd_api(target, "GET", path, NULL, &answer, err))
        return -1;
    json_array_foreach(json_object_get(answer, "events"), i, event) note_event(event, accounts);
    *io_after = json_integer_value(json_object_get(answer, "next"));
    *ret_last = json_integer_value(json_object_get(answer, "last"));
    return 0;
}

static int read_log(const struct fc_cmd_target *target, json_t *accounts, struct fc_err *err)
{
    fc_auto_json first = NULL;
    json_int_t last, end;

    if (fc_cmd_api(target, "GET", "/api/v1/events?limit=1", NULL, &first, err))
        return -1;
    end = last = json_integer_value(json_object_get(first, "last"));
    for (json_int_t after = last > EVENTS_MAX ? last - EVENTS_MAX : 0; after < end;)
        if (read_page(target, &after, &last, accounts, err))
            return -1;
    return 0;
}

/* ---- one line of accounts that are one client: the newest certificate of all of them counts */

struct seen {
    const char *agent;
    struct fc_cmd_client client;
    bool known;
    int64_t from, until; /* 0: none */
};

static bool same_client(const struct seen *a, const struct seen *b)
{
    if (!a->known || !b->known)
        return a->known == b->known && strcmp(a->agent, b->agent) == 0;
    return a->client.row == b->client.row && strcmp(a->client.version, b->client.version) == 0;
}

/* The one with the latest beginning: those of find-due --aged are issued later and begin earlier. NULL when there is none. */
static const json_t *newest_of(const json_t *certs)
{
    const json_t *cert, *newest = NULL;
    size_t i;

    json_array_foreach(certs, i, cert) if (!newest || strcmp(json_string_value(json_object_get(cert, "from")),
                                                             json_string_value(json_object_get(newest, "from"))) > 0)
        newest = cert;
    return newest;
}

static void add_account(const json_t *account, struct seen *seen, size_t *io_n, size_t room)
{
    const json_t *newest = newest_of(json_object_get(account, "certs"));
    const char *from = json_string_value(json_object_get(newest, "from"));
    const char *until = json_string_value(json_object_get(newest, "until"));
    struct seen one = {.agent = json_string_value(json_object_get(account, "agent"))};
    size_t i = 0;

    if (!one.agent)
        return;
    one.known = fc_cmd_clients_know(one.agent, &one.client);
    if (from && until && (fc_time_parse(from, &one.from, NULL) || fc_time_parse(until, &one.until, NULL)))
        one.from = one.until = 0;
    while (i < *io_n && !same_client(&seen[i], &one))
        i++;
    if (i == room)
        return;
    if (i == *io_n)
        seen[(*io_n)++] = one;
    else if (one.from > seen[i].from) {
        seen[i].from = one.from;
        seen[i].until = one.until;
    }
}

/* ---- in words */

static void print_due(const struct seen *s, int64_t now)
{
    int lifetime = (int)((s->until - s->from + FC_DAY / 2) / FC_DAY);
    int due = fc_cmd_clients_due(&s->client, lifetime);
    int64_t tenths = (now - s->from) / (FC_DAY / 10);

    if (!s->from || now < s->from)
        return;
    printf(": its newest certificate is %lld.%lld days old, ", (long long)(tenths / 10), (long long)(tenths % 10));
    if (due < 0)
        printf("when to renew is up to its caller");
    else if (due == 0)
        printf("and it renews at each run: its rule is longer than the %d days that are certified", lifetime);
    else if (now - s->from < due * FC_DAY)
        printf("too young: it renews from day %d of %d on", due, lifetime);
    else if (now >= s->until)
        printf("expired; it renews from day %d of %d on", due, lifetime);
    else
        printf("and it renews from day %d of %d on", due, lifetime);
}

static void print_known(const struct seen *s, int64_t now)
{
    int due = fc_cmd_clients_due(&s->client, 90);

    printf("%s%s%s", s->client.name, s->client.version[0] ? "/" : "", s->client.version);
    print_due(s, now);
    printf("\n    notices          %s; or a CA that was started in the past (fakeca serve --clock -%dd)%s\n",
           s->client.looks, due > SURE_DAYS ? due + 1 : SURE_DAYS,
           s->client.ari ? "; or a window moved by 'fakeca certs SERIAL --renew-now', once its Retry-After is over"
                         : "");
    printf("    does not notice  this skip if it runs on the real clock%s\n",
           s->client.ari ? "" : "; a window moved by 'fakeca certs SERIAL --renew-now' (it knows no ARI)");
}

static void print_unknown(const struct seen *s)
{
    printf("%.*s%s: not known to us; 'fakeca clock find-due' tells when it renews\n", AGENT_MAX, s->agent,
           strlen(s->agent) > AGENT_MAX ? "..." : "");
}

int fc_cmd_notice_print(const struct fc_cmd_target *target, const char *now, struct fc_err *err)
{
    fc_auto_json accounts = json_object();
    struct seen seen[SHOWN_MAX];
    const char *number;
    const json_t *account;
    size_t n = 0;
    int64_t at;

    if (fc_time_parse(now, &at, err) || read_log(target, accounts, err))
        return -1;
    json_object_foreach(accounts, number, account) add_account(account, seen, &n, SHOWN_MAX);
    for (size_t i = 0; i < n; i++)
        if (seen[i].known)
            print_known(&seen[i], at);
        else
            print_unknown(&seen[i]);
    return 0;
}
