#include "cmd/cmd.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_json.h"

#define WORD_MAX (4 * PATH_MAX + 2) /* each byte of a path quoted */

int fc_cmd_fail(const struct fc_cmd *self, const struct fc_err *err)
{
    fflush(stdout);
    fprintf(stderr, "fakeca%s%s: %s\n", self ? " " : "", self ? self->name : "", err->text);
    return fc_err_exit(err->code);
}

void fc_cmd_help(const struct fc_cmd *self, const struct fc_opt *table)
{
    printf("usage: fakeca %s%s%s\n\n%s\n", self->name, *self->synopsis ? " " : "", self->synopsis, self->about);
    if (table) {
        printf("options:\n");
        fc_opt_help(table, stdout);
    }
}

/* What is typed becomes JSON, for the CA or for run.json, and would be missing there without a word. */
static int check_utf8(int argc, char *const *argv, struct fc_err *err)
{
    for (int i = 0; i < argc; i++) {
        fc_auto_json text = json_string(argv[i]);
        if (!text)
            return fc_err_set(err, FC_E_USAGE, "argument '%s' is not UTF-8", argv[i]);
    }
    return 0;
}

int fc_cmd_parse(const struct fc_cmd *self, const struct fc_opt *table, void *target, int argc, char *const *argv,
                 struct fc_opt_result *result, size_t min, size_t max)
{
    struct fc_err err = {0};

    if (check_utf8(argc, argv, &err) || fc_opt_parse(table, target, argc, argv, false, result, &err))
        return fc_cmd_fail(self, &err);
    if (result->help) {
        fc_cmd_help(self, table);
        return FC_EXIT_GOOD;
    }
    if (result->n_operands < min) {
        fc_err_set(&err, FC_E_USAGE, "too few arguments (usage: fakeca %s %s; --help tells more)", self->name,
                   self->synopsis);
        return fc_cmd_fail(self, &err);
    }
    if (result->n_operands > max) {
        fc_err_set(&err, FC_E_USAGE, "unexpected argument '%s' (--help tells what is expected)", result->operands[max]);
        return fc_cmd_fail(self, &err);
    }
    return -1;
}

void fc_cmd_print_json(const json_t *value)
{
    fc_auto_free char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    puts(text);
}

int fc_cmd_done(const struct fc_cmd *self)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return FC_EXIT_GOOD;
    struct fc_err err = {0};
    fc_err_errno(&err, "cannot write the answer to standard output");
    return fc_cmd_fail(self, &err);
}

const char *fc_cmd_text(const json_t *object, const char *key)
{
    static char numbers[2][32];
    static unsigned turn;
    const json_t *value = json_object_get(object, key);

    if (json_is_string(value))
        return json_string_value(value);
    if (!json_is_integer(value))
        return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-";
    char *number = numbers[turn++ % 2];
    snprintf(number, sizeof numbers[0], "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return number;
}

const char *fc_cmd_word(const struct fc_cmd *self, const char *word, const char *const *words)
{
    struct fc_err err = {0};
    size_t n = 0;

    for (; words[n]; n++)
        if (strcmp(words[n], word) == 0)
            return words[n];
    const char *nearest = fc_opt_nearest(word, words, n);
    fc_err_set(&err, FC_E_USAGE, "unknown word '%s'%s%s%s", word, nearest ? ", did you mean '" : "",
               nearest ? nearest : " (--help lists them)", nearest ? "'?" : "");
    fc_cmd_fail(self, &err);
    return NULL;
}

char *fc_cmd_shell_word(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%=";
    struct fc_buf word fc_auto_buf = {0};

    if (*text && !text[strspn(text, plain)])
        return fc_strdup(text);
    fc_buf_init(&word, WORD_MAX);
    fc_buf_put_quoted(&word, text);
    return fc_buf_detach(&word);
}

const char *fc_cmd_count(int64_t n, const char *one, const char *many, char buf[64])
{
    snprintf(buf, 64, "%" PRId64 " %s", n, n == 1 ? one : many);
    return buf;
}
