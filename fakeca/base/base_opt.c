#include "base/base_opt.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_assert.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define TABLE_MAX 96
#define WORD_MAX 64
#define HELP_COLUMN 34

/* One parse under way. */
struct parse {
    const struct fc_opt *table;
    char *target;
    bool given[TABLE_MAX];
    struct fc_err *err;
};

static size_t rows(const struct fc_opt *table)
{
    size_t n = 0;
    while (table[n].name)
        n++;
    FC_ASSERT(n <= TABLE_MAX);
    return n;
}

/* ---- the nearest word ---- */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edit distance in which two letters that changed places count once. Words of more than WORD_MAX letters are far from all. */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t cost[3][WORD_MAX + 1];

    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= lb; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *now = cost[i % 3], *last = cost[(i + 2) % 3], *before = cost[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
    }
    return cost[la % 3][lb];
}

const char *fc_opt_nearest(const char *word, const char *const *list, size_t count)
{
    const char *best = NULL;
    size_t len = strlen(word), limit = len / 3 > 2 ? len / 3 : 2, least = limit + 1;

    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, list[i]);
        if (d < least && d < strlen(list[i])) {
            least = d;
            best = list[i];
        }
    }
    return best;
}

/* ---- values ---- */

static int word_value(const struct fc_opt *opt, const char *value, int *ret, struct fc_err *err)
{
    char list[256] = "";
    size_t used = 0;

    for (int i = 0; opt->words[i]; i++) {
        if (strcmp(opt->words[i], value) == 0) {
            *ret = i;
            return 0;
        }
        int n = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", opt->words[i]);
        if (n > 0 && (size_t)n < sizeof list - used)
            used += (size_t)n;
    }
    return fc_err_set(err, FC_E_USAGE, "'%s' is none of: %s", value, list);
}

static int duration_value(const struct fc_opt *opt, const char *value, int64_t *ret, struct fc_err *err)
{
    int64_t duration;
    char low[FC_TIME_TEXT_MAX], high[FC_TIME_TEXT_MAX];

    if (fc_duration_parse(value, &duration, err))
        return -1;
    if (opt->max > 0 && (duration < opt->min || duration > opt->max))
        return fc_err_set(err, FC_E_USAGE, "'%s' is not between %s and %s", value, fc_duration_text(opt->min, low),
                          fc_duration_text(opt->max, high));
    *ret = duration;
    return 0;
}

static int strings_value(struct fc_opt_strings *strings, const char *value, struct fc_err *err)
{
    if (strings->count == FC_OPT_STRINGS_MAX)
        return fc_err_set(err, FC_E_USAGE, "given more than %d times", FC_OPT_STRINGS_MAX);
    strings->at[strings->count++] = value;
    return 0;
}

static int flag_value(const char *value, bool *ret, struct fc_err *err)
{
    static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "off", "on"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (fc_text_equal_nocase(value, words[i])) {
            *ret = i % 2;
            return 0;
        }
    return fc_err_set(err, FC_E_USAGE, "'%s' is none of: 1, true, yes, on, 0, false, no, off", value);
}

static int set_value(struct parse *parse, const struct fc_opt *opt, const char *value, struct fc_err *err)
{
    void *place = parse->target + opt->offset;

    switch (opt->type) {
    case FC_OPT_FLAG:
        return flag_value(value, place, err);
    case FC_OPT_STRING:
        *(const char **)place = value;
        return 0;
    case FC_OPT_STRINGS:
        return strings_value(place, value, err);
    case FC_OPT_INT:
        return fc_text_int(value, opt->min, opt->max, place, err);
    case FC_OPT_DURATION:
        return duration_value(opt, value, place, err);
    case FC_OPT_TIME:
        return fc_time_parse(value, place, err);
    case FC_OPT_WORD:
        return word_value(opt, value, place, err);
    }
    FC_IMPOSSIBLE("option type");
}

/* Sets a value that came from the option or variable of that name; kind: "option '--" or "variable '". */
static int set_from(struct parse *parse, const struct fc_opt *opt, const char *value, const char *kind,
                    const char *name)
{
    struct fc_err cause = {0};

    if (!set_value(parse, opt, value, &cause))
        return 0;
    return fc_err_set(parse->err, FC_E_USAGE, "%s%s': %s", kind, name, cause.text);
}

/* ---- flags ---- */

static int unknown(struct parse *parse, const char *name)
{
    const char *names[TABLE_MAX + 1];
    size_t n = rows(parse->table);

    for (size_t i = 0; i < n; i++)
        names[i] = parse->table[i].name;
    names[n] = "help";
    const char *nearest = fc_opt_nearest(name, names, n + 1);
    if (nearest)
        return fc_err_set(parse->err, FC_E_USAGE, "unknown option '--%s', did you mean '--%s'?", name, nearest);
    return fc_err_set(parse->err, FC_E_USAGE, "unknown option '--%s' (--help lists them)", name);
}

/* The row of "name", or of "no-name" for a flag (*ret_negated). */
static const struct fc_opt *find(const struct fc_opt *table, const char *name, bool *ret_negated)
{
    *ret_negated = false;
    for (const struct fc_opt *opt = table; opt->name; opt++)
        if (strcmp(opt->name, name) == 0)
            return opt;
    if (!fc_text_starts(name, "no-"))
        return NULL;
    for (const struct fc_opt *opt = table; opt->name; opt++)
        if (opt->type == FC_OPT_FLAG && strcmp(opt->name, name + 3) == 0) {
            *ret_negated = true;
            return opt;
        }
    return NULL;
}

