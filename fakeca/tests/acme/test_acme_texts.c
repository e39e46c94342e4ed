/* Every problem text of the code is in fixtures/letsencrypt/texts.tsv, and every line of it was seen by the tests of va and acme.
 * The second half reads what they left behind: run it by ctest, which runs them before. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_file.h"
#include "base/base_text.h"

#include "cmocka_all.h"
#include "va/lib_texts.h"

enum { SOURCE_MAX = 1024 * 1024, CALLS_MAX = 64, NAME_MAX_LEN = 64, LITERAL_MAX = 4096, DEFINES_MAX = 64 };

/* ---- texts of the code ---- */

/* What is said to others than the ACME client: errors for the operator, headers, names. */
static const char *const other_calls[] = {"fc_err_set",
                                          "fc_err_prefix",
                                          "fc_err_errno",
                                          "fc_log",
                                          "json_pack",
                                          "fc_http_res_header",
                                          "fc_http_res_text",
                                          "FC_ASSERT",
                                          "fc_http_res_set_header",
                                          "fc_store_begin",
                                          "fc_store_sql_run",
                                          "fc_va_trace_rehearsal",
                                          "fc_http_req_header",
                                          "allow",
                                          "fc_buf_puts",
                                          "page", /* for people */
                                          "static_assert",
                                          "_Static_assert",
                                          "strcspn"};
static const char *const other_texts[] = {
    "account with authorizations", /* who revoked, in events */
    "certificate key",
    "same key",
    "not yet valid", /* what a trace says of a certificate */
    "wrong name",
    "SFE Unpause", /* the audience of a token */
    "Error unpausing",
    " (the clock is frozen: that does not come by itself)", /* in an event */
    "GET, POST, HEAD",                                      /* Allow */
    /* what stands for {reason} when a dns-persist-01 record cannot be read */
    "malformed parameter %s, empty tag",
    "malformed value %s for tag %s",
    "malformed parameter %s should be tag=value pair",
    "more than 64 parameters",
    "empty parameter or trailing semicolon provided",
    "duplicate parameter %s",
    "missing mandatory accounturi parameter",
    "empty value provided for mandatory accounturi",
    "malformed persistUntil timestamp %s",
};

/* What is looked at: folder and the beginning of the file's name. */
static const struct {
    const char *folder, *file;
} places[] = {{"acme", "acme"}, {"model", "model_ident"}, {"ca", "ca_check"}, {"va", "va"}};

struct scan {
    struct texts *texts;
    const char *file; /* for messages */
    const char *at;
    char calls[CALLS_MAX][NAME_MAX_LEN]; /* the names before the parentheses that are open */
    size_t depth;
    char last[NAME_MAX_LEN]; /* the last identifier */
    struct fc_buf literal;   /* neighbouring literals, joined */
    bool open;               /* literal holds something */
    size_t checked;
    struct {
        char name[NAME_MAX_LEN];
        char *text;
    } defines[DEFINES_MAX];
    size_t n_defines;
};

static bool listed(const char *const *list, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], what) == 0)
            return true;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A sentence: two words beside each other. Names of address blocks are no texts of their own. */
static bool is_sentence(const char *text)
{
    if (text[0] == '[')
        return false;
    for (const char *space = strchr(text, ' '); space != NULL; space = strchr(space + 1, ' '))
        if (space > text && is_letter(space[-1]) && is_letter(space[1]))
            return true;
    return false;
}

/* Past one conversion of printf's; 0: none begins here. */
static size_t conversion(const char *format)
{
    size_t len = format[0] == '%' ? 1 + strspn(format + 1, "0123456789.*-+lhzj") : 0;

    return len > 0 && format[len] != '\0' ? len + 1 : 0;
}

/* Whether the fixed parts of a format stand in the line, one after the other. */
static bool stands_in(const char *format, const char *line)
{
    char part[LITERAL_MAX];

    while (*format != '\0') {
        size_t len = 0;
        for (; *format != '\0' && conversion(format) == 0; format++)
            part[len++] = *format;
        part[len] = '\0';
        line = strstr(line, part);
        if (line == NULL)
            return false;
        line += len;
        format += conversion(format);
    }
    return true;
}

static bool excluded(const struct scan *scan)
{
    for (size_t i = 0; i < scan->depth; i++)
        if (listed(other_calls, sizeof other_calls / sizeof *other_calls, scan->calls[i]))
            return true;
    return listed(other_texts, sizeof other_texts / sizeof *other_texts, scan->literal.data);
}

