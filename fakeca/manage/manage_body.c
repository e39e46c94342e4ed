/* What a request says: its body and its query, checked by the same rules everywhere. */
#include "manage/manage_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_opt.h"
#include "base/base_text.h"
#include "http/http_uri.h"
#include "policy/policy.h"

/* ---- body ---- */

int fc_manage_body_check(const struct fc_manage_call *call, enum fc_manage_body rule, struct fc_err *err)
{
    const struct fc_http_req *req = call->req;

    if (req->body_too_large || req->body_len > FC_MANAGE_BODY_MAX)
        return fc_err_set(err, FC_E_LIMIT, "request body: longer than %d bytes", FC_MANAGE_BODY_MAX);
    if (rule == FC_MANAGE_NO_BODY && req->body_len)
        return fc_err_set(err, FC_E_USAGE, "request body: this request takes none");
    if (rule == FC_MANAGE_BODY && !req->body_len)
        return fc_err_set(err, FC_E_USAGE, "request body: is missing, a JSON object is needed");
    return 0;
}

int fc_manage_body_open(struct fc_manage_call *call, struct fc_manage_input *ret_input, struct fc_err *err)
{
    const struct fc_http_req *req = call->req;

    *ret_input = (struct fc_manage_input){0};
    if (req->body_len && fc_json_parse(req->body, req->body_len, &ret_input->value, err))
        return fc_err_prefix(err, "request body");
    fc_json_errs_init(&ret_input->errs, "request body", NULL, 0);
    fc_json_obj_root(&ret_input->root, ret_input->value, &ret_input->errs);
    return 0;
}

int fc_manage_body_close(struct fc_manage_input *input, struct fc_err *err)
{
    fc_json_obj_end(&input->root);
    return fc_json_errs_report(&input->errs, err);
}

void fc_manage_body_release(struct fc_manage_input *input)
{
    fc_json_errs_release(&input->errs);
    json_decref(FC_TAKE(input->value));
}

/* ---- query ---- */

static int unknown_parameter(const char *name, const char *const *names, size_t count, struct fc_err *err)
{
    const char *nearest = fc_opt_nearest(name, names, count);

    if (nearest)
        return fc_err_set(err, FC_E_USAGE, "unknown query parameter '%.64s', did you mean '%s'?", name, nearest);
    return fc_err_set(err, FC_E_USAGE, "unknown query parameter '%.64s'", name);
}

/* One "name=value"; seen: a bit for each name that came. */
static int check_parameter(struct fc_manage_call *call, const char *part, size_t len, const char *const *names,
                           unsigned *seen, struct fc_err *err)
{
    size_t name_len = strcspn(part, "=&"), count = 0;
    const char *name = fc_http_uri_decode(call->req->arena, part, name_len, true);

    if (!name ||
        (name_len < len && !fc_http_uri_decode(call->req->arena, part + name_len + 1, len - name_len - 1, true)))
        return fc_err_set(err, FC_E_USAGE, "query parameter '%.*s': bad percent-encoding", (int)(len < 64 ? len : 64),
                          part);
    while (names[count] && strcmp(names[count], name) != 0)
        count++;
    if (!names[count])
        return unknown_parameter(name, names, count, err);
    if (*seen & 1U << count)
        return fc_err_set(err, FC_E_USAGE, "query parameter '%s' given twice", name);
    *seen |= 1U << count;
    return 0;
}

int fc_manage_body_query_check(struct fc_manage_call *call, const char *const *names, struct fc_err *err)
{
    unsigned seen = 0;

    for (const char *part = call->req->query; part && *part;) {
        size_t len = strcspn(part, "&");
        if (len && check_parameter(call, part, len, names, &seen, err))
            return -1;
        part += len + (part[len] == '&');
    }
    return 0;
}

int fc_manage_body_query_int(struct fc_manage_call *call, const char *name, int64_t min, int64_t max, int64_t *io_value,
                             struct fc_err *err)
{
    const char *text = fc_http_req_query(call->req, name);

    if (text && fc_text_int(text, min, max, io_value, NULL))
        return fc_err_set(err, FC_E_USAGE,
                          "query parameter '%s': '%.64s' is not a number between %" PRId64 " and %" PRId64, name, text,
                          min, max);
    return 0;
}

int fc_manage_body_query_env(struct fc_manage_call *call, const struct fc_manage_env **ret_env, struct fc_err *err)
{
    const char *name = fc_http_req_query(call->req, "environment");
    const char *names[FC_MANAGE_ENVS_MAX];
    const struct fc_manage_params *params = &call->manage->params;

    *ret_env = name ? fc_manage_find_env(call->manage, name) : NULL;
    if (!name || *ret_env)
        return 0;
    for (size_t i = 0; i < params->n_envs; i++)
        names[i] = params->envs[i].policy->name;
    const char *nearest = fc_opt_nearest(name, names, params->n_envs);
    if (nearest)
        return fc_err_set(err, FC_E_USAGE,
                          "query parameter 'environment': unknown environment '%.64s', did you mean '%s'?", name,
                          nearest);
    return fc_err_set(err, FC_E_USAGE, "query parameter 'environment': unknown environment '%.64s'", name);
}

/* Where the page begins, and which way it goes. */
static int read_position(struct fc_manage_call *call, struct fc_store_page *page, struct fc_err *err)
{
    int64_t after = -1, before = 0;

    if (fc_manage_body_query_int(call, "after", 0, INT64_MAX, &after, err) ||
        fc_manage_body_query_int(call, "before", 1, INT64_MAX, &before, err))
        return -1;
    if (after >= 0 && before)
        return fc_err_set(err, FC_E_USAGE, "query parameters 'after' and 'before': give one of them");
    if (after >= 0)
        page->newest_first = false;
    page->after = after >= 0 ? after : before;
    return 0;
}

int fc_manage_body_want(struct fc_manage_call *call, bool newest_first, struct fc_manage_want *ret_want,
                        struct fc_err *err)
{
    const struct fc_manage_env *env;
    struct fc_manage_want want = {.page.newest_first = newest_first};
    int64_t limit = FC_MANAGE_LIMIT_DEFAULT;

    if (fc_manage_body_query_env(call, &env, err) ||
        fc_manage_body_query_int(call, "account", 1, INT64_MAX, &want.account, err) ||
        fc_manage_body_query_int(call, "limit", 1, FC_STORE_PAGE_MAX, &limit, err) ||
        read_position(call, &want.page, err))
        return -1;
    want.env = env ? env->policy->name : NULL;
    want.limit = (size_t)limit;
    want.page.limit = want.limit < FC_STORE_PAGE_MAX ? want.limit + 1 : want.limit;
    *ret_want = want;
    return 0;
}

bool fc_manage_body_want_more(const struct fc_manage_want *want, size_t *io_count)
{
    /* a page of the greatest size had no room for the one more: then the next page may be empty */
    bool more = *io_count > want->limit || *io_count == FC_STORE_PAGE_MAX;

    if (*io_count > want->limit)
        *io_count = want->limit;
    return more;
}

/* ---- path ---- */

int fc_manage_body_id(struct fc_manage_call *call, const char *what, int64_t *ret_id, struct fc_err *err)
{
    if (fc_text_int(call->req->params[0], 1, INT64_MAX, ret_id, NULL))
        return fc_err_set(err, FC_E_NOT_FOUND, "no such %s '%.64s'", what, call->req->params[0]);
    return 0;
}
