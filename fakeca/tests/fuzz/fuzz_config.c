/* fuzz: uses base */
/* A config file by a table of options, one of each kind, as `fakeca serve --config` reads it: every value is within its bounds, or there
 * is an error with a text. */
#include <stddef.h>

#include "base/base_assert.h"
#include "base/base_json.h"
#include "base/base_opt.h"
#include "base/base_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    const char *state;
    struct fc_opt_strings keys;
    int64_t threads, retry_after, clock;
    int pace;
    bool durable;
};

#define AT(member) .offset = offsetof(struct target, member)

static const char *const paces[] = {"fast", "letsencrypt", NULL};

static const struct fc_opt table[] = {
    {.name = "state", .type = FC_OPT_STRING, AT(state)},
    {.name = "eab-key", .type = FC_OPT_STRINGS, AT(keys)},
    {.name = "threads", .type = FC_OPT_INT, AT(threads), .min = 1, .max = 16},
    {.name = "ari-retry-after", .type = FC_OPT_DURATION, AT(retry_after), .min = FC_SECOND, .max = 30 * FC_DAY},
    {.name = "clock", .type = FC_OPT_TIME, AT(clock)},
    {.name = "pace", .type = FC_OPT_WORD, AT(pace), .words = paces},
    {.name = "durable", .type = FC_OPT_FLAG, AT(durable)},
    {.name = NULL},
};

static void check(const struct target *target)
{
    FC_ASSERT(target->threads >= 1 && target->threads <= 16);
    FC_ASSERT(target->retry_after == 0 || (target->retry_after >= FC_SECOND && target->retry_after <= 30 * FC_DAY));
    FC_ASSERT(target->pace == 0 || target->pace == 1);
    FC_ASSERT(target->keys.count <= FC_OPT_STRINGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct target given = {0};
    struct target target = {.threads = 1};
    json_t *value = NULL;
    struct fc_json_errs errs;
    struct fc_json_obj root;
    struct fc_err err = {0};

    if (size > 65536 || fc_json_parse((const char *)data, size, &value, NULL))
        return 0;
    fc_json_errs_init(&errs, "config", (const char *)data, size);
    fc_json_obj_root(&root, value, &errs);
    fc_opt_read_json(table, &target, &given, &root);
    fc_json_obj_end(&root);
    if (fc_json_errs_report(&errs, &err) == 0)
        check(&target);
    else
        FC_ASSERT(err.text[0]);
    fc_json_errs_release(&errs);
    json_decref(value);
    return 0;
}
