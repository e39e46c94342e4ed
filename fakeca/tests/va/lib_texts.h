/* fixtures/letsencrypt/texts.tsv: every problem text, and what the tests of va and acme saw of them. A test that sees a problem says
 * so with texts_seen; unit.acme_texts, which ctest runs when all of them have ended, compares. */
#ifndef FC_TESTS_VA_LIB_TEXTS_H
#define FC_TESTS_VA_LIB_TEXTS_H

#include <stddef.h>

#define TEXTS_MAX 512

/* One line; text has {placeholders}. */
struct text_row {
    const char *section; /* of letsencrypt.md; "own": not in it */
    const char *type;    /* "*": any */
    const char *status;  /* "*": any */
    const char *text;
    const char *wire; /* "wire"; "not: why it cannot be reached here"; "later: what is not built yet" */
    size_t seen;
};

struct texts {
    char *data;
    struct text_row rows[TEXTS_MAX];
    size_t count;
    size_t unlisted; /* texts that were looked for and are not there */
};

/* Fails the test when the file is not well-formed. */
void texts_load(struct texts *texts);
void texts_release(struct texts *texts);
/* The row of this type and status whose text fits best, or NULL. */
struct text_row *texts_find(struct texts *texts, const char *type, const char *status, const char *detail);

/* Adds a line to the file that FC_TEXTS_SEEN names; does nothing when it names none. Any thread. */
void texts_seen(const char *type, long status, const char *detail);

#endif
