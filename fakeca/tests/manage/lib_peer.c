/* The peers of net's tests. */
#include "net/lib_peer.c"
