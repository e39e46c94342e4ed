/* fuzz: uses model */
/* Names and addresses from orders: any bytes give a verdict; what passes has the shape that everybody behind relies on. */
#include "model/model_ident.h"

#include <string.h>

#include "base/base_assert.h"
#include "model/model_problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, bool rehearsal, struct fc_arena *arena)
{
    static const char *const blocked[] = {"test", "example.org", "224.0.0.0/4", "ff00::/8", NULL};
    const struct fc_ident_rules rules = {.rehearsal = rehearsal, .blocked = blocked};
    struct fc_problem problem = {0}, ip_problem = {0};
    bool used = false;

    if (fc_ident_check_dns(text, &rules, arena, &problem, &used) == 0) {
        size_t len = strlen(text);
        FC_ASSERT(len > 0 && len <= 255 && text[len - 1] != '.' && !strstr(text, "..") && !strchr(text, '/'));
        FC_ASSERT(!used || rehearsal);
        FC_ASSERT(problem.type == FC_PROBLEM_NONE);
    } else {
        json_decref(fc_problem_json(&problem));
    }
    if (fc_ident_check_ip(text, &rules, arena, &ip_problem, NULL) == 0)
        FC_ASSERT(strlen(text) < 46 && text[strspn(text, "0123456789abcdef:.")] == '\0');
    else
        json_decref(fc_problem_json(&ip_problem));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096 || memchr(data, 0, size))
        return 0;
    struct fc_arena *arena = fc_arena_new();
    char *text = fc_arena_strndup(arena, (const char *)data, size);
    struct fc_problem problem = {.type = FC_PROBLEM_MALFORMED, .detail = text};

    check(text, false, arena);
    check(text, true, arena);
    json_decref(fc_problem_json(&problem));
    fc_arena_free(arena);
    return 0;
}
