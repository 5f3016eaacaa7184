package dev.quire.bindings;

/**
 * The live arm64 CPU state inside Unicorn (QEMU's CPUARMState), read and written in place at about
 * 1 ns. Offsets are calibrated once per process by {@link Arm64Calibration}, which refuses a
 * library it does not recognise. Writing here rebuilds nothing: after a change of PSTATE, any
 * {@link UcRegisters#writeCp} makes the core take it up. Same thread rule as the engine, not
 * checked here; refused after the engine was closed.
 */
public final class UcArm64State {
  private final Uc uc;
  private final Arm64Layout layout;
  private final long env;
  private final long invalidAddr;

  UcArm64State(Uc uc, Arm64Layout layout) {
    this.uc = uc;
    this.layout = layout;
    env = layout.envOf(uc);
    invalidAddr = uc.handle() + layout.invalidAddrInEngine();
  }

  /**
   * The state of an engine. The first call in a process calibrates, on an engine of its own.
   *
   * @throws NativeLibraryException when the library's layout is not the one known
   */
  public static UcArm64State of(Uc uc) {
    if (uc.arch() != UcConst.ARCH_ARM64) {
      throw new IllegalArgumentException("not an arm64 engine");
    }
    Arm64Layout layout = Arm64Calibration.layout();
    UcArm64State state = new UcArm64State(uc, layout);
    Arm64Calibration.verifyInstance(uc, state);
    return state;
  }

  /** General register 0 to 30; 31 is the live stack pointer. */
  public long x(int index) {
    return RawMemory.getLong(env() + Arm64Layout.XREGS + 8L * index);
  }

  /** Writes general register 0 to 30; 31 is the live stack pointer. */
  public void setX(int index, long value) {
    RawMemory.putLong(env() + Arm64Layout.XREGS + 8L * index, value);
  }

  public long sp() {
    return x(31);
  }

  public void setSp(long value) {
    setX(31, value);
  }

  public long pc() {
    return RawMemory.getLong(env() + Arm64Layout.PC);
  }

  public void setPc(long value) {
    RawMemory.putLong(env() + Arm64Layout.PC, value);
  }

  /** PSTATE as SPSR shows it, put together from the core's parts. */
  public long pstate() {
    int nzcv =
        (RawMemory.getInt(env() + Arm64Layout.NF) & 0x80000000)
            | (RawMemory.getInt(env() + Arm64Layout.ZF) == 0 ? 0x40000000 : 0)
            | RawMemory.getInt(env() + Arm64Layout.CF) << 29
            | (RawMemory.getInt(env() + Arm64Layout.VF) & 0x80000000) >>> 3;
    int rest =
        RawMemory.getInt(env() + Arm64Layout.PSTATE)
            | (int) daif()
            | RawMemory.getInt(env() + Arm64Layout.BTYPE) << 10;
    return (nzcv | rest) & 0xffffffffL;
  }

  /** The PSTATE word without NZCV, DAIF and BTYPE: EL and SPSel in bits 3:0, PAN 22, UAO 23... */
  public int pstateRest() {
    return RawMemory.getInt(env() + Arm64Layout.PSTATE);
  }

  /** Bits 9:6 of PSTATE. */
  public long daif() {
    return RawMemory.getLong(env() + Arm64Layout.DAIF);
  }

  public void setDaif(long value) {
    RawMemory.putLong(env() + Arm64Layout.DAIF, value);
  }

  /** The current exception level, 0 to 3. */
  public int el() {
    return pstateRest() >> 2 & 3;
  }

  /** Writes all of PSTATE; follow it by a {@link UcRegisters#writeCp}. */
  public void setPstate(long value) {
    int v = (int) value;
    RawMemory.putInt(env() + Arm64Layout.NF, v);
    RawMemory.putInt(env() + Arm64Layout.ZF, ~v & 0x40000000);
    RawMemory.putInt(env() + Arm64Layout.CF, v >>> 29 & 1);
    RawMemory.putInt(env() + Arm64Layout.VF, v << 3);
    setDaif(v & 0x3c0);
    RawMemory.putInt(env() + Arm64Layout.BTYPE, v >>> 10 & 3);
    RawMemory.putInt(env() + Arm64Layout.PSTATE, v & ~(0xf0000000 | 0x3c0 | 0xc00));
  }

  /** A stored stack pointer bank, stale for the one in use; {@code el} 0 to 3. */
  public long spBank(int el) {
    return RawMemory.getLong(env() + Arm64Layout.SP_EL + 8L * el);
  }

