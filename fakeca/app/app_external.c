/* External accounts (RFC 8555 section 7.3.4) by option and config file; the management API adds more while the CA runs. */
#include "app/app_int.h"

#include <string.h>

#include "base/base_alloc.h"
#include "base/base_b64.h"
#include "base/base_clock.h"

#include "policy/policy.h"
#include "store/store_external.h"

#define KID_MAX 255 /* as by the API */
#define KEY_LEAST 16
#define KEY_MAX 512

struct key {
    char kid[KID_MAX + 1];
    unsigned char bytes[KEY_MAX];
    size_t len;
};

/* The key itself is nobody's business: errors name the account. */
static int read_key(const char *text, struct key *ret_key, struct fc_err *err)
{
    const char *sign = strchr(text, '=');
    size_t len = sign ? (size_t)(sign - text) : 0;

    if (len == 0 || len > KID_MAX)
        return fc_err_set(err, FC_E_USAGE, "option '--eab-key' has a value that is not of the form KID=KEY");
    memcpy(ret_key->kid, text, len);
    ret_key->kid[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
            return fc_err_set(err, FC_E_USAGE, "option '--eab-key': the KID must be printable ASCII without blanks");
    ret_key->len = strlen(sign + 1);
    if (ret_key->len > KEY_MAX || fc_b64url_decode(sign + 1, ret_key->len, ret_key->bytes, &ret_key->len) ||
        ret_key->len < KEY_LEAST)
        return fc_err_set(err, FC_E_USAGE,
                          "option '--eab-key': the key of '%s' must be base64url without '=', of %d to %d characters",
                          ret_key->kid, (KEY_LEAST * 4 + 2) / 3, KEY_MAX);
    return 0;
}

int fc_app_external_check(const struct fc_app_config *config, struct fc_err *err)
{
    struct key key, other;

    if (config->eab == FC_APP_EAB_OFF && config->eab_keys.count)
        return fc_err_set(err, FC_E_USAGE, "options '--eab off' and '--eab-key': nobody could use the key");
    for (size_t i = 0; i < config->eab_keys.count; i++) {
        if (read_key(config->eab_keys.at[i], &key, err))
            return -1;
        for (size_t j = 0; j < i; j++)
            if (read_key(config->eab_keys.at[j], &other, err) == 0 && strcmp(other.kid, key.kid) == 0)
                return fc_err_set(err, FC_E_USAGE, "option '--eab-key': '%s' is there twice", key.kid);
    }
    return 0;
}

void fc_app_external_policies(struct fc_app *app)
{
    const struct fc_app_config *config = &app->config;
    bool given = config->eab != FC_APP_EAB_POLICY;

    for (size_t i = 0; i < app->n_envs; i++) {
        bool required = given ? config->eab == FC_APP_EAB_REQUIRED : app->policies[i]->external_account.required;
        if (given || config->eab_keys.count)
            fc_policy_set_external_account(app->policies[i], config->eab != FC_APP_EAB_OFF, required);
    }
}

/* A state folder has it from an earlier start: bound to an account maybe, so it is not to be replaced. */
static int check_kept(struct fc_app *app, const struct fc_store_external *external, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_external kept;

    if (fc_store_external_get(app->store, arena, external->env, external->kid, &kept, err))
        return -1;
    if (kept.key_len != external->key_len || memcmp(kept.key, external->key, kept.key_len) != 0)
        return fc_err_set(err, FC_E_USAGE, "option '--eab-key': '%s' has another key in this state", external->kid);
    return 0;
}

static int keep(struct fc_app *app, const char *env, const struct key *key, struct fc_err *err)
{
    const struct fc_store_external external = {
        .kid = key->kid, .env = env, .key = key->bytes, .key_len = key->len, .created_at = fc_clock_now(app->clock)};
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_err cause = {0};

    if (fc_store_begin(app->store, FC_STORE_WRITE, &tx, err))
        return -1;
    if (fc_store_external_insert(app->store, &external, &cause) == 0)
        return fc_store_commit(&tx, err);
    if (cause.code != FC_E_BUSY)
        return fc_err_set(err, cause.code, "%s", cause.text);
    return check_kept(app, &external, err);
}

int fc_app_external_keep(struct fc_app *app, struct fc_err *err)
{
    struct key key;

    for (size_t i = 0; i < app->config.eab_keys.count; i++)
        for (size_t j = 0; j < app->n_envs; j++)
            if (read_key(app->config.eab_keys.at[i], &key, err) || keep(app, app->policies[j]->name, &key, err))
                return -1;
    return 0;
}
