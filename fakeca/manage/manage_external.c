/* External accounts: the MAC keys that newAccount requests can be bound by (RFC 8555 section 7.3.4). */
#include "manage/manage_int.h"

#include <string.h>

#include "base/base_b64.h"
#include "base/base_rand.h"
#include "policy/policy.h"
#include "store/store_external.h"

#define KID_MAX_BYTES 255
#define KEY_MAX_TEXT 1024
#define KEY_BYTES 32 /* of a key that is made here */

static json_t *render(const struct fc_store_external *external)
{
    char text[FC_B64URL_LEN(KEY_MAX_TEXT) + 1];

    fc_b64url_encode(external->key, external->key_len, text);
    return json_pack("{s:s,s:s,s:s,s:o,s:o}", "kid", external->kid, "environment", external->env, "key", text,
                     "created_at", fc_manage_render_time(external->created_at), "account",
                     external->account_id ? json_integer(external->account_id) : json_null());
}

int fc_manage_external_list(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_store_external *externals;
    size_t count;

    if (fc_store_begin(call->manage->params.store, FC_STORE_READ, &tx, err) ||
        fc_store_external_list(call->manage->params.store, call->req->arena, &externals, &count, err))
        return -1;
    fc_store_end(&tx);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, render(&externals[i]));
    fc_manage_json(call, json_pack("{s:o}", "external_accounts", rows));
    return 0;
}

/* ASCII, for a kid stands in headers and files of clients. */
static bool is_printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

static void read_key(struct fc_manage_call *call, struct fc_json_obj *body, struct fc_store_external *external)
{
    const char *text = fc_json_str(body, "key", FC_JSON_OPTIONAL, KEY_MAX_TEXT);
    unsigned char *key = fc_arena_alloc(call->req->arena, KEY_MAX_TEXT);

    external->key = key;
    external->key_len = KEY_BYTES;
    if (!text)
        fc_rand_bytes(key, KEY_BYTES);
    else if (fc_b64url_decode(text, strlen(text), key, &external->key_len) || external->key_len < 16)
        fc_json_errs_add(body, "key", "must be base64url without '=', of at least 16 bytes");
}

int fc_manage_external_post(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_store_external external = {.created_at = call->req->now};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    external.kid = fc_json_str(&input.root, "kid", FC_JSON_REQUIRED, KID_MAX_BYTES);
    external.env = fc_json_str(&input.root, "environment", FC_JSON_OPTIONAL, 64);
    read_key(call, &input.root, &external);
    if (external.kid && (!*external.kid || !is_printable(external.kid)))
        fc_json_errs_add(&input.root, "kid", "must be printable ASCII without blanks");
    if (!external.env)
        external.env = call->manage->params.envs[0].policy->name;
    if (!fc_manage_find_env(call->manage, external.env))
        fc_json_errs_add(&input.root, "environment", "'%s' is not served", external.env);
    if (fc_manage_body_close(&input, err) || fc_store_begin(call->manage->params.store, FC_STORE_WRITE, &tx, err) ||
        fc_store_external_insert(call->manage->params.store, &external, err) || fc_store_commit(&tx, err))
        return -1;
    fc_manage_json(call, render(&external));
    return 0;
}

int fc_manage_external_delete(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    const struct fc_manage_env *env = NULL;
    bool removed;

    if (fc_manage_body_query_env(call, &env, err))
        return -1;
    if (!env)
        env = &call->manage->params.envs[0];
    if (fc_store_begin(store, FC_STORE_WRITE, &tx, err) ||
        fc_store_external_delete(store, env->policy->name, call->req->params[0], &removed, err))
        return -1;
    if (!removed)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such external account '%s'", call->req->params[0]);
    if (fc_store_commit(&tx, err))
        return -1;
    fc_manage_json(call, json_pack("{s:i}", "removed", 1));
    return 0;
}
