#include "setup/ck_setup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define FILE_MAX (1 << 20)
#define COMMAND_MAX 8192
#define NAME_MAX_LEN 253
#define HOSTS_MAX 100

/* ---- addresses ---- */

static size_t read_addr(struct fc_json_obj *obj, const char *key, const char *text, struct fc_net_addr *ret_addr)
{
    struct fc_err err = {0};

    if (fc_net_addr_parse(text, ret_addr, &err) == 0)
        return 1;
    fc_json_errs_add(obj, key, "'%s' is no ADDR:PORT ('127.0.0.1:8080', '[::1]:8080'; port 0: any free one)", text);
    return 0;
}

/* An address or a list of them. */
static void read_addrs(struct fc_json_obj *obj, const char *key, const char *otherwise, struct fc_net_addr *ret_addrs,
                       size_t *ret_count)
{
    const json_t *value = fc_json_any(obj, key, FC_JSON_OPTIONAL);
    size_t n = 0;

    if (!value) {
        n = read_addr(obj, key, otherwise, &ret_addrs[0]);
    } else if (json_is_string(value)) {
        n = read_addr(obj, key, json_string_value(value), &ret_addrs[0]);
    } else if (json_is_array(value) && json_array_size(value) <= CK_SETUP_ADDRS_MAX) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            const char *text = json_string_value(json_array_get(value, i));
            if (text)
                n += read_addr(obj, key, text, &ret_addrs[n]);
            else
                fc_json_errs_add(obj, key, "element %zu must be a text", i);
        }
    } else {
        fc_json_errs_add(obj, key, "must be an address or a list of at most %d", CK_SETUP_ADDRS_MAX);
    }
    *ret_count = n;
}

static void read_endpoints(struct fc_json_obj *obj, struct ck_setup *setup)
{
    static const char *const protocols[] = {"none", "smtp", "imap", "pop3", NULL};
    const json_t *array = fc_json_array(obj, "endpoints", FC_JSON_OPTIONAL, CK_SETUP_ADDRS_MAX);

    for (size_t i = 0; i < json_array_size(array); i++) {
        struct fc_json_obj element;
        struct ck_setup_endpoint *endpoint = &setup->endpoints[setup->n_endpoints];
        fc_json_obj_element(obj, "endpoints", array, i, &element);
        const char *at = fc_json_str(&element, "at", FC_JSON_REQUIRED, 64);
        endpoint->host = fc_json_str(&element, "host", FC_JSON_OPTIONAL, NAME_MAX_LEN);
        endpoint->starttls = fc_json_word(&element, "starttls", FC_JSON_OPTIONAL, protocols, 0);
        if (!endpoint->host && setup->n_hosts)
            endpoint->host = setup->hosts[0];
        if (at && read_addr(&element, "at", at, &endpoint->at))
            setup->n_endpoints++;
        fc_json_obj_end(&element);
    }
}

/* ---- the other members ---- */

static void read_run(struct fc_json_obj *root, struct ck_setup *setup)
{
    const struct {
        const char *name, **at;
    } rows[] = {{"issue", &setup->run.issue}, {"renew", &setup->run.renew},     {"start", &setup->run.start},
                {"stop", &setup->run.stop},   {"restart", &setup->run.restart}, {"redeploy", &setup->run.redeploy},
                {"reset", &setup->run.reset}, {"live", &setup->run.live}};
    struct fc_json_obj run;

    fc_json_obj_member(root, "run", FC_JSON_OPTIONAL, &run);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *rows[i].at = fc_json_str(&run, rows[i].name, FC_JSON_OPTIONAL, COMMAND_MAX);
        if (*rows[i].at && !(*rows[i].at)[strspn(*rows[i].at, " \t\n")])
            fc_json_errs_add(&run, rows[i].name, "is empty");
    }
    if (setup->run.start && !setup->run.stop && !setup->run.restart)
        fc_json_errs_add(&run, "stop", "is needed beside 'start': the setup is left as it was found");
    fc_json_obj_end(&run);
}

/* As the CA sees names: labels of 1 to 63 characters, at least two of them, no dot at the end. */
static bool is_host(const char *host)
{
    size_t labels = 0;

    for (const char *at = host;; at++) {
        size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (len == 0 || len > 63 || at[0] == '-' || at[len - 1] == '-')
            return false;
        labels++;
        at += len;
        if (!*at)
            return labels > 1 || strcmp(host, "localhost") == 0;
        if (*at != '.')
            return false;
    }
}

