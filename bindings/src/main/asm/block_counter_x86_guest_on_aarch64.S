/*
 * void hook(uc_engine *x0, u64 address x1, u32 size w2, state *x3)
 *
 * UC_HOOK_BLOCK of an x86 guest on an aarch64 host: see BlockCounter for the rules. Uses only
 * caller-saved registers; leaves by ret, or by a tail call of uc_emu_stop.
 */
#include "block_counter.inc"
        .text

/* Branches to \extra when this block is the engine's extra pass of a REP instruction: the block
   before ended in it (or was it), and its counter has reached zero. Spoils x9, x12, x14. */
.macro  EXTRA_PASS extra
        ldp     w12, w14, [x3, #LAST_SIZE]
        tst     w14, #INFO_REP_MASK
        b.eq    1f
        ldr     x9, [x3, #LAST_PC]
        add     x9, x9, w12, uxtw
        ubfx    w12, w14, #INFO_LENGTH_SHIFT, #4
        sub     x9, x9, w12, uxtw
        cmp     x9, x1
        b.ne    1f
        ldr     x9, [x3, #RCX]
        ldr     x9, [x9]
        ubfx    w14, w14, #INFO_REP_SHIFT, #2
        cmp     w14, #2
        b.hi    3f
        b.eq    2f
        and     w9, w9, #0xffff
2:      mov     w9, w9
3:      cbz     x9, \extra
1:
.endm

        ldr     x9, [x3, #ATTENTION]
        cbnz    x9, attention
lookup:
        ldr     x9, [x3, #HFLAGS]
        ldr     w10, [x9]
        mov     w11, #KEY_MODE
        and     w11, w10, w11
        orr     w11, w11, w2, lsl #KEY_SIZE_SHIFT
        ldr     w12, [x3, #GENERATION]
        orr     w11, w11, w12
        eor     x9, x1, x1, lsr #HASH_SHIFT
        ldr     x12, [x3, #MASK]
        and     x9, x9, x12
        ldr     x12, [x3, #TABLE]
        add     x9, x12, x9, lsl #4
        ldr     x12, [x9]
        cmp     x12, x1
        b.ne    miss
        ldp     w12, w13, [x9, #8]
        cmp     w12, w11
        b.ne    miss
known:
        lsr     w12, w13, #16
        cbnz    w12, flagged
count:
        and     x12, x13, #0xffff
        ldp     x14, x15, [x3, #ICOUNT]
        add     x14, x14, x12
        cmp     x14, x15
        b.hi    deadline
        str     x14, [x3, #ICOUNT]
remember:
        str     x1, [x3, #LAST_PC]
        stp     w2, w13, [x3, #LAST_SIZE]
        ret

flagged:
        tst     w13, #INFO_REP_MASK
        b.eq    sensitive
        EXTRA_PASS uncounted
sensitive:
        tst     w13, #INFO_SENSITIVE
        b.eq    count
        tst     w10, #HF_INHIBIT_IRQ
        b.ne    count
        mov     w9, #REASON_SENSITIVE
        b       stop

uncounted:
        mov     w13, wzr
        b       remember

miss:
        stp     x29, x30, [sp, #-64]!
        mov     x29, sp
        stp     x1, x2, [sp, #16]
        stp     x3, x9, [sp, #32]
        str     x11, [sp, #48]
        ldr     x9, [x3, #SCAN]
        mov     x0, x1
        mov     w1, w2
        blr     x9
        mov     w13, w0
        ldp     x1, x2, [sp, #16]
        ldp     x3, x9, [sp, #32]
        ldr     x11, [sp, #48]
        ldp     x29, x30, [sp], #64
        tbnz    w13, #31, unreadable
        str     x1, [x9]
        stp     w11, w13, [x9, #8]
        ldr     x10, [x3, #HFLAGS]
        ldr     w10, [x10]
        b       known

attention:
        ldrh    w9, [x3, #STEPPING]
        cbz     w9, free
        cmp     w9, #1
        b.ne    stepped
        mov     w9, #2
        strh    w9, [x3, #STEPPING]
        b       uncounted
free:
        EXTRA_PASS uncounted
        ldrh    w9, [x3, #REQUEST]
        cbnz    w9, requested
        ldrh    w9, [x3, #KICK]
        cbnz    w9, kicked
        ldrh    w9, [x3, #IRQ_PENDING]
        cbz     w9, lookup
        ldr     x9, [x3, #EFLAGS]
        ldr     w9, [x9]
        tst     w9, #EFLAGS_IF
        b.eq    lookup
        ldr     x9, [x3, #HFLAGS]
        ldr     w9, [x9]
        tst     w9, #HF_INHIBIT_IRQ
        b.ne    lookup
        mov     w9, #REASON_IRQ_WINDOW
        b       stop

deadline:
        mov     w9, #REASON_DEADLINE
        b       stop
stepped:
        mov     w9, #REASON_STEP
        b       stop
requested:
        mov     w9, #REASON_REQUEST
        b       stop
kicked:
        mov     w9, #REASON_KICK
        b       stop
unreadable:
        mov     w9, #REASON_SCAN
stop:
        str     w9, [x3, #REASON]
        ldp     x0, x9, [x3, #ENGINE]
        br      x9
        .section .note.GNU-stack, "", %progbits
