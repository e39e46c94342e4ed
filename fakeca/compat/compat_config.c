/* Pebble's config file. */
#include "compat/compat_int.h"

#include <stdio.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_opt.h"
#include "base/base_text.h"

#define PORT_MAX 65535
#define SECONDS_MAX (INT64_C(3660) * 86400) /* what a policy takes */
#define RETRY_MAX 86400
#define PROFILES_MAX 16

enum kind { TEXT, NUMBER, FLAG, TEXTS, OBJECT, WORD };

struct reading {
    struct fc_compat_config *config;
    const char *file;
    fc_compat_warn_fn warn;
    void *cookie;
    struct fc_err *err;
};

/* A member: where its value goes. */
struct member {
    const char *key;
    enum kind kind;
    size_t offset;
    int64_t max; /* of numbers */
};

#define AT(member) offsetof(struct fc_compat_config, member)

static const struct member members[] = {
    {"listenAddress", TEXT, AT(listen), 0},
    {"managementListenAddress", TEXT, AT(management_listen), 0},
    {"httpPort", NUMBER, AT(http_port), PORT_MAX},
    {"tlsPort", NUMBER, AT(tls_port), PORT_MAX},
    {"certificate", TEXT, AT(certificate), 0},
    {"privateKey", TEXT, AT(private_key), 0},
    {"ocspResponderURL", TEXT, AT(ocsp_url), 0},
    {"externalAccountBindingRequired", FLAG, AT(eab_required), 0},
    {"externalAccountMACKeys", OBJECT, AT(eab_keys), 0},
    {"caaIdentities", TEXTS, AT(caa_identities), 0},
    {"domainBlocklist", TEXTS, AT(blocklist), 0},
    {"keyAlgorithm", WORD, AT(rsa), 0},
    {"profiles", OBJECT, AT(profiles), 0},
    {"certificateValidityPeriod", NUMBER, AT(validity_s), SECONDS_MAX},
    {"retryAfter", OBJECT, 0, 0},
};
#define N_MEMBERS (sizeof members / sizeof *members)

static const struct member retry_members[] = {
    {"authz", NUMBER, AT(authz_retry_after), RETRY_MAX},
    {"order", NUMBER, AT(order_retry_after), RETRY_MAX},
};
#define N_RETRY_MEMBERS (sizeof retry_members / sizeof *retry_members)

/* ---- values ---- */

static int refuse(const struct reading *reading, const char *key, const char *rule)
{
    return fc_err_set(reading->err, FC_E_USAGE, "config file '%s': 'pebble.%s' %s", reading->file, key, rule);
}

static int read_number(const struct reading *reading, const struct member *member, const json_t *value)
{
    int64_t number = json_integer_value(value);
    char rule[96];

    if (!json_is_integer(value))
        return refuse(reading, member->key, "must be a whole number");
    if (number < 0 || number > member->max) {
        snprintf(rule, sizeof rule, "is not between 0 and %lld", (long long)member->max);
        return refuse(reading, member->key, rule);
    }
    memcpy((char *)reading->config + member->offset, &number, sizeof number);
    return 0;
}

static bool all_texts(const json_t *value)
{
    if (!json_is_array(value))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return true;
}

static int read_algorithm(const struct reading *reading, const struct member *member, const json_t *value)
{
    const char *word = json_string_value(value);

    if (!word || (*word && strcmp(word, "rsa") != 0 && strcmp(word, "ecdsa") != 0))
        return refuse(reading, member->key, "must be \"rsa\" or \"ecdsa\"");
    reading->config->rsa = strcmp(word, "rsa") == 0;
    return 0;
}

/* An empty one says what an absent one does. */
static int read_text(const struct reading *reading, const struct member *member, const json_t *value)
{
    const char *text = json_string_value(value);

    if (!text)
        return refuse(reading, member->key, "must be a text");
    text = *text ? text : NULL;
    memcpy((char *)reading->config + member->offset, &text, sizeof text);
    return 0;
}

static int read_value(const struct reading *reading, const struct member *member, const json_t *value)
{
    char *at = (char *)reading->config + member->offset;

    switch (member->kind) {
    case TEXT:
        return read_text(reading, member, value);
    case NUMBER:
        return read_number(reading, member, value);
    case FLAG:
        if (!json_is_boolean(value))
            return refuse(reading, member->key, "must be true or false");
        *(bool *)at = json_is_true(value);
        return 0;
    case TEXTS:
        if (!all_texts(value))
            return refuse(reading, member->key, "must be a list of texts");
        break;
    case OBJECT:
        if (!json_is_object(value))
            return refuse(reading, member->key, "must be an object");
        break;
    case WORD:
        return read_algorithm(reading, member, value);
    }
    if (member->offset)
        memcpy(at, &value, sizeof value);
    return 0;
}