static void read_hosts(struct fc_json_obj *root, struct ck_setup *setup)
{
    setup->hosts = fc_json_strs(root, "hosts", FC_JSON_REQUIRED, HOSTS_MAX, NAME_MAX_LEN);
    for (; setup->hosts && setup->hosts[setup->n_hosts]; setup->n_hosts++) {
        const char *host = setup->hosts[setup->n_hosts];
        if (!is_host(host))
            fc_json_errs_add(root, "hosts", "'%s' is no lower-case host name that HTTP-01 can validate", host);
    }
    if (setup->hosts && setup->n_hosts == 0)
        fc_json_errs_add(root, "hosts", "needs at least one name");
    setup->name = fc_json_str(root, "name", FC_JSON_OPTIONAL, 200);
    if (!setup->name && setup->n_hosts)
        setup->name = setup->hosts[0];
}

static void read_schedule(struct fc_json_obj *root, struct ck_setup *setup)
{
    struct fc_err err = {0};

    setup->schedule_text = fc_json_str(root, "schedule", FC_JSON_OPTIONAL, 200);
    if (!setup->schedule_text)
        setup->schedule_text = "12h";
    if (ck_schedule_parse(setup->schedule_text, &setup->schedule, &err))
        fc_json_errs_add(root, "schedule", "%s", err.text);
    setup->scheduler = fc_json_str(root, "scheduler", FC_JSON_OPTIONAL, 200);
    const char *word = setup->scheduler;
    if (word && !fc_text_starts(word, "cron:") && !fc_text_starts(word, "systemd:") &&
        !fc_text_starts(word, "container:"))
        fc_json_errs_add(root, "scheduler", "'%s' must begin with 'cron:', 'systemd:' or 'container:'", word);
}

static void read_files(struct fc_json_obj *root, struct ck_setup *setup)
{
    setup->webroot = fc_json_str(root, "webroot", FC_JSON_OPTIONAL, PATH_MAX / 2);
    setup->cert = fc_json_str(root, "cert", FC_JSON_OPTIONAL, PATH_MAX / 2);
    setup->key = fc_json_str(root, "key", FC_JSON_OPTIONAL, PATH_MAX / 2);
    setup->live = fc_json_str(root, "live", FC_JSON_OPTIONAL, PATH_MAX / 2);
    setup->state = fc_json_strs(root, "state", FC_JSON_OPTIONAL, 32, PATH_MAX / 2);
    while (setup->state && setup->state[setup->n_state])
        setup->n_state++;
    for (size_t i = 0; i < setup->n_state; i++) {
        fc_auto_free char *path = ck_setup_path(setup, setup->state[i]);
        if (!*setup->state[i] || strcmp(path, setup->dir) == 0)
            fc_json_errs_add(root, "state", "'%s' is the description's own folder", setup->state[i]);
    }
}

static void read_clock(struct fc_json_obj *root, struct ck_setup *setup)
{
    static const char *const ways[] = {"auto", "run", "aged", NULL};
    struct fc_json_obj clock;

    fc_json_obj_member(root, "clock", FC_JSON_OPTIONAL, &clock);
    setup->clock = fc_json_word(&clock, "how", FC_JSON_OPTIONAL, ways, CK_CLOCK_AUTO);
    fc_json_obj_end(&clock);
}

static void read_timeouts(struct fc_json_obj *root, struct ck_setup *setup)
{
    struct fc_json_obj obj;

    fc_json_obj_member(root, "timeouts", FC_JSON_OPTIONAL, &obj);
    setup->timeouts.bootstrap = FC_SECOND * fc_json_int(&obj, "bootstrap", FC_JSON_OPTIONAL, 1, 3600, 60);
    setup->timeouts.renew = FC_SECOND * fc_json_int(&obj, "renew", FC_JSON_OPTIONAL, 1, 3600, 600);
    setup->timeouts.reload = FC_SECOND * fc_json_int(&obj, "reload", FC_JSON_OPTIONAL, 1, 3600, 60);
    setup->timeouts.restart = FC_SECOND * fc_json_int(&obj, "restart", FC_JSON_OPTIONAL, 1, 3600, 60);
    fc_json_obj_end(&obj);
}

