/* The table of resources: letsencrypt.md H.2. */
#include "acme/acme_int.h"

#include <string.h>

#include "http/http_route.h"

static const struct fc_acme_route routes[] = {
    {"/directory", FC_FAULT_AT_DIRECTORY, .get = true, .post = true, .read_only = true, .handle = fc_acme_directory},
    {"/dir", FC_FAULT_AT_DIRECTORY, .get = true, .post = true, .read_only = true, .handle = fc_acme_directory},
    {"/acme/new-nonce", FC_FAULT_AT_NEW_NONCE, .get = true, .post = true, .read_only = true,
     .handle = fc_acme_new_nonce},
    {"/acme/new-acct", FC_FAULT_AT_NEW_ACCOUNT, .post = true, .signer = FC_ACME_JWK, .handle = fc_acme_new_account},
    {"/acme/new-order", FC_FAULT_AT_NEW_ORDER, .post = true, .handle = fc_acme_new_order},
    {"/acme/revoke-cert", FC_FAULT_AT_REVOKE_CERT, .post = true, .signer = FC_ACME_EITHER,
     .handle = fc_acme_revoke_cert},
    {"/acme/key-change", FC_FAULT_AT_KEY_CHANGE, .post = true, .handle = fc_acme_key_change},
    {"/acme/acct/{}", FC_FAULT_AT_ACCOUNT, .post = true, .handle = fc_acme_account},
    {"/acme/order/{...}", FC_FAULT_AT_ORDER, .get_by_policy = true, .post = true, .read_only = true,
     .handle = fc_acme_order},
    {"/acme/finalize/{...}", FC_FAULT_AT_FINALIZE, .post = true, .handle = fc_acme_finalize},
    {"/acme/authz/{}/{}", FC_FAULT_AT_AUTHZ, .get_by_policy = true, .post = true, .handle = fc_acme_authz},
    {"/acme/chall/{}/{}/{}", FC_FAULT_AT_CHALLENGE, .get_by_policy = true, .post = true, .handle = fc_acme_challenge},
    {"/acme/cert/{}", FC_FAULT_AT_CERT, .get_by_policy = true, .post = true, .read_only = true, .handle = fc_acme_cert},
    {"/acme/cert/{}/{}", FC_FAULT_AT_CERT, .get_by_policy = true, .post = true, .read_only = true,
     .handle = fc_acme_cert},
    {"/acme/renewal-info", FC_FAULT_AT_RENEWAL_INFO, .get = true, .needs = FC_ACME_NEEDS_RENEWAL_INFO,
     .handle = fc_acme_renewal_info},
    {"/acme/renewal-info/", FC_FAULT_AT_RENEWAL_INFO, .get = true, .needs = FC_ACME_NEEDS_RENEWAL_INFO,
     .handle = fc_acme_renewal_info},
    {"/acme/renewal-info/{...}", FC_FAULT_AT_RENEWAL_INFO, .get = true, .needs = FC_ACME_NEEDS_RENEWAL_INFO,
     .handle = fc_acme_renewal_info},
    {"/acme/orders/{}", FC_FAULT_AT_ORDERS, .needs = FC_ACME_NEEDS_ORDERS_LIST, .post = true, .read_only = true,
     .handle = fc_acme_orders},
    {"/acme/orders/{}/{}", FC_FAULT_AT_ORDERS, .needs = FC_ACME_NEEDS_ORDERS_LIST, .post = true, .read_only = true,
     .handle = fc_acme_orders},
    {"/acme/new-authz", FC_FAULT_AT_NEW_AUTHZ, .needs = FC_ACME_NEEDS_PRE_AUTHORIZATION, .post = true,
     .handle = fc_acme_new_authz},
    {"/sfe/v1/unpause", .get = true, .handle = fc_acme_pause_form},
    {"/sfe/v1/do-unpause", .post = true, .page = true, .handle = fc_acme_pause_end},
    {"/sfe/v1/unpause-status", .get = true, .handle = fc_acme_pause_status},
};

bool fc_acme_routes_offers(const struct fc_acme_call *call, enum fc_acme_needs needs)
{
    const struct fc_policy *policy = fc_acme_policy(call);

    switch (needs) {
    case FC_ACME_NEEDS_RENEWAL_INFO:
        return policy->renewal_info.enabled;
    case FC_ACME_NEEDS_ORDERS_LIST:
        return !policy->departs.no_orders_list;
    case FC_ACME_NEEDS_PRE_AUTHORIZATION:
        return !policy->departs.no_pre_authorization;
    case FC_ACME_NEEDS_NOTHING:
        break;
    }
    return true;
}

const struct fc_acme_route *fc_acme_routes_find(struct fc_acme_call *call)
{
    const struct fc_acme_route *found = NULL;
    const char *sent = call->req->path;

    if (!call->path)
        return NULL;
    call->req->path = call->path; /* as sent again below: the signed URL is compared with it */
    for (size_t i = 0; i < sizeof routes / sizeof *routes && !found; i++)
        if (fc_acme_routes_offers(call, routes[i].needs) && fc_http_route_match(call->req, "", routes[i].pattern))
            found = &routes[i];
    call->req->path = sent;
    return found;
}

bool fc_acme_routes_allows(const struct fc_acme_call *call, const char **ret_allow)
{
    const struct fc_acme_route *route = call->route;
    const char *method = call->req->method;
    bool get = route->get || (route->get_by_policy && fc_acme_policy(call)->departs.unsigned_get);

    /* the order of Boulder's Allow header */
    *ret_allow = !get ? "POST" : route->post ? "GET, POST, HEAD" : "GET, HEAD";
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return get;
    return route->post && strcmp(method, "POST") == 0;
}
