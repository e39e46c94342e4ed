#include "acme/acme_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_rand.h"

#define RANDOM_BYTES 8 /* 11 characters */

/* In the order of their names (H.1). */
static const struct member {
    const char *name;
    const char *path; /* NULL: meta */
    enum fc_acme_needs needs;
} members[] = {
    {"keyChange", "/acme/key-change", FC_ACME_NEEDS_NOTHING},
    {"meta", NULL, FC_ACME_NEEDS_NOTHING},
    {"newAccount", "/acme/new-acct", FC_ACME_NEEDS_NOTHING},
    {"newAuthz", "/acme/new-authz", FC_ACME_NEEDS_PRE_AUTHORIZATION},
    {"newNonce", "/acme/new-nonce", FC_ACME_NEEDS_NOTHING},
    {"newOrder", "/acme/new-order", FC_ACME_NEEDS_NOTHING},
    {"renewalInfo", "/acme/renewal-info", FC_ACME_NEEDS_RENEWAL_INFO},
    {"revokeCert", "/acme/revoke-cert", FC_ACME_NEEDS_NOTHING},
};
#define N_MEMBERS (sizeof members / sizeof *members)

static int compare_profiles(const void *a, const void *b)
{
    const struct fc_profile *const *first = a;
    const struct fc_profile *const *second = b;

    return strcmp((*first)->name, (*second)->name);
}

/* Those that are offered at this time (letsencrypt.md F.1); NULL when there is none. */
static json_t *profiles(const struct fc_policy *policy, struct fc_arena *arena)
{
    const struct fc_profile **sorted = fc_arena_alloc(arena, (policy->n_profiles + 1) * sizeof(struct fc_profile *));
    json_t *object;
    size_t count = 0;

    for (size_t i = 0; i < policy->n_profiles; i++)
        if (policy->profiles[i].offered)
            sorted[count++] = &policy->profiles[i];
    if (!count)
        return NULL;
    qsort(sorted, count, sizeof *sorted, compare_profiles);
    object = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, sorted[i]->name, json_string(sorted[i]->description));
    return object;
}

static json_t *meta(const struct fc_policy *policy, struct fc_arena *arena)
{
    json_t *object = json_object(), *caa = json_array(), *offered = profiles(policy, arena);

    for (const char **name = policy->directory.caa_identities; name && *name; name++)
        json_array_append_new(caa, json_string(*name));
    if (json_array_size(caa) > 0)
        json_object_set(object, "caaIdentities", caa);
    json_decref(caa);
    if (offered)
        json_object_set_new(object, "profiles", offered);
    if (policy->external_account.required || policy->lenient.names)
        json_object_set_new(object, "externalAccountRequired", json_boolean(policy->external_account.required));
    json_object_set_new(object, "termsOfService", json_string(policy->directory.terms_of_service));
    json_object_set_new(object, "website", json_string(policy->directory.website));
    return object;
}

static json_t *value_of(const struct fc_acme_call *call, const struct member *member)
{
    if (member->path)
        return json_string(fc_acme_render_url(call, "%s", member->path));
    return meta(fc_acme_policy(call), call->arena);
}

int fc_acme_directory(struct fc_acme_call *call)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    char random[FC_B64URL_LEN(RANDOM_BYTES) + 1] = "";
    unsigned char bytes[RANDOM_BYTES];
    json_t *object = json_object();

    if (policy->departs.random_directory_key) {
        fc_rand_bytes(bytes, sizeof bytes);
        fc_b64url_encode(bytes, sizeof bytes, random);
    }
    /* the random one stands among them by its name too */
    for (size_t i = 0; i <= N_MEMBERS; i++) {
        bool end = i == N_MEMBERS;
        if (*random && (end || strcmp(random, members[i].name) < 0)) {
            json_object_set_new(object, random, json_string(policy->directory.random_key_value));
            *random = '\0';
        }
        if (!end && fc_acme_routes_offers(call, members[i].needs))
            json_object_set_new(object, members[i].name, value_of(call, &members[i]));
    }
    fc_acme_render_json(call, 200, object);
    return 0;
}

int fc_acme_new_nonce(struct fc_acme_call *call)
{
    /* the nonce itself is one of the headers that every answer gets; 204 only for GET (H.3) */
    call->res->status = strcmp(call->req->method, "GET") == 0 ? 204 : 200;
    return 0;
}
