package dev.quire.kvm.abi;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * struct kvm_run (Linux v6.18 include/uapi/linux/kvm.h, arch/x86 and arch/arm64
 * include/uapi/asm/kvm.h) and, on x86, the PIO page behind it, shared with a client that may change
 * any of it at any time: each getter reads once. VM thread only.
 */
public final class KvmRun {
  // KVM_EXIT_.
  public static final int EXIT_UNKNOWN = 0;
  public static final int EXIT_IO = 2;
  public static final int EXIT_DEBUG = 4;
  public static final int EXIT_HLT = 5;
  public static final int EXIT_MMIO = 6;
  public static final int EXIT_IRQ_WINDOW_OPEN = 7;
  public static final int EXIT_SHUTDOWN = 8;
  public static final int EXIT_INTR = 10;
  public static final int EXIT_SET_TPR = 11;
  public static final int EXIT_TPR_ACCESS = 12;
  public static final int EXIT_HYPERCALL = 3;
  public static final int EXIT_INTERNAL_ERROR = 17;
  public static final int EXIT_SYSTEM_EVENT = 24;
  public static final int EXIT_IOAPIC_EOI = 26;
  public static final int EXIT_ARM_NISV = 28;
  public static final int EXIT_X86_RDMSR = 29;
  public static final int EXIT_X86_WRMSR = 30;
  public static final int EXIT_DIRTY_RING_FULL = 31;
  public static final int EXIT_MEMORY_FAULT = 39;

  /** KVM_INTERNAL_ERROR_EMULATION. */
  public static final int ERROR_EMULATION = 1;

  /** KVM_INTERNAL_ERROR_DELIVERY_EV. */
  public static final int ERROR_DELIVERY = 3;

  // KVM_SYNC_X86_.
  public static final int SYNC_REGS = 1;
  public static final int SYNC_SREGS = 2;
  public static final int SYNC_EVENTS = 4;
  public static final int SYNC_ALL = SYNC_REGS | SYNC_SREGS | SYNC_EVENTS;

  public static final int REGS_BYTES = 144;
  public static final int SREGS_BYTES = 312;
  public static final int EVENTS_BYTES = 64;

  /** Bytes of the PIO page, and of any other. */
  public static final int PAGE_BYTES = 4096;

  private static final int REQUEST_INTERRUPT_WINDOW = 0;
  private static final int IMMEDIATE_EXIT = 1;
  private static final int EXIT_REASON = 8;
  private static final int READY_FOR_INTERRUPT_INJECTION = 12;
  private static final int IF_FLAG = 13;
  private static final int FLAGS = 14;
  private static final int CR8 = 16;
  private static final int APIC_BASE = 24;
  private static final int UNION = 32;
  private static final int VALID_REGS = 288;
  private static final int DIRTY_REGS = 296;
  private static final int SYNC_AREA = 304;
  private static final int MOST_INSTRUCTION_BYTES = 15;
  private static final byte NOP = (byte) 0x90;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment pages;
  private int exitReason;

  /**
   * @param pages of a vCPU: this structure's, the PIO page, the coalesced ring
   */
  public KvmRun(MemorySegment pages) {
    this.pages = pages;
  }

  private byte getByte(int offset) {
    return pages.get(ValueLayout.JAVA_BYTE, offset);
  }

  private void setByte(int offset, int value) {
    pages.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
  }

  private void setInt(int offset, int value) {
    pages.set(INT, offset, value);
  }

  private long getLong(int offset) {
    return pages.get(LONG, offset);
  }

  private void setLong(int offset, long value) {
    pages.set(LONG, offset, value);
  }

  // What the client asks.

  public boolean requestInterruptWindow() {
    return getByte(REQUEST_INTERRUPT_WINDOW) != 0;
  }

  public boolean immediateExit() {
    return immediateExit(pages);
  }

  /** The same of a vCPU's pages. */
  public static boolean immediateExit(MemorySegment pages) {
    return pages.get(ValueLayout.JAVA_BYTE, IMMEDIATE_EXIT) != 0;
  }

  public long cr8() {
    return getLong(CR8);
  }

  /** KVM_SYNC_X86_ classes that are stored at each exit. */
  public long validRegs() {
    return getLong(VALID_REGS);
  }

