#include "va/va_int.h"

const char *fc_va_fault_text(enum fc_net_fetch_fault fault)
{
    static const struct {
        enum fc_net_fetch_fault fault;
        const char *text;
    } texts[] = {
        {FC_NET_REFUSED, "Connection refused"},
        {FC_NET_UNREACHABLE, "Network unreachable"},
        {FC_NET_CONNECT_TIMEOUT, "Timeout during connect (likely firewall problem)"},
        {FC_NET_ANSWER_TIMEOUT, "Timeout after connect (your server may be slow or overloaded)"},
        {FC_NET_BODY_TIMEOUT, "Timeout during read (your server may be slow or overloaded)"},
        {FC_NET_RESET, "Connection reset by peer"},
        {FC_NET_HTTP2, "Server is speaking HTTP/2 over HTTP"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].fault == fault)
            return texts[i].text;
    return "Error getting validation data";
}
