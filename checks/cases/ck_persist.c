/* checks.md 4.7: what survives a restart and a redeployment. */
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_case.h"

/* After a restart: the serial from before, no order, no account. */
static void judge_same(const struct ck_line *line, const struct ck_act *act, enum ck_phase phase, const char *what,
                       struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v))
        return;
    if (!act) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "It was not lived.");
        return;
    }
    ck_verdict_evidence(v, act->seen);
    if (act->orders || act->accounts) {
        ck_verdict_set(v, CK_FAIL, "A %s made %zu order%s and %zu account%s.", what, act->orders,
                       act->orders == 1 ? "" : "s", act->accounts, act->accounts == 1 ? "" : "s");
        return;
    }
    if (ck_judge_no_https(line, v)) {
        if (v->result == CK_SKIP)
            ck_verdict_set(v, CK_PASS, "A %s ordered nothing.", what);
        return;
    }
    if (!ck_judge_all_serve(line, false, phase, line->serial_before, v)) {
        ck_verdict_set(v, CK_FAIL, "After a %s visitors do not get the certificate from before (%s).", what,
                       ck_judge_short(line->serial_before));
        ck_judge_quote(v, "printed", act->how.output);
        return;
    }
    if (act->how.timed_out) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The command for the %s did not end in time, so perhaps nothing was done.",
                       what);
        ck_judge_quote(v, "printed", act->how.output);
        return;
    }
    ck_verdict_set(v, CK_PASS, "After a %s the same certificate is served, and nothing was ordered.", what);
}

static void judge_restart(const struct ck_line *line, struct ck_verdict *v)
{
    judge_same(line, line->restart_act, CK_PH_RESTART, "restart", v);
    ck_verdict_remedy(v, "keep %s on disk", line->setup->n_state ? line->setup->state[0] : "the client's state");
}

static void judge_redeploy(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_act *renew = line->redeploy_renew_act;

    judge_same(line, line->redeploy_act, CK_PH_REDEPLOY, "redeployment", v);
    ck_verdict_remedy(v, "a named volume (or host folder) for what the client keeps; five lost certificates and the "
                         "next one has to wait "
                         "up to 34 hours");
    if (v->result != CK_PASS || !renew)
        return;
    ck_verdict_evidence(v, renew->seen);
    if (renew->orders) {
        ck_verdict_set(v, CK_FAIL, "The first scheduled run after a redeployment ordered again.");
    } else if ((line->done & CK_PH_RENEWAL) && !line->tried_at[0]) {
        ck_verdict_set(v, CK_INCONCLUSIVE,
                       "The certificate survived, but nothing was renewed afterwards: see renewal-unattended.");
        ck_judge_quote(v, "printed", renew->how.output);
    }
}

/* Whether each host was served steadily in that phase, whatever certificate it was. */
static bool steady(const struct ck_line *line, enum ck_phase phase)
{
    for (size_t i = 0; i < line->n_targets; i++) {
        const struct ck_glance *glance = ck_line_glance(line, i, NULL, phase);
        if (!line->targets[i].endpoint && (!glance || !glance->steady))
            return false;
    }
    return true;
}

static void judge_offline(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v) || ck_judge_no_https(line, v))
        return;
    if (!line->offline_act) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "It was not lived.");
        return;
    }
    ck_verdict_evidence(v, line->offline_act->seen);
    if (steady(line, CK_PH_OFFLINE)) {
        ck_verdict_set(v, CK_PASS, "The service starts while the CA is away, and serves its certificate.");
        return;
    }
    ck_verdict_set(v, CK_FAIL,
                   "The service does not start while the CA is away, although its certificate is good for %d days.",
                   (int)((line->issues[0].not_after - line->offline_act->at) / FC_DAY));
    ck_verdict_detail(v, "restart  %s", line->offline_act->how.how);
    ck_judge_quote(v, "printed", line->offline_act->how.output);
    ck_verdict_remedy(v, "start first, renew in the background");
}

/* ---- persist-volatile-path ---- */

/* Why a path does not last; NULL: it does, or nobody can tell. */
static const char *volatile_place(const char *path)
{
    static const char *const folders[] = {"/tmp/", "/var/tmp/", "/run/", "/var/run/", "/dev/shm/", NULL};
    struct statfs fs;

    if (statfs(path, &fs) != 0)
        return NULL;
    if (fs.f_type == TMPFS_MAGIC)
        return "tmpfs";
    if (fs.f_type == RAMFS_MAGIC)
        return "ramfs";
    for (const char *const *folder = folders; *folder; folder++)
        if (fc_text_starts(path, *folder))
            return *folder;
    return NULL;
}

/* The description's own folder may lie anywhere: a rehearsal in /tmp says nothing about production. */
static bool beside_description(const struct ck_line *line, const char *path)
{
    size_t len = strlen(line->setup->dir);

    return strncmp(path, line->setup->dir, len) == 0 && (path[len] == '/' || !path[len]);
}

static void judge_volatile(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_setup *setup = line->setup;

    if (line->stage->blind & CK_FILES) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "the files could not be read");
        return;
    }
    ck_verdict_set(v, CK_PASS, "What the client keeps lies on a disk.");
    for (size_t i = 0; i <= setup->n_state; i++) {
        const char *name = i < setup->n_state ? setup->state[i] : setup->cert;
        if (!name)
            continue;
        fc_auto_free char *path = ck_setup_path(setup, name);
        fc_auto_free char *resolved = realpath(path, NULL);
        const char *where = resolved && !beside_description(line, resolved) ? volatile_place(resolved) : NULL;
        if (!resolved)
            ck_verdict_detail(v, "missing  %s", name);
        if (!where)
            continue;
        ck_verdict_set(v, CK_FAIL, "%s is on %s: gone after a reboot.", name, where);
        ck_verdict_detail(v, "leads to %s", resolved);
        ck_verdict_remedy(v, "move it to a persistent folder or volume");
        return;
    }
}

static const struct ck_case cases[] = {
    {.id = "persist-restart",
     .title = "a restart orders nothing",
     .severity = CK_CRITICAL,
     .source = "seed; traefik #9627 and others",
     .needs = CK_HAS_CLIENT | CK_HAS_RESTART,
     .phases = CK_PH_RESTART,
     .must_live = CK_PH_BOOTSTRAP,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_restart},
    {.id = "persist-redeploy",
     .title = "a redeployment loses nothing",
     .severity = CK_CRITICAL,
     .source = "seed; docker-nginx-certbot #311",
     .needs = CK_HAS_CLIENT | CK_HAS_REDEPLOY,
     .phases = CK_PH_REDEPLOY | CK_PH_RENEWAL,
     .must_live = CK_PH_BOOTSTRAP,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_redeploy},
    {.id = "persist-volatile-path",
     .title = "the state lies on a disk",
     .severity = CK_MAJOR,
     .source = "seed",
     .needs = CK_HAS_STATE,
     .phases = CK_PH_BOOTSTRAP,
     .witnesses = CK_FILES,
     .judge = judge_volatile},
    {.id = "persist-offline-start",
     .title = "the service starts without the CA",
     .severity = CK_CRITICAL,
     .source = "caddy #642, #1831; Let's Encrypt integration guide",
     .needs = CK_HAS_CLIENT | CK_HAS_RESTART,
     .phases = CK_PH_OFFLINE,
     .must_live = CK_PH_BOOTSTRAP,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_offline},
};
CK_GROUP(ck_group_persist, "persist", cases);
