/* What the outside sees of HTTP and HTTPS. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_b64.h"
#include "base/base_file.h"
#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"

#define FOLDER "/.well-known/acme-challenge/"
#define KNOCK_TIME (10 * FC_SECOND)
#define TOKEN_LEN 43
#define BODY_LEN 87 /* token, dot, thumbprint: as long as a key authorization */

/* ---- a token in the webroot ---- */

struct token {
    char name[TOKEN_LEN + 1], body[BODY_LEN + 1];
    char *path;    /* NULL: not planted */
    char *made[2]; /* folders that were not there before, inner one first */
};

static void random_text(char *text)
{
    unsigned char bytes[32];

    fc_rand_bytes(bytes, sizeof bytes);
    fc_b64url_encode(bytes, sizeof bytes, text);
}

static int make_folder(struct token *token, const char *root, struct fc_err *err)
{
    fc_auto_free char *outer = fc_asprintf("%s/.well-known", root);
    fc_auto_free char *inner = fc_asprintf("%s/acme-challenge", outer);

    if (!fc_file_exists(inner)) {
        token->made[0] = fc_strdup(inner);
        if (!fc_file_exists(outer))
            token->made[1] = fc_strdup(outer);
    }
    return fc_file_mkdirs(inner, 0755, err);
}

static void plant(struct ck_line *line, struct token *token)
{
    struct fc_err err = {0};

    random_text(token->name);
    snprintf(token->body, sizeof token->body, "%s.", token->name);
    random_text(token->body + TOKEN_LEN + 1);
    if (!line->setup->webroot || (line->stage->blind & CK_FILES))
        return;
    fc_auto_free char *root = ck_setup_path(line->setup, line->setup->webroot);
    fc_auto_free char *path = fc_asprintf("%s%s%s", root, FOLDER, token->name);
    if (make_folder(token, root, &err) == 0 && fc_file_write(path, token->body, BODY_LEN, 0644, &err) == 0) {
        token->path = FC_TAKE(path);
        return;
    }
    line->webroot_unwritable = true;
    snprintf(line->webroot_error, sizeof line->webroot_error, "%.290s", err.text);
}

static void unplant(struct token *token)
{
    if (token->path)
        unlink(token->path);
    for (size_t i = 0; i < 2; i++) {
        if (token->made[i])
            rmdir(token->made[i]); /* fails when somebody else uses it by now, which is right */
        free(token->made[i]);
    }
    free(token->path);
}

/* ---- fetches ---- */

/* Sends a name to one server alone: to its family by the probe itself, to its address by a rule of the mock DNS. */
static void send_to(struct ck_line *line, const char *host, const struct ck_stage_door *door, json_t *wish)
{
    bool v6 = door->at.family == AF_INET6;

    json_object_set_new(wish, "family", json_integer(v6 ? 6 : 4));
    ck_ca_call(&line->stage->ca, "PUT", "/api/v1/dns",
               json_pack("{s:s,s:s,s:[s]}", "name", host, "type", v6 ? "AAAA" : "A", "values", door->published), NULL,
               NULL);
}

static void send_home(struct ck_line *line, const char *host)
{
    fc_auto_free char *path = fc_asprintf("/api/v1/dns?name=%s", host);

    ck_ca_call(&line->stage->ca, "DELETE", path, NULL, NULL, NULL);
}

/* The same path asked over HTTPS, as somebody tests it who forgets port 80. */
static void ask_https(struct ck_line *line, const struct token *token, struct ck_fetch *fetch)
{
    fc_auto_free char *path = fc_asprintf("%s%s", FOLDER, token->name);

    if (!token->path || !line->stage->n_https)
        return;
    ck_http_get(&line->stage->https[0], true, fetch->host, path, KNOCK_TIME, &fetch->https);
    fetch->https_same = fetch->https.status == 200 && fc_text_starts(fetch->https.body, token->body);
}

