/* The estate file: read whole, all errors at once. */
#include "plan/plan.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_opt.h"
#include "base/base_time.h"

#include "plan/plan_int.h"

#define PERIOD_MAX (3660 * FC_DAY)
#define GROUPS_MAX 10000
#define ACCOUNTS_MAX 10000
#define NAMES_MAX 1000 /* of one certificate; the CA permits fewer, and says so */
#define WORD_MAX 64
#define DAY_SECONDS 86400
/* an address for what has none: one for all, as behind one address translation */
#define ADDRESS_DEFAULT "192.0.2.1"

static const char *const retry_words[] = {"next check", "retry-after", NULL};

/* What `defaults` and each group may say. */
struct habits {
    const char *profile, *account;
    struct fc_plan_rule rule;
    int64_t jitter, checks_per_day;
    int retry;
    bool replaces, has_replaces;
};

struct reading {
    const struct fc_plan_options *options;
    struct fc_plan_estate *estate;
    struct fc_plan_names *names;
    struct habits defaults;
};

/* ---- names of things ---- */

static const char *read_name(struct fc_json_obj *obj, const char *key, enum fc_json_need need)
{
    const char *name = fc_json_str(obj, key, need, WORD_MAX);

    if (name && !*name)
        fc_json_errs_add(obj, key, "must not be empty");
    for (const char *c = name; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            fc_json_errs_add(obj, key, "must not hold control characters");
            break;
        }
    return name;
}