  /** KVM_SYNC_X86_ classes that the client has changed. */
  public long dirtyRegs() {
    return getLong(DIRTY_REGS);
  }

  public void setDirtyRegs(long classes) {
    setLong(DIRTY_REGS, classes);
  }

  /** Copies struct kvm_sync_regs: kvm_regs, kvm_sregs and kvm_vcpu_events in a row. */
  public void getSynced(byte[] into) {
    MemorySegment.copy(pages, ValueLayout.JAVA_BYTE, SYNC_AREA, into, 0, into.length);
  }

  /** Writes some of struct kvm_sync_regs. */
  public void setSynced(byte[] from, int offset, int bytes) {
    MemorySegment.copy(from, offset, pages, ValueLayout.JAVA_BYTE, SYNC_AREA + offset, bytes);
  }

  // What every exit says.

  public void setExitReason(int reason) {
    setInt(EXIT_REASON, reason);
    exitReason = reason;
  }

  /** What was set last, whatever the client has made of it since. */
  public int exitReason() {
    return exitReason;
  }

  public void setReadyForInterrupt(boolean ready) {
    setByte(READY_FOR_INTERRUPT_INJECTION, ready ? 1 : 0);
  }

  public void setIfFlag(boolean enabled) {
    setByte(IF_FLAG, enabled ? 1 : 0);
  }

  public void setFlags(int flags) {
    pages.set(SHORT, FLAGS, (short) flags);
  }

  public void setCr8(long value) {
    setLong(CR8, value);
  }

  public void setApicBase(long value) {
    setLong(APIC_BASE, value);
  }

  // The exits.

  /**
   * KVM_EXIT_IO: {@code count} elements of {@code bytes} in the PIO page, which a read begins with
   * zeros (Linux v6.18 arch/x86/kvm/x86.c, emulator_pio_in_out).
   */
  public void exitIo(boolean in, int port, int bytes, int count) {
    setExitReason(EXIT_IO);
    setByte(UNION, in ? 0 : 1);
    setByte(UNION + 1, bytes);
    pages.set(SHORT, UNION + 2, (short) port);
    setInt(UNION + 4, count);
    setLong(UNION + 8, PAGE_BYTES);
    if (in) {
      pages.asSlice(PAGE_BYTES, (long) bytes * count).fill((byte) 0);
    }
  }

  /** An element of the PIO page. */
  public long pioData(int index, int bytes) {
    return get(PAGE_BYTES + index * bytes, bytes);
  }

  public void setPioData(int index, int bytes, long value) {
    put(PAGE_BYTES + index * bytes, bytes, value);
  }

