/* Moved windows and replacements. */
#include "store/store_renewal.h"

#include <string.h>

#include "store/store_order.h"

#include "cmocka_all.h"
#include "lib_store.h"

static void window_get_fails(struct lib_store *lib, const char *serial)
{
    struct fc_store_window window;
    struct fc_err err = {0};

    assert_int_equal(fc_store_window_get(lib->store, lib->arena, serial, &window, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    assert_string_equal(err.text, "no such window");
}

static void a_window_is_kept_replaced_and_removed(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_window window = {.serial = "aa", .start = 1, .end = 2, .explanation = "u", .retry_after_s = 60};
    struct fc_store_window read;
    bool removed;

    lib_store_begin(lib, FC_STORE_WRITE);
    window_get_fails(lib, "aa");
    assert_int_equal(fc_store_window_set(lib->store, &window, &lib->err), 0);
    assert_int_equal(fc_store_window_get(lib->store, lib->arena, "aa", &read, &lib->err), 0);
    assert_true(read.start == 1 && read.end == 2 && read.retry_after_s == 60 && strcmp(read.explanation, "u") == 0);
    window = (struct fc_store_window){.serial = "aa", .start = 3, .end = 4};
    assert_int_equal(fc_store_window_set(lib->store, &window, &lib->err), 0);
    assert_int_equal(fc_store_window_get(lib->store, lib->arena, "aa", &read, &lib->err), 0);
    assert_true(read.start == 3 && read.end == 4 && read.retry_after_s == 0 && !read.explanation);
    assert_int_equal(fc_store_window_clear(lib->store, "bb", &removed, &lib->err), 0);
    assert_false(removed);
    assert_int_equal(fc_store_window_clear(lib->store, "aa", &removed, &lib->err), 0);
    assert_true(removed);
    window_get_fails(lib, "aa");
    assert_int_equal(fc_store_window_set(lib->store, &window, &lib->err), 0);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    window_get_fails(lib, "aa");
    lib_store_commit(lib);
}

static int64_t add(struct lib_store *lib, const char *env, const char *replaces)
{
    struct fc_order order = lib_store_order(1, env);

    order.replaces = replaces;
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    return order.id;
}

static void replacements_newest_first(void **state)
{
    struct lib_store *lib = *state;
    struct fc_order *orders;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    int64_t first = add(lib, "production", "x.y");
    add(lib, "production", "x.z");
    add(lib, "staging", "x.y");
    add(lib, "production", NULL);
    int64_t second = add(lib, "production", "x.y");
    assert_int_equal(fc_store_replacements(lib->store, lib->arena, "production", "x.y", &orders, &count, &lib->err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(orders[0].id, second);
    assert_int_equal(orders[1].id, first);
    assert_int_equal(fc_store_replacements(lib->store, lib->arena, "production", "none", &orders, &count, &lib->err),
                     0);
    assert_int_equal(count, 0);
    lib_store_commit(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_STORE_TEST(a_window_is_kept_replaced_and_removed),
                                       LIB_STORE_TEST(replacements_newest_first)};
    RUN(tests);
}
