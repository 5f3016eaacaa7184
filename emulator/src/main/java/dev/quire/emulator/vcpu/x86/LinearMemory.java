package dev.quire.emulator.vcpu.x86;

/**
 * Data accesses of the processor itself (descriptor tables, TSS, stacks) at linear addresses. The
 * vCPU implements it over its MMU; used on the vCPU's thread only.
 *
 * <p>A fault is a status, never a Java exception. {@code access} is a {@link dev.quire.mmu.Access}
 * without its type: {@link dev.quire.mmu.Access#IMPLICIT} for tables and for stacks of an inner
 * privilege level, {@link dev.quire.mmu.Access#USER} for a user's stack, 0 for explicit supervisor
 * accesses. Little-endian; an access may cross a page boundary.
 *
 * <p>Callers read and probe everything first and write last, so that after {@link #NEEDS_HOST} the
 * whole operation can simply be run again.
 */
public interface LinearMemory {
  int OK = 0;

  /** The guest's tables refuse: a #PF with {@link #pageFaultErrorCode()} and {@link #cr2()}. */
  int PAGE_FAULT = 1;

  /** The address is not canonical: #GP or #SS, as the caller's rules say. */
  int NON_CANONICAL = 2;

  /** The host must resolve something first (a second-stage fault), then everything is retried. */
  int NEEDS_HOST = 3;

  /** Reads 1 to 8 bytes into {@link #value()}, zero-extended. */
  int read(long linear, int bytes, int access);

  /** What the last successful {@link #read} read. */
  long value();

  /**
   * Checks that {@code bytes} (1 to 4096) could be written, setting accessed and dirty bits as the
   * write would. A {@link #write} that directly follows on the same bytes succeeds.
   */
  int probeWrite(long linear, int bytes, int access);

  /** Writes the low 1 to 8 bytes of {@code value}. */
  int write(long linear, int bytes, long value, int access);

  /** The error code of the last {@link #PAGE_FAULT}. */
  int pageFaultErrorCode();

  /** The linear address of the last {@link #PAGE_FAULT}. */
  long cr2();
}