static void fetch_one(struct ck_line *line, const struct token *token, const char *host, int door)
{
    struct fc_err err = {0};
    char at[FC_NET_ADDR_TEXT] = "";

    if (line->n_fetches == CK_LINE_FETCHES_MAX || (line->stage->blind & CK_PROBE))
        return;
    struct ck_fetch *fetch = &line->fetches[line->n_fetches];
    *fetch = (struct ck_fetch){.host = host, .door = door, .planted = token->path};
    json_t *wish = json_pack("{s:s,s:s}", "name", host, "token", token->name);
    if (token->path)
        json_object_set_new(wish, "expect", json_string(token->body));
    if (door >= 0) {
        fc_net_addr_text(&line->stage->doors[door].at, at);
        send_to(line, host, &line->stage->doors[door], wish);
    }
    int result = ck_ca_call(&line->stage->ca, "POST", "/api/v1/probe", wish, &fetch->answer, &err);
    if (door >= 0)
        send_home(line, host);
    if (result) {
        ck_stream_seen(line->stage->stream, "http", ck_line_now(line), NULL, "probe of %s: %s", host, err.text);
        return;
    }
    line->n_fetches++;
    const char *status = json_string_value(json_object_get(fetch->answer, "status"));
    fetch->valid = status && strcmp(status, "valid") == 0;
    ask_https(line, token, fetch);
    fetch->seen = ck_stream_seen(line->stage->stream, "http", ck_line_now(line), json_incref(fetch->answer),
                                 "the CA's fetch of %s token at %s%s%s: %s", token->path ? "a planted" : "an absent",
                                 host, *at ? " by " : "", at, status ? status : "?");
}

bool ck_line_fetch(struct ck_line *line)
{
    struct token token = {0};
    size_t first = line->n_fetches;
    bool all = true;

    plant(line, &token);
    for (size_t i = 0; i < line->setup->n_hosts; i++) {
        fetch_one(line, &token, line->setup->hosts[i], -1);
        for (size_t j = 0; line->stage->n_doors > 1 && j < line->stage->n_doors; j++)
            fetch_one(line, &token, line->setup->hosts[i], (int)j);
    }
    unplant(&token);
    for (size_t i = first; i < line->n_fetches; i++)
        all &= line->fetches[i].valid;
    return all && line->n_fetches > first;
}

/* ---- as a visitor ---- */

static void knock(struct ck_line *line, size_t door, const char *path)
{
    struct ck_knock *knock = &line->knocks[door];
    char at[FC_NET_ADDR_TEXT];

    ck_http_get(&line->stage->doors[door].at, false, line->setup->hosts[0], path, KNOCK_TIME, &knock->challenge);
    if (line->stage->n_https) {
        const struct fc_net_addr *https = &line->stage->https[door < line->stage->n_https ? door : 0];
        ck_http_get(https, true, line->setup->hosts[0], "/", KNOCK_TIME, &knock->front);
        knock->has_front = knock->front.answered;
    }
    knock->seen = ck_stream_seen(line->stage->stream, "http", ck_line_now(line), NULL, "GET http://%s%s at %s: %d %s%s",
                                 line->setup->hosts[0], path, fc_net_addr_text(&line->stage->doors[door].at, at),
                                 knock->challenge.status, knock->challenge.location, knock->challenge.error);
}

int ck_line_path(struct ck_line *line, struct fc_err *err)
{
    char name[TOKEN_LEN + 1];

    (void)err;
    if (line->done & CK_PH_PATH)
        return 0;
    ck_line_enter(line, CK_PH_PATH, "path");
    random_text(name);
    fc_auto_free char *path = fc_asprintf("%s%s", FOLDER, name);
    for (size_t i = 0; i < line->stage->n_doors && !(line->stage->blind & CK_PROBE); i++)
        knock(line, i, path);
    ck_line_fetch(line);
    if (!(line->members & CK_HAS_CLIENT))
        ck_line_look(line, "seen", NULL, 0);
    line->done |= CK_PH_PATH;
    return 0;
}
