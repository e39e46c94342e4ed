/* What survives a restart besides the rows: the clock and the ports, as settings of the store. */
#include "app/app_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base_arena.h"
#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "store/store.h"

#define CLOCK_SETTING "clock"

/* "OFFSET_S FROZEN_AT" */
static int parse_saved(const char *text, struct fc_clock_saved *ret_saved, struct fc_err *err)
{
    const char *blank = strchr(text, ' ');
    fc_auto_free char *offset = fc_strndup(text, blank ? (size_t)(blank - text) : 0);

    if (!blank || fc_text_int(offset, -INT64_C(10000000000), INT64_C(10000000000), &ret_saved->offset_s, NULL) ||
        fc_text_int(blank + 1, 0, FC_TIME_MAX, &ret_saved->frozen_at, NULL))
        return fc_err_set(err, FC_E_DAMAGED, "the state's setting '" CLOCK_SETTING "' is damaged: '%s'", text);
    return 0;
}

/* --clock: a duration from now, or a point in time. */
static int apply_option(struct fc_clock *clock, const char *text, struct fc_err *err)
{
    struct fc_err cause = {0};
    bool relative;
    int64_t value;

    if (fc_time_parse_when(text, &relative, &value, err))
        return fc_err_prefix(err, "option '--clock'");
    int result = relative ? fc_clock_advance(clock, value, &cause) : fc_clock_set(clock, value, &cause);
    return result ? fc_err_set(err, FC_E_USAGE, "option '--clock': '%s': %s", text, cause.text) : 0;
}

int fc_app_clock_keep(void *cookie, struct fc_err *err)
{
    struct fc_app *app = cookie;
    struct fc_clock_saved saved;
    char text[64];

    fc_clock_save(app->clock, &saved);
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64, saved.offset_s, saved.frozen_at);
    return fc_store_setting_set(app->store, CLOCK_SETTING, text, err);
}

int fc_app_clock_load(struct fc_app *app, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_clock_saved saved = {0};
    const char *text;

    if (fc_store_begin(app->store, FC_STORE_WRITE, &tx, err) ||
        fc_store_setting_get(app->store, arena, CLOCK_SETTING, &text, err))
        return -1;
    if (text && parse_saved(text, &saved, err))
        return -1;
    /* the store is the truth, the clock file its mirror: one that an earlier program left is brought into line */
    if (fc_clock_restore(app->clock, &saved, err))
        return -1;
    if (!text && app->config.clock && apply_option(app->clock, app->config.clock, err))
        return -1;
    if (fc_app_clock_keep(app, err))
        return -1;
    return fc_store_commit(&tx, err);
}

int fc_app_port_load(struct fc_app *app, const char *name, unsigned *ret_port, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_tx tx fc_auto_tx = {0};
    const char *setting = fc_arena_printf(arena, "port.%s", name), *text;
    int64_t port;

    *ret_port = 0;
    if (fc_store_begin(app->store, FC_STORE_READ, &tx, err) ||
        fc_store_setting_get(app->store, arena, setting, &text, err))
        return -1;
    if (text && fc_text_int(text, 1, 65535, &port, NULL) == 0)
        *ret_port = (unsigned)port;
    return 0;
}

int fc_app_ports_keep(struct fc_app *app, struct fc_err *err)
{
    const struct {
        const char *name;
        unsigned port;
    } ports[] = {{"port.acme", app->acme_port},
                 {"port.acme-http", app->acme_http_port},
                 {"port.management", app->management_port},
                 {"port.dns", app->dns_port}};
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(app->store, FC_STORE_WRITE, &tx, err))
        return -1;
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", ports[i].port);
        if (ports[i].port && fc_store_setting_set(app->store, ports[i].name, text, err))
            return -1;
    }
    return fc_store_commit(&tx, err);
}
