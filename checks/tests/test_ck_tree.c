/* A folder is what it was after whatever happened to it; what is outside of it is never touched. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "stage/ck_tree.h"

static const struct ck_tree_limits limits = {1000, 1 << 20};

struct fixture {
    char base[64];
    char *live, *saved, *outside;
};

static char *path_of(const char *folder, const char *name)
{
    return fc_asprintf("%s/%s", folder, name);
}

static void put(const char *folder, const char *name, const char *text)
{
    fc_auto_free char *path = path_of(folder, name);
    assert_int_equal(fc_file_write(path, text, strlen(text), 0640, NULL), 0);
}

static void holds(const char *folder, const char *name, const char *text)
{
    fc_auto_free char *path = path_of(folder, name), *data = NULL;
    size_t len;
    assert_int_equal(fc_file_read(path, 1000, &data, &len, NULL), 0);
    assert_string_equal(data, text);
}

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    snprintf(f->base, sizeof f->base, "/tmp/ck-tree-XXXXXX");
    if (!mkdtemp(f->base))
        return -1;
    f->live = path_of(f->base, "live");
    f->saved = path_of(f->base, "saved");
    f->outside = path_of(f->base, "outside");
    mkdir(f->live, 0755);
    mkdir(f->outside, 0755);
    fc_auto_free char *sub = path_of(f->live, "sub"), *link = path_of(f->live, "link"), *out = path_of(f->live, "out");
    mkdir(sub, 0750);
    put(f->live, "a", "one");
    put(sub, "b", "two");
    put(f->outside, "precious", "stays");
    *state = f;
    return symlink("sub/b", link) || symlink(f->outside, out);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ck_tree_remove(f->base, NULL);
    free(f->live);
    free(f->saved);
    free(f->outside);
    free(f);
    return 0;
}

static void test_restore(void **state)
{
    struct fixture *f = *state;
    fc_auto_free char *sub = path_of(f->live, "sub"), *link = path_of(f->live, "link"),
                      *fresh = path_of(f->live, "new"), *a = path_of(f->live, "a");
    struct stat before, after;

    assert_int_equal(ck_tree_copy(f->live, f->saved, limits, NULL), 0);
    assert_int_equal(stat(a, &before), 0);
    put(f->live, "a", "changed and longer");
    put(sub, "c", "new");
    chmod(sub, 0700);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkdir(link, 0755), 0); /* a folder where a link was */
    put(link, "x", "y");
    assert_int_equal(mkdir(fresh, 0755), 0);
    put(fresh, "deep", "z");
    assert_int_equal(ck_tree_restore(f->saved, f->live, NULL), 0);

    holds(f->live, "a", "one");
    holds(sub, "b", "two");
    holds(f->live, "link", "two");
    assert_int_equal(ck_tree_count(f->live), 4);
    assert_int_equal(ck_tree_count(sub), 1);
    assert_int_equal(stat(a, &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_true(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    assert_int_equal(stat(sub, &after), 0);
    assert_int_equal(after.st_mode & 0777, 0750);
    holds(f->outside, "precious", "stays");
}

static void test_gone(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ck_tree_copy(f->live, f->saved, limits, NULL), 0);
    assert_int_equal(ck_tree_empty(f->live, NULL), 0);
    assert_int_equal(ck_tree_count(f->live), 0);
    holds(f->outside, "precious", "stays"); /* links are removed, not followed */
    assert_int_equal(ck_tree_restore(f->saved, f->live, NULL), 0);
    holds(f->live, "link", "two");
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};

    assert_int_equal(ck_tree_copy(f->live, f->saved, (struct ck_tree_limits){3, 1000}, &err), -1);
    assert_int_equal(err.code, FC_E_LIMIT);
    ck_tree_remove(f->saved, NULL);
    err = (struct fc_err){0};
    assert_int_equal(ck_tree_copy(f->live, f->saved, (struct ck_tree_limits){1000, 4}, &err), -1);
    assert_int_equal(err.code, FC_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_limits, setup, teardown)};
    RUN(tests);
}
