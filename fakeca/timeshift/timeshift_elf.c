#include "timeshift/timeshift_elf.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "timeshift/timeshift_arch.h"

#define HEADERS_MAX 64
#define NOTES_MAX 4096

/* ---- objects in memory */

static const Elf64_Ehdr *header_of(const void *image, size_t len)
{
    const Elf64_Ehdr *header = image;

    if (len < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff > len ||
        header->e_phnum > (len - header->e_phoff) / sizeof(Elf64_Phdr))
        return NULL;
    return header;
}

static const Elf64_Phdr *segment(const Elf64_Ehdr *header, uint32_t type)
{
    const Elf64_Phdr *segments = (const void *)((const char *)header + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == type)
            return &segments[i];
    return NULL;
}

size_t fc_timeshift_elf_span(const void *image, size_t max)
{
    const Elf64_Ehdr *header = header_of(image, max);
    const Elf64_Phdr *load = header ? segment(header, PT_LOAD) : NULL;

    if (!load)
        return 0;
    return load->p_memsz < max ? (size_t)load->p_memsz : max;
}

/* Symbols and their names, as offsets into an object of len bytes. */
struct tables {
    uint64_t symbols, strings;
    size_t count;
};

static bool find_tables(const char *base, size_t len, struct tables *ret_tables)
{
    const Elf64_Ehdr *header = header_of(base, len);
    const Elf64_Phdr *dynamic = header ? segment(header, PT_DYNAMIC) : NULL;
    struct tables t = {0};

    if (!dynamic || dynamic->p_vaddr > len || dynamic->p_memsz > len - dynamic->p_vaddr)
        return false;
    const Elf64_Dyn *entry = (const void *)(base + dynamic->p_vaddr);
    for (size_t i = 0; i < dynamic->p_memsz / sizeof *entry && entry[i].d_tag != DT_NULL; i++) {
        if (entry[i].d_tag == DT_SYMTAB)
            t.symbols = entry[i].d_un.d_ptr;
        if (entry[i].d_tag == DT_STRTAB)
            t.strings = entry[i].d_un.d_ptr;
    }
    /* the number of symbols stands nowhere; linkers place the names right behind them */
    if (t.symbols == 0 || t.strings <= t.symbols || t.strings >= len)
        return false;
    t.count = (t.strings - t.symbols) / sizeof(Elf64_Sym);
    *ret_tables = t;
    return true;
}

uint64_t fc_timeshift_elf_symbol(const void *image, size_t len, const char *name)
{
    const char *base = image;
    struct tables t;

    if (!find_tables(base, len, &t))
        return 0;
    const Elf64_Sym *symbol = (const void *)(base + t.symbols);
    for (size_t i = 0; i < t.count; i++) {
        size_t at = t.strings + symbol[i].st_name;
        if (symbol[i].st_shndx != SHN_UNDEF && symbol[i].st_value < len && at < len &&
            strncmp(base + at, name, len - at) == 0)
            return symbol[i].st_value;
    }
    return 0;
}

/* ---- files */

/* "#! /usr/bin/env python3": the first word. */
static void read_script(const char *head, size_t len, struct fc_timeshift_program *program)
{
    size_t from = 2;

    program->kind = FC_TIMESHIFT_SCRIPT;
    program->native = true;
    while (from < len && (head[from] == ' ' || head[from] == '\t'))
        from++;
    size_t to = from;
    while (to < len && head[to] != ' ' && head[to] != '\t' && head[to] != '\n')
        to++;
    snprintf(program->interpreter, sizeof program->interpreter, "%.*s", (int)(to - from), head + from);
}

/* Whether notes of one segment hold that of base_clock. */
static bool holds_note(const char *notes, size_t len)
{
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= len;) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        if (note.n_namesz > len || note.n_descsz > len)
            return false;
        if (note.n_namesz == sizeof FC_CLOCK_NOTE && name + sizeof FC_CLOCK_NOTE <= len &&
            memcmp(notes + name, FC_CLOCK_NOTE, sizeof FC_CLOCK_NOTE) == 0)
            return true;
        at = name + (note.n_namesz + 3U) / 4 * 4 + (note.n_descsz + 3U) / 4 * 4;
    }
    return false;
}

static void read_segment(int fd, const Elf64_Phdr *from, struct fc_timeshift_program *program)
{
    char notes[NOTES_MAX];

    if (from->p_type == PT_INTERP) {
        program->dynamic = true;
        ssize_t n = pread(fd, program->interpreter, sizeof program->interpreter - 1, (off_t)from->p_offset);
        program->interpreter[n > 0 ? n : 0] = '\0';
    }
    if (from->p_type == PT_NOTE) {
        ssize_t n =
            pread(fd, notes, from->p_filesz < NOTES_MAX ? (size_t)from->p_filesz : NOTES_MAX, (off_t)from->p_offset);
        if (n > 0 && holds_note(notes, (size_t)n))
            program->fakeca = true;
    }
}

static void read_elf(int fd, const Elf64_Ehdr *header, struct fc_timeshift_program *program)
{
    Elf64_Phdr segments[HEADERS_MAX];

    if (header->e_ident[EI_CLASS] == ELFCLASS32) {
        program->kind = FC_TIMESHIFT_ELF32;
        program->native = true;
        return;
    }
    program->kind = FC_TIMESHIFT_ELF64;
    program->native = header->e_machine == fc_timeshift_arch_machine;
    unsigned count = header->e_phnum < HEADERS_MAX ? header->e_phnum : HEADERS_MAX;
    if (pread(fd, segments, count * sizeof *segments, (off_t)header->e_phoff) != (ssize_t)(count * sizeof *segments))
        return;
    for (unsigned i = 0; i < count; i++)
        read_segment(fd, &segments[i], program);
}

int fc_timeshift_elf_inspect(int fd, struct fc_timeshift_program *ret_program)
{
    struct fc_timeshift_program program = {0};
    union {
        Elf64_Ehdr header;
        char text[256];
    } head = {.text = ""};
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -1;
    program.setuid = (st.st_mode & S_ISUID) != 0;
    program.setgid = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    program.owner = st.st_uid;
    program.group = st.st_gid;
    program.capabilities = fgetxattr(fd, "security.capability", NULL, 0) > 0;
    ssize_t n = pread(fd, head.text, sizeof head.text, 0);
    if (n < 0)
        return -1;
    if (n > 2 && memcmp(head.text, "#!", 2) == 0)
        read_script(head.text, (size_t)n, &program);
    else if (n >= (ssize_t)sizeof head.header && memcmp(head.text, ELFMAG, SELFMAG) == 0)
        read_elf(fd, &head.header, &program);
    *ret_program = program;
    return 0;
}