/* The literal has ended. */
static void close_literal(struct scan *scan)
{
    const char *text = scan->literal.data;
    bool found = false;

    if (!scan->open)
        return;
    scan->open = false;
    assert_true(scan->literal.len < LITERAL_MAX);
    if (is_sentence(text) && !excluded(scan)) {
        for (size_t i = 0; i < scan->texts->count && !found; i++)
            found = stands_in(text, scan->texts->rows[i].text);
        if (!found)
            print_error("%s says '%s', which is not in fixtures/letsencrypt/texts.tsv\n", scan->file, text);
        scan->texts->unlisted += !found;
        scan->checked++;
    }
    fc_buf_clear(&scan->literal);
}

static void read_literal(struct scan *scan)
{
    scan->open = true;
    for (scan->at++; *scan->at != '"'; scan->at++) {
        assert_int_not_equal(*scan->at, '\0');
        if (*scan->at == '\\')
            scan->at++;
        fc_buf_putc(&scan->literal, *scan->at);
    }
    scan->at++;
}

static const char *define_of(const struct scan *scan, const char *name)
{
    for (size_t i = 0; i < scan->n_defines; i++)
        if (strcmp(scan->defines[i].name, name) == 0)
            return scan->defines[i].text;
    return NULL;
}

/* A macro between literals belongs to them; PRId64 is the rest of a conversion. */
static void read_name(struct scan *scan)
{
    size_t len = strspn(scan->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    snprintf(scan->last, sizeof scan->last, "%.*s", (int)(len < NAME_MAX_LEN ? len : NAME_MAX_LEN - 1), scan->at);
    scan->at += len;
    const char *text = fc_text_starts(scan->last, "PRI") ? "d" : define_of(scan, scan->last);
    if (text == NULL) {
        close_literal(scan);
        return;
    }
    fc_buf_puts(&scan->literal, text);
    scan->open = true;
}

/* "#define NAME "text"": its text is known from here on; other lines of the preprocessor are passed over. */
static void read_directive(struct scan *scan)
{
    char name[NAME_MAX_LEN], text[LITERAL_MAX];
    size_t len = strcspn(scan->at, "\n");
    fc_auto_free char *line = fc_strndup(scan->at, len);

    if (sscanf(line, "#define %63[A-Z_] \"%4000[^\"]\"", name, text) == 2) {
        assert_true(scan->n_defines < DEFINES_MAX);
        memcpy(scan->defines[scan->n_defines].name, name, sizeof name);
        scan->defines[scan->n_defines++].text = fc_strdup(text);
    }
    scan->at += len;
}

static void read_character(struct scan *scan)
{
    for (scan->at++; *scan->at != '\''; scan->at++)
        if (*scan->at == '\\')
            scan->at++;
    scan->at++;
}

static void read_sign(struct scan *scan)
{
    char c = *scan->at++;

    if (strchr(" \t\n\\", c) == NULL)
        close_literal(scan);
    if (c == '(') {
        assert_true(scan->depth < CALLS_MAX);
        memcpy(scan->calls[scan->depth++], scan->last, sizeof scan->last);
    }
    if (c == ')' && scan->depth > 0)
        scan->depth--;
    if (strchr("();,", c) != NULL)
        scan->last[0] = '\0';
}

static void read_token(struct scan *scan)
{
    if (fc_text_starts(scan->at, "/*")) {
        scan->at = strstr(scan->at, "*/");
        assert_non_null(scan->at);
        scan->at += 2;
    } else if (*scan->at == '#') {
        read_directive(scan);
    } else if (*scan->at == '"') {
        read_literal(scan);
    } else if (*scan->at == '\'') {
        read_character(scan);
    } else if (is_letter(*scan->at)) {
        read_name(scan);
    } else {
        read_sign(scan);
    }
}

static size_t scan_file(struct texts *texts, const char *path)
{
    struct scan *scan = fc_calloc(1, sizeof *scan);
    char *source;
    size_t len;

    assert_int_equal(fc_file_read(path, SOURCE_MAX, &source, &len, NULL), 0);
    scan->texts = texts;
    scan->file = path;
    fc_buf_init(&scan->literal, SOURCE_MAX);
    for (scan->at = source; *scan->at != '\0';)
        read_token(scan);
    size_t checked = scan->checked;
    for (size_t i = 0; i < scan->n_defines; i++)
        free(scan->defines[i].text);
    fc_buf_release(&scan->literal);
    free(source);
    free(scan);
    return checked;
}

static size_t scan_folder(struct texts *texts, const char *folder, const char *begins)
{
    fc_auto_free char *path = fc_asprintf(FIXTURES "/../fakeca/%s", folder);
    DIR *dir = opendir(path);
    size_t checked = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!fc_text_starts(entry->d_name, begins) || !fc_text_ends(entry->d_name, ".c") ||
            fc_text_starts(entry->d_name, "va_hint"))
            continue;
        fc_auto_free char *file = fc_asprintf("%s/%s", path, entry->d_name);
        checked += scan_file(texts, file);
    }
    closedir(dir);
    return checked;
}

