/* What kind of program a file is, and the image: one segment, no relocation, every name that somebody looks for. */
#include "timeshift/timeshift_elf.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "timeshift/timeshift_int.h"

#include "cmocka_all.h"

extern const char fc_timeshift_image[];
extern const size_t fc_timeshift_image_len;

static struct fc_timeshift_program inspect(const char *path)
{
    struct fc_timeshift_program program;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fc_timeshift_elf_inspect(fd, &program), 0);
    close(fd);
    return program;
}

/* A file with these bytes and this mode, inspected. */
static struct fc_timeshift_program inspect_bytes(const void *bytes, size_t len, mode_t mode)
{
    char path[] = "/tmp/fakeca-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    struct fc_timeshift_program program = inspect(path);
    unlink(path);
    return program;
}

static void programs_of_the_system_are_told_apart(void **state)
{
    (void)state;
    struct fc_timeshift_program program = inspect("/bin/sh");

    assert_int_equal(program.kind, FC_TIMESHIFT_ELF64);
    assert_true(program.dynamic);
    assert_true(program.native);
    assert_false(program.fakeca);
    assert_non_null(strstr(program.interpreter, "ld-linux"));
    /* this test is linked with base_clock */
    (void)fc_clock_real();
    assert_true(inspect("/proc/self/exe").fakeca);
}

static void scripts_name_their_interpreter(void **state)
{
    (void)state;
    static const struct {
        const char *text, *interpreter;
    } cases[] = {{"#!/bin/sh\necho\n", "/bin/sh"},
                 {"#! /usr/bin/env python3\n", "/usr/bin/env"},
                 {"#!\t/usr/bin/perl -w\n", "/usr/bin/perl"},
                 {"#!/no/newline", "/no/newline"},
                 {"#!\n", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_timeshift_program program = inspect_bytes(cases[i].text, strlen(cases[i].text), 0755);
        assert_int_equal(program.kind, FC_TIMESHIFT_SCRIPT);
        assert_string_equal(program.interpreter, cases[i].interpreter);
    }
}

static void rights_are_seen(void **state)
{
    (void)state;
    assert_true(inspect_bytes("x", 1, 04755).setuid);
    assert_true(inspect_bytes("x", 1, 02755).setgid);
    assert_false(inspect_bytes("x", 1, 02644).setgid); /* that is mandatory locking */
    assert_false(inspect_bytes("x", 1, 0755).setuid);
}

static void damaged_files_are_no_harm(void **state)
{
    (void)state;
    Elf64_Ehdr header = {.e_machine = EM_X86_64, .e_phentsize = sizeof(Elf64_Phdr)};

    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_phoff = UINT64_MAX / 2;
    header.e_phnum = UINT16_MAX;
    assert_int_equal(inspect_bytes(&header, sizeof header, 0755).kind, FC_TIMESHIFT_ELF64);
    assert_int_equal(inspect_bytes(ELFMAG, 4, 0755).kind, FC_TIMESHIFT_UNKNOWN);
    assert_int_equal(inspect_bytes("", 0, 0755).kind, FC_TIMESHIFT_UNKNOWN);
    assert_int_equal(fc_timeshift_elf_symbol(&header, sizeof header, "x"), 0);
    assert_int_equal(fc_timeshift_elf_span(&header, sizeof header), 0);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(inspect_bytes(&header, sizeof header, 0755).kind, FC_TIMESHIFT_ELF32);
}

static void the_image_is_one_segment_without_relocations(void **state)
{
    (void)state;
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    int loads = 0;

    memcpy(&header, fc_timeshift_image, sizeof header);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        memcpy(&segment, fc_timeshift_image + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD) {
            loads++;
            assert_int_equal(segment.p_flags, PF_R | PF_X);
            assert_int_equal(segment.p_vaddr, 0);
            assert_true(segment.p_memsz <= FC_TIMESHIFT_PAGE);
            assert_int_equal(segment.p_memsz, segment.p_filesz);
        }
        for (size_t at = 0; segment.p_type == PT_DYNAMIC && at < segment.p_filesz; at += sizeof(Elf64_Dyn)) {
            Elf64_Dyn entry;
            memcpy(&entry, fc_timeshift_image + segment.p_offset + at, sizeof entry);
            assert_int_not_equal(entry.d_tag, DT_RELA);
            assert_int_not_equal(entry.d_tag, DT_REL);
            assert_int_not_equal(entry.d_tag, DT_JMPREL);
            assert_int_not_equal(entry.d_tag, DT_NEEDED);
        }
    }
    assert_int_equal(loads, 1);
}

