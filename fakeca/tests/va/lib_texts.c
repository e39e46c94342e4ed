#include "va/lib_texts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_text.h"
#include "va/va_hint.h"

#include "cmocka_all.h"

enum { COLUMNS = 5, FILE_MAX = 1024 * 1024 };

/* Cuts a line at its tabs. */
static void split(char *line, struct text_row *ret_row)
{
    const char *at[COLUMNS];
    size_t count = 0;

    for (char *next = line; next != NULL;) {
        char *field = next;
        next = strchr(next, '\t');
        if (next != NULL)
            *next++ = '\0';
        if (count < COLUMNS)
            at[count] = field;
        count++;
    }
    if (count != COLUMNS)
        fail_msg("texts.tsv: not %d columns: %s", COLUMNS, line);
    *ret_row = (struct text_row){.section = at[0], .type = at[1], .status = at[2], .text = at[3], .wire = at[4]};
    if (strcmp(at[4], "wire") != 0 && !fc_text_starts(at[4], "not: ") && !fc_text_starts(at[4], "later: "))
        fail_msg("texts.tsv: '%s' is neither wire nor not: nor later:", at[4]);
}

void texts_load(struct texts *texts)
{
    size_t len;

    *texts = (struct texts){0};
    assert_int_equal(fc_file_read(FIXTURES "/letsencrypt/texts.tsv", FILE_MAX, &texts->data, &len, NULL), 0);
    char *next = strchr(texts->data, '\n'); /* the first line names the columns */
    assert_non_null(next);
    for (next++; *next != '\0';) {
        char *line = next, *end = strchr(next, '\n');
        assert_non_null(end);
        *end = '\0';
        next = end + 1;
        assert_true(texts->count < TEXTS_MAX);
        split(line, &texts->rows[texts->count++]);
    }
}

void texts_release(struct texts *texts)
{
    free(FC_TAKE(texts->data));
}

static int is(const char *pattern, const char *value)
{
    return strcmp(pattern, "*") == 0 || strcmp(pattern, value) == 0;
}

struct text_row *texts_find(struct texts *texts, const char *type, const char *status, const char *detail)
{
    struct text_row *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < texts->count; i++) {
        struct text_row *row = &texts->rows[i];
        size_t fits = is(row->type, type) && is(row->status, status) ? fc_va_hint_fit(row->text, detail) : 0;
        if (fits > most) {
            most = fits;
            best = row;
        }
    }
    return best;
}

void texts_seen(const char *type, long status, const char *detail)
{
    const char *path = getenv("FC_TEXTS_SEEN");

    if (path == NULL)
        return;
    fc_auto_free char *line = fc_asprintf("%s\t%ld\t%s\n", type, status, detail);
    size_t len = strlen(line);
    char *start = line + len - strlen(detail) - 1;
    for (char *c = start; c < line + len - 1; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    /* whole lines, also of several threads: one write to the end of the file */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, len) != (ssize_t)len)
        abort();
    close(fd);
}
