/* The program's version, from git at configure time. */
#ifndef FC_BASE_VERSION_H
#define FC_BASE_VERSION_H

extern const char fc_version[];

#endif
