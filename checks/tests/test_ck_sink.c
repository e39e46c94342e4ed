/* test: threads. The pipe that takes the output of commands: what was written before a mark lies before it, and a gigabyte blocks
 * nobody. */
#include "cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "stage/ck_sink.h"

struct fixture {
    char folder[64];
    char *path;
    struct ck_sink *sink;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    snprintf(f->folder, sizeof f->folder, "/tmp/ck-sink-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    f->path = fc_asprintf("%s/output", f->folder);
    *state = f;
    return ck_sink_open(f->path, &f->sink, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ck_sink_free(f->sink);
    unlink(f->path);
    rmdir(f->folder);
    free(f->path);
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *text)
{
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void test_marks(void **state)
{
    struct fixture *f = *state;

    put(f, "before\n");
    int64_t mark = ck_sink_mark(f->sink);
    put(f, "one\033[0m\n");
    put(f, "two\n");
    ck_sink_mark(f->sink);
    fc_auto_free char *text = ck_sink_since(f->sink, mark, 1000), *end = ck_sink_since(f->sink, mark, 30);
    assert_string_equal(text, "one[0m\ntwo\n");
    assert_true(strlen(end) <= 30);
}

static void *flood(void *cookie)
{
    const struct fixture *f = cookie;
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    char block[65536];
    size_t done = 0;

    memset(block, 'x', sizeof block);
    for (int i = 0; fd >= 0 && i < 1024; i++) {
        ssize_t n = write(fd, block, sizeof block);
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return done == 1024 * sizeof block ? cookie : NULL;
}

static void test_flood(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *result;

    int64_t mark = ck_sink_mark(f->sink);
    assert_int_equal(pthread_create(&thread, NULL, flood, f), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, f);
    put(f, "\nthe end\n");
    ck_sink_mark(f->sink);
    fc_auto_free char *text = ck_sink_since(f->sink, mark, 100);
    assert_non_null(strstr(text, "\nthe end\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_flood, setup, teardown)};
    RUN(tests);
}
