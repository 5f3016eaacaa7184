package dev.quire.emulator.boot;

/** The state in which a boot protocol enters the guest. All addresses are guest physical. */
public sealed interface EntryState {
  /**
   * Long mode with paging on; interrupts off, RFLAGS 2, no IDT, TSS empty. Segment registers hold
   * the flat descriptors of the GDT at {@code gdtGpa}.
   */
  record X86Entry64(
      long rip,
      long rsi,
      long rsp,
      long cr0,
      long cr3,
      long cr4,
      long efer,
      long gdtGpa,
      int gdtLimit,
      int codeSelector,
      int dataSelector)
      implements EntryState {}

  /** 32-bit protected mode, paging off; otherwise as {@link X86Entry64}. */
  record X86Entry32(
      int eip,
      int eax,
      int ebx,
      long cr0,
      long gdtGpa,
      int gdtLimit,
      int codeSelector,
      int dataSelector)
      implements EntryState {}

  /** EL1h, MMU and caches off, DAIF masked; X1 to X3 are zero. */
  record Arm64Entry(long pc, long x0) implements EntryState {}
}