  public void setSpBank(int el, long value) {
    RawMemory.putLong(env() + Arm64Layout.SP_EL + 8L * el, value);
  }

  public long elr(int el) {
    return RawMemory.getLong(env() + Arm64Layout.ELR_EL + 8L * el);
  }

  public void setElr(int el, long value) {
    RawMemory.putLong(env() + Arm64Layout.ELR_EL + 8L * el, value);
  }

  /** The syndrome (ESR) of the exception being reported. */
  public int exceptionSyndrome() {
    return RawMemory.getInt(env() + layout.syndrome());
  }

  /** The fault address (FAR) of the exception being reported. */
  public long exceptionVaddress() {
    return RawMemory.getLong(env() + layout.syndrome() + Arm64Layout.VADDRESS_FROM_SYNDROME);
  }

  /** The exception level the exception being reported would be taken to. */
  public int exceptionTargetEl() {
    return RawMemory.getInt(env() + layout.syndrome() + Arm64Layout.TARGET_EL_FROM_SYNDROME);
  }

  /** Leaves a mark there: whatever exception the core takes next overwrites it. */
  public void setExceptionTargetEl(int mark) {
    RawMemory.putInt(env() + layout.syndrome() + Arm64Layout.TARGET_EL_FROM_SYNDROME, mark);
  }

  /** Part of the exclusive monitor: 0 the address (-1: open), 1 and 2 the words loaded. */
  public long exclusive(int part) {
    return RawMemory.getLong(
        env() + layout.exclusive() + 8L * java.util.Objects.checkIndex(part, 3));
  }

  /** Writes a part of the exclusive monitor. */
  public void setExclusive(int part, long value) {
    RawMemory.putLong(
        env() + layout.exclusive() + 8L * java.util.Objects.checkIndex(part, 3), value);
  }

  /** The exact address of the last failed fill. */
  public long invalidAddr() {
    uc.requireOpen();
    return RawMemory.getLong(invalidAddr);
  }

  /** Reads a system register from the state; writes go through {@link UcRegisters#writeCp}. */
  public long systemRegister(SystemRegister register) {
    return RawMemory.getLong(env() + layout.registerOffset(register));
  }

  private long env() {
    uc.requireOpen();
    return env;
  }

  /** EL1 system registers kept as plain fields of the state (Arm ARM names). */
  public enum SystemRegister {
    SCTLR_EL1(1, 0, 3, 0, 0, 1 << 19, 1 << 12),
    CPACR_EL1(1, 0, 3, 0, 2, 3 << 20, 1 << 20),
    TTBR0_EL1(2, 0, 3, 0, 0, 0x5a17000, 0x3c2b000),
    TTBR1_EL1(2, 0, 3, 0, 1, 0x5a27000, 0x3c3b000),
    TCR_EL1(2, 0, 3, 0, 2, 0x19, 0x190019),
    SPSR_EL1(4, 0, 3, 0, 0, 0x600003c5, 0x90000345),
    ESR_EL1(5, 2, 3, 0, 0, 0x5a17001, 0x3c2b002),
    FAR_EL1(6, 0, 3, 0, 0, 0x5a17003, 0x3c2b004),
    PAR_EL1(7, 4, 3, 0, 0, 0x5a17005, 0x3c2b006),
    MAIR_EL1(10, 2, 3, 0, 0, 0x5a17007, 0x3c2b008),
    VBAR_EL1(12, 0, 3, 0, 0, 0x5a17800, 0x3c2b000),
    CONTEXTIDR_EL1(13, 0, 3, 0, 1, 0x5a17009, 0x3c2b00a),
    TPIDR_EL1(13, 0, 3, 0, 4, 0x5a1700b, 0x3c2b00c),
    TPIDR_EL0(13, 0, 3, 3, 2, 0x5a1700d, 0x3c2b00e),
    HCR_EL2(1, 1, 3, 4, 0, 1 << 31, 1 << 4);

    final int crn;
    final int crm;
    final int op0;
    final int op1;
    final int op2;
    // Bits that calibration flips in turn: all implemented and harmless while nothing runs.
    final long probe1;
    final long probe2;

    SystemRegister(int crn, int crm, int op0, int op1, int op2, long probe1, long probe2) {
      this.crn = crn;
      this.crm = crm;
      this.op0 = op0;
      this.op1 = op1;
      this.op2 = op2;
      this.probe1 = probe1 & 0xffffffffL;
      this.probe2 = probe2 & 0xffffffffL;
    }
  }
}
