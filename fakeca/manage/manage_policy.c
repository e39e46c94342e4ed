/* The rules that are served: at a time, and what changes between two. */
#include "manage/manage_int.h"

#include <string.h>

#include "base/base_time.h"
#include "policy/policy.h"

/* A parameter that is a point in time. */
static int query_time(struct fc_manage_call *call, const char *name, int64_t *io_at, struct fc_err *err)
{
    const char *text = fc_http_req_query(call->req, name);
    struct fc_err cause = {0};

    if (text && fc_time_parse(text, io_at, &cause))
        return fc_err_set(err, FC_E_USAGE, "query parameter '%s': %s", name, cause.text);
    return 0;
}

/* The environment that is asked for; the first one when none is named. */
static int query_policy(struct fc_manage_call *call, const struct fc_policy **ret_policy, struct fc_err *err)
{
    const struct fc_manage_env *env;

    if (fc_manage_body_query_env(call, &env, err))
        return -1;
    *ret_policy = (env ? env : &call->manage->params.envs[0])->policy;
    return 0;
}

int fc_manage_policy_show(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_policy *policy;
    int64_t at = call->req->now;

    if (query_policy(call, &policy, err) || query_time(call, "at", &at, err))
        return -1;
    fc_manage_json(call, json_pack("{s:s,s:s,s:o,s:o,s:o}", "environment", policy->name, "file", policy->source, "at",
                                   fc_manage_render_time(at), "policy", json_deep_copy(fc_policy_json_at(policy, at)),
                                   "changes", fc_policy_changes_json(policy, INT64_MIN, INT64_MAX)));
    return 0;
}

int fc_manage_policy_difference(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_policy *policy;
    int64_t from = call->req->now, to = call->req->now;

    if (query_policy(call, &policy, err) || query_time(call, "from", &from, err) || query_time(call, "to", &to, err))
        return -1;
    bool back = to < from;
    fc_manage_json(call, json_pack("{s:s,s:o,s:o,s:o,s:o}", "environment", policy->name, "from",
                                   fc_manage_render_time(from), "to", fc_manage_render_time(to), "values",
                                   fc_policy_difference(fc_policy_json_at(policy, from), fc_policy_json_at(policy, to)),
                                   "changes", fc_policy_changes_json(policy, back ? to : from, back ? from : to)));
    return 0;
}
