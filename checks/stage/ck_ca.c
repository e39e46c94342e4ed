#include "stage/ck_ca.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "net/net_client.h"

#define START_TIME (30 * FC_SECOND)
#define STOP_TIME (5 * FC_SECOND)
#define CALL_TIME (100 * FC_SECOND) /* a probe may take as long as a validation */
#define RUN_MAX 65536
#define PAGE 1000

static int read_run(struct ck_ca *ca, const char *line, struct fc_err *err)
{
    if (fc_json_parse(line, strlen(line), &ca->run, err))
        return fc_err_prefix(err, "what the CA printed is not readable");
    const char *management = json_string_value(json_object_get(ca->run, "management"));
    const char *clock_file = json_string_value(json_object_get(ca->run, "clock_file"));
    const char *directory = json_string_value(json_object_get(ca->run, "directory"));
    if (!management || !clock_file || !directory)
        return fc_err_set(err, FC_E_INTERNAL, "the CA printed no management address, directory or clock file");
    ca->management = fc_strdup(management);
    size_t len = strlen(ca->management);
    if (len && ca->management[len - 1] == '/')
        ca->management[len - 1] = '\0';
    ca->clock_file = fc_strdup(clock_file);
    ca->directory = fc_strdup(directory);
    return 0;
}

int ck_ca_start(const struct ck_ca_params *params, struct ck_ca *ret_ca, struct fc_err *err)
{
    const char *argv[] = {params->program,
                          "serve",
                          "--state",
                          params->state,
                          "--acme-listen",
                          "localhost:0",
                          "--dns-listen",
                          "127.0.0.1:0",
                          "--log",
                          "none",
                          "--print",
                          "json",
                          "--management-listen",
                          "localhost:0",
                          "--port-map",
                          params->port_map,
                          "--dns-default",
                          params->dns_default,
                          params->from ? "--clock" : NULL,
                          params->from,
                          NULL};
    /* settings of the user's shell are for the user's CA */
    static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    const struct fc_proc_spec spec = {.argv = argv, .env = env, .max_out = RUN_MAX, .max_err = 65536};
    struct ck_ca ca = {.state = fc_strdup(params->state)};
    const char *line;

    if (fc_proc_start(&spec, &ca.proc, err) == 0 &&
        fc_proc_await(ca.proc, FC_PROC_OUT, "{", fc_clock_mono() + START_TIME, &line, err) == 0 &&
        read_run(&ca, line, err) == 0) {
        *ret_ca = ca;
        return 0;
    }
    if (ca.proc)
        fc_err_prefix(err, "the CA did not start (%s)", fc_proc_output(ca.proc, FC_PROC_ERR, NULL, NULL));
    ck_ca_stop(&ca);
    return -1;
}

int ck_ca_attach(const char *management, struct ck_ca *ret_ca, struct fc_err *err)
{
    struct ck_ca ca = {.management = fc_strdup(management)};
    fc_auto_free char *text = NULL;
    size_t len = strlen(management);

    if (len && management[len - 1] == '/')
        ca.management[len - 1] = '\0';
    int result = ck_ca_text(&ca, "/api/v1/run", &text, err);
    free(FC_TAKE(ca.management));
    if (result == 0 && read_run(&ca, text, err) == 0) {
        *ret_ca = ca;
        return 0;
    }
    ck_ca_stop(&ca);
    return -1;
}

void ck_ca_stop(struct ck_ca *ca)
{
    struct fc_proc_exit how;

    if (ca->proc) {
        fc_proc_signal(ca->proc, SIGCONT);
        fc_proc_stop(ca->proc, STOP_TIME, &how);
        fc_proc_free(ca->proc);
    }
    json_decref(ca->run);
    free(ca->state);
    free(ca->management);
    free(ca->clock_file);
    free(ca->directory);
    *ca = (struct ck_ca){0};
}

void ck_ca_away(struct ck_ca *ca, bool away)
{
    ca->away = away;
    if (ca->proc)
        fc_proc_signal(ca->proc, away ? SIGSTOP : SIGCONT);
}

/* The API's own words: "detail" of a problem document. */
static int refused(const char *path, const struct fc_net_client_result *result, struct fc_err *err)
{
    fc_auto_json problem = NULL;

    fc_json_parse(result->body, result->len, &problem, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    return fc_err_set(err, FC_E_SYSTEM, "the CA refused '%s' (%d): %s", path, result->status, detail ? detail : "?");
}

static int request(struct ck_ca *ca, const char *method, const char *path, const char *body,
                   struct fc_net_client_result *ret_result, struct fc_err *err)
{
    fc_auto_free char *url = fc_asprintf("%s%s", ca->management, path);
    const struct fc_net_client_params params = {.method = method, .url = url, .body = body, .timeout = CALL_TIME};

    if (fc_net_client_request(&params, ret_result, err))
        return -1;
    if (ret_result->status < 400)
        return 0;
    refused(path, ret_result, err);
    free(FC_TAKE(ret_result->body));
    return -1;
}

int ck_ca_call(struct ck_ca *ca, const char *method, const char *path, json_t *body, json_t **ret_answer,
               struct fc_err *err)
{
    struct fc_net_client_result result = {0};
    fc_auto_free char *text = body ? fc_json_text(body) : NULL;
    int status = request(ca, method, path, text, &result, err);

    json_decref(body);
    if (status == 0 && ret_answer && fc_json_parse(result.body, result.len, ret_answer, err))
        status = fc_err_prefix(err, "the CA's answer to '%s'", path);
    free(result.body);
    return status;
}

int ck_ca_text(struct ck_ca *ca, const char *path, char **ret_text, struct fc_err *err)
{
    struct fc_net_client_result result = {0};

    if (request(ca, "GET", path, NULL, &result, err))
        return -1;
    *ret_text = result.body;
    return 0;
}

int64_t ck_ca_now(struct ck_ca *ca)
{
    fc_auto_json answer = NULL;

    if (!ca->away && ck_ca_call(ca, "GET", "/api/v1/clock", NULL, &answer, NULL) == 0) {
        const char *now = json_string_value(json_object_get(answer, "now"));
        if (now)
            fc_time_parse(now, &ca->last_now, NULL);
    }
    return ca->last_now;
}

int ck_ca_advance_to(struct ck_ca *ca, int64_t at, struct fc_err *err)
{
    char text[FC_TIME_TEXT_MAX];

    return ck_ca_call(ca, "POST", "/api/v1/clock/set", json_pack("{s:s}", "to", fc_time_rfc3339(at, text)), NULL, err);
}

json_t *ck_ca_events(struct ck_ca *ca)
{
    json_t *events = json_array();

    for (;;) {
        char path[128];
        fc_auto_json page = NULL;
        snprintf(path, sizeof path, "/api/v1/events?after=%" JSON_INTEGER_FORMAT "&limit=%d", ca->last_event, PAGE);
        if (ca->silent || ca->away || ck_ca_call(ca, "GET", path, NULL, &page, NULL))
            return events;
        const json_t *rows = json_object_get(page, "events");
        size_t n = json_array_size(rows);
        json_array_extend(events, (json_t *)(uintptr_t)rows);
        if (n)
            ca->last_event = json_integer_value(json_object_get(json_array_get(rows, n - 1), "seq"));
        if (n < PAGE)
            return events;
    }
}
