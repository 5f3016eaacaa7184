/*
 * void hook(uc_engine *rdi, u64 address rsi, u32 size edx, state *rcx)
 *
 * UC_HOOK_BLOCK of an x86 guest on an x86-64 host: see BlockCounter for the rules. Uses only
 * caller-saved registers; leaves by ret, or by a tail call of uc_emu_stop.
 */
#include "block_counter.inc"
#include "block_grant.inc"
        .intel_syntax noprefix
        .text

/* Jumps to \extra when this block is the engine's extra pass of a REP instruction: the block
   before ended in it (or was it), and its counter has reached zero. Spoils rax, r11. */
.macro  EXTRA_PASS extra
        mov     r11d, [rcx + LAST_INFO]
        test    r11d, INFO_REP_MASK
        jz      1f
        mov     eax, r11d
        shr     eax, INFO_LENGTH_SHIFT
        and     eax, 15
        neg     rax
        add     rax, [rcx + LAST_PC]
        mov     r10d, [rcx + LAST_SIZE]
        and     r10d, PACKED_SIZE_MASK
        add     rax, r10
        cmp     rax, rsi
        jne     1f
        mov     rax, [rcx + RCX]
        mov     rax, [rax]
        shr     r11d, INFO_REP_SHIFT
        and     r11d, 3
        cmp     r11d, 2
        ja      3f
        je      2f
        movzx   eax, ax
2:      mov     eax, eax
3:      test    rax, rax
        jz      \extra
1:
.endm

hook:
        SETTLE
        cmp     qword ptr [rcx + ATTENTION], 0
        jne     attention
begin:
        mov     eax, edx
        shr     eax, PACKED_COUNT_SHIFT
        jz      lookup
        test    edx, PACKED_FLAGS
        jnz     unpack
        mov     edi, eax
        jmp     count

unpack:
        mov     edi, edx
        shl     edi, PACKED_FLAGS_SHIFT
        and     edi, INFO_FLAGS
        or      edi, eax
        mov     r8, [rcx + HFLAGS]
        mov     r8d, [r8]
        jmp     flagged

lookup:
        mov     rax, [rcx + HFLAGS]
        mov     r8d, [rax]
        mov     r9d, edx
        shl     r9d, KEY_SIZE_SHIFT
        mov     eax, r8d
        and     eax, KEY_MODE
        or      r9d, eax
        or      r9d, [rcx + GENERATION]
        mov     rax, rsi
        shr     rax, HASH_SHIFT
        xor     rax, rsi
        and     rax, [rcx + MASK]
        shl     rax, 4
        add     rax, [rcx + TABLE]
        cmp     [rax], rsi
        jne     miss
        cmp     [rax + 8], r9d
        jne     miss
        mov     edi, [rax + 12]
known:
        cmp     edi, INFO_SENSITIVE
        jae     flagged
count:
        movzx   eax, di
        add     rax, [rcx + ICOUNT]
        cmp     rax, [rcx + DEADLINE]
        ja      deadline
        mov     [rcx + ICOUNT], rax
        GRANT_MORE remember
remember:
        mov     [rcx + LAST_PC], rsi
        mov     [rcx + LAST_SIZE], edx
        mov     [rcx + LAST_INFO], edi
        ret

flagged:
        test    edi, INFO_REP_MASK
        jz      sensitive
        EXTRA_PASS uncounted
sensitive:
        test    edi, INFO_SENSITIVE
        jz      count
        test    r8d, HF_INHIBIT_IRQ
        jnz     count
        mov     eax, REASON_SENSITIVE
        jmp     stop

uncounted:
        xor     edi, edi
        jmp     remember

miss:
        /* Five pushes also align the stack for the call, and put the return address at 40. */
        push    rcx
        push    rsi
        push    rdx
        push    r9
        push    rax
        mov     rdi, rsi
        mov     esi, edx
        mov     rdx, [rsp + 40]
        call    [rcx + SCAN]
        mov     edi, eax
        pop     rax
        pop     r9
        pop     rdx
        pop     rsi
        pop     rcx
        test    edi, edi
        js      unreadable
        mov     r8, [rcx + HFLAGS]
        mov     r8d, [r8]
        btr     edi, INFO_PACKED_BIT
        jc      known
        mov     [rax], rsi
        mov     [rax + 8], r9d
        mov     [rax + 12], edi
        jmp     known

attention:
        movzx   eax, word ptr [rcx + STEPPING]
        cmp     eax, 1
        jb      free
        ja      stepped
        mov     word ptr [rcx + STEPPING], 2
        jmp     uncounted
free:
        EXTRA_PASS uncounted
        cmp     word ptr [rcx + REQUEST], 0
        jne     requested
        cmp     word ptr [rcx + KICK], 0
        jne     kicked
        cmp     word ptr [rcx + IRQ_PENDING], 0
        je      begin
        mov     rax, [rcx + EFLAGS]
        test    dword ptr [rax], EFLAGS_IF
        jz      begin
        mov     rax, [rcx + HFLAGS]
        test    dword ptr [rax], HF_INHIBIT_IRQ
        jnz     begin
        mov     eax, REASON_IRQ_WINDOW
        jmp     stop

deadline:
        mov     eax, REASON_DEADLINE
        jmp     stop
stepped:
        mov     eax, REASON_STEP
        jmp     stop
requested:
        mov     eax, REASON_REQUEST
        jmp     stop
kicked:
        mov     eax, REASON_KICK
        jmp     stop
unreadable:
        mov     eax, REASON_SCAN
stop:
        mov     [rcx + REASON], eax
        mov     rdi, [rcx + ENGINE]
        jmp     [rcx + EMU_STOP]

        SLOW hook
        .section .note.GNU-stack, "", @progbits
