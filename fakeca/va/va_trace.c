#include "va/va_int.h"

#include <stdio.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_clock.h"

struct fc_va_hop *fc_va_trace_add(struct fc_va_run *run, const char *step)
{
    if (run->n_hops == run->cap_hops) {
        size_t cap = run->cap_hops > 0 ? 2 * run->cap_hops : 4;
        struct fc_va_hop *hops = fc_arena_alloc(run->arena, cap * sizeof *hops);
        if (run->n_hops > 0)
            memcpy(hops, run->hops, run->n_hops * sizeof *hops);
        run->hops = hops;
        run->cap_hops = cap;
    }
    struct fc_va_hop *hop = &run->hops[run->n_hops++];
    hop->perspective = fc_va_case_perspective(run->perspective);
    hop->remote = run->perspective > 0;
    hop->step = step;
    hop->first_difference = -1;
    return hop;
}

struct fc_va_hop *fc_va_trace_last(struct fc_va_run *run)
{
    FC_ASSERT(run->n_hops > 0);
    return &run->hops[run->n_hops - 1];
}

void fc_va_trace_rehearsal(struct fc_va_run *run, struct fc_va_hop *hop, const char *what)
{
    hop->rehearsal_what = hop->rehearsal ? fc_arena_printf(run->arena, "%s, %s", hop->rehearsal_what, what) : what;
    hop->rehearsal = true;
}

void fc_va_trace_txt(struct fc_va_run *run, const struct fc_dns_answer *dns)
{
    struct fc_va_hop *hop = fc_va_trace_last(run);
    const struct fc_dns_record *first = dns->n_records > 0 ? &dns->records[0] : NULL;

    hop->dns_rule = fc_arena_strdup(run->arena, dns->rule);
    hop->total_ns = fc_clock_mono() - run->started;
    if (first == NULL)
        return;
    hop->received = fc_va_text_shown(run->arena, (const char *)first->data, first->len);
    if (dns->n_records > 1)
        hop->received = fc_arena_printf(run->arena, "%s (and %zu more)", hop->received, dns->n_records - 1);
}

json_t *fc_va_trace_dns_record(const struct fc_va_run *run)
{
    return json_pack("[{s:s,s:s}]", "hostname", run->job->ident.value, "addressUsed", "");
}

static json_t *record_of_hop(const struct fc_va_hop *hop)
{
    json_t *resolved = json_array();
    char port[16];

    snprintf(port, sizeof port, "%u", hop->port);
    for (const char **address = hop->resolved; *address != NULL; address++)
        json_array_append_new(resolved, json_string(*address));
    return json_pack("{s:s,s:s,s:s,s:o,s:s}", "url", hop->url, "hostname", hop->host, "port", port, "addressesResolved",
                     resolved, "addressUsed", hop->used);
}

json_t *fc_va_trace_record(const struct fc_va_run *run)
{
    json_t *record = json_array();

    for (size_t i = 0; i < run->n_hops; i++)
        if (run->hops[i].url != NULL && run->hops[i].used != NULL)
            json_array_append_new(record, record_of_hop(&run->hops[i]));
    return record;
}
