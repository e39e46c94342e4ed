/* fuzz: uses va */
/* CAA RDATA and issue values of foreign zones, in both dialects. */
#include "va/va_param.h"

#include <string.h>

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void parse(struct fc_arena *arena, const char *bytes, size_t len, enum fc_va_param_dialect dialect)
{
    struct fc_va_issue *issue = fc_arena_alloc(arena, sizeof *issue);
    const char *why = NULL;
    int bad = fc_va_param_parse(arena, bytes, len, dialect, issue, &why);

    FC_ASSERT((bad != 0) == (why != NULL));
    FC_ASSERT(strlen(issue->domain) <= len && issue->n_params <= FC_VA_PARAMS_MAX);
    for (size_t i = 0; i < issue->n_params; i++)
        FC_ASSERT(strlen(issue->params[i].name) + strlen(issue->params[i].value) < len);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_va_caa caa;

    if (size > 65535)
        return 0;
    parse(arena, (const char *)data, size, FC_VA_PARAM_PERSIST);
    if (fc_va_param_caa(arena, data, size, &caa) != 0)
        return 0;
    FC_ASSERT(strlen(caa.tag) == data[1] && caa.value[caa.len] == '\0');
    parse(arena, caa.value, caa.len, FC_VA_PARAM_CAA);
    return 0;
}
