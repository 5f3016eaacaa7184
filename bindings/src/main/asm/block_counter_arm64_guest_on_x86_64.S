/*
 * void hook(uc_engine *rdi, u64 address rsi, u32 size edx, state *rcx)
 *
 * UC_HOOK_BLOCK of an arm64 guest on an x86-64 host: see BlockCounter for the rules. Uses only
 * caller-saved registers; leaves by ret, or by a tail call of uc_emu_stop.
 */
#include "block_counter.inc"
        .intel_syntax noprefix
        .text

        cmp     qword ptr [rcx + ATTENTION], 0
        jne     attention
lookup:
        mov     r8d, edx
        shr     r8d, 2
        mov     eax, r8d
        add     rax, [rcx + ICOUNT]
        cmp     rax, [rcx + DEADLINE]
        ja      deadline
        mov     [rcx + ICOUNT], rax
remember:
        mov     [rcx + LAST_PC], rsi
        mov     [rcx + LAST_SIZE], edx
        mov     [rcx + LAST_INFO], r8d
        ret

attention:
        movzx   eax, word ptr [rcx + STEPPING]
        cmp     eax, 1
        jb      free
        ja      stepped
        mov     word ptr [rcx + STEPPING], 2
        xor     r8d, r8d
        jmp     remember
free:
        cmp     word ptr [rcx + REQUEST], 0
        jne     requested
        cmp     word ptr [rcx + KICK], 0
        je      lookup
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
        .section .note.GNU-stack, "", @progbits
