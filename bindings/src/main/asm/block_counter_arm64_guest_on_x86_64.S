/*
 * void hook(uc_engine *rdi, u64 address rsi, u32 size edx, state *rcx)
 *
 * UC_HOOK_BLOCK of an arm64 guest on an x86-64 host: see BlockCounter for the rules. Uses only
 * caller-saved registers; leaves by ret, or by a tail call of uc_emu_stop.
 *
 * A block that passes a plain size is shown to scan() once, whose answer is what its size says.
 */
#include "block_counter.inc"
#include "block_grant.inc"
        .intel_syntax noprefix
        .text

hook:
        SETTLE
        cmp     qword ptr [rcx + ATTENTION], 0
        jne     attention
begin:
        mov     eax, edx
        shr     eax, PACKED_COUNT_SHIFT
        jz      plain
count:
        mov     r9d, eax
        add     rax, [rcx + ICOUNT]
        cmp     rax, [rcx + DEADLINE]
        ja      deadline
        mov     [rcx + ICOUNT], rax
        GRANT_MORE remember
remember:
        mov     [rcx + LAST_PC], rsi
        mov     [rcx + LAST_SIZE], edx
        mov     [rcx + LAST_INFO], r9d
        ret

plain:
        cmp     qword ptr [rcx + SCAN], 0
        je      known
        /* Three pushes also align the stack for the call, and put the return address at 24. */
        push    rcx
        push    rsi
        push    rdx
        mov     rdi, rsi
        mov     esi, edx
        mov     rdx, [rsp + 24]
        call    [rcx + SCAN]
        pop     rdx
        pop     rsi
        pop     rcx
known:
        mov     eax, edx
        shr     eax, 2
        jmp     count

attention:
        movzx   eax, word ptr [rcx + STEPPING]
        cmp     eax, 1
        jb      free
        ja      stepped
        mov     word ptr [rcx + STEPPING], 2
        xor     r9d, r9d
        jmp     remember
free:
        cmp     word ptr [rcx + REQUEST], 0
        jne     requested
        cmp     word ptr [rcx + KICK], 0
        je      begin
        mov     eax, REASON_KICK
        jmp     stop

deadline:
        mov     eax, REASON_DEADLINE
        jmp     stop
stepped:
        mov     eax, REASON_STEP
        jmp     stop
requested:
        mov     eax, REASON_REQUEST
stop:
        mov     [rcx + REASON], eax
        mov     rdi, [rcx + ENGINE]
        jmp     [rcx + EMU_STOP]

        SLOW hook
        .section .note.GNU-stack, "", @progbits