static void read_policy(struct fc_json_obj *root, struct ck_setup *setup)
{
    static const char *const as[] = {"pass", "warn", "fail", NULL};
    struct fc_json_obj policy;
    const char *id;
    json_t *value;

    fc_json_obj_member(root, "policy", FC_JSON_OPTIONAL, &policy);
    if (json_object_size(policy.value) > CK_SETUP_POLICY_MAX) {
        fc_json_errs_add(root, "policy", "has more than %d members", CK_SETUP_POLICY_MAX);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)policy.value, id, value)
    {
        struct ck_setup_policy *row = &setup->policy[setup->n_policy++];
        struct fc_json_obj obj;
        fc_json_obj_member(&policy, id, FC_JSON_REQUIRED, &obj);
        row->id = id;
        row->as = fc_json_word(&obj, "as", FC_JSON_REQUIRED, as, 0);
        row->why = fc_json_str(&obj, "why", FC_JSON_REQUIRED, 500);
        row->until = fc_json_time(&obj, "until", FC_JSON_REQUIRED, 0);
        fc_json_obj_end(&obj);
    }
}

static void read_rest(struct fc_json_obj *root, struct ck_setup *setup)
{
    static const char *const methods[] = {"auto", "webroot", "standalone", "plugin", "builtin", NULL};
    static const char *const keys[] = {"rotate", "reuse", NULL}, *const redirects[] = {"https", "none", NULL};
    static const char *const engines[] = {"docker", "podman", NULL};
    struct fc_json_obj obj;

    setup->method = fc_json_word(root, "method", FC_JSON_OPTIONAL, methods, CK_METHOD_AUTO);
    setup->replicas = fc_json_int(root, "replicas", FC_JSON_OPTIONAL, 1, 100, 1);
    setup->alert = fc_json_str(root, "alert", FC_JSON_OPTIONAL, 1000);
    /* read for their form: the checks that use them are not there yet */
    fc_json_obj_member(root, "expect", FC_JSON_OPTIONAL, &obj);
    fc_json_word(&obj, "key", FC_JSON_OPTIONAL, keys, 0);
    fc_json_word(&obj, "redirect", FC_JSON_OPTIONAL, redirects, 0);
    fc_json_int(&obj, "downtime_s", FC_JSON_OPTIONAL, 0, 86400, 0);
    fc_json_duration(&obj, "margin", FC_JSON_OPTIONAL, 0, 366 * FC_DAY, 0);
    fc_json_bool(&obj, "ari", FC_JSON_OPTIONAL, false);
    fc_json_obj_end(&obj);
    fc_json_obj_member(root, "container", FC_JSON_OPTIONAL, &obj);
    if (obj.value) {
        setup->container_engine = engines[fc_json_word(&obj, "engine", FC_JSON_REQUIRED, engines, 0)];
        setup->container_service = fc_json_str(&obj, "service", FC_JSON_REQUIRED, 200);
    }
    fc_json_obj_end(&obj);
}

static int read_members(struct ck_setup *setup, const char *text, size_t len, struct fc_err *err)
{
    struct fc_json_errs errs;
    struct fc_json_obj root;

    fc_json_errs_init(&errs, strrchr(setup->path, '/') + 1, text, len);
    fc_json_obj_root(&root, setup->json, &errs);
    read_hosts(&root, setup);
    read_addrs(&root, "http", "127.0.0.1:5002", setup->http, &setup->n_http);
    read_addrs(&root, "https", "127.0.0.1:5003", setup->https, &setup->n_https);
    read_run(&root, setup);
    read_schedule(&root, setup);
    read_files(&root, setup);
    read_endpoints(&root, setup);
    read_clock(&root, setup);
    read_timeouts(&root, setup);
    read_policy(&root, setup);
    read_rest(&root, setup);
    fc_json_obj_end(&root);
    int result = fc_json_errs_report(&errs, err);
    fc_json_errs_release(&errs);
    return result;
}

/* By the shell's own idea of where it is, which keeps links. */
static void name_folder(struct ck_setup *setup, const char *path)
{
    const char *here = getenv("PWD"), *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    fc_auto_free char *folder = fc_strndup(path, len);
    bool absolute = *path == '/';

    if (!absolute && (!here || *here != '/'))
        return;
    fc_auto_free char *named = absolute ? fc_strdup(folder) : fc_asprintf("%s%s%s", here, *folder ? "/" : "", folder);
    if (strlen(named) < sizeof setup->named)
        memcpy(setup->named, named, strlen(named) + 1);
}

