/* How many orders a second the limiter decides on one core: bench_limits STORAGE BUCKETS, where STORAGE is memory or store. Each
 * decision asks four buckets (account, name, domain, set) and spends one; each tenth is followed by an issuance. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "limits/limits.h"
#include "limits/limits_storage.h"
#include "store/store.h"

#define SECONDS 2
#define BATCH 256
#define NOW (INT64_C(1795500000) * FC_SECOND)

struct bench {
    struct fc_policy *policy;
    struct fc_limits *limits;
    struct fc_limits_memory *memory;
    struct fc_store *store;
    int64_t buckets, decided;
};

static int fail(const struct fc_err *err)
{
    fprintf(stderr, "bench_limits: %s\n", err->text);
    return 1;
}

static int decide(struct bench *bench, const struct fc_limits_storage *storage, int64_t n, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_ident ident = {FC_IDENT_DNS, fc_arena_printf(arena, "www.n%" PRId64 ".test", n)};
    struct fc_limits_order order = {.idents = &ident, .count = 1};
    struct fc_limits_denial denial;
    const struct fc_limits_call call = {.limits = bench->limits,
                                        .storage = storage,
                                        .arena = arena,
                                        .now = NOW + bench->decided * FC_MS,
                                        .account_id = n / 8 + 1};

    if (fc_limits_order(&call, &order, &denial, err) < 0)
        return -1;
    return bench->decided % 10 ? 0 : fc_limits_issued(&call, &ident, 1, err);
}

static int decide_many(struct bench *bench, int64_t from, int64_t count, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_limits_store place = {.store = bench->store, .env = "production", .arena = arena};
    struct fc_limits_storage storage =
        bench->memory ? fc_limits_storage_memory(bench->memory) : fc_limits_storage_store(&place);
    struct fc_store_tx tx fc_auto_tx = {0};

    if (bench->store && fc_store_begin(bench->store, FC_STORE_WRITE, &tx, err))
        return -1;
    for (int64_t i = 0; i < count; i++, bench->decided++)
        if (decide(bench, &storage, (from + i) % bench->buckets, err))
            return -1;
    return bench->store ? fc_store_commit(&tx, err) : 0;
}

/* First once over all of them, then for a while. */
static int run(struct bench *bench, struct fc_err *err)
{
    int64_t at = 0, begin, end;

    for (; at < bench->buckets; at += BATCH)
        if (decide_many(bench, at, BATCH, err))
            return -1;
    bench->decided = 0;
    begin = end = fc_clock_mono();
    for (; end - begin < SECONDS * FC_SECOND; at += BATCH, end = fc_clock_mono())
        if (decide_many(bench, at * 7919, BATCH, err))
            return -1;
    printf("%-8s %9" PRId64 " %12.0f %10.2f\n", bench->memory ? "memory" : "store", bench->buckets,
           (double)bench->decided * 1e9 / (double)(end - begin), (double)(end - begin) / 1e3 / (double)bench->decided);
    return 0;
}

int main(int argc, char **argv)
{
    const struct fc_limits_setting many = {.mode = FC_LIMITS_FACTOR, .milli = INT64_C(1000000000)};
    const struct fc_store_params in_memory = {0};
    struct bench bench = {0};
    struct fc_err err = {0};

    if (argc != 3 || fc_text_int(argv[2], 1, 100000000, &bench.buckets, &err))
        return fail(&err);
    if (fc_policy_builtin("production", &bench.policy, &err) || fc_limits_new(bench.policy, &many, &bench.limits, &err))
        return fail(&err);
    if (strcmp(argv[1], "memory") == 0)
        bench.memory = fc_limits_memory_new();
    else if (fc_store_open(&in_memory, &bench.store, &err))
        return fail(&err);
    int result = run(&bench, &err);
    fc_limits_memory_free(bench.memory);
    fc_store_close(bench.store);
    fc_limits_free(bench.limits);
    fc_policy_free(bench.policy);
    return result ? fail(&err) : 0;
}
