/* Looks at what visitors get over TLS. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"

#define PAUSE_MS 100
#define HANDSHAKE_TIME (5 * FC_SECOND)
#define HALF_WAY_TIME (30 * FC_SECOND)

/* How long targets must show the same. After a reload old and new workers answer in turn (checks.md 1.4 e); after a start there is
 * nobody from before: its command has ended the old service. */
struct steadiness {
    int rounds;
    int64_t over;
};
static const struct steadiness after_reload = {20, 2 * FC_SECOND}, after_start = {5, 500 * FC_MS};

/* What the rounds of one look have shown of one target. */
struct view {
    struct ck_tls_peer peer;
    int in_a_row;
    bool mixed;
};

static bool is_expected(const char *serial, const char *wanted, const char *before)
{
    if (!wanted)
        return true;
    if (!*wanted) /* CK_LINE_ANY */
        return !before || strcmp(serial, before) == 0;
    return strcmp(serial, wanted) == 0;
}

static bool round_of(struct ck_line *line, const char *serial, struct view *views)
{
    bool all = true;

    for (size_t i = 0; i < line->n_targets; i++) {
        const struct ck_target *target = &line->targets[i];
        struct view *view = &views[i];
        char before[sizeof view->peer.serial];
        const struct ck_tls_params params = {
            .to = target->at, .server_name = target->host, .starttls = target->starttls, .timeout = HANDSHAKE_TIME};
        snprintf(before, sizeof before, "%s", view->peer.serial);
        ck_tls_peer_release(&view->peer);
        ck_tls_look(&params, &view->peer);
        bool right = view->peer.ok && is_expected(view->peer.serial, serial, view->in_a_row > 0 ? before : NULL);
        view->mixed |= !right && view->in_a_row > 0;
        view->in_a_row = right ? view->in_a_row + 1 : 0;
        all &= right;
    }
    return all;
}

static void note(struct ck_line *line, const char *moment, size_t i, const struct view *view, bool steady)
{
    const struct ck_target *target = &line->targets[i];
    char at[FC_NET_ADDR_TEXT], until[FC_TIME_TEXT_MAX];

    if (line->n_glances == CK_LINE_GLANCES_MAX)
        return;
    struct ck_glance *glance = &line->glances[line->n_glances++];
    *glance = (struct ck_glance){.target = i,
                                 .phase = line->phase,
                                 .moment = moment,
                                 .at = ck_line_now(line),
                                 .reached = view->peer.ok,
                                 .steady = steady,
                                 .named = target->host && ck_tls_peer_names(&view->peer, target->host),
                                 .excused = line->phase == CK_PH_LATE,
                                 .not_before = view->peer.not_before,
                                 .not_after = view->peer.not_after};
    snprintf(glance->serial, sizeof glance->serial, "%s", view->peer.serial);
    snprintf(glance->error, sizeof glance->error, "%s", view->peer.error);
    fc_net_addr_text(&target->at, at);
    glance->seen =
        ck_stream_seen(line->stage->stream, "tls", glance->at,
                       json_pack("{s:s,s:s?,s:s,s:s,s:b}", "at", at, "host", target->host, "serial", glance->serial,
                                 "error", glance->error, "steady", steady),
                       view->peer.ok ? "%s at %s serves %s until %s" : "%s at %s: %s%s",
                       target->host ? target->host : "no SNI", at, view->peer.ok ? view->peer.serial : view->peer.error,
                       view->peer.ok ? fc_time_rfc3339(view->peer.not_after, until) : "");
}

/* Nothing ever listened where HTTPS was only assumed to be. */
static bool no_https(const struct ck_line *line, const struct view *views)
{
    if (json_object_get(line->setup->json, "https") || line->setup->n_endpoints)
        return false;
    for (size_t i = 0; i < line->n_glances; i++)
        if (line->glances[i].reached)
            return false;
    for (size_t i = 0; i < line->n_targets; i++)
        if (views[i].peer.ok)
            return false;
    return true;
}

static void keep_chain(struct ck_line *line, struct view *view)
{
    struct ck_tls_peer *to = line->phase & (CK_PH_RENEWAL | CK_PH_SECOND) ? &line->last : &line->first;

    if (!view->peer.ok || line->phase == CK_PH_LATE)
        return;
    ck_tls_peer_release(to);
    *to = view->peer;
    view->peer.n_chain = 0; /* moved */
}

/* Whether a target shows what is expected, but not for long enough yet: on a busy machine rounds are slow, and one that is late must
 * not spoil the verdict of the others. */
static bool half_way(const struct ck_line *line, const struct view *views, int rounds)
{
    for (size_t i = 0; i < line->n_targets; i++)
        if (views[i].in_a_row > 0 && views[i].in_a_row < rounds)
            return true;
    return false;
}

bool ck_line_look(struct ck_line *line, const char *moment, const char *serial, int64_t patience)
{
    bool started = line->phase & (CK_PH_RESTART | CK_PH_REDEPLOY | CK_PH_OFFLINE | CK_PH_RECOVERY);
    const struct steadiness steady = started ? after_start : after_reload;
    fc_auto_free struct view *views = fc_calloc(line->n_targets + 1, sizeof *views);
    int64_t begin = fc_clock_mono(), since = begin;
    int rounds = 0;
    bool all;

    if (line->stage->blind & CK_TLS)
        return false;
    for (;;) {
        int64_t now = fc_clock_mono();
        all = round_of(line, serial, views);
        rounds = all ? rounds + 1 : 0;
        if (!all)
            since = now;
        bool late =
            now - begin > patience && (!half_way(line, views, steady.rounds) || now - begin > patience + HALF_WAY_TIME);
        if (!serial || (rounds >= steady.rounds && now - since >= steady.over) || (!all && late) ||
            (!all && no_https(line, views)))
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    for (size_t i = 0; i < line->n_targets; i++)
        note(line, moment, i, &views[i], serial && views[i].in_a_row >= steady.rounds);
    if (line->n_targets)
        keep_chain(line, &views[0]);
    for (size_t i = 0; i < line->n_targets; i++)
        ck_tls_peer_release(&views[i].peer);
    return all;
}

const struct ck_glance *ck_line_glance(const struct ck_line *line, size_t target, const char *moment,
                                       enum ck_phase phase)
{
    for (size_t i = line->n_glances; i-- > 0;) {
        const struct ck_glance *glance = &line->glances[i];
        if (glance->target == target && (!moment || strcmp(glance->moment, moment) == 0) &&
            (!phase || glance->phase == phase))
            return glance;
    }
    return NULL;
}
