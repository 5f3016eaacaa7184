/*
 * void hook(uc_engine *rdi, u64 address rsi, u32 size edx, state *rcx)
 *
 * UC_HOOK_BLOCK on an x86-64 host: calls the block counter's hook first, then records the pages
 * that the block is fetched from, if it runs: see AccessRing. Uses only caller-saved registers;
 * leaves by ret, or by a tail call of ENTER.
 */
#include "access_ring.inc"
        .intel_syntax noprefix
        .text

        /* Three pushes also align the stack for the call. */
        push    rcx
        push    rsi
        push    rdx
        mov     rax, [rcx + COUNTER_CODE]
        mov     rcx, [rcx + COUNTER_STATE]
        call    rax
        pop     rdx
        pop     rsi
        pop     rcx
        mov     rax, [rcx + REASON_AT]
        cmp     dword ptr [rax], 0
        jne     done
        mov     r9, rsi
        shr     r9, PAGE_SHIFT
        mov     edx, edx
        lea     r10, [rsi + rdx - 1]
        shr     r10, PAGE_SHIFT
        mov     r8, [rcx + CROSSED]
        mov     r11, [rcx + FETCH]
        cmp     r8, -1
        jne     moved
        cmp     r9, r11
        jne     moved
        cmp     r10, r9
        ja      moved
done:
        ret

moved:
        mov     rax, [rcx + LIMIT]
        sub     rax, [rcx + NEXT]
        cmp     rax, 2 * RECORD_BYTES
        jb      full
        mov     rax, [rcx + NEXT]
        cmp     r8, -1
        je      1f
        cmp     r8, r11
        je      1f
        mov     r11, r8
        lea     r8, [r8 * 4 + KIND_FETCH]
        mov     [rax], r8
        mov     qword ptr [rax + 8], 0
        add     rax, RECORD_BYTES
1:      cmp     r9, r11
        je      2f
        lea     r8, [r9 * 4 + KIND_FETCH]
        mov     [rax], r8
        mov     qword ptr [rax + 8], 0
        add     rax, RECORD_BYTES
2:      mov     [rcx + NEXT], rax
        mov     [rcx + FETCH], r9
        or      r8, -1
        mov     [rcx + LAST], r8
        cmp     r10, r9
        cmova   r8, r10
        mov     [rcx + CROSSED], r8
        ret

full:
        jmp     [rcx + ENTER]
        .section .note.GNU-stack, "", @progbits
