/* Authorizations as what a next order can use again: they can be made useless, so that it has to validate. */
#include "manage/manage_int.h"

#include "store/store_reuse.h"

#define NAME_MAX_BYTES 255

int fc_manage_authz_purge(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_manage_input input fc_auto_input = {0};
    int64_t removed;

    if (fc_manage_body_open(call, &input, err))
        return -1;
    const char *env = fc_json_str(&input.root, "environment", FC_JSON_OPTIONAL, 64);
    int64_t account = fc_json_int(&input.root, "account", FC_JSON_OPTIONAL, 1, INT64_MAX, 0);
    const char *name = fc_json_str(&input.root, "name", FC_JSON_OPTIONAL, NAME_MAX_BYTES);
    if (env && !fc_manage_find_env(call->manage, env))
        fc_json_errs_add(&input.root, "environment", "'%s' is not served", env);
    if (fc_manage_body_close(&input, err) || fc_store_begin(store, FC_STORE_WRITE, &tx, err) ||
        fc_store_authz_purge(store, env, account, name, &removed, err) || fc_store_commit(&tx, err))
        return -1;
    fc_manage_json(call, json_pack("{s:I}", "removed", (json_int_t)removed));
    return 0;
}
