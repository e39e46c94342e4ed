#define _XOPEN_SOURCE 700 /* nftw */
#include "app/lib_app.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_json.h"
#include "base/base_proc.h"
#include "net/net_client.h"

#include "cmocka_all.h"

int lib_app_setup(void **state)
{
    struct lib_app *t = fc_calloc(1, sizeof *t);

    snprintf(t->dir, sizeof t->dir, "%s", "/tmp/test_app.XXXXXX");
    *state = t;
    if (!mkdtemp(t->dir))
        return -1;
    setenv("XDG_RUNTIME_DIR", t->dir, 1);
    t->state = lib_app_path(t, "state");
    fc_app_config_defaults(&t->config);
    t->config.state = t->state;
    t->config.acme_listen = "localhost:0";
    t->config.management_listen = "localhost:0";
    t->config.dns_listen = "127.0.0.1:0";
    t->config.environments = (struct fc_opt_strings){.at = {"production"}, .count = 1};
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about, (void)type, (void)walk;
    return remove(path);
}

int lib_app_teardown(void **state)
{
    struct lib_app *t = *state;

    fc_app_stop(t->app);
    int result = nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(t->state);
    free(t);
    return result;
}

void lib_app_start(struct lib_app *t)
{
    fc_err_clear(&t->err);
    if (fc_app_start(&t->config, &t->app, &t->err))
        fail_msg("%s", t->err.text);
}

void lib_app_stop(struct lib_app *t)
{
    fc_app_stop(FC_TAKE(t->app));
}

void lib_app_refused(struct lib_app *t, enum fc_err_code code, const char *says)
{
    struct fc_app *app = NULL;

    fc_err_clear(&t->err);
    int result = fc_app_start(&t->config, &app, &t->err);
    fc_app_stop(app);
    assert_int_equal(result, -1);
    if (!strstr(t->err.text, says))
        fail_msg("'%s' is not in: %s", says, t->err.text);
    assert_int_equal(t->err.code, code);
}

char *lib_app_path(const struct lib_app *t, const char *name)
{
    return fc_asprintf("%s/%s", t->dir, name);
}

char *lib_app_state_path(const struct lib_app *t, const char *name)
{
    return fc_asprintf("%s/%s", t->state, name);
}

const char *lib_app_run(const struct lib_app *t, const char *key)
{
    return json_string_value(json_object_get(fc_app_run(t->app), key));
}

unsigned lib_app_port(const struct lib_app *t, const char *key)
{
    const char *text = lib_app_run(t, key);

    assert_non_null(text);
    return (unsigned)strtoul(strrchr(text, ':') + 1, NULL, 10);
}

static struct fc_net_client_result request(const struct lib_app *t, const char *method, const char *url,
                                           const char *body)
{
    const struct fc_net_client_params params = {
        .method = method, .url = url, .body = body, .ca_file = lib_app_run(t, "ca_file"), .timeout = PATIENCE};
    struct fc_net_client_result result = {0};
    struct fc_err err = {0};

    if (fc_net_client_request(&params, &result, &err))
        fail_msg("%s", err.text);
    return result;
}

int lib_app_get(const struct lib_app *t, const char *base, const char *path, char **ret_body)
{
    fc_auto_free char *url = fc_asprintf("%s%s", base, path);
    struct fc_net_client_result result = request(t, "GET", url, NULL);

    if (ret_body)
        *ret_body = result.body;
    else
        free(result.body);
    return result.status;
}

int lib_app_post(const struct lib_app *t, const char *path, const char *body)
{
    fc_auto_free char *url = fc_asprintf("%s%s", lib_app_run(t, "management"), path);
    struct fc_net_client_result result = request(t, "POST", url, body);

    free(result.body);
    return result.status;
}

json_t *lib_app_json(const struct lib_app *t, const char *path)
{
    fc_auto_free char *body = NULL;
    json_t *value;
    struct fc_err err = {0};

    assert_int_equal(lib_app_get(t, lib_app_run(t, "management"), path, &body), 200);
    if (fc_json_parse(body, strlen(body), &value, &err))
        fail_msg("%s: %s", path, err.text);
    return value;
}

void lib_app_make_cert(const char *cert, const char *key)
{
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-subj",
                                "/CN=localhost",
                                "-addext",
                                "subjectAltName=DNS:localhost",
                                "-days",
                                "7000",
                                "-keyout",
                                key,
                                "-out",
                                cert,
                                NULL};
    const struct fc_proc_spec spec = {.argv = argv};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;
    struct fc_err err = {0};

    if (fc_proc_run(&spec, PATIENCE, &proc, &how, &err) || how.code != 0)
        fail_msg("openssl: %s", err.text);
}
