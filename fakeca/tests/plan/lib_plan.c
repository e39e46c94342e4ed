#include "plan/lib_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "cmocka_all.h"

static void must(int result, const struct fc_err *err)
{
    if (result)
        fail_msg("%s", err->text);
}

void lib_plan_rules(struct lib_plan *t, const char *environment, const char *setting)
{
    struct fc_limits_setting parsed = {0};
    fc_auto_json value = NULL;
    struct fc_err err = {0};
    size_t len;
    const char *text = fc_policy_builtin_text(environment, &len);

    fc_limits_free(FC_TAKE(t->limits));
    fc_policy_free(FC_TAKE(t->policy));
    must(fc_json_parse(text, len, &value, &err), &err);
    json_object_set_new(json_object_get(value, "limits"), "jitter_percent", json_integer(0));
    fc_auto_free char *edited = fc_json_text(value);
    must(fc_policy_parse(edited, strlen(edited), "test.json", &t->policy, &err), &err);
    if (setting)
        must(fc_limits_setting_parse(setting, &parsed, &err), &err);
    must(fc_limits_new(t->policy, &parsed, &t->limits, &err), &err);
    t->options.policy = t->policy;
    t->options.limits = t->limits;
}

int lib_plan_setup(void **state)
{
    struct lib_plan *t = fc_calloc(1, sizeof *t);

    *state = t;
    lib_plan_rules(t, "production", NULL);
    return 0;
}

static void forget(struct lib_plan *t)
{
    fc_plan_report_free(FC_TAKE(t->report));
    fc_plan_estate_free(FC_TAKE(t->estate));
    t->err = (struct fc_err){0};
}

int lib_plan_teardown(void **state)
{
    struct lib_plan *t = *state;

    forget(t);
    fc_limits_free(t->limits);
    fc_policy_free(t->policy);
    free(t);
    return 0;
}

int64_t lib_plan_time(const char *text)
{
    struct fc_err err = {0};
    int64_t at = 0;

    must(fc_time_parse(text, &at, &err), &err);
    return at;
}

void lib_plan_assert_time(int64_t at, const char *text)
{
    char got[FC_TIME_TEXT_MAX];

    if (at != lib_plan_time(text))
        fail_msg("%s, not %s", fc_time_rfc3339_ms(at, got), text);
}

static int read_estate(struct lib_plan *t, const char *from, const char *to, const char *text)
{
    fc_auto_free char *json = fc_strdup(text);

    for (char *c = json; (c = strchr(c, '\'')) != NULL;)
        *c = '"';
    forget(t);
    t->options.from = lib_plan_time(from);
    t->options.to = lib_plan_time(to);
    return fc_plan_estate_read(json, strlen(json), "e.json", &t->options, &t->estate, &t->err);
}

void lib_plan_run(struct lib_plan *t, const char *from, const char *to, const char *text)
{
    must(read_estate(t, from, to, text), &t->err);
    must(fc_plan_run(t->estate, &t->options, &t->report, &t->err), &t->err);
    assert_int_equal(t->report->orders, t->report->exempt + t->report->same_set + t->report->counted);
}

void lib_plan_refused(struct lib_plan *t, const char *text)
{
    assert_int_equal(read_estate(t, "2027-01-01", "2028-01-01", text), -1);
    assert_int_equal(t->err.code, FC_E_USAGE);
}

const struct fc_plan_finding *lib_plan_finding(const struct lib_plan *t, enum fc_plan_kind kind)
{
    const struct fc_plan_finding *found = NULL;

    for (size_t i = 0; i < t->report->n_findings; i++)
        if (t->report->findings[i].kind == kind) {
            assert_null(found);
            found = &t->report->findings[i];
        }
    if (!found)
        fail_msg("nothing of the kind '%s' was found", fc_plan_kind_name(kind));
    return found;
}