static int once(struct parse *parse, const struct fc_opt *opt)
{
    size_t row = (size_t)(opt - parse->table);

    if (parse->given[row] && opt->type != FC_OPT_STRINGS)
        return fc_err_set(parse->err, FC_E_USAGE, "option '--%s' given twice", opt->name);
    parse->given[row] = true;
    return 0;
}

/* One option with its value, which may be the next argument. *ret_used: arguments consumed. */
static int take_option(struct parse *parse, const struct fc_opt *opt, bool negated, const char *value, const char *next,
                       int *ret_used)
{
    *ret_used = 1;
    if (once(parse, opt))
        return -1;
    if (opt->type == FC_OPT_FLAG) {
        if (value)
            return fc_err_set(parse->err, FC_E_USAGE, "option '--%s' takes no value", opt->name);
        *(bool *)(void *)(parse->target + opt->offset) = !negated;
        return 0;
    }
    if (!value) {
        /* "--state --quiet" is a forgotten value, not a folder called --quiet */
        if (!next || fc_text_starts(next, "--"))
            return fc_err_set(parse->err, FC_E_USAGE, "option '--%s' needs a value: %s", opt->name,
                              opt->arg ? opt->arg : "VALUE");
        value = next;
        *ret_used = 2;
    }
    return set_from(parse, opt, value, "option '--", opt->name);
}

static int take_long(struct parse *parse, const char *text, const char *next, int *ret_used)
{
    const char *equals = strchr(text, '=');
    fc_auto_free char *name = equals ? fc_strndup(text, (size_t)(equals - text)) : fc_strdup(text);
    bool negated;
    const struct fc_opt *opt = find(parse->table, name, &negated);

    if (!opt)
        return unknown(parse, name);
    return take_option(parse, opt, negated, equals ? equals + 1 : NULL, next, ret_used);
}

static int take_short(struct parse *parse, const char *text, const char *next, int *ret_used)
{
    for (const struct fc_opt *opt = parse->table; opt->name; opt++)
        if (opt->letter && opt->letter == text[0])
            return take_option(parse, opt, false, text[1] ? text + 1 : NULL, next, ret_used);
    return fc_err_set(parse->err, FC_E_USAGE, "unknown option '-%c' (--help lists them)", text[0]);
}

static int from_environment(struct parse *parse)
{
    for (size_t i = 0; parse->table[i].name; i++) {
        const struct fc_opt *opt = &parse->table[i];
        const char *value = opt->env && !parse->given[i] ? getenv(opt->env) : NULL;
        if (value && *value && set_from(parse, opt, value, "variable '", opt->env))
            return -1;
    }
    return 0;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int fc_opt_parse(const struct fc_opt *table, void *target, int argc, char *const *argv, bool stop_at_operand,
                 struct fc_opt_result *ret_result, struct fc_err *err)
{
    struct parse parse = {.table = table, .target = target, .err = err};
    bool only_operands = false;

    ret_result->n_operands = 0;
    ret_result->help = false;
    for (int i = 0; i < argc;) {
        const char *argument = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        int used = 1;
        if (only_operands || argument[0] != '-' || !argument[1]) {
            if (!ret_result->operands)
                return fc_err_set(err, FC_E_USAGE, "unexpected argument '%s' (--help tells what is expected)",
                                  argument);
            only_operands |= stop_at_operand;
            ret_result->operands[ret_result->n_operands++] = argument;
        } else if (strcmp(argument, "--") == 0) {
            only_operands = true;
        } else if (is_help(argument)) {
            ret_result->help = true;
            break;
        } else if (argument[1] == '-' ? take_long(&parse, argument + 2, next, &used)
                                      : take_short(&parse, argument + 1, next, &used)) {
            return -1;
        }
        i += used;
    }
    if (ret_result->operands)
        ret_result->operands[ret_result->n_operands] = NULL;
    return ret_result->help ? 0 : from_environment(&parse);
}

/* ---- help ---- */

static void print_notes(const struct fc_opt *opt, FILE *to)
{
    char low[FC_TIME_TEXT_MAX], high[FC_TIME_TEXT_MAX];

    if (opt->type == FC_OPT_INT)
        fprintf(to, " (%lld to %lld)", (long long)opt->min, (long long)opt->max);
    if (opt->type == FC_OPT_DURATION && opt->max > 0)
        fprintf(to, " (%s to %s)", fc_duration_text(opt->min, low), fc_duration_text(opt->max, high));
    for (int i = 0; opt->type == FC_OPT_WORD && opt->words[i]; i++)
        fprintf(to, "%s%s%s", i ? ", " : " (", opt->words[i], opt->words[i + 1] ? "" : ")");
    if (opt->type == FC_OPT_STRINGS)
        fputs("; may be repeated", to);
    if (opt->env)
        fprintf(to, " [%s]", opt->env);
}

void fc_opt_help(const struct fc_opt *table, FILE *to)
{
    for (const struct fc_opt *opt = table; opt->name; opt++) {
        int width =
            opt->letter ? fprintf(to, "  -%c, --%s", opt->letter, opt->name) : fprintf(to, "      --%s", opt->name);
        if (opt->arg)
            width += fprintf(to, " %s", opt->arg);
        if (width >= HELP_COLUMN)
            fprintf(to, "\n%*s", HELP_COLUMN, "");
        else
            fprintf(to, "%*s", HELP_COLUMN - width, "");
        fputs(opt->help, to);
        print_notes(opt, to);
        fputc('\n', to);
    }
}
