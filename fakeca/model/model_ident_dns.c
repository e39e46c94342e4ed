/* The rows of letsencrypt.md D.1. */
#include "model/model_ident.h"

#include <pthread.h>
#include <string.h>

#include <idn2.h>
#include <libpsl.h>

#include "base/base_assert.h"
#include "base/base_text.h"
#include "model/model_ident_int.h"
#include "model/model_problem.h"

#define NAME_MAX_BYTES 253
#define LABEL_MAX_BYTES 63
#define LABELS_MAX 10

/* ---- public suffixes ---- */

static pthread_once_t suffixes_once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *suffixes;

/* Debian's list when it is newer than the one inside libpsl. */
static void load_suffixes(void)
{
    suffixes = psl_latest(NULL);
    FC_ASSERT(suffixes);
}

const struct psl_ctx_st *fc_ident_suffixes(void)
{
    pthread_once(&suffixes_once, load_suffixes);
    return suffixes;
}

static bool ldh(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0';
}

/* The longest ICANN suffix that the name ends in (a part of name), or NULL. */
static const char *icann_suffix(const char *name)
{
    const struct psl_ctx_st *list = fc_ident_suffixes();
    const char *found = NULL;

    for (const char *part = name + strlen(name); part > name;) {
        do
            part--;
        while (part > name && part[-1] != '.');
        if (*part == '.' || *part == '\0')
            continue; /* an empty label is no suffix; the rest is judged by other rows */
        if (!ldh(part) || fc_text_ends(part, "."))
            break;
        if (psl_is_public_suffix2(list, part, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE))
            found = part;
    }
    return found;
}

/* ---- the rows ---- */

struct name {
    const char *whole;
    const char *rest; /* without "*." */
    bool wildcard;
    bool rehearsal_name;
};

static bool many_stars(const struct name *name)
{
    const char *star = strchr(name->whole, '*');
    return star && strchr(star + 1, '*');
}

static bool star_elsewhere(const struct name *name)
{
    return strchr(name->whole, '*') && !name->wildcard;
}

static bool wildcard_not_public(const struct name *name)
{
    return name->wildcard && !icann_suffix(name->rest);
}

static bool wildcard_of_suffix(const struct name *name)
{
    return name->wildcard && icann_suffix(name->rest) == name->rest;
}

static bool empty(const struct name *name)
{
    return name->rest[0] == '\0';
}

static bool bad_bytes(const struct name *name)
{
    return !ldh(name->rest);
}

static bool too_long(const struct name *name)
{
    return strlen(name->rest) > NAME_MAX_BYTES;
}

static bool is_address(const struct name *name)
{
    unsigned char address[16];
    size_t len;

    return fc_ident_parse_ip(name->rest, address, &len) == 0;
}

static bool final_dot(const struct name *name)
{
    return fc_text_ends(name->rest, ".");
}

static size_t count_labels(const char *name)
{
    size_t labels = 1;

    for (; *name; name++)
        labels += *name == '.';
    return labels;
}

static bool many_labels(const struct name *name)
{
    return count_labels(name->rest) > LABELS_MAX;
}

static bool one_label(const struct name *name)
{
    return count_labels(name->rest) == 1;
}

static bool not_public(const struct name *name)
{
    return !icann_suffix(name->rest);
}

static bool is_suffix(const struct name *name)
{
    return icann_suffix(name->rest) == name->rest;
}

static bool label_empty(const char *label)
{
    return label[0] == '\0';
}

static bool label_long(const char *label)
{
    return strlen(label) > LABEL_MAX_BYTES;
}

static bool label_hyphen(const char *label)
{
    return label[0] == '-' || fc_text_ends(label, "-");
}

static bool label_reserved(const char *label)
{
    return strlen(label) >= 4 && label[2] == '-' && label[3] == '-' && !fc_text_starts(label, "xn");
}

/* Only punycode and NFC count, as in Boulder: what IDNA 2008 thinks of the characters does not (emoji pass). libidn2 looks at
 * the normal form before anything else. */
static bool label_punycode(const char *label)
{
    char *unicode = NULL, *ascii = NULL;

    if (!fc_text_starts(label, "xn--"))
        return false;
    if (idn2_to_unicode_8z8z(label, &unicode, 0) != IDN2_OK)
        return true;
    bool bad = idn2_to_ascii_8z(unicode, &ascii, IDN2_NO_TR46) == IDN2_NOT_NFC;
    idn2_free(ascii);
    idn2_free(unicode);
    return bad;
}

/* Who lifts a row: `rehearsal` for its names, `any` for every name. */
enum { NEVER = 0, REHEARSAL = 1, ANY = 2 };

/* A row has one test: of the whole name, or of each label. */
struct row {
    bool (*name_fails)(const struct name *name);
    bool (*label_fails)(const char *label);
    enum fc_problem_type type;
    unsigned lifted; /* by whom */
    const char *message;
};

#define MALFORMED FC_PROBLEM_MALFORMED
#define REJECTED FC_PROBLEM_REJECTED_IDENTIFIER
#define INVALID_CHARACTER "Domain name contains an invalid character"
#define NOT_PUBLIC "Domain name does not end with a valid public suffix (TLD)"

