/* B.3: redirects. */
#include "va/lib_rows.h"

#define URL "http://" NAME CHALLENGE_PATH
#define TO(code, location) "HTTP/1.1 " #code " x\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"
#define FIRST(code, location)                                                                                          \
    {                                                                                                                  \
        CHALLENGE_PATH, TO(code, location), 0                                                                          \
    }
#define LAST(path)                                                                                                     \
    {                                                                                                                  \
        path, GOOD_ANSWER, 0                                                                                           \
    }
#define PEM FIXTURES "/net/localhost.pem"
#define EXPIRED FIXTURES "/net/expired.pem"
#define ROUTES(array) .routes = array, .n_routes = COUNT(array)
#define PLAIN(array) .servers = {{.at = "80", ROUTES(array)}}
#define SECURE(array, pem_) .servers = {{.at = "80", ROUTES(array)}, {.at = "443", ROUTES(array), .pem = pem_}}
#define REFUSED(code, location, message)                                                                               \
    .servers = {{.at = "80", .bytes = TO(code, location)}}, .type = "connection",                                      \
    .detail = V4 ": Fetching " location ": " message
#define TLD "Invalid host in redirect target, must end in IANA registered TLD"

static const struct peer_answer to_b[] = {FIRST(301, "http://" OTHER "/x"), LAST("/x")};
static const struct peer_answer to_b302[] = {FIRST(302, "http://" OTHER "/x"), LAST("/x")};
static const struct peer_answer to_b307[] = {FIRST(307, "http://" OTHER "/x"), LAST("/x")};
static const struct peer_answer to_b308[] = {FIRST(308, "http://" OTHER "/x"), LAST("/x")};
static const struct peer_answer relative[] = {FIRST(301, "../../x?q=1#f"), LAST("/x?q=1 ")};
static const struct peer_answer userinfo[] = {FIRST(301, "http://u:p@" OTHER "/x"), LAST("/x")};
static const struct peer_answer upper[] = {FIRST(301, "HTTP://B.Example.COM/x"), LAST("/x")};
static const struct peer_answer port80[] = {FIRST(301, "http://" OTHER ":80/x"), LAST("/x")};
static const struct peer_answer secure[] = {FIRST(301, "https://" OTHER "/x"), LAST("/x")};
static const struct peer_answer secure443[] = {FIRST(301, "https://" OTHER ":443/x"), LAST("/x")};
static const struct peer_answer ip[] = {FIRST(301, "http://" V4 "/x"), LAST("/x")};
static const struct peer_answer loop[] = {FIRST(301, "/a"), {"/a", TO(301, CHALLENGE_PATH), 0}};
static const struct peer_answer to_404[] = {FIRST(301, "/gone"),
                                            {"/gone", "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", 0}};

#define HOP(n, m)                                                                                                      \
    {                                                                                                                  \
        "/" #n, TO(301, "/" #m), 0                                                                                     \
    }
#define HOPS11                                                                                                         \
    HOP(02, 03), HOP(03, 04), HOP(04, 05), HOP(05, 06), HOP(06, 07), HOP(07, 08), HOP(08, 09), HOP(09, 10), HOP(10, 11)
static const struct peer_answer eleven[] = {FIRST(301, "/01"), HOP(01, 02), HOPS11, LAST("/11")};
static const struct peer_answer twelve[] = {FIRST(301, "/01"), HOP(01, 02), HOPS11, HOP(11, 12), LAST("/12")};

/* B.3: "IPv6 answers a redirect to an https target that refuses connections, IPv4 of the initial host answers 200" */
static const struct peer_answer to_refusing[] = {FIRST(301, "https://" OTHER "/x")};

