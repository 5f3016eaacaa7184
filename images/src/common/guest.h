/*
 * What every guest may use, whatever the architecture: console, checks, command line, physical
 * pages. A guest defines guest_main() and calls check() for each thing it claims; the last line
 * of output is "PASS name" or "FAIL name: why".
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define KiB 1024ul
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define PAGE_BYTES 4096ul
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ul << (n))

/* The guest itself. */
void guest_main(void);
extern const char guest_name[];

/* Console: %d %u %x %s %c %% with l, width and 0; \n only. */
void putchar_console(char c); /* by the architecture */
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprintf(const char *format, va_list args);

/* Verdict. check() prints a line only when ok is false; verdict ends the machine. */
bool check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
unsigned checks_failed(void);
void run_guest(void) __attribute__((noreturn));
void finish(void) __attribute__((noreturn));
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void machine_exit(u32 code) __attribute__((noreturn)); /* by the architecture */
void marker(const char *name); /* a line on the debug device, if there is one */
void marker_byte(char c);      /* by the architecture */

/* True where instruction-exact behaviour may be demanded (false on QEMU's TCG, which asks a load
 * for the read half of a read-modify-write, and so on). Set by the architecture at start. */
extern bool strict;

/* Command line: words of the form name=value. Sizes take the suffixes k, m, g. */
void cmdline_set(const char *text);
const char *cmdline(void);
u64 arg_u64(const char *name, u64 otherwise);
bool arg_is(const char *name, const char *value, const char *otherwise);
void arg_copy(const char *name, const char *otherwise, char *out, size_t out_bytes);

/* Physical pages. Single pages come zeroed, from the bottom; aligned blocks from the top. */
void pages_init(u64 first_pa, u64 end_pa);
u64 alloc_page(void);
void free_page(u64 pa);
u64 alloc_block(u64 bytes, u64 align);
u64 pages_free(void);
u64 ram_end(void);

/* After writing instructions through another mapping. */
void sync_code(u64 pa, u64 bytes);

static inline u64 align_up(u64 x, u64 to) { return (x + to - 1) & ~(to - 1); }
static inline u64 align_down(u64 x, u64 to) { return x & ~(to - 1); }

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