int ck_setup_read(const char *path, struct ck_setup **ret_setup, struct fc_err *err)
{
    fc_auto(ck_setup_free) struct ck_setup *setup = fc_calloc(1, sizeof *setup);
    fc_auto_free char *text = NULL;
    size_t len;

    if (!realpath(path, setup->path) || fc_file_read(setup->path, FILE_MAX, &text, &len, err)) {
        fc_err_errno(err, "cannot read '%s'", path);
        if (err)
            err->code = FC_E_USAGE;
        return -1;
    }
    name_folder(setup, path);
    memcpy(setup->dir, setup->path, sizeof setup->dir);
    char *slash = strrchr(setup->dir, '/');
    *(slash == setup->dir ? slash + 1 : slash) = '\0';
    if (fc_json_parse(text, len, &setup->json, err)) {
        if (err)
            err->code = FC_E_USAGE;
        return fc_err_prefix(err, "%s", path);
    }
    if (read_members(setup, text, len, err))
        return -1;
    *ret_setup = FC_TAKE(setup);
    return 0;
}

void ck_setup_free(struct ck_setup *setup)
{
    if (!setup)
        return;
    json_decref(setup->json);
    free(setup->hosts);
    free(setup->state);
    free(setup);
}

char *ck_setup_path(const struct ck_setup *setup, const char *relative)
{
    size_t len = strlen(relative);
    char *path = *relative == '/' ? fc_strdup(relative) : fc_asprintf("%s/%s", setup->dir, relative);

    for (len = strlen(path); len > 1 && (path[len - 1] == '/' || fc_text_ends(path, "/.")); len = strlen(path))
        path[len - 1] = '\0';
    return path;
}

bool ck_setup_inside(const struct ck_setup *setup, const char *path)
{
    char resolved[PATH_MAX], parent[PATH_MAX];
    size_t len = strlen(setup->dir);

    if (!realpath(path, resolved)) {
        /* not there yet: where its parent lies */
        const char *slash = strrchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : 0;
        if (n == 0 || n >= sizeof parent)
            return false;
        memcpy(parent, path, n);
        parent[n] = '\0';
        if (!realpath(parent, resolved))
            return false;
        return strncmp(resolved, setup->dir, len) == 0 && (resolved[len] == '/' || !resolved[len]);
    }
    return len > 1 && strncmp(resolved, setup->dir, len) == 0 && resolved[len] == '/' && resolved[len + 1];
}

/* ---- what is there ---- */

static bool two_of_a_family(const struct ck_setup *setup, bool *ret_both)
{
    size_t v4 = 0, v6 = 0;

    for (size_t i = 0; i < setup->n_http; i++)
        *(setup->http[i].family == AF_INET6 ? &v6 : &v4) += 1;
    *ret_both = v4 && v6;
    return v4 > 1 || v6 > 1;
}

static bool state_inside(const struct ck_setup *setup)
{
    for (size_t i = 0; i < setup->n_state; i++) {
        fc_auto_free char *path = ck_setup_path(setup, setup->state[i]);
        if (!ck_setup_inside(setup, path))
            return false;
    }
    return setup->n_state > 0;
}

unsigned ck_setup_members(const struct ck_setup *setup)
{
    bool both, backends = two_of_a_family(setup, &both);
    const struct {
        unsigned bit;
        bool has;
    } rows[] = {{CK_HAS_START, setup->run.start},
                {CK_HAS_RENEW, setup->run.renew},
                {CK_HAS_ISSUE, setup->run.issue || setup->run.renew},
                {CK_HAS_WEBROOT, setup->webroot},
                {CK_HAS_STATE, setup->n_state},
                {CK_HAS_CERT, setup->cert},
                {CK_HAS_LIVE, setup->live},
                {CK_HAS_ENDPOINTS, setup->n_endpoints},
                {CK_HAS_REDEPLOY, setup->run.redeploy},
                {CK_HAS_RESTART, setup->run.restart || (setup->run.start && setup->run.stop)},
                {CK_HAS_RESET, setup->run.reset || state_inside(setup)},
                {CK_HAS_CLIENT, setup->run.issue || setup->run.renew || setup->run.start},
                {CK_HAS_BACKENDS, backends},
                {CK_HAS_IPV6, both}};
    unsigned members = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        members |= rows[i].has ? rows[i].bit : 0;
    return members;
}

const char *ck_setup_member_name(unsigned bit)
{
    static const char *const names[] = {"run.start",
                                        "run.renew",
                                        "run.issue",
                                        "webroot",
                                        "state",
                                        "cert",
                                        "live",
                                        "endpoints",
                                        "run.redeploy",
                                        "run.restart",
                                        "run.reset",
                                        "run.renew",
                                        "http (several addresses)",
                                        "http (an IPv6 address)"};
    size_t n = 0;

    while (bit > 1 && n + 1 < sizeof names / sizeof *names) {
        bit >>= 1;
        n++;
    }
    return names[n];
}