/* ---- objects ---- */

static void warn_unknown(const struct reading *reading, const char *place, const char *key, const char *nearest)
{
    char text[FC_COMPAT_TEXT_MAX];

    if (nearest)
        snprintf(text, sizeof text, "%.100s: unknown key '%.50s' is passed over, did you mean '%s%s'?", reading->file,
                 key, place, nearest);
    else
        snprintf(text, sizeof text, "%.100s: unknown key '%s%.50s' is passed over", reading->file, place, key);
    reading->warn(reading->cookie, text);
}

static const struct member *find(const struct member *list, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (fc_text_equal_nocase(list[i].key, key))
            return &list[i];
    return NULL;
}

static int read_object(const struct reading *reading, const char *place, const struct member *list, size_t count,
                       const json_t *object)
{
    const char *names[N_MEMBERS];
    const char *key;
    json_t *value;

    for (size_t i = 0; i < count; i++)
        names[i] = list[i].key;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct member *member = find(list, count, key);
        if (!member)
            warn_unknown(reading, place, key, fc_opt_nearest(key, names, count));
        else if (!json_is_null(value) && read_value(reading, member, value))
            return -1;
    }
    return 0;
}

static int check_profiles(const struct reading *reading)
{
    const char *name;
    json_t *profile;

    if (json_object_size(reading->config->profiles) > PROFILES_MAX)
        return refuse(reading, "profiles", "has more than 16 members");
    json_object_foreach((json_t *)(uintptr_t)reading->config->profiles, name, profile)
    {
        const json_t *validity = fc_compat_json_get(profile, "validityPeriod");
        bool bad = false;
        fc_compat_json_text(profile, "description", &bad);
        if (!json_is_object(profile) || bad)
            return refuse(reading, "profiles", "must hold objects of \"description\" and \"validityPeriod\"");
        if (validity && (!json_is_integer(validity) || json_integer_value(validity) < 0 ||
                         json_integer_value(validity) > SECONDS_MAX))
            return refuse(reading, "profiles",
                          "has a \"validityPeriod\" that is no number of seconds of at most 10 years");
    }
    return 0;
}

static int check_keys(const struct reading *reading)
{
    const char *kid;
    json_t *key;

    json_object_foreach((json_t *)(uintptr_t)reading->config->eab_keys, kid, key)
    {
        if (!json_is_string(key))
            return refuse(reading, "externalAccountMACKeys", "must hold texts: base64url of keys");
    }
    return 0;
}

static int read_root(const struct reading *reading)
{
    struct fc_compat_config *config = reading->config;
    const json_t *pebble = fc_compat_json_get(config->file, "pebble");
    const json_t *retry;

    if (!json_is_object(pebble))
        return fc_err_set(reading->err, FC_E_USAGE, "config file '%s': there is no object 'pebble' in it",
                          reading->file);
    if (read_object(reading, "", members, N_MEMBERS, pebble))
        return -1;
    retry = fc_compat_json_get(pebble, "retryAfter");
    if (retry && read_object(reading, "retryAfter.", retry_members, N_RETRY_MEMBERS, retry))
        return -1;
    if (!config->certificate != !config->private_key)
        return refuse(reading, config->certificate ? "privateKey" : "certificate",
                      "is missing: certificate and privateKey belong together");
    return check_profiles(reading) || check_keys(reading) ? -1 : 0;
}

/* What counts where the file says nothing. */
static void defaults(struct fc_compat_config *config)
{
    *config = (struct fc_compat_config){.listen = "0.0.0.0:14000",
                                        .http_port = 5002,
                                        .tls_port = 5001,
                                        .authz_retry_after = 3,
                                        .order_retry_after = 5,
                                        .nonce_reject = 5,
                                        .authz_reuse = 50,
                                        .orders_per_page = 3,
                                        .sleep_s = 5,
                                        .chain_length = 1};
}

int fc_compat_config_read(struct fc_compat_config *config, const char *name, const char *text, size_t len,
                          fc_compat_warn_fn warn, void *cookie, struct fc_err *err)
{
    const struct reading reading = {.config = config, .file = name, .warn = warn, .cookie = cookie, .err = err};

    defaults(config);
    if (fc_json_parse(text, len, &config->file, err)) {
        fc_err_prefix(err, "config file '%s'", name);
        if (err)
            err->code = FC_E_USAGE;
        return -1;
    }
    return read_root(&reading);
}

void fc_compat_config_release(struct fc_compat_config *config)
{
    json_decref(config->file);
    config->file = NULL;
}
