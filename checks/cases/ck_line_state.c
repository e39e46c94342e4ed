/* Snapshots of the description's `state`: each phase starts from what the one before it should have left (checks.md 3.3). */
#include <stdlib.h>

#include "base/base_file.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"
#include "stage/ck_tree.h"

static const struct ck_tree_limits limits = {50000, UINT64_C(1) << 30};

bool ck_line_can_save(const struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;

    for (size_t i = 0; i < setup->n_state; i++) {
        fc_auto_free char *path = ck_setup_path(setup, setup->state[i]);
        if (!ck_setup_inside(setup, path))
            return false;
    }
    return setup->n_state > 0 && !(line->stage->blind & CK_FILES);
}

static char *saved_path(const struct ck_line_state *state, size_t i)
{
    return fc_asprintf("%s/%zu", state->folder, i);
}

bool ck_line_state_save(struct ck_line *line, struct ck_line_state *ret_state)
{
    static unsigned number;
    struct fc_err err = {0};

    *ret_state = (struct ck_line_state){.kept = line->kept};
    if (!ck_line_can_save(line))
        return false;
    ret_state->folder = fc_asprintf("%s/state-%u", line->stage->work, ++number);
    int result = fc_file_mkdirs(ret_state->folder, 0700, &err);
    for (size_t i = 0; result == 0 && i < line->setup->n_state; i++) {
        fc_auto_free char *from = ck_setup_path(line->setup, line->setup->state[i]), *to = saved_path(ret_state, i);
        if (fc_file_exists(from))
            result = ck_tree_copy(from, to, limits, &err);
    }
    if (result == 0)
        return true;
    ck_stream_seen(line->stage->stream, "file", ck_line_now(line), NULL, "no snapshot of the state: %s", err.text);
    ck_line_state_release(ret_state);
    return false;
}

void ck_line_state_back(struct ck_line *line, const struct ck_line_state *state, const char *why)
{
    struct fc_err err = {0};

    if (!state->folder)
        return;
    for (size_t i = 0; i < line->setup->n_state; i++) {
        fc_auto_free char *to = ck_setup_path(line->setup, line->setup->state[i]), *from = saved_path(state, i);
        if (!fc_file_exists(from))
            ck_tree_empty(to, &err);
        else if (fc_file_mkdirs(to, 0755, &err) == 0)
            ck_tree_restore(from, to, &err);
    }
    line->kept = state->kept;
    ck_stream_seen(line->stage->stream, "file", ck_line_now(line), NULL, "the state is put back %s%s%s", why,
                   err.code ? ": " : "", err.text);
}

void ck_line_state_release(struct ck_line_state *state)
{
    if (state->folder)
        ck_tree_remove(state->folder, NULL);
    free(state->folder);
    *state = (struct ck_line_state){0};
}
