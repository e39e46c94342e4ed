/* Which environment a request of the ACME listeners is for. */
#include "app/app_int.h"

#include <string.h>

#include "base/base_text.h"

#include "acme/acme.h"
#include "policy/policy.h"

/* Whether the path lies under the prefix: "/staging" leads "/staging/dir", not "/stagings". */
static bool under(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(path, prefix, len) == 0 && (path[len] == '/' || !path[len]);
}

void fc_app_dispatch(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_app *app = cookie;
    struct fc_acme *best = NULL;
    size_t best_len = 0;

    for (size_t i = 0; i < app->n_envs; i++) {
        const char *prefix = app->policies[i]->directory.path_prefix;
        size_t len = strlen(prefix);
        if ((!best || len > best_len) && under(req->path, prefix)) {
            best = app->acmes[i];
            best_len = len;
        }
    }
    if (best)
        fc_acme_handle(best, req, res);
    else
        fc_http_res_text(req, res, 404, "text/plain; charset=utf-8", "no such environment\n");
}
