#define _XOPEN_SOURCE 700 /* nftw */
#include "lib_events.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"

#include "cmocka_all.h"

int lib_events_setup_closed(void **state)
{
    struct lib_events *lib = fc_calloc(1, sizeof *lib);

    memcpy(lib->dir, "/tmp/fakeca-events-XXXXXX", sizeof "/tmp/fakeca-events-XXXXXX");
    lib->clock = fc_clock_new();
    *state = lib;
    return mkdtemp(lib->dir) ? 0 : -1;
}

int lib_events_setup(void **state)
{
    if (lib_events_setup_closed(state))
        return -1;
    struct lib_events *lib = *state;
    if (fc_store_open(&(struct fc_store_params){0}, &lib->store, &lib->err))
        return -1;
    return fc_events_new(&(struct fc_events_params){.store = lib->store, .clock = lib->clock}, &lib->events, &lib->err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void drop_views(struct lib_events *lib)
{
    fc_events_views_free(lib->views, lib->count);
    lib->views = NULL;
    lib->count = 0;
}

int lib_events_teardown(void **state)
{
    struct lib_events *lib = *state;

    drop_views(lib);
    fc_store_end(&lib->tx);
    lib_events_close(lib);
    fc_clock_free(lib->clock);
    int result = nftw(lib->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(lib);
    return result;
}

void lib_events_open(struct lib_events *lib)
{
    const struct fc_store_params store = {.dir = lib->dir};

    if (fc_store_open(&store, &lib->store, &lib->err))
        fail_msg("%s", lib->err.text);
    const struct fc_events_params events = {lib->store, lib->clock, lib->memory_max, lib->disk_max};
    if (fc_events_new(&events, &lib->events, &lib->err))
        fail_msg("%s", lib->err.text);
}

void lib_events_close(struct lib_events *lib)
{
    fc_events_free(lib->events);
    lib->events = NULL;
    fc_store_close(lib->store);
    lib->store = NULL;
}

void lib_events_begin(struct lib_events *lib)
{
    if (fc_store_begin(lib->store, FC_STORE_WRITE, &lib->tx, &lib->err))
        fail_msg("%s", lib->err.text);
}

void lib_events_commit(struct lib_events *lib)
{
    if (fc_store_commit(&lib->tx, &lib->err))
        fail_msg("%s", lib->err.text);
}

void lib_events_read(struct lib_events *lib, int64_t after, size_t limit, const char *const *types)
{
    drop_views(lib);
    if (fc_events_read(lib->events, after, limit, types, &lib->views, &lib->count, &lib->next, &lib->err))
        fail_msg("%s", lib->err.text);
}

void lib_events_expect(struct lib_events *lib, int64_t after, int64_t first, int64_t last)
{
    int64_t expected = first;

    do {
        lib_events_read(lib, after, 7, NULL);
        for (size_t i = 0; i < lib->count; i++)
            assert_int_equal(lib->views[i].seq, expected++);
        after = lib->next;
    } while (lib->count);
    assert_int_equal(expected, last + 1);
    assert_int_equal(after, fc_events_last(lib->events));
}

void lib_events_note(struct lib_events *lib, int count)
{
    for (int i = 0; i < count; i++)
        fc_events_note(lib->events, FC_EVENT_REQUEST, 0, NULL, NULL);
}

const char *lib_events_text(const struct lib_events *lib, size_t index, const char *member)
{
    assert_true(index < lib->count);
    const char *text = json_string_value(json_object_get(lib->views[index].json, member));
    return text ? text : "(none)";
}