  private long get(int offset, int bytes) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (getByte(offset + i) & 0xffL) << Byte.SIZE * i;
    }
    return value;
  }

  private void put(int offset, int bytes, long value) {
    for (int i = 0; i < bytes; i++) {
      setByte(offset + i, (int) (value >>> Byte.SIZE * i));
    }
  }

  /** KVM_EXIT_MMIO. */
  public void exitMmio(long gpa, int bytes, boolean write, long data) {
    setExitReason(EXIT_MMIO);
    setLong(UNION, gpa);
    if (write) {
      put(UNION + 8, bytes, data);
    }
    setInt(UNION + 16, bytes);
    setByte(UNION + 20, write ? 1 : 0);
  }

  /** What the client answered to a read. */
  public long mmioData(int bytes) {
    return get(UNION + 8, bytes);
  }

  /** KVM_EXIT_DEBUG. */
  public void exitDebug(int exception, long pc, long dr6, long dr7) {
    setExitReason(EXIT_DEBUG);
    setInt(UNION, exception);
    setInt(UNION + 4, 0);
    setLong(UNION + 8, pc);
    setLong(UNION + 16, dr6);
    setLong(UNION + 24, dr7);
  }

  /** KVM_EXIT_DEBUG of arm64: the syndrome and, of watchpoints, the address. */
  public void exitArmDebug(int syndrome, long far) {
    setExitReason(EXIT_DEBUG);
    setInt(UNION, syndrome);
    setInt(UNION + 4, 0);
    setLong(UNION + 8, far);
  }

  /** KVM_EXIT_ARM_NISV: what of the syndrome is valid without the instruction's, and where. */
  public void exitArmNisv(long iss, long ipa) {
    setExitReason(EXIT_ARM_NISV);
    setLong(UNION, iss);
    setLong(UNION + 8, ipa);
  }

  /** KVM_EXIT_SYSTEM_EVENT with its flags, KVM_SYSTEM_EVENT_ as {@code type}. */
  public void exitSystemEvent(int type, long flags) {
    setExitReason(EXIT_SYSTEM_EVENT);
    setInt(UNION, type);
    setInt(UNION + 4, 1);
    setLong(UNION + 8, flags);
  }

  /** kvm_sync_regs of arm64: levels of timers whose controller is in user space. */
  public void setDeviceIrqLevel(long lines) {
    setLong(SYNC_AREA, lines);
  }

  /** KVM_EXIT_TPR_ACCESS of the instruction at this address. */
  public void exitTprAccess(long rip, boolean write) {
    setExitReason(EXIT_TPR_ACCESS);
    setLong(UNION, rip);
    setInt(UNION + 8, write ? 1 : 0);
  }

  /** KVM_EXIT_IOAPIC_EOI. */
  public void exitIoapicEoi(int vector) {
    setExitReason(EXIT_IOAPIC_EOI);
    setByte(UNION, vector);
  }

  /** KVM_EXIT_X86_RDMSR or _WRMSR. */
  public void exitMsr(boolean write, int reason, int index, long data) {
    setExitReason(write ? EXIT_X86_WRMSR : EXIT_X86_RDMSR);
    setLong(UNION, 0);
    setInt(UNION + 8, reason);
    setInt(UNION + 12, index);
    setLong(UNION + 16, data);
  }

  /** Whether the client wants a #GP for the access to the MSR. */
  public boolean msrError() {
    return getByte(UNION) != 0;
  }

  public long msrData() {
    return getLong(UNION + 16);
  }

  /** KVM_EXIT_HYPERCALL; unused arguments are left alone. */
  public void exitHypercall(long number, long[] arguments, long flags) {
    setExitReason(EXIT_HYPERCALL);
    setLong(UNION, number);
    for (int i = 0; i < arguments.length; i++) {
      setLong(UNION + 8 + Long.BYTES * i, arguments[i]);
    }
    setLong(UNION + 56, 0);
    setLong(UNION + 64, flags);
  }

  public long hypercallResult() {
    return getLong(UNION + 56);
  }

  /** KVM_EXIT_MEMORY_FAULT. */
  public void exitMemoryFault(long flags, long gpa, long bytes) {
    setExitReason(EXIT_MEMORY_FAULT);
    setLong(UNION, flags);
    setLong(UNION + 8, gpa);
    setLong(UNION + 16, bytes);
  }

  /** KVM_EXIT_INTERNAL_ERROR of any kind but emulation. */
  public void exitInternalError(int suberror, long... data) {
    setExitReason(EXIT_INTERNAL_ERROR);
    setInt(UNION, suberror);
    setInt(UNION + 4, data.length);
    for (int i = 0; i < data.length; i++) {
      setLong(UNION + 8 + Long.BYTES * i, data[i]);
    }
  }

  /**
   * KVM_EXIT_INTERNAL_ERROR for an instruction that cannot be emulated (Linux v6.18
   * arch/x86/kvm/x86.c, prepare_emulation_failure_exit).
   *
   * @param length how many bytes of the instruction are known, 0 to 15
   * @param exitInfo reason, two qualifications, interruption information and its error code
   */
  public void exitEmulationFailure(byte[] instruction, int length, long[] exitInfo) {
    setExitReason(EXIT_INTERNAL_ERROR);
    setInt(UNION, ERROR_EMULATION);
    int words = 1;
    setLong(UNION + 8, length > 0 ? 1 : 0);
    if (length > 0) {
      words += 2;
      setByte(UNION + 16, length);
      for (int i = 0; i < MOST_INSTRUCTION_BYTES; i++) {
        setByte(UNION + 17 + i, i < length ? instruction[i] : NOP);
      }
    }
    for (long word : exitInfo) {
      setLong(UNION + 8 + Long.BYTES * words, word);
      words++;
    }
    setInt(UNION + 4, words);
  }
}
