/* fuzz: uses dns */
/* Questions from the network, over UDP and TCP: every answer must be well-formed, and an answer to the question. */
#include "dns/dns_int.h"

#include <ldns/ldns.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set(struct fc_dns_table *table, const char *name, const char *type, const char *json)
{
    fc_auto_json value = NULL;
    struct fc_dns_rule *rule = NULL;

    FC_ASSERT(fc_json_parse(json, strlen(json), &value, NULL) == 0);
    FC_ASSERT(fc_dns_rule_new(name, type, value, &rule, NULL) == 0);
    fc_dns_table_set(table, rule);
}

/* One for the whole run; the sanitizer sees it through the static pointer. */
static struct fc_dns_table *rules(void)
{
    static struct fc_dns_table *table;

    if (table)
        return table;
    FC_ASSERT(fc_dns_table_new("127.0.0.1,::1", &table, NULL) == 0);
    set(table, "a.test", "A", "{\"values\":[\"192.0.2.1\",\"192.0.2.2\"]}");
    set(table, "a.test", "TXT", "{\"values\":[\"one\",\"\"]}");
    set(table, "a.test", "CAA", "{\"values\":[\"0 issue \\\"x\\\"\"]}");
    set(table, "b.test", "CNAME", "{\"values\":[\"a.test\"]}");
    set(table, "l.test", "CNAME", "{\"values\":[\"l.test\"]}");
    set(table, "*.n.test", "*", "{\"rcode\":\"NXDOMAIN\"}");
    set(table, "*.d.test", "*", "{\"rcode\":\"DROP\"}");
    set(table, "t.test", "A", "{\"values\":[\"192.0.2.1\"],\"truncate\":true,\"delay\":\"1s\"}");
    return table;
}

static void check(const uint8_t *query, size_t size, bool udp)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_dns_reply reply;
    ldns_pkt *pkt = NULL;

    if (!fc_dns_packet_answer(rules(), arena, query, size, udp, &reply))
        return;
    if (!reply.data) /* dropped by a rule */
        return;
    FC_ASSERT(reply.len >= 12 && reply.len <= (udp ? 4096U : 65535U));
    FC_ASSERT(reply.data[0] == query[0] && reply.data[1] == query[1] && (reply.data[2] & 0x80) != 0);
    FC_ASSERT(ldns_wire2pkt(&pkt, reply.data, reply.len) == LDNS_STATUS_OK);
    ldns_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    check(data, size, true);
    check(data, size, false);
    return 0;
}