const struct va_row rows_redirect[] = {
    {.what = "B.3 301 is followed", PLAIN(to_b), .requests = 2},
    {.what = "B.3 302 is followed", PLAIN(to_b302), .requests = 2},
    {.what = "B.3 307 is followed", PLAIN(to_b307), .requests = 2},
    {.what = "B.3 308 is followed", PLAIN(to_b308), .requests = 2},
    {.what = "B.3 303 is not", REFUSED(303, "http://" OTHER "/x", "received disallowed redirect status code")},
    {.what = "B.3 300 is the final answer",
     .servers = {{.at = "80", .bytes = TO(300, "/x")}},
     .type = "unauthorized",
     .detail = V4 ": Invalid response from " URL ": 300"},
    {.what = "B.3 304 is the final answer",
     .servers = {{.at = "80", .bytes = "HTTP/1.1 304 x\r\nLocation: /x\r\n\r\n"}},
     .type = "unauthorized",
     .detail = V4 ": Invalid response from " URL ": 304"},
    {.what = "B.3 305 is the final answer",
     .servers = {{.at = "80", .bytes = TO(305, "/x")}},
     .type = "unauthorized",
     .detail = V4 ": Invalid response from " URL ": 305"},
    {.what = "B.3 306 is the final answer",
     .servers = {{.at = "80", .bytes = TO(306, "/x")}},
     .type = "unauthorized",
     .detail = V4 ": Invalid response from " URL ": 306"},
    {.what = "B.3 301 without Location is the final answer",
     .servers = {{.at = "80", .bytes = "HTTP/1.1 301 x\r\nContent-Length: 0\r\n\r\n"}},
     .type = "unauthorized",
     .detail = V4 ": Invalid response from " URL ": 301"},
    {.what = "B.3, I.10 eleven redirects are followed", PLAIN(eleven), .requests = 12},
    {.what = "B.3, I.10 the twelfth is not",
     PLAIN(twelve),
     .type = "connection",
     .detail = V4 ": Fetching /12: Too many redirects"},
    {.what = "B.3 relative, the query kept, the fragment dropped", PLAIN(relative), .requests = 2},
    {.what = "B.3 user information is accepted", PLAIN(userinfo), .requests = 2},
    {.what = "B.3 the host is lowered", PLAIN(upper), .requests = 2},
    {.what = "B.3 port 80 written out", PLAIN(port80), .requests = 2},
    {.what = "B.3 an IP literal that is public", PLAIN(ip), .requests = 2},
    {.what = "B.3 https, certificate self-signed and of another name", SECURE(secure, PEM), .requests = 1},
    {.what = "B.3 https, certificate expired", SECURE(secure, EXPIRED), .requests = 1},
    {.what = "B.3 port 443 written out", SECURE(secure443, PEM), .requests = 1},
    {.what = "B.3 http answered on the https port",
     .servers = {{.at = "80", .bytes = TO(301, "https://" OTHER "/x")},
                 {.at = "443", .mode = PEER_GREET, .bytes = "HTTP/1.1 400 Bad Request\r\n\r\n"}},
     .type = "connection",
     .detail = V4 ": Fetching https://" OTHER "/x: Error getting validation data"},
    {.what = "B.3 a TLS alert on a redirect",
     .servers = {{.at = "80", .bytes = TO(301, "https://" OTHER "/x")},
                 {.at = "443", .alpn = &(const struct alpn_cert){.san = "DNS:" OTHER}, .alpn_mode = ALPN_TLS11}},
     .type = "tls",
     .detail = V4 ": Fetching https://" OTHER "/x: remote error: tls: protocol version not supported"},
    {.what = "B.3 the answer of the last hop counts",
     PLAIN(to_404),
     .type = "unauthorized",
     .detail = V4 ": Invalid response from http://" NAME "/gone: 404"},
    {.what = "B.3 a port other than 80 and 443",
     REFUSED(301, "http://" OTHER ":8080/x",
             "Invalid port in redirect target. Only ports 80 and 443 are supported, not 8080")},
    {.what = "B.3 8443",
     REFUSED(301, "https://" OTHER ":8443/x",
             "Invalid port in redirect target. Only ports 80 and 443 are supported, not 8443")},
    {.what = "B.3 a scheme other than http and https",
     REFUSED(301, "ftp://" OTHER "/x",
             "Invalid protocol scheme in redirect target. Only \"http\" and \"https\" protocol schemes are supported, "
             "not \"ftp\"")},
    {.what = "B.3 an empty host", REFUSED(301, "http:///x", "Invalid empty host in redirect target")},
    {.what = "B.3 the missing slash",
     REFUSED(301, "http://example.com.well-known/x",
             "Invalid host in redirect target \"example.com.well-known\". Check webserver config for missing '/' in "
             "redirect "
             "target.")},
    {.what = "B.3 a scope zone",
     REFUSED(301, "http://[fe80::1%25eth0]/x", "Invalid host in redirect target: contains scope zone")},
    {.what = "B.3 a private address (rehearsal follows)",
     .servers = {{.at = "80", .bytes = TO(301, "http://10.0.0.1/x")}},
     .type = "connection",
     .detail = "10.0.0.1: Fetching http://10.0.0.1/x: Connection refused",
     .off_type = "connection",
     .off_detail =
         V4 ": Fetching http://10.0.0.1/x: Invalid host in redirect target: IP address is in a reserved address block: "
            "[RFC1918]: Private-Use"},
    {.what = "B.3 a reserved address that is not private",
     REFUSED(301, "http://192.0.2.1/x",
             "Invalid host in redirect target: IP address is in a reserved address block: [RFC5737]: Documentation "
             "(TEST-NET-1)")},
    {.what = "B.3, I.14 localhost (rehearsal follows)",
     .servers = {{.at = "80", .bytes = TO(301, "http://localhost/x")}},
     .type = "dns",
     .detail = V4
     ": Fetching http://localhost/x: DNS problem: NXDOMAIN looking up A for localhost - check that a DNS record exists "
     "for this domain; DNS problem: NXDOMAIN looking up AAAA for localhost - check that a DNS record exists for this "
     "domain",
     .off_type = "connection",
     .off_detail = V4 ": Fetching http://localhost/x: " TLD},
    {.what = "B.3, I.14 .internal (rehearsal follows)",
     .servers = {{.at = "80", .bytes = TO(301, "http://a.internal/x")}},
     .type = "dns",
     .detail = V4
     ": Fetching http://a.internal/x: DNS problem: NXDOMAIN looking up A for a.internal - check that a DNS record "
     "exists "
     "for this domain; DNS problem: NXDOMAIN looking up AAAA for a.internal - check that a DNS record exists for this "
     "domain",
     .off_type = "connection",
     .off_detail = V4 ": Fetching http://a.internal/x: " TLD},
    {.what = "B.3 a suffix that does not exist", REFUSED(301, "http://a.nosuchtld/x", TLD)},
    {.what = "B.3 a trailing dot", REFUSED(301, "http://b.example.com./x", TLD)},
    {.what = "B.3 a loop",
     PLAIN(loop),
     .type = "connection",
     .detail = V4 ": Fetching " CHALLENGE_PATH ": Redirect loop detected"},
    {.what = "B.3 an unparsable Location",
     .servers = {{.at = "80", .bytes = TO(301, "http://b.example.com:x/")}},
     .type = "connection",
     .detail = V4 ": Fetching " URL ": Error getting validation data"},
    {.what = "B.3 the target's name does not exist",
     .servers = {{.at = "80", .bytes = TO(301, "http://nx.example.com/x")}},
     .type = "dns",
     .detail = V4 ": Fetching http://nx.example.com/x: DNS problem: NXDOMAIN looking up A for nx.example.com - check "
                  "that a DNS record "
                  "exists for this domain; DNS problem: NXDOMAIN looking up AAAA for nx.example.com - check that a DNS "
                  "record exists for "
                  "this domain"},
    {.what = "B.3 the target refuses",
     .servers = {{.at = "80", .bytes = TO(301, "https://" OTHER "/x")}, {.at = "443", .mode = PEER_REFUSE}},
     .type = "connection",
     .detail = V4 ": Fetching https://" OTHER "/x: Connection refused"},
    {.what = "B.3 [run] a refusing target falls back to IPv4 of the initial host: valid",
     .name = BOTH,
     .servers = {{.at = "80", .bytes = GOOD_ANSWER}, {.at = "80/6", ROUTES(to_refusing)}},
     .requests = 1},
    {.what = "B.3 [run] ... which redirects the same way: a loop",
     .name = BOTH,
     .servers = {{.at = "80", ROUTES(to_refusing)}, {.at = "80/6", ROUTES(to_refusing)}},
     .type = "connection",
     .detail = V4 ": Fetching https://" OTHER "/x: Redirect loop detected"},
    {.what = "B.3 a redirect hop has no fall-back of its own",
     .servers = {{.at = "80", .bytes = TO(301, "http://" BOTH "/x")}, {.at = "80/6", .mode = PEER_REFUSE}},
     .type = "connection",
     .detail = V6 ": Fetching http://" BOTH "/x: Connection refused"},
};
const size_t rows_redirect_count = COUNT(rows_redirect);
