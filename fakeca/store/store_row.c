#include "store/store_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_text.h"
#include "model/model_ident.h"

#define LIST_TEXT_MAX (1024 * 1024)

const char *fc_store_row_idents(struct fc_arena *arena, const struct fc_ident *idents, size_t count)
{
    struct fc_buf text fc_auto_buf;

    fc_buf_init(&text, LIST_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        fc_buf_printf(&text, "%s%s:%s", i ? "," : "", fc_ident_type_name(idents[i].type), idents[i].value);
    FC_ASSERT(!text.full);
    return fc_arena_strndup(arena, text.data, text.len);
}

/* Cuts the list at its commas, in place; *ret_count elements. */
static char **split(struct fc_arena *arena, char *text, size_t *ret_count)
{
    size_t count = *text ? 1 : 0;

    for (const char *p = text; *p; p++)
        count += *p == ',';
    char **parts = fc_arena_alloc(arena, (count + 1) * sizeof *parts);
    for (size_t i = 0; i < count; i++) {
        parts[i] = text;
        text += strcspn(text, ",");
        if (*text)
            *text++ = '\0';
    }
    *ret_count = count;
    return parts;
}

int fc_store_row_read_idents(struct fc_arena *arena, const char *text, struct fc_ident **ret_idents, size_t *ret_count)
{
    size_t count;
    char **parts = split(arena, fc_arena_strdup(arena, text), &count);
    struct fc_ident *idents = fc_arena_alloc(arena, (count + 1) * sizeof *idents);

    for (size_t i = 0; i < count; i++) {
        char *colon = strchr(parts[i], ':');
        if (!colon)
            return -1;
        *colon = '\0';
        if (fc_ident_type_parse(parts[i], &idents[i].type))
            return -1;
        idents[i].value = colon + 1;
    }
    *ret_idents = idents;
    *ret_count = count;
    return 0;
}

const char *fc_store_row_ids(struct fc_arena *arena, const int64_t *ids, size_t count)
{
    struct fc_buf text fc_auto_buf;

    fc_buf_init(&text, LIST_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        fc_buf_printf(&text, "%s%" PRId64, i ? "," : "", ids[i]);
    FC_ASSERT(!text.full);
    return fc_arena_strndup(arena, text.data, text.len);
}

int fc_store_row_read_ids(struct fc_arena *arena, const char *text, int64_t **ret_ids, size_t *ret_count)
{
    size_t count;
    char **parts = split(arena, fc_arena_strdup(arena, text), &count);
    int64_t *ids = fc_arena_alloc(arena, (count + 1) * sizeof *ids);

    for (size_t i = 0; i < count; i++)
        if (fc_text_int(parts[i], 1, INT64_MAX, &ids[i], NULL))
            return -1;
    *ret_ids = ids;
    *ret_count = count;
    return 0;
}

void fc_store_row_page(struct fc_store_sql *q, const struct fc_store_page *page)
{
    FC_ASSERT(page->limit >= 1 && page->limit <= FC_STORE_PAGE_MAX);
    fc_store_sql_int(q, page->newest_first && page->after == 0 ? INT64_MAX : page->after);
    fc_store_sql_int(q, (int64_t)page->limit);
}
