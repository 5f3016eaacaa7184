/*
 * void hook(uc_engine *x0, u64 address x1, u32 size w2, state *x3)
 *
 * UC_HOOK_BLOCK of an arm64 guest on an aarch64 host: see BlockCounter for the rules. Uses only
 * caller-saved registers; leaves by ret, or by a tail call of uc_emu_stop.
 */
#include "block_counter.inc"
        .text

        ldr     x9, [x3, #ATTENTION]
        cbnz    x9, attention
lookup:
        lsr     w13, w2, #2
        ldp     x14, x15, [x3, #ICOUNT]
        add     x14, x14, w13, uxtw
        cmp     x14, x15
        b.hi    deadline
        str     x14, [x3, #ICOUNT]
remember:
        str     x1, [x3, #LAST_PC]
        stp     w2, w13, [x3, #LAST_SIZE]
        ret

attention:
        ldrh    w9, [x3, #STEPPING]
        cbz     w9, free
        cmp     w9, #1
        b.ne    stepped
        mov     w9, #2
        strh    w9, [x3, #STEPPING]
        mov     w13, wzr
        b       remember
free:
        ldrh    w9, [x3, #REQUEST]
        cbnz    w9, requested
        ldrh    w9, [x3, #KICK]
        cbz     w9, lookup
        mov     w9, #REASON_KICK
        b       stop

deadline:
        mov     w9, #REASON_DEADLINE
        b       stop
stepped:
        mov     w9, #REASON_STEP
        b       stop
requested:
        mov     w9, #REASON_REQUEST
stop:
        str     w9, [x3, #REASON]
        ldp     x0, x9, [x3, #ENGINE]
        br      x9
        .section .note.GNU-stack, "", %progbits
