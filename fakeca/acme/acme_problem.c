#include "acme/acme_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_log.h"

#define QUOTE_MAX ((size_t)4 * 65536) /* the longest text of a request, all of it escaped */

int fc_acme_problem_internal(struct fc_acme_call *call, const char *context)
{
    fc_log(FC_LOG_ERROR, "%s: %s", context, call->err.text);
    fc_err_clear(&call->err);
    return fc_acme_refuse(call, SERVER_INTERNAL, "%s", context);
}

bool fc_acme_problem_caught(struct fc_acme_call *call, enum fc_err_code code)
{
    if (call->err.code != code)
        return false;
    fc_err_clear(&call->err);
    return true;
}

void fc_acme_problem_send(struct fc_acme_call *call)
{
    const struct fc_problem *problem = &call->problem;
    int64_t retry_after_s = problem->retry_after_s;

    if (problem->type == FC_PROBLEM_SERVER_INTERNAL && !retry_after_s)
        retry_after_s = fc_acme_policy(call)->requests.internal_retry_after_s;
    fc_http_res_json(call->req, call->res, fc_problem_status(problem), "application/problem+json",
                     fc_problem_json(problem));
    if (retry_after_s > 0)
        fc_http_res_set_header(call->res, "Retry-After", fc_arena_printf(call->arena, "%" PRId64, retry_after_s));
    if (problem->type == FC_PROBLEM_USER_ACTION_REQUIRED && problem->instance)
        fc_acme_render_link(call, problem->instance, "terms-of-service");
    if (problem->location)
        fc_http_res_set_header(call->res, "Location", problem->location);
    if (problem->help_url)
        fc_acme_render_link(call, problem->help_url, "help");
}

const char *fc_acme_problem_text(struct fc_arena *arena, const struct fc_problem *problem)
{
    fc_auto_json value = fc_problem_json(problem);
    char *text = fc_json_text(value);

    fc_arena_defer(arena, free, text);
    return text;
}

const char *fc_acme_problem_quote(struct fc_arena *arena, const char *text)
{
    static const char plain[] = "\"\\\a\b\f\n\r\t\v", letter[] = "\"\\abfnrtv";
    struct fc_buf quoted fc_auto_buf = {0};

    fc_buf_init(&quoted, QUOTE_MAX);
    fc_buf_putc(&quoted, '"');
    for (; *text; text++) {
        const char *at = strchr(plain, *text);
        if (at)
            fc_buf_printf(&quoted, "\\%c", letter[at - plain]);
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fc_buf_printf(&quoted, "\\x%02x", (unsigned char)*text);
        else
            fc_buf_putc(&quoted, *text);
    }
    fc_buf_putc(&quoted, '"');
    return fc_arena_strndup(arena, quoted.data, quoted.len);
}
