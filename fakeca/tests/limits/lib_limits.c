#include "limits/lib_limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "cmocka_all.h"

static void must(int result, const struct fc_err *err)
{
    if (result)
        fail_msg("%s", err->text);
}

static void no_jitter(json_t *policy)
{
    json_object_set_new(json_object_get(policy, "limits"), "jitter_percent", json_integer(0));
}

void lib_limits_change(struct lib_limits *t, const char *env, void (*edit)(json_t *policy), const char *setting)
{
    struct fc_limits_setting parsed = {0};
    fc_auto_json value = NULL;
    struct fc_err err = {0};
    size_t len;
    const char *text = fc_policy_builtin_text(env, &len);

    fc_limits_free(FC_TAKE(t->limits));
    fc_policy_free(FC_TAKE(t->policy));
    must(fc_json_parse(text, len, &value, &err), &err);
    no_jitter(value);
    if (edit)
        edit(value);
    fc_auto_free char *edited = fc_json_text(value);
    must(fc_policy_parse(edited, strlen(edited), "test.json", &t->policy, &err), &err);
    if (setting)
        must(fc_limits_setting_parse(setting, &parsed, &err), &err);
    must(fc_limits_new(t->policy, &parsed, &t->limits, &err), &err);
}

int lib_limits_setup(void **state)
{
    struct lib_limits *t = fc_calloc(1, sizeof *t);

    *state = t;
    t->memory = fc_limits_memory_new();
    t->storage = fc_limits_storage_memory(t->memory);
    t->arena = fc_arena_new();
    lib_limits_change(t, "production", NULL, NULL);
    return fc_time_parse("2026-11-24T05:00:00Z", &t->now, NULL);
}

int lib_limits_teardown(void **state)
{
    struct lib_limits *t = *state;

    fc_limits_free(t->limits);
    fc_policy_free(t->policy);
    fc_limits_memory_free(t->memory);
    fc_arena_free(t->arena);
    free(t);
    return 0;
}

struct fc_limits_call lib_limits_call(struct lib_limits *t, int64_t account_id)
{
    return (struct fc_limits_call){
        .limits = t->limits, .storage = &t->storage, .arena = t->arena, .now = t->now, .account_id = account_id};
}

static bool is_address(const char *name)
{
    return strchr(name, ':') || name[strspn(name, "0123456789.")] == '\0';
}

struct fc_ident *lib_limits_idents(struct lib_limits *t, const char *names, size_t *ret_count)
{
    struct fc_ident *idents = fc_arena_alloc(t->arena, (strlen(names) + 1) * sizeof *idents);
    size_t count = 0;

    while (*names) {
        size_t len = strcspn(names, ",");
        const char *name = fc_arena_strndup(t->arena, names, len);
        idents[count++] = (struct fc_ident){is_address(name) ? FC_IDENT_IP : FC_IDENT_DNS, name};
        names += len + (names[len] == ',');
    }
    *ret_count = fc_ident_sort_unique(idents, count);
    return idents;
}

int lib_limits_register(struct lib_limits *t, const char *address)
{
    const struct fc_limits_call call = lib_limits_call(t, 0);
    struct fc_err err = {0};
    int result = fc_limits_registration(&call, address, false, &t->denial, &err);

    assert_true(result >= 0);
    return result;
}

static int order(struct lib_limits *t, int64_t account_id, const char *names, bool ari)
{
    const struct fc_limits_call call = lib_limits_call(t, account_id);
    struct fc_limits_order asked = {.ari = ari};
    struct fc_err err = {0};

    asked.idents = lib_limits_idents(t, names, &asked.count);
    int result = fc_limits_order(&call, &asked, &t->denial, &err);
    assert_true(result >= 0);
    return result;
}

int lib_limits_order(struct lib_limits *t, int64_t account_id, const char *names)
{
    return order(t, account_id, names, false);
}

int lib_limits_order_ari(struct lib_limits *t, int64_t account_id, const char *names)
{
    return order(t, account_id, names, true);
}

void lib_limits_issue(struct lib_limits *t, int64_t account_id, const char *names)
{
    const struct fc_limits_call call = lib_limits_call(t, account_id);
    struct fc_err err = {0};
    size_t count;
    const struct fc_ident *idents = lib_limits_idents(t, names, &count);

    must(fc_limits_issued(&call, idents, count, &err), &err);
    fc_limits_memory_issued(t->memory, idents, count, t->now);
}

bool lib_limits_fail(struct lib_limits *t, int64_t account_id, const char *name)
{
    const struct fc_limits_call call = lib_limits_call(t, account_id);
    struct fc_err err = {0};
    bool pause;

    must(fc_limits_failed(&call, name, &pause, &err), &err);
    return pause;
}

void lib_limits_assert_denied(const struct lib_limits *t, enum fc_limit limit, int64_t retry_in)
{
    char got[FC_TIME_TEXT_MAX], wanted[FC_TIME_TEXT_MAX];

    if (t->denial.limit != limit)
        fail_msg("denied by %s, not by %s", fc_policy_limit_name(t->denial.limit), fc_policy_limit_name(limit));
    if (t->denial.decision.retry_in != retry_in)
        fail_msg("retry in %s, not in %s", fc_duration_go(t->denial.decision.retry_in, got),
                 fc_duration_go(retry_in, wanted));
    assert_int_equal(t->denial.retry_at, t->now + retry_in);
    assert_int_equal(t->denial.retry_after_s, (retry_in + FC_SECOND / 2) / FC_SECOND);
}
