/*
 * void hook(uc_engine *rdi, int type esi, u64 address rdx, int size ecx, i64 value r8, state *r9)
 *
 * UC_HOOK_MEM_READ and UC_HOOK_MEM_WRITE on an x86-64 host: see AccessRing for the rules. Uses only
 * caller-saved registers; leaves by ret, or by a tail call of ACCESS with its own arguments (of the
 * type only bit 0, which tells a write).
 */
#include "access_ring.inc"
        .intel_syntax noprefix
        .text

        cmp     qword ptr [r9 + CROSSED], -1
        jne     special
        mov     eax, ecx
        lea     rax, [rdx + rax - 1]
        xor     rax, rdx
        shr     rax, PAGE_SHIFT
        jnz     special
        mov     rax, rdx
        shr     rax, PAGE_SHIFT
        mov     r10, [r9 + NEXT]
        and     esi, 1
        cmp     rax, [r9 + LAST]
        jne     append
        inc     dword ptr [r10 + rsi * 4 - RECORD_BYTES + 8]
        ret

append:
        cmp     r10, [r9 + LIMIT]
        je      special
        mov     [r9 + LAST], rax
        lea     rax, [rsi + rax * 4]
        mov     [r10], rax
        mov     qword ptr [r10 + 8], 0
        inc     dword ptr [r10 + rsi * 4 + 8]
        add     r10, RECORD_BYTES
        mov     [r9 + NEXT], r10
        ret

special:
        jmp     [r9 + ACCESS]
        .section .note.GNU-stack, "", @progbits
