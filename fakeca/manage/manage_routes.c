/* The table of what is served. A row here has its like in openapi.json: a test walks both. */
#include "manage/manage_int.h"

#include <string.h>

#include "base/base_opt.h"
#include "http/http_route.h"

const struct fc_manage_route fc_manage_routes[] = {
    {.method = "GET", .pattern = "/", .handler = fc_manage_misc_index},
    {.method = "GET", .pattern = FC_MANAGE_API "/health", .handler = fc_manage_misc_health},
    {.method = "GET", .pattern = FC_MANAGE_API "/readyz", .handler = fc_manage_misc_readyz},
    {.method = "GET", .pattern = FC_MANAGE_API "/run", .handler = fc_manage_misc_run},
    {.method = "GET", .pattern = FC_MANAGE_API "/status", .handler = fc_manage_misc_status},
    {.method = "GET", .pattern = FC_MANAGE_API "/clock", .handler = fc_manage_clock_show},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/clock/advance",
     .handler = fc_manage_clock_advance,
     .body = FC_MANAGE_BODY},
    {.method = "POST", .pattern = FC_MANAGE_API "/clock/set", .handler = fc_manage_clock_set, .body = FC_MANAGE_BODY},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/clock/freeze",
     .handler = fc_manage_clock_freeze,
     .body = FC_MANAGE_BODY_OPTIONAL},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/clock/follow",
     .handler = fc_manage_clock_follow,
     .body = FC_MANAGE_BODY_OPTIONAL},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/clock/reset",
     .handler = fc_manage_clock_reset,
     .body = FC_MANAGE_BODY_OPTIONAL},
    {.method = "GET", .pattern = FC_MANAGE_API "/trust", .handler = fc_manage_trust_show},
    {.method = "GET", .pattern = FC_MANAGE_API "/trust/ca.pem", .handler = fc_manage_trust_ca},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/trust/root.pem",
     .handler = fc_manage_trust_roots,
     .query = {"environment"}},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/trust/intermediates.pem",
     .handler = fc_manage_trust_intermediates,
     .query = {"environment"}},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/accounts",
     .handler = fc_manage_list_accounts,
     .query = {"environment", "after", "limit"}},
    {.method = "GET", .pattern = FC_MANAGE_API "/accounts/{id}", .handler = fc_manage_list_account},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/orders",
     .handler = fc_manage_list_orders,
     .query = {"environment", "account", "before", "after", "limit"}},
    {.method = "GET", .pattern = FC_MANAGE_API "/orders/{id}", .handler = fc_manage_list_order},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/certificates",
     .handler = fc_manage_certs_list,
     .query = {"environment", "account", "name", "before", "limit"}},
    {.method = "GET", .pattern = FC_MANAGE_API "/certificates/{serial}", .handler = fc_manage_certs_get},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/certificates/{serial}/chain.pem",
     .handler = fc_manage_certs_chain,
     .query = {"chain"}},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/certificates/{serial}/revoke",
     .handler = fc_manage_certs_revoke,
     .body = FC_MANAGE_BODY_OPTIONAL},
    {.method = "GET", .pattern = FC_MANAGE_API "/validations/{id}", .handler = fc_manage_validation_get},
    {.method = "POST", .pattern = FC_MANAGE_API "/probe", .handler = fc_manage_probe_post, .body = FC_MANAGE_BODY},
    {.method = "GET", .pattern = FC_MANAGE_API "/certificates/{serial}/renewal", .handler = fc_manage_renewal_get},
    {.method = "PUT",
     .pattern = FC_MANAGE_API "/certificates/{serial}/renewal",
     .handler = fc_manage_renewal_put,
     .body = FC_MANAGE_BODY},
    {.method = "DELETE",
     .pattern = FC_MANAGE_API "/certificates/{serial}/renewal",
     .handler = fc_manage_renewal_delete},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/events",
     .handler = fc_manage_events_list,
     .query = {"after", "limit", "types"}},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/events/stream",
     .handler = fc_manage_events_stream,
     .no_head = true,
     .query = {"after", "types"}},
    {.method = "GET", .pattern = FC_MANAGE_API "/dns", .handler = fc_manage_dns_list},
    {.method = "PUT", .pattern = FC_MANAGE_API "/dns", .handler = fc_manage_dns_put, .body = FC_MANAGE_BODY},
    {.method = "DELETE", .pattern = FC_MANAGE_API "/dns", .handler = fc_manage_dns_delete, .query = {"name", "type"}},
    {.method = "GET", .pattern = FC_MANAGE_API "/dns/hosts", .handler = fc_manage_dns_hosts},
    {.method = "GET", .pattern = FC_MANAGE_API "/external-accounts", .handler = fc_manage_external_list},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/external-accounts",
     .handler = fc_manage_external_post,
     .body = FC_MANAGE_BODY},
    {.method = "DELETE",
     .pattern = FC_MANAGE_API "/external-accounts/{kid}",
     .handler = fc_manage_external_delete,
     .query = {"environment"}},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/authorizations/purge",
     .handler = fc_manage_authz_purge,
     .body = FC_MANAGE_BODY},
    {.method = "GET", .pattern = FC_MANAGE_API "/faults", .handler = fc_manage_faults_list},
    {.method = "POST", .pattern = FC_MANAGE_API "/faults", .handler = fc_manage_faults_post, .body = FC_MANAGE_BODY},
    {.method = "DELETE", .pattern = FC_MANAGE_API "/faults", .handler = fc_manage_faults_clear},
    {.method = "GET", .pattern = FC_MANAGE_API "/faults/kinds", .handler = fc_manage_faults_kinds},
    {.method = "DELETE", .pattern = FC_MANAGE_API "/faults/{id}", .handler = fc_manage_faults_delete},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/limits",
     .handler = fc_manage_limits_list,
     .query = {"environment", "name", "after", "limit"}},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/limits/would",
     .handler = fc_manage_limits_would,
     .body = FC_MANAGE_BODY},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/limits/fill",
     .handler = fc_manage_limits_fill,
     .body = FC_MANAGE_BODY},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/limits/reset",
     .handler = fc_manage_limits_reset,
     .body = FC_MANAGE_BODY_OPTIONAL},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/policy",
     .handler = fc_manage_policy_show,
     .query = {"environment", "at"}},
    {.method = "GET",
     .pattern = FC_MANAGE_API "/policy/difference",
     .handler = fc_manage_policy_difference,
     .query = {"environment", "from", "to"}},
    {.method = "GET", .pattern = FC_MANAGE_API "/port-map", .handler = fc_manage_misc_port_map},
    {.method = "PUT",
     .pattern = FC_MANAGE_API "/port-map",
     .handler = fc_manage_misc_port_map_put,
     .body = FC_MANAGE_BODY},
    {.method = "POST",
     .pattern = FC_MANAGE_API "/reset",
     .handler = fc_manage_misc_reset,
     .body = FC_MANAGE_BODY_OPTIONAL},
    {.method = "GET", .pattern = FC_MANAGE_API "/openapi.json", .handler = fc_manage_misc_openapi},
    {.method = "GET", .pattern = "/pki/{environment}/{file}", .handler = fc_manage_trust_der},
    {.method = "GET", .pattern = "/pki/{environment}/{issuer}/{file}", .handler = fc_manage_trust_crl},
};
#define COUNT (sizeof fc_manage_routes / sizeof *fc_manage_routes)
const size_t fc_manage_routes_count = COUNT;

