/* How a server goes on with a held answer. */
#include "http/lib_req.c"
