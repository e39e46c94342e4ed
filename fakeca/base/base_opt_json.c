/* A config file's members, by the same table as the command line. */
#include "base/base_opt.h"

#include <string.h>

#include "base/base_json.h"
#include "base/base_time.h"

/* More of a text than any option needs. */
#define TEXT_MAX_LEN 4096

static void read_strings(struct fc_opt_strings *ret, bool replaced, const struct fc_opt *opt, struct fc_json_obj *obj)
{
    fc_auto_free const char **texts = fc_json_strs(obj, opt->name, FC_JSON_OPTIONAL, FC_OPT_STRINGS_MAX, TEXT_MAX_LEN);

    if (replaced)
        return;
    for (size_t i = 0; texts && texts[i]; i++)
        ret->at[ret->count++] = texts[i];
}

static void read_row(const struct fc_opt *opt, void *place, bool replaced, struct fc_json_obj *obj)
{
    switch (opt->type) {
    case FC_OPT_FLAG:
        *(bool *)place = fc_json_bool(obj, opt->name, FC_JSON_OPTIONAL, *(bool *)place);
        return;
    case FC_OPT_STRING:
        *(const char **)place = fc_json_str(obj, opt->name, FC_JSON_OPTIONAL, TEXT_MAX_LEN);
        return;
    case FC_OPT_STRINGS:
        read_strings(place, replaced, opt, obj);
        return;
    case FC_OPT_INT:
        *(int64_t *)place = fc_json_int(obj, opt->name, FC_JSON_OPTIONAL, opt->min, opt->max, *(int64_t *)place);
        return;
    case FC_OPT_DURATION:
        *(int64_t *)place =
            fc_json_duration(obj, opt->name, FC_JSON_OPTIONAL, opt->max > 0 ? opt->min : -FC_DURATION_MAX,
                             opt->max > 0 ? opt->max : FC_DURATION_MAX, *(int64_t *)place);
        return;
    case FC_OPT_TIME:
        *(int64_t *)place = fc_json_time(obj, opt->name, FC_JSON_OPTIONAL, *(int64_t *)place);
        return;
    case FC_OPT_WORD:
        *(int *)place = fc_json_word(obj, opt->name, FC_JSON_OPTIONAL, opt->words, *(int *)place);
        return;
    }
}

void fc_opt_read_json(const struct fc_opt *table, void *target, const void *given, struct fc_json_obj *obj)
{
    for (const struct fc_opt *opt = table; opt->name; opt++) {
        const struct fc_opt_strings *strings = (const void *)((const char *)given + opt->offset);
        bool replaced = opt->type == FC_OPT_STRINGS && strings->count > 0;
        /* asked for in any case, so that a misspelt member finds it as the nearest name */
        if (opt->type != FC_OPT_STRING || fc_json_has(obj, opt->name))
            read_row(opt, (char *)target + opt->offset, replaced, obj);
    }
}
