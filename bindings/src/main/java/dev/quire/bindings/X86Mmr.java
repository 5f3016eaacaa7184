package dev.quire.bindings;

/**
 * GDTR, IDTR, LDTR or TR ({@code uc_x86_mmr}).
 *
 * @param selector unused in GDTR and IDTR
 * @param base linear address
 * @param limit in bytes, minus one
 * @param flags the descriptor's high dword; unused in GDTR and IDTR
 */
public record X86Mmr(int selector, long base, int limit, int flags) {}