static bool method_fits(const struct fc_manage_route *route, const char *method)
{
    if (strcmp(route->method, method) == 0)
        return true;
    /* the server sends the headers of the same answer */
    return strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0 && !route->no_head;
}

static int no_such_path(const struct fc_manage_call *call, struct fc_err *err)
{
    const char *patterns[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        patterns[i] = fc_manage_routes[i].pattern;
    const char *nearest = fc_opt_nearest(call->req->path, patterns, COUNT);
    if (nearest)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such path '%.200s', did you mean '%s'?", call->req->path, nearest);
    return fc_err_set(err, FC_E_NOT_FOUND, "no such path '%.200s': '" FC_MANAGE_API "/openapi.json' lists them all",
                      call->req->path);
}

static void wrong_method(struct fc_manage_call *call, const char *allow)
{
    fc_manage_problem(
        call, 405, "usage",
        fc_arena_printf(call->req->arena, "method '%.32s' is not possible here: %s", call->req->method, allow));
    fc_http_res_header(call->res, "Allow", allow);
}

static int run(struct fc_manage_call *call, const struct fc_manage_route *route, struct fc_err *err)
{
    if (fc_manage_body_query_check(call, route->query, err) || fc_manage_body_check(call, route->body, err))
        return -1;
    return route->handler(call, err);
}

int fc_manage_routes_run(struct fc_manage_call *call, struct fc_err *err)
{
    const char *allow = NULL;

    for (size_t i = 0; i < COUNT; i++) {
        const struct fc_manage_route *route = &fc_manage_routes[i];
        if (!fc_http_route_match(call->req, "", route->pattern))
            continue;
        if (method_fits(route, call->req->method))
            return run(call, route, err);
        const char *more = strcmp(route->method, "GET") == 0 && !route->no_head ? "GET, HEAD" : route->method;
        allow = allow ? fc_arena_printf(call->req->arena, "%s, %s", allow, more) : more;
    }
    if (!allow)
        return no_such_path(call, err);
    wrong_method(call, allow);
    return 0;
}
