/* What kind of program a file is, and addresses of functions in an image that lies in memory. */
#ifndef FC_TIMESHIFT_ELF_H
#define FC_TIMESHIFT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum fc_timeshift_kind {
    FC_TIMESHIFT_UNKNOWN, /* not readable, or no format known here */
    FC_TIMESHIFT_SCRIPT,  /* #! */
    FC_TIMESHIFT_ELF64,
    FC_TIMESHIFT_ELF32
};

struct fc_timeshift_program {
    enum fc_timeshift_kind kind;
    bool dynamic;        /* names an interpreter */
    bool native;         /* of this machine's processor family */
    bool fakeca;         /* carries the note of base_clock: reads the true clock and adds the offset itself */
    bool setuid, setgid; /* the bits of the file */
    bool capabilities;   /* security.capability is set */
    uid_t owner;
    gid_t group;
    char interpreter[256]; /* of a script: the program; of ELF: the loader; "" for none */
};

/* Looks at an open file. 0, or -1 with errno when it cannot be read. */
int fc_timeshift_elf_inspect(int fd, struct fc_timeshift_program *ret_program);

/* The offset from `image` of an exported function of an ELF64 object that lies in memory as it is loaded; 0 when it has none. */
uint64_t fc_timeshift_elf_symbol(const void *image, size_t len, const char *name);
/* Bytes that the object's segments cover, at most max; 0 when it is no ELF64 object. */
size_t fc_timeshift_elf_span(const void *image, size_t max);

#endif
