/*
 * void handler(int edi, siginfo_t *rsi, ucontext_t *rdx)
 *
 * SIGBUS on an x86-64 host: see TruncationGuard. Uses only caller-saved registers; leaves what is
 * not a hole of a guarded range to the handler before it, by a tail call with its own arguments.
 */
#include "bus_error.inc"
        .intel_syntax noprefix
        .text

        cmp     dword ptr [rsi + SI_CODE], BUS_ADRERR
        jne     other
        mov     rax, [rsi + SI_ADDR]
        mov     rcx, [rip + table]
        mov     r8, [rcx]
next:
        dec     r8
        js      other
        add     rcx, ENTRY_BYTES
        mov     r9, [rcx + START]
        cmp     rax, r9
        jb      next
        cmp     rax, [rcx + END]
        jae     next
        inc     qword ptr [rcx + HITS]
        cmp     qword ptr [rcx + HITS], MOST_HITS
        ja      all
        mov     rsi, [rip + page]
        mov     rdi, rsi
        neg     rdi
        and     rdi, rax
        jmp     map
all:
        mov     qword ptr [rcx + LOST], 1
        mov     rdi, r9
        mov     rsi, [rcx + END]
        sub     rsi, rdi
map:
        mov     edx, PROT_READ_WRITE
        mov     r10d, MAP_ZEROS
        mov     r8, -1
        xor     r9d, r9d
        mov     eax, 9
        syscall
        ret

other:
        jmp     qword ptr [rip + before]

        .balign 8
table:  .quad   0
page:   .quad   0
before: .quad   0
