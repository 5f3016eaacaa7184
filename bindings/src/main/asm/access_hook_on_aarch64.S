/*
 * void hook(uc_engine *x0, int type w1, u64 address x2, int size w3, i64 value x4, state *x5)
 *
 * UC_HOOK_MEM_READ and UC_HOOK_MEM_WRITE on an aarch64 host: see AccessRing for the rules. Uses
 * only caller-saved registers; leaves by ret, or by a tail call of ACCESS with its own arguments.
 */
#include "access_ring.inc"
        .text

        ldr     x9, [x5, #CROSSED]
        cmn     x9, #1
        b.ne    special
        add     x9, x2, w3, uxtw
        sub     x9, x9, #1
        eor     x9, x9, x2
        lsr     x9, x9, #PAGE_SHIFT
        cbnz    x9, special
        lsr     x9, x2, #PAGE_SHIFT
        and     w10, w1, #1
        ldp     x11, x12, [x5, #NEXT]
        ldr     x13, [x5, #LAST]
        cmp     x9, x13
        b.ne    append
        sub     x11, x11, #(RECORD_BYTES - 8)
        b       count

append:
        cmp     x11, x12
        b.eq    special
        str     x9, [x5, #LAST]
        add     x13, x10, x9, lsl #2
        stp     x13, xzr, [x11], #RECORD_BYTES
        str     x11, [x5, #NEXT]
        sub     x11, x11, #(RECORD_BYTES - 8)
count:
        ldr     w12, [x11, w10, uxtw #2]
        add     w12, w12, #1
        str     w12, [x11, w10, uxtw #2]
        ret

special:
        ldr     x9, [x5, #ACCESS]
        br      x9
        .section .note.GNU-stack, "", %progbits