/* Rows 1 to 11. */
static const struct row before_labels[] = {
    {many_stars, NULL, MALFORMED, NEVER, "Domain name has more than one wildcard"},
    {star_elsewhere, NULL, MALFORMED, NEVER,
     "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name"},
    {wildcard_not_public, NULL, MALFORMED, REHEARSAL | ANY, NOT_PUBLIC},
    {wildcard_of_suffix, NULL, MALFORMED, ANY, "Domain name is a wildcard for an ICANN TLD"},
    {empty, NULL, MALFORMED, NEVER, "Identifier value (name) is empty"},
    {bad_bytes, NULL, MALFORMED, NEVER, INVALID_CHARACTER},
    {too_long, NULL, MALFORMED, NEVER, "Domain name is longer than 253 bytes"},
    {is_address, NULL, MALFORMED, NEVER, "Identifier type is DNS but value is an IP address"},
    {final_dot, NULL, MALFORMED, NEVER, "Domain name ends in a dot"},
    {many_labels, NULL, MALFORMED, ANY, "Domain name has more than 10 labels (parts)"},
    {one_label, NULL, MALFORMED, REHEARSAL | ANY, "Domain name needs at least one dot"},
};

/* Rows 12 to 16: all of them for a label before the next label. */
static const struct row of_labels[] = {
    {NULL, label_empty, MALFORMED, NEVER, "Domain name can not have two dots in a row"},
    {NULL, label_long, MALFORMED, NEVER, "Domain has a label (component between dots) longer than 63 bytes"},
    {NULL, label_hyphen, MALFORMED, NEVER, INVALID_CHARACTER},
    {NULL, label_reserved, REJECTED, ANY,
     "Domain name contains an invalid label in a reserved format (R-LDH: '\?\?--')"},
    {NULL, label_punycode, MALFORMED, NEVER, "Domain name contains malformed punycode"},
};

/* Rows 17 and 18. */
static const struct row after_labels[] = {
    {not_public, NULL, MALFORMED, REHEARSAL | ANY, NOT_PUBLIC},
    {is_suffix, NULL, MALFORMED, REHEARSAL | ANY, "Domain name is an ICANN TLD"},
};

struct check {
    const struct fc_ident_rules *rules;
    struct fc_arena *arena;
    struct fc_problem *problem;
    bool used_rehearsal;
};

static int refuse(struct check *check, enum fc_problem_type type, const char *message)
{
    return fc_problem_set(check->problem, check->arena, type, "%s", message);
}

static int check_name(struct check *check, const struct name *name, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (((rows[i].lifted & ANY) && check->rules->any) || !rows[i].name_fails(name))
            continue;
        if (!(rows[i].lifted & REHEARSAL) || !check->rules->rehearsal || !name->rehearsal_name)
            return refuse(check, rows[i].type, rows[i].message);
        check->used_rehearsal = true;
    }
    return 0;
}

static int check_labels(struct check *check, const struct name *name)
{
    const char *label = name->rest;
    char text[NAME_MAX_BYTES + 1]; /* row 7 comes before */

    for (;;) {
        size_t len = strcspn(label, ".");
        memcpy(text, label, len);
        text[len] = '\0';
        for (size_t i = 0; i < sizeof of_labels / sizeof *of_labels; i++) {
            if (!((of_labels[i].lifted & ANY) && check->rules->any) && of_labels[i].label_fails(text))
                return refuse(check, of_labels[i].type, of_labels[i].message);
        }
        if (label[len] == '\0')
            return 0;
        label += len + 1;
    }
}

/* Row 20. The lists of production hold the rehearsal's own suffixes too; those entries are lifted, others are not. */
static int check_blocked(struct check *check, const struct name *name)
{
    const char *const *blocked = check->rules->blocked;

    for (; blocked && *blocked; blocked++) {
        if (strcmp(name->rest, *blocked) != 0 && !fc_ident_is_below(name->rest, *blocked))
            continue;
        if (!check->rules->rehearsal || !name->rehearsal_name || !fc_ident_rehearsal_suffix(*blocked))
            return refuse(check, REJECTED, FC_IDENT_FORBIDDEN);
        check->used_rehearsal = true;
    }
    return 0;
}

int fc_ident_check_dns(const char *name, const struct fc_ident_rules *rules, struct fc_arena *arena,
                       struct fc_problem *ret_problem, bool *ret_used_rehearsal)
{
    struct check check = {.rules = rules, .arena = arena, .problem = ret_problem};
    struct name parts = {.whole = name, .wildcard = fc_text_starts(name, "*.")};

    parts.rest = parts.wildcard ? name + 2 : name;
    /* "*.localhost" would be a wildcard for a suffix, so only the bare name is a rehearsal's */
    parts.rehearsal_name =
        fc_ident_rehearsal_name(parts.rest) && !(parts.wildcard && fc_ident_rehearsal_suffix(parts.rest));
    if (check_name(&check, &parts, before_labels, sizeof before_labels / sizeof *before_labels) ||
        check_labels(&check, &parts) ||
        check_name(&check, &parts, after_labels, sizeof after_labels / sizeof *after_labels) ||
        check_blocked(&check, &parts))
        return -1;
    if (ret_used_rehearsal)
        *ret_used_rehearsal = check.used_rehearsal;
    return 0;
}
