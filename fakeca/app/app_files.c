/* The files that other programs read: ca.pem, trust.pem, run.json. */
#include "app/app_int.h"

#include <string.h>
#include <unistd.h>

#include "base/base_arena.h"
#include "base/base_buf.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_version.h"

#include "policy/policy.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define BUNDLE_MAX (16 << 20)

/* One file that verifies both the directory and what is issued (C16 of the clients' page). */
static int write_trust(struct fc_app *app, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_buf own fc_auto_buf = {0};
    fc_auto_free char *system = NULL;
    size_t len = 0;

    fc_buf_init(&own, 1 << 20);
    fc_buf_puts(&own, app->tls.ca_pem);
    for (size_t i = 0; i < app->n_envs; i++)
        fc_buf_puts(&own, fc_ca_roots_pem(app->cas[i], arena));
    if (fc_file_write(app->ca_file, own.data, own.len, 0644, err))
        return -1;
    if (fc_file_exists(SYSTEM_BUNDLE) && fc_file_read(SYSTEM_BUNDLE, BUNDLE_MAX, &system, &len, err))
        return -1;
    struct fc_buf all fc_auto_buf = {0};
    fc_buf_init(&all, BUNDLE_MAX + (1 << 20));
    fc_buf_append(&all, system ? system : "", len);
    if (len && system[len - 1] != '\n')
        fc_buf_putc(&all, '\n');
    fc_buf_append(&all, own.data, own.len);
    return fc_file_write(app->trust_file, all.data, all.len, 0644, err);
}

int fc_app_files_trust(struct fc_app *app, struct fc_err *err)
{
    pthread_mutex_lock(&app->files_lock);
    int result = app->closing ? 0 : write_trust(app, err);
    pthread_mutex_unlock(&app->files_lock);
    return result;
}

char *fc_app_files_address(const char *listen, unsigned port, const char *here)
{
    static const char *const plain[] = {"localhost", "127.0.0.1", "0.0.0.0", "[::]", ""};
    const char *colon = strrchr(listen, ':');
    fc_auto_free char *host = fc_strndup(listen, colon ? (size_t)(colon - listen) : 0);

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (fc_text_equal_nocase(host, plain[i]))
            return fc_asprintf("%s:%u", here, port);
    return fc_asprintf("%s:%u", host, port);
}

/* null when the listener is off */
static json_t *url(const char *listen, unsigned port, const char *path)
{
    if (!port)
        return json_null();
    fc_auto_free char *address = fc_app_files_address(listen, port, "localhost");
    return json_sprintf("http://%s%s", address, path);
}

static json_t *dns_address(const struct fc_app *app)
{
    if (!app->dns_port)
        return json_null();
    fc_auto_free char *address = fc_app_files_address(app->config.dns_listen, app->dns_port, "127.0.0.1");
    return json_string(address);
}

/* null when no environment of that name is served */
static json_t *staging_directory(const struct fc_app *app)
{
    for (size_t i = 0; i < app->n_envs; i++)
        if (strcmp(app->policies[i]->name, "staging") == 0)
            return json_string(app->directories[i]);
    return json_null();
}

int fc_app_files_run(struct fc_app *app, struct fc_err *err)
{
    json_t *run = app->run;

    json_object_set_new(run, "pid", json_integer(getpid()));
    json_object_set_new(run, "version", json_string(fc_version));
    json_object_set_new(run, "directory", json_string(app->directories[0]));
    json_object_set_new(run, "staging_directory", staging_directory(app));
    json_object_set_new(run, "directory_http", url(app->config.acme_http_listen, app->acme_http_port, "/dir"));
    json_object_set_new(run, "management", url(app->config.management_listen, app->management_port, "/"));
    json_object_set_new(run, "dns", dns_address(app));
    json_object_set_new(run, "ca_file", json_string(app->ca_file));
    json_object_set_new(run, "trust_file", json_string(app->trust_file));
    json_object_set_new(run, "clock_file", json_string(app->clock_file));
    json_object_set_new(run, "state", app->config.state ? json_string(app->place) : json_null());
    fc_auto_free char *text = fc_json_text(run);
    fc_auto_free char *line = fc_asprintf("%s\n", text);
    return fc_file_write(app->run_file, line, strlen(line), 0644, err);
}
