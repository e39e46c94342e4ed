/* fakeca limits: the buckets of the rate limits of the running CA. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_text.h"

#define PATH_MAX_LEN 4096

struct target {
    struct fc_cmd_target api;
    const char *environment, *names, *address, *limit;
    int64_t account, leave, count;
    bool ari;
};

static const char *const words[] = {"show", "would", "fill", "reset", NULL};

static const char about[] =
    "The rate limits of the running CA, as Let's Encrypt computes them, at the simulated time.\n"
    "\n"
    "  show                 each bucket that something was spent of: used, allowed, when it has room (also without a "
    "word)\n"
    "  would                whether the next order of --account for --names would pass, and why\n"
    "  fill LIMIT           fill a bucket until --leave are left: to meet the limit with the next request\n"
    "  reset [LIMIT]        empty one bucket; without a limit all of them\n"
    "\n"
    "Which bucket: CertificatesPerDomain and CertificatesPerFQDNSet take --names, NewOrdersPerAccount takes "
    "--account,\n"
    "FailedAuthorizationsPerDomainPerAccount takes both, NewRegistrationsPerIPAddress takes --address.\n"
    "\n"
    "examples:\n"
    "  fakeca limits would --names a.test,www.a.test --account 1\n"
    "  fakeca limits fill CertificatesPerDomain --names a.test --leave 1\n"
    "  fakeca clock advance --to retry-after          when what was denied may be tried again\n";

/* ---- what is printed ---- */

static void print_times(const json_t *bucket)
{
    bool full = json_integer_value(json_object_get(bucket, "remaining")) == 0;

    if (json_is_true(json_object_get(bucket, "ahead")))
        printf("  (filled by a clock that was later: counts as empty)");
    else if (full && json_is_string(json_object_get(bucket, "next_free_real")))
        printf("  room at %s (real time: %s)", fc_cmd_text(bucket, "next_free"), fc_cmd_text(bucket, "next_free_real"));
    else if (full)
        printf("  room at %s (not by itself: the clock is frozen)", fc_cmd_text(bucket, "next_free"));
}

static void print_bucket(const json_t *bucket)
{
    const json_t *names = json_object_get(bucket, "names"); /* of a set, whose key is a hash */
    size_t n = json_array_size(names);
    char key[300];

    if (n > 1)
        snprintf(key, sizeof key, "%s and %zu more", json_string_value(json_array_get(names, 0)), n - 1);
    else
        snprintf(key, sizeof key, "%s", n ? json_string_value(json_array_get(names, 0)) : fc_cmd_text(bucket, "key"));
    printf("%-48s %-40s %6s of %-6s in %-4s", fc_cmd_text(bucket, "limit"), key, fc_cmd_text(bucket, "used"),
           fc_cmd_text(bucket, "allowed"), fc_cmd_text(bucket, "period"));
    print_times(bucket);
    if (json_is_integer(json_object_get(bucket, "order")))
        printf("  last by order %s of account %s", fc_cmd_text(bucket, "order"), fc_cmd_text(bucket, "account"));
    if (json_is_true(json_object_get(bucket, "override")))
        printf("  (override)");
    putchar('\n');
}

static void print_list(const json_t *answer)
{
    const json_t *buckets = json_object_get(answer, "buckets"), *bucket;
    size_t i;

    if (!json_is_true(json_object_get(answer, "enforced")))
        printf("(the limits of %s are off)\n", fc_cmd_text(answer, "environment"));
    if (!json_array_size(buckets))
        printf("nothing was spent yet in %s\n", fc_cmd_text(answer, "environment"));
    json_array_foreach(buckets, i, bucket) print_bucket(bucket);
    if (json_is_string(json_object_get(answer, "next")))
        printf("(there are more: --limit-name shows those of one limit, --count shows up to 1000)\n");
}

static void print_would(const json_t *answer)
{
    const json_t *paused = json_object_get(answer, "paused"), *row;
    const char *exempt = fc_cmd_text(answer, "exempt");
    size_t i;

    printf("%s", json_is_true(json_object_get(answer, "passes")) ? "would pass" : "would be denied");
    if (!json_is_true(json_object_get(answer, "enforced")))
        printf(": the limits of %s are off", fc_cmd_text(answer, "environment"));
    else if (strcmp(exempt, "ari") == 0)
        printf(": it replaces a certificate inside of its window, no limit holds");
    else if (strcmp(exempt, "renewal") == 0)
        printf(" (as a renewal: this set was issued within the last 120 days)");
    putchar('\n');
    json_array_foreach(paused, i, row) printf("paused: %s\n", json_string_value(row));
    if (json_is_string(json_object_get(answer, "detail"))) {
        printf("%s\n", fc_cmd_text(answer, "detail"));
        printf("it passes at %s", fc_cmd_text(answer, "retry_at"));
        if (json_is_string(json_object_get(answer, "retry_at_real")))
            printf(" (real time: %s; fakeca clock advance --to %s goes there)\n", fc_cmd_text(answer, "retry_at_real"),
                   fc_cmd_text(answer, "retry_at"));
        else
            printf(" (not by itself: the clock is frozen; fakeca clock advance --to %s goes there)\n",
                   fc_cmd_text(answer, "retry_at"));
    }
    json_array_foreach(json_object_get(answer, "checks"), i, row) print_bucket(row);
}

static void print_reset(const json_t *answer)
{
    char text[64];

    printf("%s emptied\n",
           fc_cmd_count(json_integer_value(json_object_get(answer, "removed")), "bucket", "buckets", text));
}

/* ---- what is asked ---- */