/* The place of `name` in the list, or `count` with an error that names the nearest. */
static size_t find_name(struct fc_json_obj *obj, const char *key, const char *const *list, size_t count)
{
    const char *name = fc_json_str(obj, key, FC_JSON_OPTIONAL, WORD_MAX);

    for (size_t i = 0; name && i < count; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    if (!name)
        return count;
    const char *nearest = fc_opt_nearest(name, list, count);
    if (nearest)
        fc_json_errs_add(obj, key, "there is no '%s', did you mean '%s'?", name, nearest);
    else
        fc_json_errs_add(obj, key, "there is no '%s'", name);
    return count;
}

/* ---- habits ---- */

static void read_rule(struct fc_json_obj *obj, struct fc_plan_rule *rule)
{
    const char *text = fc_json_str(obj, "renew", FC_JSON_OPTIONAL, WORD_MAX);
    struct fc_err cause = {0};
    struct fc_plan_rule parsed;

    if (!text)
        return;
    if (fc_plan_rule_parse(text, &parsed, &cause))
        fc_json_errs_add(obj, "renew", "%s", cause.text);
    else
        *rule = parsed;
}

static const char *read_profile(const struct reading *reading, struct fc_json_obj *obj, const char *fallback)
{
    const struct fc_policy *policy = reading->options->policy;
    fc_auto_free const char **names = fc_calloc(policy->n_profiles + 1, sizeof *names);

    for (size_t i = 0; i < policy->n_profiles; i++)
        names[i] = policy->profiles[i].name;
    size_t at = find_name(obj, "profile", names, policy->n_profiles);
    return at < policy->n_profiles ? names[at] : fallback;
}

static const char *read_account(const struct reading *reading, struct fc_json_obj *obj, const char *fallback)
{
    const struct fc_plan_estate *estate = reading->estate;
    fc_auto_free const char **names = fc_calloc(estate->n_accounts + 1, sizeof *names);

    for (size_t i = 0; i < estate->n_accounts; i++)
        names[i] = estate->accounts[i].name;
    size_t at = find_name(obj, "account", names, estate->n_accounts);
    return at < estate->n_accounts ? names[at] : fallback;
}

static struct habits read_habits(const struct reading *reading, struct fc_json_obj *obj)
{
    struct habits h = reading->defaults;

    h.profile = read_profile(reading, obj, h.profile);
    h.account = read_account(reading, obj, h.account);
    read_rule(obj, &h.rule);
    h.checks_per_day = fc_json_int(obj, "checks_per_day", FC_JSON_OPTIONAL, 1, 1440, h.checks_per_day);
    if (DAY_SECONDS % h.checks_per_day != 0) {
        fc_json_errs_add(obj, "checks_per_day", "the %d seconds of a day cannot be divided by %d", DAY_SECONDS,
                         (int)h.checks_per_day);
        h.checks_per_day = 1;
    }
    h.jitter = fc_json_duration(obj, "jitter", FC_JSON_OPTIONAL, 0, FC_DAY, h.jitter);
    if (h.jitter > FC_DAY / h.checks_per_day) {
        fc_json_errs_add(obj, "jitter", "is longer than the time between two checks");
        h.jitter = 0;
    }
    h.retry = fc_json_word(obj, "retry", FC_JSON_OPTIONAL, retry_words, h.retry);
    h.has_replaces = fc_json_has(obj, "replaces") || h.has_replaces;
    h.replaces = fc_json_bool(obj, "replaces", FC_JSON_OPTIONAL, h.replaces);
    return h;
}

static void read_defaults(struct reading *reading, struct fc_json_obj *root)
{
    struct fc_json_obj obj;

    (void)fc_plan_rule_parse("2/3 of lifetime", &reading->defaults.rule, NULL);
    reading->defaults.checks_per_day = 2;
    fc_json_obj_member(root, "defaults", FC_JSON_OPTIONAL, &obj);
    reading->defaults = read_habits(reading, &obj);
    fc_json_obj_end(&obj);
}

/* ---- accounts ---- */

static void read_account_row(struct reading *reading, struct fc_json_obj *obj, size_t index)
{
    struct fc_plan_account *accounts = reading->estate->accounts;
    unsigned char bytes[16];

    accounts[index].name = read_name(obj, "name", FC_JSON_REQUIRED);
    accounts[index].address = fc_json_str(obj, "address", FC_JSON_OPTIONAL, WORD_MAX);
    if (!accounts[index].address)
        accounts[index].address = ADDRESS_DEFAULT;
    else if (inet_pton(AF_INET, accounts[index].address, bytes) != 1 &&
             inet_pton(AF_INET6, accounts[index].address, bytes) != 1)
        fc_json_errs_add(obj, "address", "'%s' is no IP address", accounts[index].address);
    if (!accounts[index].name)
        accounts[index].name = "";
    for (size_t i = 0; i < index && *accounts[index].name; i++)
        if (strcmp(accounts[i].name, accounts[index].name) == 0)
            fc_json_errs_add(obj, "name", "there is an account '%s' already", accounts[index].name);
    fc_json_obj_end(obj);
}

static void read_accounts(struct reading *reading, struct fc_json_obj *root)
{
    struct fc_plan_estate *estate = reading->estate;
    const json_t *array = fc_json_array(root, "accounts", FC_JSON_OPTIONAL, ACCOUNTS_MAX);
    struct fc_json_obj obj;

    estate->n_accounts = json_array_size(array);
    estate->accounts = fc_arena_alloc(estate->arena, (estate->n_accounts + 1) * sizeof *estate->accounts);
    for (size_t i = 0; i < estate->n_accounts; i++) {
        fc_json_obj_element(root, "accounts", array, i, &obj);
        read_account_row(reading, &obj, i);
    }
    if (estate->n_accounts == 0)
        estate->accounts[estate->n_accounts++] =
            (struct fc_plan_account){.name = "default", .address = ADDRESS_DEFAULT};
}

/* ---- groups ---- */

/* The same estate can be planned over a time that begins behind its first redeploy. */
static void skip_earlier(struct fc_plan_redeploys *redeploys, int64_t from)
{
    int64_t past = from > redeploys->first ? from - redeploys->first : 0;
    int64_t skipped = past == 0 ? 0 : redeploys->every ? (past + redeploys->every - 1) / redeploys->every : 1;

    if (skipped > redeploys->count)
        skipped = redeploys->count;
    redeploys->count -= skipped;
    redeploys->first += skipped * redeploys->every;
}

static void read_redeploys(const struct reading *reading, struct fc_json_obj *group,
                           struct fc_plan_redeploys *redeploys)
{
    struct fc_json_obj obj;

    fc_json_obj_member(group, "redeploys", FC_JSON_OPTIONAL, &obj);
    if (!obj.value)
        return;
    redeploys->first = fc_json_time(&obj, "first", FC_JSON_OPTIONAL, reading->options->from);
    redeploys->every = fc_json_duration(&obj, "every", FC_JSON_OPTIONAL, FC_MINUTE, PERIOD_MAX, 0);
    redeploys->count = fc_json_int(&obj, "count", FC_JSON_OPTIONAL, 1, 1000000, redeploys->every ? INT64_MAX : 1);
    redeploys->loses_account = fc_json_bool(&obj, "loses_account", FC_JSON_OPTIONAL, false);
    if (redeploys->first < FC_TIME_MIN || redeploys->first > FC_TIME_MAX)
        fc_json_errs_add(&obj, "first", "is not between 2000 and 2199");
    else
        skip_earlier(redeploys, reading->options->from);
    if (redeploys->count > 1 && !redeploys->every)
        fc_json_errs_add(&obj, NULL, "'every' is missing, because 'count' is more than 1");
    fc_json_obj_end(&obj);
}

/* Whether what was issued before the period is still there at its beginning. */
static void check_issued(const struct reading *reading, const struct fc_plan_group *group, struct fc_json_obj *obj)
{
    char ended[FC_TIME_TEXT_MAX], from[FC_TIME_TEXT_MAX];
    const struct fc_plan_issue first = fc_plan_issue_at(reading->options->policy, group->profile, group->issued);

    if (first.not_after < reading->options->from)
        fc_json_errs_add(obj, "issued",
                         "that certificate ended on %s, before the period begins on %s: without 'issued' it is in the "
                         "middle of its life then",
                         fc_time_rfc3339(first.not_after, ended), fc_time_rfc3339(reading->options->from, from));
}

static void read_issued(const struct reading *reading, struct fc_json_obj *obj, struct fc_plan_group *group)
{
    group->running = !fc_json_has(obj, "issued");
    group->issued = fc_json_time(obj, "issued", FC_JSON_OPTIONAL, reading->options->from);
    group->spread = fc_json_duration(obj, "spread", FC_JSON_OPTIONAL, 0, PERIOD_MAX, 0);
    if (group->running && fc_json_has(obj, "spread"))
        fc_json_errs_add(obj, "spread", "says over how long the moment in 'issued' is spread, which is missing");
    if (!group->running && (group->issued < FC_TIME_MIN || group->issued > FC_TIME_MAX))
        fc_json_errs_add(obj, "issued", "is not between 2000 and 2199");
    else if (!group->running)
        check_issued(reading, group, obj);
}

static void set_habits(const struct reading *reading, const struct habits *habits, struct fc_json_obj *obj,
                       struct fc_plan_group *group)
{
    const struct fc_plan_estate *estate = reading->estate;

    group->profile_asked = habits->profile;
    group->profile = fc_policy_profile(reading->options->policy, habits->profile);
    group->rule = habits->rule;
    group->replaces = habits->has_replaces ? habits->replaces : habits->rule.kind == FC_PLAN_ARI;
    group->waits = habits->retry == 1;
    group->jitter = habits->jitter;
    group->check_every = FC_DAY / habits->checks_per_day;
    if (!habits->account && estate->n_accounts > 1 && !fc_json_has(obj, "account"))
        fc_json_errs_add(obj, NULL, "'account' is missing, because there are several");
    for (size_t i = 0; habits->account && i < estate->n_accounts; i++)
        if (strcmp(estate->accounts[i].name, habits->account) == 0)
            group->account = i;
}

/* At the index of the group, from what the group itself says. */
static void read_group(struct reading *reading, struct fc_json_obj *obj, size_t index)
{
    struct fc_plan_estate *estate = reading->estate;
    struct fc_plan_group *group = &estate->groups[index];
    const int64_t room = FC_PLAN_CERTIFICATES_MAX;

    group->name = read_name(obj, "name", FC_JSON_REQUIRED);
    for (size_t i = 0; i < index && group->name; i++)
        if (estate->groups[i].name && strcmp(estate->groups[i].name, group->name) == 0)
            fc_json_errs_add(obj, "name", "there are certificates '%s' already", group->name);
    const struct habits habits = read_habits(reading, obj);
    set_habits(reading, &habits, obj, group);
    group->count = fc_json_int(obj, "count", FC_JSON_OPTIONAL, 1, room, 1);
    group->replicas = fc_json_int(obj, "replicas", FC_JSON_OPTIONAL, 1, room, 1);
    read_redeploys(reading, obj, &group->redeploys);
    read_issued(reading, obj, group);
    fc_auto_free const char **patterns = fc_json_strs(obj, "names", FC_JSON_REQUIRED, NAMES_MAX, 253);
    if (group->count > room / group->replicas ||
        (int64_t)estate->n_certificates + group->count * group->replicas > room)
        fc_json_errs_add(obj, "count", "more than %d certificates in all", FC_PLAN_CERTIFICATES_MAX);
    else if (patterns)
        fc_plan_names_add(reading->names, group, patterns, obj);
    if (group->count <= room / group->replicas)
        estate->n_certificates += (size_t)(group->count * group->replicas);
    fc_json_obj_end(obj);
}

static void read_groups(struct reading *reading, struct fc_json_obj *root)
{
    struct fc_plan_estate *estate = reading->estate;
    const json_t *array = fc_json_array(root, "certificates", FC_JSON_REQUIRED, GROUPS_MAX);
    struct fc_json_obj obj;

    estate->n_groups = json_array_size(array);
    estate->groups = fc_arena_alloc(estate->arena, (estate->n_groups + 1) * sizeof *estate->groups);
    if (array && estate->n_groups == 0)
        fc_json_errs_add(root, "certificates", "at least one is needed");
    for (size_t i = 0; i < estate->n_groups; i++) {
        fc_json_obj_element(root, "certificates", array, i, &obj);
        read_group(reading, &obj, i);
    }
}

/* ---- the file ---- */

static void read_environment(const struct reading *reading, struct fc_json_obj *root)
{
    const char *policy = reading->options->policy->name;
    const char *const *builtin = fc_policy_builtin_names();
    const char *list[16];
    size_t count = 0;

    reading->estate->environment = policy;
    for (; builtin[count] && count < sizeof list / sizeof *list - 1; count++)
        list[count] = builtin[count];
    list[count++] = policy;
    (void)find_name(root, "environment", list, count);
}

static void read_root(struct reading *reading, struct fc_json_obj *root)
{
    struct fc_plan_estate *estate = reading->estate;

    estate->name = read_name(root, "name", FC_JSON_OPTIONAL);
    read_environment(reading, root);
    estate->seed = fc_json_int(root, "seed", FC_JSON_OPTIONAL, 0, INT64_MAX, 0);
    read_accounts(reading, root);
    read_defaults(reading, root);
    read_groups(reading, root);
    fc_json_obj_end(root);
}

/* A file's name may be any bytes; the report's texts are UTF-8. */
static const char *name_of_file(struct fc_arena *arena, const char *file)
{
    fc_auto_json text = json_string(file);

    return text ? fc_arena_strdup(arena, file) : "estate";
}

int fc_plan_estate_read(const char *text, size_t len, const char *file, const struct fc_plan_options *options,
                        struct fc_plan_estate **ret_estate, struct fc_err *err)
{
    fc_auto(fc_plan_estate_free) struct fc_plan_estate *estate = fc_calloc(1, sizeof *estate);
    fc_auto(fc_plan_names_free) struct fc_plan_names *names = fc_plan_names_new(estate, options->policy);
    struct reading reading = {.options = options, .estate = estate, .names = names};
    struct fc_err cause = {0};
    struct fc_json_errs errs;
    struct fc_json_obj root;

    estate->arena = fc_arena_new();
    if (len > FC_PLAN_FILE_MAX)
        return fc_err_set(err, FC_E_USAGE, "%s: longer than %d bytes", file, FC_PLAN_FILE_MAX);
    if (fc_plan_options_check(options, err))
        return -1;
    if (fc_json_parse(text, len, &estate->root, &cause))
        return fc_err_set(err, FC_E_USAGE, "%s: %s", file, cause.text);
    fc_json_errs_init(&errs, file, text, len);
    fc_json_obj_root(&root, estate->root, &errs);
    read_root(&reading, &root);
    int bad = fc_json_errs_report(&errs, err);
    fc_json_errs_release(&errs);
    if (bad)
        return -1;
    if (!estate->name)
        estate->name = name_of_file(estate->arena, file);
    *ret_estate = FC_TAKE(estate);
    return 0;
}

void fc_plan_estate_free(struct fc_plan_estate *estate)
{
    if (!estate)
        return;
    free(estate->sets);
    free(estate->slots);
    fc_arena_free(estate->arena);
    json_decref(estate->root);
    free(estate);
}

const char *fc_plan_estate_environment(const char *text, size_t len)
{
    fc_auto_json root = NULL;
    const char *const *names = fc_policy_builtin_names();
    const char *asked = NULL;

    if (len <= FC_PLAN_FILE_MAX && fc_json_parse(text, len, &root, NULL) == 0)
        asked = json_string_value(json_object_get(root, "environment"));
    for (; asked && *names; names++)
        if (strcmp(*names, asked) == 0)
            return *names;
    return fc_policy_builtin_names()[0];
}

uint64_t fc_plan_estate_seed(const struct fc_plan_estate *estate)
{
    return (uint64_t)estate->seed;
}

int fc_plan_options_check(const struct fc_plan_options *options, struct fc_err *err)
{
    char from[FC_TIME_TEXT_MAX], to[FC_TIME_TEXT_MAX];

    if (options->from < FC_TIME_MIN + PERIOD_MAX / 10 || options->to > FC_TIME_MAX || options->from >= options->to)
        return fc_err_set(err, FC_E_USAGE,
                          "a plan from %s to %s is none: the end must be later, both from 2001 to 2199",
                          fc_time_rfc3339(options->from, from), fc_time_rfc3339(options->to, to));
    if (options->to - options->from > PERIOD_MAX)
        return fc_err_set(err, FC_E_USAGE, "a plan from %s to %s is longer than ten years",
                          fc_time_rfc3339(options->from, from), fc_time_rfc3339(options->to, to));
    return 0;
}
