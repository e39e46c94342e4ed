/* What the tests of app/ share: a folder of the test's own, a CA on any free ports in it, and requests over the wire. */
#ifndef FC_TESTS_LIB_APP_H
#define FC_TESTS_LIB_APP_H

#include "app/app.h"
#include "base/base_err.h"
#include "base/base_time.h"

#include <jansson.h>
#include <stdbool.h>

/* The longest that a test waits for anything. */
#define PATIENCE (20 * FC_SECOND)

struct lib_app {
    char dir[64]; /* also $XDG_RUNTIME_DIR */
    char *state;  /* DIR/state, not made */
    struct fc_app_config config;
    struct fc_app *app; /* what the test started and did not stop */
    struct fc_err err;
};

/* setup and teardown of a test: the folder, and a config with any free ports, state in DIR/state, one environment. */
int lib_app_setup(void **state);
int lib_app_teardown(void **state);

/* Starts t->config into t->app; fails the test with the error's text. */
void lib_app_start(struct lib_app *t);
void lib_app_stop(struct lib_app *t);
/* Starting must fail with this code and a text that contains `says`. */
void lib_app_refused(struct lib_app *t, enum fc_err_code code, const char *says);

/* DIR/NAME, PLACE/NAME of the state folder; the caller frees. */
char *lib_app_path(const struct lib_app *t, const char *name);
char *lib_app_state_path(const struct lib_app *t, const char *name);
/* A member of the running CA's run.json; NULL when it is null. */
const char *lib_app_run(const struct lib_app *t, const char *key);
unsigned lib_app_port(const struct lib_app *t, const char *key);

/* Status of a GET, and its body when ret_body is not NULL (the caller frees); the CA's own ca.pem is what https trusts. */
int lib_app_get(const struct lib_app *t, const char *base, const char *path, char **ret_body);
/* POST with this body to the management API; returns the status. */
int lib_app_post(const struct lib_app *t, const char *path, const char *body);
/* The member of the JSON that GET answers with 200; the caller decrefs. */
json_t *lib_app_json(const struct lib_app *t, const char *path);
/* A self-signed certificate for localhost and its key, by openssl(1). */
void lib_app_make_cert(const char *cert, const char *key);

#endif