/* "a.test,www.a.test" */
static json_t *names_json(const char *names)
{
    json_t *array = json_array();

    while (*names) {
        size_t len = strcspn(names, ",");
        json_array_append_new(array, json_stringn(names, len));
        names += len + (names[len] == ',');
    }
    return array;
}

static json_t *body_of(const struct target *target, const char *word, const char *limit)
{
    json_t *body = json_object();

    if (target->environment)
        json_object_set_new(body, "environment", json_string(target->environment));
    if (target->names)
        json_object_set_new(body, "names", names_json(target->names));
    if (target->address)
        json_object_set_new(body, "address", json_string(target->address));
    if (target->account)
        json_object_set_new(body, "account", json_integer((json_int_t)target->account));
    if (limit)
        json_object_set_new(body, "limit", json_string(limit));
    if (strcmp(word, "fill") == 0)
        json_object_set_new(body, "leave", json_integer((json_int_t)target->leave));
    if (target->ari)
        json_object_set_new(body, "replaces_in_window", json_true());
    return body;
}

static char *list_path(const struct target *target)
{
    struct fc_buf path fc_auto_buf = {0};
    const struct {
        const char *key, *value;
    } filters[] = {{"environment", target->environment}, {"name", target->limit}};

    fc_buf_init(&path, PATH_MAX_LEN);
    fc_buf_printf(&path, "/api/v1/limits?limit=%lld", (long long)target->count);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        fc_auto_free char *value = filters[i].value ? fc_cmd_api_encode(filters[i].value) : NULL;
        if (value)
            fc_buf_printf(&path, "&%s=%s", filters[i].key, value);
    }
    return fc_buf_detach(&path);
}

static int ask(const struct fc_cmd *self, const struct target *target, const char *word, const char *limit)
{
    static const struct {
        const char *word;
        void (*print)(const json_t *answer);
    } prints[] = {{"show", print_list}, {"would", print_would}, {"fill", print_bucket}, {"reset", print_reset}};
    bool show = strcmp(word, "show") == 0;
    fc_auto_free char *path = show ? list_path(target) : fc_asprintf("/api/v1/limits/%s", word);
    fc_auto_json body = show ? NULL : body_of(target, word, limit);
    struct fc_err err = {0};
    fc_auto_json answer = NULL;

    if (fc_cmd_api(&target->api, show ? "GET" : "POST", path, body, &answer, &err))
        return fc_cmd_fail(self, &err);
    for (size_t i = 0; i < sizeof prints / sizeof *prints && !target->api.json; i++)
        if (strcmp(prints[i].word, word) == 0)
            prints[i].print(answer);
    if (target->api.json)
        fc_cmd_print_json(answer);
    return fc_cmd_done(self);
}

#define TEXT(row_name, member, row_arg, row_help)                                                                      \
    {                                                                                                                  \
        .name = row_name, .type = FC_OPT_STRING, .offset = offsetof(struct target, member), .arg = row_arg,            \
        .help = row_help                                                                                               \
    }
#define NUMBER(row_name, member, low, high, row_help)                                                                  \
    {                                                                                                                  \
        .name = row_name, .type = FC_OPT_INT, .offset = offsetof(struct target, member), .arg = "N", .min = low,       \
        .max = high, .help = row_help                                                                                  \
    }

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {
        TEXT("names", names, "NAME[,NAME]", "names of the order, or the name whose bucket is meant"),
        NUMBER("account", account, 1, INT64_MAX, "number of the account"),
        TEXT("address", address, "ADDR", "address of the client, for limits of registrations"),
        NUMBER("leave", leave, 0, INT64_MAX, "with fill: how many are left"),
        {.name = "ari",
         .type = FC_OPT_FLAG,
         .offset = offsetof(struct target, ari),
         .help = "with would: the order replaces a certificate inside of its renewal window"},
        TEXT("environment", environment, "NAME", "production or staging; the first one that is served when absent"),
        TEXT("limit-name", limit, "LIMIT", "with show: only buckets of this limit"),
        NUMBER("count", count, 1, 1000, "with show: how many at most"),
        FC_CMD_TARGET_ROWS,
        {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {.count = 100};
    struct fc_err err = {0};

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 2);
    if (code >= 0)
        return code;
    const char *word = result.n_operands ? fc_cmd_word(self, operands[0], words) : "show";
    if (!word)
        return FC_EXIT_USAGE;
    const char *limit = result.n_operands > 1 ? operands[1] : NULL;
    if (strcmp(word, "fill") == 0 && !limit)
        fc_err_set(&err, FC_E_USAGE,
                   "say which limit: 'fakeca limits fill CertificatesPerDomain --names a.test --leave 1'");
    else if (limit && (strcmp(word, "show") == 0 || strcmp(word, "would") == 0))
        fc_err_set(&err, FC_E_USAGE, "unexpected argument '%s' (--help tells what is expected)", limit);
    else if (strcmp(word, "would") == 0 && (!target.account || !target.names))
        fc_err_set(&err, FC_E_USAGE,
                   "say whose order, and for which names: 'fakeca limits would --names a.test --account 1' (the log "
                   "numbers the accounts)");
    return err.code ? fc_cmd_fail(self, &err) : ask(self, &target, word, limit);
}

const struct fc_cmd fc_cmd_limits = {.name = "limits",
                                     .synopsis =
                                         "[show | would | fill LIMIT | reset [LIMIT]] [--names NAMES] [--account N]",
                                     .summary = "show, foresee, fill and empty rate limits",
                                     .about = about,
                                     .run = run};