static void every_text_of_the_code_is_in_the_list(void **state)
{
    struct texts *texts = *state;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t checked = scan_folder(texts, places[i].folder, places[i].file);
        print_message("%s: %zu texts\n", places[i].folder, checked);
        assert_true(checked >= 10);
    }
    assert_int_equal(texts->unlisted, 0);
}

/* ---- texts that were seen ---- */

static void look_at_line(struct texts *texts, char *line)
{
    char *status = strchr(line, '\t');
    char *detail = status != NULL ? strchr(status + 1, '\t') : NULL;

    if (detail == NULL) {
        fail_msg("not three columns: '%s'", line);
        return;
    }
    *status++ = '\0';
    *detail++ = '\0';
    struct text_row *row = texts_find(texts, line, status, detail);
    if (row != NULL) {
        row->seen++;
    } else {
        print_error("a test saw '%s' (%s, %s), which is not in fixtures/letsencrypt/texts.tsv\n", detail, line, status);
        texts->unlisted++;
    }
}

static size_t read_seen(struct texts *texts, const char *path)
{
    char *data;
    size_t len, lines = 0;

    assert_int_equal(fc_file_read(path, 64 * (size_t)SOURCE_MAX, &data, &len, NULL), 0);
    for (char *line = data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        look_at_line(texts, line);
        lines++;
    }
    free(data);
    return lines;
}

static size_t read_all_seen(struct texts *texts)
{
    const char *folder = getenv("FC_TEXTS_FOLDER");
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    size_t lines = 0;

    if (dir == NULL)
        fail_msg("no folder with what the tests saw: run this by ctest (FC_TEXTS_FOLDER)");
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        fc_auto_free char *path = fc_asprintf("%s/%s", folder, entry->d_name);
        if (fc_text_ends(entry->d_name, ".seen"))
            lines += read_seen(texts, path);
    }
    closedir(dir);
    return lines;
}

static void every_text_of_the_list_was_seen(void **state)
{
    struct texts *texts = *state;
    size_t lines = read_all_seen(texts), missing = 0, reached = 0, later = 0;

    for (size_t i = 0; i < texts->count; i++) {
        const struct text_row *row = &texts->rows[i];
        bool wire = strcmp(row->wire, "wire") == 0, unreachable = fc_text_starts(row->wire, "not: ");
        if (wire && row->seen == 0)
            print_error("never seen: %s %s %s\n", row->section, row->status, row->text);
        if (unreachable && row->seen > 0)
            print_error("seen although it is said to be out of reach: %s %s\n", row->section, row->text);
        if (!wire && !unreachable && row->seen > 0)
            print_message("built by now, mark it 'wire': %s %s\n", row->section, row->text);
        missing += (wire && row->seen == 0) || (unreachable && row->seen > 0);
        reached += wire;
        later += !wire && !unreachable;
    }
    print_message("%zu problems seen; %zu texts reached, %zu still to be built, %zu out of reach\n", lines,
                  reached - missing, later, texts->count - reached - later);
    assert_int_equal(missing, 0);
    assert_int_equal(texts->unlisted, 0);
    assert_true(lines > 0);
}

static int load(void **state)
{
    struct texts *texts = fc_calloc(1, sizeof *texts);

    texts_load(texts);
    *state = texts;
    return 0;
}

static int release(void **state)
{
    struct texts *texts = *state;

    texts_release(texts);
    free(texts);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_text_of_the_code_is_in_the_list, load, release),
        cmocka_unit_test_setup_teardown(every_text_of_the_list_was_seen, load, release),
    };
    RUN(tests);
}
