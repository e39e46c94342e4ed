#include "limits/limits_storage.h"

#include "store/store_limit.h"

static int get(void *cookie, const char *key, struct fc_limits_bucket *ret_bucket, bool *ret_found, struct fc_err *err)
{
    const struct fc_limits_store *place = cookie;
    struct fc_store_bucket row = {0};

    if (fc_store_limit_get(place->store, place->env, key, &row, ret_found, err))
        return -1;
    *ret_bucket = (struct fc_limits_bucket){
        .tat = row.tat, .spent_at = row.spent_at, .account_id = row.account_id, .order_id = row.order_id};
    return 0;
}

static int put(void *cookie, const char *key, const struct fc_limits_bucket *bucket, struct fc_err *err)
{
    const struct fc_limits_store *place = cookie;
    const struct fc_store_bucket row = {.key = key,
                                        .tat = bucket->tat,
                                        .spent_at = bucket->spent_at,
                                        .account_id = bucket->account_id,
                                        .order_id = bucket->order_id};

    return fc_store_limit_put(place->store, place->env, &row, err);
}

static int drop(void *cookie, const char *key, struct fc_err *err)
{
    const struct fc_limits_store *place = cookie;

    return fc_store_limit_drop(place->store, place->env, key, NULL, err);
}

static int issued(void *cookie, const struct fc_ident *idents, size_t count, int64_t *ret_not_before,
                  struct fc_err *err)
{
    const struct fc_limits_store *place = cookie;

    return fc_store_limit_issued(place->store, place->arena, place->env, idents, count, ret_not_before, err);
}

struct fc_limits_storage fc_limits_storage_store(struct fc_limits_store *place)
{
    return (struct fc_limits_storage){.get = get, .put = put, .drop = drop, .issued = issued, .cookie = place};
}