static void the_image_has_every_name(void **state)
{
    (void)state;
    static const char *const names[] = {"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time",
                                        "__vdso_getcpu",        "__vdso_clock_getres", "__vdso_getrandom",
                                        "clock_gettime",        "image_cookie_gettime"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_not_equal(fc_timeshift_image_symbol(names[i]), 0);
    assert_int_equal(fc_timeshift_image_symbol("__vdso_clock"), 0);
    assert_int_equal(fc_timeshift_image_symbol("__vdso_clock_gettime64"), 0);
}

/* The image as a program has it: [slots][clock page][image], and the time that its functions tell. */
typedef int gettime(clockid_t, struct timespec *);
typedef time_t timer(time_t *);

static struct fc_clock_page *map_image(bool mono, unsigned char **ret_image)
{
    const char *vdso = (const char *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
    size_t span = fc_timeshift_elf_span(vdso, 65536);
    int fd = fc_timeshift_image_open(NULL);
    unsigned char *block =
        mmap(NULL, 3 * FC_TIMESHIFT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct fc_timeshift_slots slots = {.mono = mono};

    assert_true(fd >= 0);
    assert_true(block != MAP_FAILED);
    slots.clock_gettime = (uint64_t)(uintptr_t)vdso + fc_timeshift_elf_symbol(vdso, span, "__vdso_clock_gettime");
    slots.gettimeofday = (uint64_t)(uintptr_t)vdso + fc_timeshift_elf_symbol(vdso, span, "__vdso_gettimeofday");
    slots.time = (uint64_t)(uintptr_t)vdso + fc_timeshift_elf_symbol(vdso, span, "__vdso_time");
    memcpy(block, &slots, sizeof slots);
    *ret_image = block + 2 * FC_TIMESHIFT_PAGE;
    assert_true(mmap(*ret_image, FC_TIMESHIFT_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
                *ret_image);
    close(fd);
    return (struct fc_clock_page *)(void *)(block + FC_TIMESHIFT_PAGE);
}

static int64_t ask(unsigned char *image, clockid_t clock)
{
    struct timespec ts;
    gettime *function = (gettime *)(uintptr_t)(image + fc_timeshift_image_symbol("__vdso_clock_gettime"));

    assert_int_equal(function(clock, &ts), 0);
    return ts.tv_sec;
}

static void the_image_adds_the_offset(void **state)
{
    (void)state;
    unsigned char *image;
    struct fc_clock_page *page = map_image(true, &image);
    timer *seconds = (timer *)(uintptr_t)(image + fc_timeshift_image_symbol("__vdso_time"));
    struct fc_clock_now_slot slot = {.wall_sec = 5184000, .mono_sec = 1000};
    time_t now = time(NULL);
    struct timespec mono;

    clock_gettime(CLOCK_MONOTONIC, &mono);
    fc_clock_page_init(page, &slot);
    assert_in_range(ask(image, CLOCK_REALTIME), now + 5184000, now + 5184002);
    assert_in_range(ask(image, CLOCK_REALTIME_COARSE), now + 5184000 - 1, now + 5184002);
    assert_in_range(ask(image, CLOCK_TAI), now + 5184000, now + 5184002 + 60);
    assert_in_range(ask(image, CLOCK_MONOTONIC), mono.tv_sec + 1000, mono.tv_sec + 1002);
    assert_in_range(seconds(NULL), now + 5184000 - 1, now + 5184002);
    assert_in_range(ask(image, CLOCK_PROCESS_CPUTIME_ID), 0, 1000);

    slot.wall_sec = -5184000;
    fc_clock_page_publish(page, &slot);
    assert_in_range(ask(image, CLOCK_REALTIME), now - 5184000, now - 5184000 + 2);

    slot.mode = FC_CLOCK_FROZEN;
    slot.frozen_sec = 1234567890;
    fc_clock_page_publish(page, &slot);
    assert_int_equal(ask(image, CLOCK_REALTIME), 1234567890);
    assert_int_equal(seconds(NULL), 1234567890);
    munmap(image - 2 * FC_TIMESHIFT_PAGE, 3 * FC_TIMESHIFT_PAGE);
}

static void without_the_flag_monotonic_clocks_are_real(void **state)
{
    (void)state;
    unsigned char *image;
    struct fc_clock_page *page = map_image(false, &image);
    const struct fc_clock_now_slot slot = {.wall_sec = 5184000, .mono_sec = 1000};
    struct timespec mono;

    clock_gettime(CLOCK_MONOTONIC, &mono);
    fc_clock_page_init(page, &slot);
    assert_in_range(ask(image, CLOCK_MONOTONIC), mono.tv_sec, mono.tv_sec + 2);
    munmap(image - 2 * FC_TIMESHIFT_PAGE, 3 * FC_TIMESHIFT_PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_of_the_system_are_told_apart),
        cmocka_unit_test(scripts_name_their_interpreter),
        cmocka_unit_test(rights_are_seen),
        cmocka_unit_test(damaged_files_are_no_harm),
        cmocka_unit_test(the_image_is_one_segment_without_relocations),
        cmocka_unit_test(the_image_has_every_name),
        cmocka_unit_test(the_image_adds_the_offset),
        cmocka_unit_test(without_the_flag_monotonic_clocks_are_real),
    };
    RUN(tests);
}
