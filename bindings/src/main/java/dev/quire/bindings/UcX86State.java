package dev.quire.bindings;

/**
 * The live x86 CPU state inside Unicorn (QEMU's CPUX86State), read and written in place at about 1
 * ns. The public register API cannot switch privilege or deliver an exception; this can.
 *
 * <p>Offsets are calibrated once per process by {@link X86Calibration}, which refuses a library it
 * does not recognise; each instance then checks itself. Writing here has no side effects: no flush
 * of soft-TLB entries, no recomputed {@code hflags}. Addresses are linear, units bytes. Same thread
 * rule as the engine, not checked here; refused after the engine was closed.
 */
public final class UcX86State {
  public static final int ES = 0;
  public static final int CS = 1;
  public static final int SS = 2;
  public static final int DS = 3;
  public static final int FS = 4;
  public static final int GS = 5;
  public static final int LDT = 6;
  public static final int TR = 7;

  // hflags (QEMU target/i386/cpu.h, HF_*).
  public static final int HF_CPL_MASK = 3;
  public static final int HF_INHIBIT_IRQ = 1 << 3;
  public static final int HF_CS32 = 1 << 4;
  public static final int HF_SS32 = 1 << 5;
  public static final int HF_ADDSEG = 1 << 6;
  public static final int HF_PE = 1 << 7;
  public static final int HF_TF = 1 << 8;
  public static final int HF_LMA = 1 << 14;
  public static final int HF_CS64 = 1 << 15;
  public static final int HF_VM = 1 << 17;
  public static final int HF_GUEST = 1 << 21;

  private static final int SEGMENT_BYTES = 24;

  private final Uc uc;
  private final X86Layout layout;
  private final long env;
  private final long end;
  private final long invalidAddr;

  UcX86State(Uc uc, X86Layout layout) {
    this.uc = uc;
    this.layout = layout;
    env = layout.envOf(uc);
    end = env + layout.end();
    invalidAddr = uc.handle() + layout.invalidAddrInEngine();
  }

  /**
   * The state of an engine at rest: no exception in flight, no interception on. The first call in a
   * process calibrates, on an engine of its own.
   *
   * @throws NativeLibraryException when the library's layout is not the one known
   */
  public static UcX86State of(Uc uc) {
    if (uc.arch() != UcConst.ARCH_X86) {
      throw new IllegalArgumentException("not an x86 engine");
    }
    X86Layout layout = X86Calibration.layout();
    UcX86State state = new UcX86State(uc, layout);
    X86Calibration.verifyInstance(uc, state);
    return state;
  }

  /** General register in hardware order: 0 = RAX, 1 = RCX, 2 = RDX, 3 = RBX, 4 = RSP... */
  public long gpr(int index) {
    return RawMemory.getLong(env() + 8L * index);
  }

  public void setGpr(int index, long value) {
    RawMemory.putLong(env() + 8L * index, value);
  }

  /** Where a general register lives, for native stubs. */
  public long gprAddress(int index) {
    return env() + 8L * index;
  }

  public long rip() {
    return RawMemory.getLong(env() + X86Layout.EIP);
  }

  public void setRip(long value) {
    RawMemory.putLong(env() + X86Layout.EIP, value);
  }

  /** RFLAGS without CF, PF, AF, ZF, SF, OF and DF, which the core keeps elsewhere. */
  public long eflags() {
    return RawMemory.getLong(env() + X86Layout.EFLAGS);
  }

  public void setEflags(long value) {
    RawMemory.putLong(env() + X86Layout.EFLAGS, value);
  }

  public long eflagsAddress() {
    return env() + X86Layout.EFLAGS;
  }

  /** All of RFLAGS, through the register API. */
  public long rflags() {
    return uc.registers().read(X86Reg.RFLAGS);
  }

  public void setRflags(long value) {
    uc.registers().write(X86Reg.RFLAGS, value);
  }

  public int hflags() {
    return RawMemory.getInt(env() + X86Layout.HFLAGS);
  }

  public void setHflags(int value) {
    RawMemory.putInt(env() + X86Layout.HFLAGS, value);
  }

  public long hflagsAddress() {
    return env() + X86Layout.HFLAGS;
  }

  public int hflags2() {
    return RawMemory.getInt(env() + X86Layout.HFLAGS2);
  }

  public void setHflags2(int value) {
    RawMemory.putInt(env() + X86Layout.HFLAGS2, value);
  }

  private long segment(int index) {
    return env() + X86Layout.SEGMENTS + (long) SEGMENT_BYTES * index;
  }

  public int segmentSelector(int index) {
    return RawMemory.getInt(segment(index));
  }

  public long segmentBase(int index) {
    return RawMemory.getLong(segment(index) + 8);
  }

  public int segmentLimit(int index) {
    return RawMemory.getInt(segment(index) + 16);
  }

  /** The descriptor's high dword. */
  public int segmentFlags(int index) {
    return RawMemory.getInt(segment(index) + 20);
  }

  /** Loads a segment register's visible and hidden parts. */
  public void setSegment(int index, int selector, long base, int limit, int flags) {
    long at = segment(index);
    RawMemory.putInt(at, selector);
    RawMemory.putLong(at + 8, base);
    RawMemory.putInt(at + 16, limit);
    RawMemory.putInt(at + 20, flags);
  }

  public void setSegmentBase(int index, long base) {
    RawMemory.putLong(segment(index) + 8, base);
  }

  public long gdtBase() {
    return RawMemory.getLong(env() + X86Layout.GDT + 8);
  }

  public int gdtLimit() {
    return RawMemory.getInt(env() + X86Layout.GDT + 16);
  }

