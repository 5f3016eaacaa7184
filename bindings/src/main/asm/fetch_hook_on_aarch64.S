/*
 * void hook(uc_engine *x0, u64 address x1, u32 size w2, state *x3)
 *
 * UC_HOOK_BLOCK on an aarch64 host: calls the block counter's hook first, then records the pages
 * that the block is fetched from, if it runs: see AccessRing. Uses only caller-saved registers;
 * leaves by ret, or by a tail call of ENTER.
 */
#include "access_ring.inc"
        .text

        stp     x29, x30, [sp, #-48]!
        mov     x29, sp
        stp     x1, x2, [sp, #16]
        str     x3, [sp, #32]
        ldp     x9, x3, [x3, #COUNTER_CODE]
        blr     x9
        ldp     x1, x2, [sp, #16]
        ldr     x3, [sp, #32]
        ldp     x29, x30, [sp], #48
        ldr     x9, [x3, #REASON_AT]
        ldr     w9, [x9]
        cbnz    w9, done
        lsr     x10, x1, #PAGE_SHIFT
        add     x11, x1, w2, uxtw
        sub     x11, x11, #1
        lsr     x11, x11, #PAGE_SHIFT
        ldp     x12, x13, [x3, #FETCH]
        cmn     x13, #1
        b.ne    moved
        cmp     x10, x12
        b.ne    moved
        cmp     x11, x10
        b.hi    moved
done:
        ret

moved:
        ldp     x9, x14, [x3, #NEXT]
        sub     x15, x14, x9
        cmp     x15, #(2 * RECORD_BYTES)
        b.lo    full
        mov     x15, #KIND_FETCH
        cmn     x13, #1
        b.eq    1f
        cmp     x13, x12
        b.eq    1f
        mov     x12, x13
        add     x14, x15, x13, lsl #2
        stp     x14, xzr, [x9], #RECORD_BYTES
1:      cmp     x10, x12
        b.eq    2f
        add     x14, x15, x10, lsl #2
        stp     x14, xzr, [x9], #RECORD_BYTES
2:      mov     x14, #-1
        str     x9, [x3, #NEXT]
        str     x14, [x3, #LAST]
        cmp     x11, x10
        csel    x11, x11, x14, hi
        stp     x10, x11, [x3, #FETCH]
        ret

full:
        ldr     x9, [x3, #ENTER]
        br      x9
        .section .note.GNU-stack, "", %progbits
