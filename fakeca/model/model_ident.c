#include "model/model_ident.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_text.h"
#include "model/model_ident_int.h"

static const char *const type_names[] = {[FC_IDENT_DNS] = "dns", [FC_IDENT_IP] = "ip"};

const char *fc_ident_type_name(enum fc_ident_type type)
{
    FC_ASSERT(type == FC_IDENT_DNS || type == FC_IDENT_IP);
    return type_names[type];
}

int fc_ident_type_parse(const char *name, enum fc_ident_type *ret_type)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(type_names[i], name) == 0) {
            *ret_type = (enum fc_ident_type)i;
            return 0;
        }
    }
    return -1;
}

/* ---- sets ---- */

bool fc_ident_equal(const struct fc_ident *a, const struct fc_ident *b)
{
    return fc_ident_compare(a, b) == 0;
}

int fc_ident_compare(const void *a, const void *b)
{
    const struct fc_ident *left = a, *right = b;

    if (left->type != right->type)
        return left->type < right->type ? -1 : 1;
    return strcmp(left->value, right->value);
}

size_t fc_ident_sort_unique(struct fc_ident *idents, size_t count)
{
    size_t kept = 0;

    if (count == 0)
        return 0;
    qsort(idents, count, sizeof *idents, fc_ident_compare);
    for (size_t i = 1; i < count; i++) {
        if (!fc_ident_equal(&idents[kept], &idents[i]))
            idents[++kept] = idents[i];
    }
    return kept + 1;
}

bool fc_ident_wildcard(const struct fc_ident *ident)
{
    return ident->type == FC_IDENT_DNS && fc_text_starts(ident->value, "*.");
}

const char *fc_ident_set_text(struct fc_arena *arena, const struct fc_ident *idents, size_t count)
{
    size_t room = 1;

    for (size_t i = 0; i < count; i++)
        room += strlen(idents[i].value) + 1;
    char *text = fc_arena_alloc(arena, room), *end = text;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(idents[i].value);
        if (i > 0)
            *end++ = ',';
        memcpy(end, idents[i].value, len);
        end += len;
    }
    return text;
}

/* ---- rehearsal ---- */

static const char *const rehearsal_suffixes[] = {"test", "example", "internal", "localhost", "home.arpa"};
#define N_REHEARSAL_SUFFIXES (sizeof rehearsal_suffixes / sizeof *rehearsal_suffixes)

bool fc_ident_is_below(const char *name, const char *parent)
{
    size_t len = strlen(name), parent_len = strlen(parent);

    return len > parent_len + 1 && name[len - parent_len - 1] == '.' && strcmp(name + len - parent_len, parent) == 0;
}

bool fc_ident_rehearsal_name(const char *name)
{
    for (size_t i = 0; i < N_REHEARSAL_SUFFIXES; i++) {
        if (fc_ident_is_below(name, rehearsal_suffixes[i]))
            return true;
    }
    return strcmp(name, "localhost") == 0;
}

bool fc_ident_rehearsal_suffix(const char *name)
{
    for (size_t i = 0; i < N_REHEARSAL_SUFFIXES; i++) {
        if (strcmp(name, rehearsal_suffixes[i]) == 0)
            return true;
    }
    return false;
}
