/* fuzz: uses plan */
/* An estate file of a user's: any bytes give a plan that can be made and shown, or errors. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_time.h"
#include "plan/plan_int.h"

#define CERTIFICATES_RUN 200 /* of larger estates only the parser is tried */
#define PAGE_MAX 16777216

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One for the whole run; the sanitizer sees it through the static pointers. */
static const struct fc_plan_options *options(void)
{
    static struct fc_plan_options shared;
    static struct fc_policy *policy;
    static struct fc_limits *limits;
    const struct fc_limits_setting setting = {0};

    if (policy)
        return &shared;
    FC_ASSERT(fc_policy_builtin("production", &policy, NULL) == 0);
    FC_ASSERT(fc_limits_new(policy, &setting, &limits, NULL) == 0);
    shared = (struct fc_plan_options){.policy = policy, .limits = limits};
    FC_ASSERT(fc_time_parse("2028-01-20", &shared.from, NULL) == 0);
    shared.to = shared.from + 60 * FC_DAY;
    return &shared;
}

static void show(const struct fc_plan_report *report)
{
    struct fc_buf text fc_auto_buf = {0};

    fc_buf_init(&text, PAGE_MAX);
    fc_plan_text(report, &text);
    fc_plan_html(report, &text);
    json_decref(fc_plan_json(report));
    FC_ASSERT(report->orders == report->exempt + report->same_set + report->counted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_auto(fc_plan_estate_free) struct fc_plan_estate *estate = NULL;
    fc_auto(fc_plan_report_free) struct fc_plan_report *report = NULL;
    struct fc_err err = {0};

    FC_ASSERT(fc_plan_estate_environment((const char *)data, size));
    if (fc_plan_estate_read((const char *)data, size, "fuzz.json", options(), &estate, &err)) {
        FC_ASSERT(err.code == FC_E_USAGE && err.text[0] != '\0');
        return 0;
    }
    FC_ASSERT(estate->n_certificates > 0 && estate->n_sets > 0);
    if (estate->n_certificates > CERTIFICATES_RUN)
        return 0;
    FC_ASSERT(fc_plan_run(estate, options(), &report, &err) == 0);
    show(report);
    return 0;
}