  public void setGdt(long base, int limit) {
    RawMemory.putLong(env() + X86Layout.GDT + 8, base);
    RawMemory.putInt(env() + X86Layout.GDT + 16, limit);
  }

  public long idtBase() {
    return RawMemory.getLong(env() + X86Layout.IDT + 8);
  }

  public int idtLimit() {
    return RawMemory.getInt(env() + X86Layout.IDT + 16);
  }

  public void setIdt(long base, int limit) {
    RawMemory.putLong(env() + X86Layout.IDT + 8, base);
    RawMemory.putInt(env() + X86Layout.IDT + 16, limit);
  }

  /** CR0 to CR4 (CR8 lives in the interrupt controller). */
  public long cr(int index) {
    return RawMemory.getLong(env() + X86Layout.CR + 8L * index);
  }

  /** Raw: fit for CR2; the others want the register API, which flushes and recomputes. */
  public void setCr(int index, long value) {
    RawMemory.putLong(env() + X86Layout.CR + 8L * index, value);
  }

  public long efer() {
    return RawMemory.getLong(env() + X86Layout.EFER);
  }

  public void setEfer(long value) {
    RawMemory.putLong(env() + X86Layout.EFER, value);
  }

  public int errorCode() {
    return RawMemory.getInt(end() - X86Layout.ERROR_CODE);
  }

  /** 1 when the exception being reported is a software interrupt. */
  public int exceptionIsInt() {
    return RawMemory.getInt(end() - X86Layout.EXCEPTION_IS_INT);
  }

  public void setExceptionIsInt(int value) {
    RawMemory.putInt(end() - X86Layout.EXCEPTION_IS_INT, value);
  }

  /** The instruction after a software interrupt. */
  public long exceptionNextEip() {
    return RawMemory.getLong(end() - X86Layout.EXCEPTION_NEXT_EIP);
  }

  public long dr(int index) {
    return RawMemory.getLong(end() - X86Layout.DR + 8L * index);
  }

  /** The exception in flight, -1 for none. */
  public int oldException() {
    return RawMemory.getInt(end() - X86Layout.OLD_EXCEPTION);
  }

  public void setOldException(int value) {
    RawMemory.putInt(end() - X86Layout.OLD_EXCEPTION, value);
  }

  /** Physical address of the control block whose MSR bitmap the interception reads. */
  public long vmVmcb() {
    return RawMemory.getLong(end() - X86Layout.VM_VMCB);
  }

  public void setVmVmcb(long pa) {
    RawMemory.putLong(end() - X86Layout.VM_VMCB, pa);
  }

  public long tscOffset() {
    return RawMemory.getLong(end() - X86Layout.TSC_OFFSET);
  }

  public void setTscOffset(long value) {
    RawMemory.putLong(end() - X86Layout.TSC_OFFSET, value);
  }

  /** SVM intercept word: bit (exit code - 0x60). Effective with {@link #HF_GUEST}. */
  public long intercept() {
    return RawMemory.getLong(end() - X86Layout.INTERCEPT);
  }

  public void setIntercept(long value) {
    RawMemory.putLong(end() - X86Layout.INTERCEPT, value);
  }

  public void setInterceptCrRead(int bits) {
    RawMemory.putShort(end() - X86Layout.INTERCEPT_CR_READ, bits);
  }

  public void setInterceptCrWrite(int bits) {
    RawMemory.putShort(end() - X86Layout.INTERCEPT_CR_WRITE, bits);
  }

  public void setInterceptDrRead(int bits) {
    RawMemory.putShort(end() - X86Layout.INTERCEPT_DR_READ, bits);
  }

  public void setInterceptDrWrite(int bits) {
    RawMemory.putShort(end() - X86Layout.INTERCEPT_DR_WRITE, bits);
  }

  public void setInterceptExceptions(int bits) {
    RawMemory.putInt(end() - X86Layout.INTERCEPT_EXCEPTIONS, bits);
  }

  /** The exact address of the last failed fill. */
  public long invalidAddr() {
    uc.requireOpen();
    return RawMemory.getLong(invalidAddr);
  }

  /** A field behind an MSR, readable and writable also while MSR interception is on. */
  public long msrField(MsrField field) {
    long at = env() + layout.msrOffset(field);
    return field.bytes == 4 ? RawMemory.getInt(at) & 0xffffffffL : RawMemory.getLong(at);
  }

  public void setMsrField(MsrField field, long value) {
    long at = env() + layout.msrOffset(field);
    if (field.bytes == 4) {
      RawMemory.putInt(at, (int) value);
    } else {
      RawMemory.putLong(at, value);
    }
  }

  private long env() {
    uc.requireOpen();
    return env;
  }

  private long end() {
    uc.requireOpen();
    return end;
  }

  /** MSRs whose values are fields of the CPU state (SDM volume 4 numbers). */
  public enum MsrField {
    SYSENTER_CS(0x174, 4),
    SYSENTER_ESP(0x175, 8),
    SYSENTER_EIP(0x176, 8),
    STAR(0xc0000081, 8),
    LSTAR(0xc0000082, 8),
    CSTAR(0xc0000083, 8),
    FMASK(0xc0000084, 8),
    KERNEL_GS_BASE(0xc0000102, 8),
    TSC_AUX(0xc0000103, 8),
    PAT(0x277, 8);

    final int msr;
    final int bytes;

    MsrField(int msr, int bytes) {
      this.msr = msr;
      this.bytes = bytes;
    }

    /** The MSR's number. */
    public int msr() {
      return msr;
    }
  }
}
