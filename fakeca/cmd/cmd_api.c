/* The running CA, over its management API. */
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_text.h"

#include "net/net_client.h"

#include "app/app.h"

#define ENCODED_MAX 65536
#define BODY_PREFIX "request body: "

static int base_of_url(const char *url, char **ret_base, struct fc_err *err)
{
    size_t len = strlen(url);

    if (!fc_text_starts(url, "http://") && !fc_text_starts(url, "https://"))
        return fc_err_set(err, FC_E_USAGE, "'%s' is no address of a management API such as http://localhost:15001",
                          url);
    while (len && url[len - 1] == '/')
        len--;
    *ret_base = fc_strndup(url, len);
    return 0;
}

int fc_cmd_api_base(const struct fc_cmd_target *target, char **ret_base, struct fc_err *err)
{
    fc_auto_json run = NULL;

    if (target->management)
        return base_of_url(target->management, ret_base, err);
    if (fc_app_find(target->state, &run, err)) {
        /* nothing was asked of a CA yet: "not started", not "wrong usage" */
        if (err && err->code == FC_E_NOT_FOUND)
            err->code = FC_E_SYSTEM;
        return -1;
    }
    const char *url = json_string_value(json_object_get(run, "management"));
    if (!url)
        return fc_err_set(err, FC_E_SYSTEM, "the running CA has no management listener");
    return base_of_url(url, ret_base, err);
}

char *fc_cmd_api_encode(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    struct fc_buf out fc_auto_buf = {0};

    fc_buf_init(&out, ENCODED_MAX);
    for (; *text; text++)
        if (strchr(plain, *text))
            fc_buf_putc(&out, *text);
        else
            fc_buf_printf(&out, "%%%02X", (unsigned)(unsigned char)*text);
    return fc_buf_detach(&out);
}

/* Who typed a command made no request: its mistakes, a line each, are told without that. */
static void drop_prefixes(char *detail)
{
    const size_t len = strlen(BODY_PREFIX);

    for (char *line = detail; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (fc_text_starts(line, BODY_PREFIX))
            memmove(line, line + len, strlen(line + len) + 1);
}

/* The API's own words: what it calls "code" decides our exit code. */
static int refused(const struct fc_net_client_result *result, struct fc_err *err)
{
    static const struct {
        const char *name;
        enum fc_err_code code;
    } codes[] = {{"usage", FC_E_USAGE},   {"not_found", FC_E_NOT_FOUND}, {"busy", FC_E_BUSY},
                 {"range", FC_E_RANGE},   {"limit", FC_E_LIMIT},         {"forbidden", FC_E_USAGE},
                 {"system", FC_E_SYSTEM}, {"internal", FC_E_INTERNAL}};
    fc_auto_json problem = NULL;
    enum fc_err_code code = result->status >= 500 ? FC_E_INTERNAL : FC_E_USAGE;

    if (fc_json_parse(result->body, result->len, &problem, NULL) || !json_is_object(problem))
        return fc_err_set(err, code, "the CA answered %d: %.200s", result->status, result->body);
    const char *name = json_string_value(json_object_get(problem, "code"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    fc_auto_free char *text = fc_strdup(detail ? detail : "the CA refused without a reason");
    drop_prefixes(text);
    for (size_t i = 0; name && i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].name, name) == 0)
            code = codes[i].code;
    return fc_err_set(err, code, "%s", text);
}

static int request(const struct fc_cmd_target *target, const char *method, const char *path, const char *body,
                   struct fc_net_client_result *ret_result, struct fc_err *err)
{
    fc_auto_free char *base = NULL;

    if (fc_cmd_api_base(target, &base, err))
        return -1;
    fc_auto_free char *url = fc_asprintf("%s%s", base, path);
    const struct fc_net_client_params params = {
        .method = method, .url = url, .body = body, .bearer = target->token, .timeout = target->timeout};
    if (fc_net_client_request(&params, ret_result, err))
        return -1;
    return ret_result->status < 400 ? 0 : refused(ret_result, err);
}

int fc_cmd_api(const struct fc_cmd_target *target, const char *method, const char *path, const json_t *body,
               json_t **ret_answer, struct fc_err *err)
{
    fc_auto_free char *text = body ? fc_json_text(body) : NULL;
    struct fc_net_client_result result = {0};
    fc_auto_json answer = NULL;

    int failed = request(target, method, path, text, &result, err);
    fc_auto_free char *received = result.body;
    if (failed)
        return -1;
    if (fc_json_parse(received, result.len, &answer, err))
        return fc_err_prefix(err, "the CA's answer to %s %s is no JSON", method, path);
    *ret_answer = FC_TAKE(answer);
    return 0;
}

int fc_cmd_api_text(const struct fc_cmd_target *target, const char *path, char **ret_text, struct fc_err *err)
{
    struct fc_net_client_result result = {0};

    int failed = request(target, "GET", path, NULL, &result, err);
    fc_auto_free char *received = result.body;
    if (failed)
        return -1;
    *ret_text = FC_TAKE(received);
    return 0;
}
