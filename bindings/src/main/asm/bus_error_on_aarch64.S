/*
 * void handler(int w0, siginfo_t *x1, ucontext_t *x2)
 *
 * SIGBUS on an arm64 host: see TruncationGuard. Uses only caller-saved registers, of which system
 * calls change x0 alone; leaves what is not a hole of a guarded range to the handler before it, by
 * a tail call with its own arguments.
 */
#include "bus_error.inc"
        .text

        ldr     w9, [x1, #SI_CODE]
        cmp     w9, #BUS_ADRERR
        b.ne    other
        ldr     x10, [x1, #SI_ADDR]
        ldr     x11, table
        ldr     x12, [x11]
next:
        cbz     x12, other
        sub     x12, x12, #1
        add     x11, x11, #ENTRY_BYTES
        ldp     x13, x14, [x11, #START]
        cmp     x10, x13
        b.lo    next
        cmp     x10, x14
        b.hs    next
        ldr     x9, [x11, #HITS]
        add     x9, x9, #1
        str     x9, [x11, #HITS]
        cmp     x9, #MOST_HITS
        b.hi    all
        ldr     x1, page
        neg     x9, x1
        and     x0, x10, x9
        b       map
all:
        mov     x9, #1
        str     x9, [x11, #LOST]
        mov     x0, x13
        sub     x1, x14, x13
map:
        mov     x2, #PROT_READ_WRITE
        mov     x3, #MAP_ZEROS
        mov     x4, #-1
        mov     x5, #0
        mov     x8, #222
        svc     #0
        ret
other:
        ldr     x16, before
        br      x16

        .balign 8
table:  .quad   0
page:   .quad   0
before: .quad   0
