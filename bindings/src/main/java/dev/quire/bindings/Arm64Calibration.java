package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quire.bindings.UcArm64State.SystemRegister;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Finds the raw CPU state's layout in the running library and proves it before anyone uses it, on
 * an engine of its own: every field is written through the public API and seen in memory, or the
 * other way round.
 */
final class Arm64Calibration implements InterruptHook {
  private static final long MAGIC = 0x51a1_7e5d_c0de_0000L;
  private static final long CODE_PA = 0x10_0000;
  private static final int SCRATCH_BYTES = 0x4000;
  private static final int SVC_1A2B = 0xd4000001 | 0x1a2b << 5;
  private static final int SVC_1A2C = 0xd4000001 | 0x1a2c << 5;
  private static final int LDR_X0_X1 = 0xf9400020;
  private static final int LDXR_X0_X1 = 0xc85f7c20;
  private static final int LDXP_X0_X2_X1 = 0xc87f0820;
  private static final int EC_SVC64_IL = 0x56000000;
  private static final int ALIGNMENT_FAULT = 0x21;

  // Where Unicorn 2.1.4 keeps things: looked at first, proven like anywhere else.
  private static final StateSearch.Place KNOWN_PLACE = new StateSearch.Place(440, 41808);
  private static final int KNOWN_SYNDROME = 3024;
  private static final int[] KNOWN_REGISTER_OFFSETS = {
    680, 704, 776, 808, 856, 360, 992, 1056, 1104, 1192, 1224, 1272, 1304, 1296, 952
  };

  private static Arm64Layout known;

  private final Uc uc;
  private final StateSearch search;
  private final MemorySegment scratch;
  private int lastInterrupt;

  private Arm64Calibration(Uc uc, StateSearch search, MemorySegment scratch) {
    this.uc = uc;
    this.search = search;
    this.scratch = scratch;
  }

  /** The layout, calibrated at the first call. */
  static synchronized Arm64Layout layout() {
    if (known == null) {
      try (NativeMemory memory = NativeMemory.reserve(SCRATCH_BYTES);
          Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
          StateSearch search = new StateSearch(uc)) {
        uc.pageSize(4096);
        uc.cpuModel(UcConst.CPU_ARM64_MAX);
        uc.tlbTypeVirtual();
        uc.useExits(true);
        uc.memMapPtr(CODE_PA, SCRATCH_BYTES, UcConst.PERM_ALL, memory.segment());
        // SCR_EL3 = NS|RW|HCE and HCR_EL2 = RW: without them EL1 counts as AArch32.
        uc.registers().writeCp(1, 1, 3, 6, 0, 0x501);
        uc.registers().writeCp(1, 1, 3, 4, 0, 1L << 31);
        known = new Arm64Calibration(uc, search, memory.segment()).run();
      } catch (UcException e) {
        throw StateSearch.unknown(e.getMessage());
      }
    }
    return known;
  }

  /** A cheap question to each new engine: is this pointer its state? */
  static void verifyInstance(Uc uc, UcArm64State state) {
    long before = uc.registers().readX(7);
    uc.registers().writeX(7, MAGIC);
    StateSearch.expect("X7", state.x(7), MAGIC);
    uc.registers().writeX(7, before);
  }

  private Arm64Layout run() {
    long[] pattern = new long[4];
    for (int i = 0; i < pattern.length; i++) {
      pattern[i] = MAGIC + i;
      uc.registers().writeX(i, pattern[i]);
    }
    StateSearch.Place place = search.findCpu(pattern, Arm64Layout.XREGS, KNOWN_PLACE);
    int[] registers = new int[SystemRegister.values().length];
    Arm64Layout partial =
        new Arm64Layout(place.cpuInEngine(), place.envInCpu(), 0, 0, 0, registers);
    int length = contextLength();
    long env = partial.envOf(uc);
    for (SystemRegister register : SystemRegister.values()) {
      registers[register.ordinal()] = findRegister(register, env, length);
    }
    checkRegisters(new UcArm64State(uc, partial));
    uc.hooks().interrupt(this);
    int syndrome = findSyndrome(env, length);
    int invalidAddr = search.findInvalidAddress(this::loadFrom);
    int exclusive = findExclusive(env, length);
    Arm64Layout layout =
        new Arm64Layout(
            place.cpuInEngine(), place.envInCpu(), syndrome, invalidAddr, exclusive, registers);
    checkAlignmentFault(new UcArm64State(uc, layout));
    return layout;
  }

  private int contextLength() {
    try (UcContext context = uc.contextAlloc()) {
      long length = context.stateBytes();
      if (length < 4096 || length > 32768) {
        throw StateSearch.unknown("a context of " + length + " bytes");
      }
      return (int) length;
    }
  }

  private int findRegister(SystemRegister r, long env, int length) {
    long before = read(r);
    int expected = KNOWN_REGISTER_OFFSETS[r.ordinal()];
    // The core masks what it stores, so look for what it reads back.
    write(r, before ^ r.probe1);
    long value1 = read(r);
    boolean follows = search.isAt(env + expected, 8, value1);
    write(r, before ^ r.probe2);
    long value2 = read(r);
    if (!follows || value1 == value2 || !search.isAt(env + expected, 8, value2)) {
      ByteBuffer second = search.read(env, length);
      write(r, before ^ r.probe1);
      ByteBuffer first = search.read(env, length);
      expected = StateSearch.follow(r.name(), first, value1, second, value2, 8);
    }
    write(r, before);
    return expected;
  }

  private long read(SystemRegister r) {
    return uc.registers().readCp(r.crn, r.crm, r.op0, r.op1, r.op2);
  }

  private void write(SystemRegister r, long value) {
    uc.registers().writeCp(r.crn, r.crm, r.op0, r.op1, r.op2, value);
  }

  private void checkRegisters(UcArm64State state) {
    for (int i = 0; i < 31; i++) {
      uc.registers().writeX(i, MAGIC ^ i * 0x101L);
      StateSearch.expect("a general register", state.x(i), MAGIC ^ i * 0x101L);
    }
    uc.registers().write(Arm64Reg.SP, MAGIC + 2);
    StateSearch.expect("SP", state.sp(), MAGIC + 2);
    uc.registers().write(Arm64Reg.PC, MAGIC + 4);
    StateSearch.expect("PC", state.pc(), MAGIC + 4);
    uc.registers().write(Arm64Reg.SP_EL0, MAGIC + 5);
    StateSearch.expect("SP_EL0", state.spBank(0), MAGIC + 5);
    uc.registers().write(Arm64Reg.SP_EL1, MAGIC + 6);
    StateSearch.expect("SP_EL1", state.spBank(1), MAGIC + 6);
    uc.registers().write(Arm64Reg.ELR_EL1, MAGIC + 8);
    StateSearch.expect("ELR_EL1", state.elr(1), MAGIC + 8);
    long before = uc.registers().read(Arm64Reg.PSTATE);
    for (int nzcv = 0; nzcv < 16; nzcv++) {
      long value = (long) nzcv << 28 | 1 << 22 | (nzcv & 3) << 10 | (nzcv * 5 & 15) << 6 | 5;
      uc.registers().write(Arm64Reg.PSTATE, value);
      StateSearch.expect("PSTATE", state.pstate(), value);
      state.setPstate(value ^ 0xf00003c0L);
      StateSearch.expect("PSTATE", uc.registers().read(Arm64Reg.PSTATE), value ^ 0xf00003c0L);
    }
    uc.registers().write(Arm64Reg.PSTATE, before);
  }

  private int findSyndrome(long env, int length) {
    long value1 = EC_SVC64_IL | 0x1a2b;
    long value2 = EC_SVC64_IL | 0x1a2c;
    runCode(SVC_1A2B);
    boolean follows = search.isAt(env + KNOWN_SYNDROME, 4, value1);
    ByteBuffer first = follows ? null : search.read(env, length);
    runCode(SVC_1A2C);
    if (follows && search.isAt(env + KNOWN_SYNDROME, 4, value2)) {
      return KNOWN_SYNDROME;
    }
    if (first == null) {
      throw StateSearch.unknown("exception.syndrome did not follow");
    }
    ByteBuffer second = search.read(env, length);
    return StateSearch.follow("exception.syndrome", first, value1, second, value2, 4);
  }

  private void loadFrom(long va) {
    uc.registers().writeX(1, va);
    runCode(LDR_X0_X1);
  }

  /** The exclusive monitor: the address and the two words that the last LDXP left there. */
  private int findExclusive(long env, int length) {
    ByteBuffer first = exclusiveLoad(env, length, 0x1000);
    ByteBuffer second = exclusiveLoad(env, length, 0x2040);
    int found =
        StateSearch.follow(
            "exclusive_addr", first, CODE_PA + 0x1000, second, CODE_PA + 0x2040, Long.BYTES);
    StateSearch.expect("exclusive_val", second.getLong(found + 8), MAGIC + 0x2040);
    StateSearch.expect("exclusive_high", second.getLong(found + 16), MAGIC - 0x2040);
    return found;
  }

  private ByteBuffer exclusiveLoad(long env, int length, int offset) {
    scratch.set(JAVA_LONG, offset, MAGIC + offset);
    scratch.set(JAVA_LONG, offset + 8, MAGIC - offset);
    uc.registers().writeX(1, CODE_PA + offset);
    runCode(LDXP_X0_X2_X1);
    for (int register = 0; register < 3; register++) {
      uc.registers().writeX(register, 0);
    }
    return search.read(env, length);
  }

  private void checkAlignmentFault(UcArm64State state) {
    uc.registers().writeX(1, CODE_PA + 0x1003);
    runCode(LDXR_X0_X1);
    StateSearch.expect("an alignment fault", lastInterrupt, 4);
    StateSearch.expect("its syndrome", state.exceptionSyndrome() & 0x3f, ALIGNMENT_FAULT);
    StateSearch.expect("exception.vaddress", state.exceptionVaddress(), CODE_PA + 0x1003);
    StateSearch.expect("exception.target_el", state.exceptionTargetEl(), 1);
  }

  private void runCode(int instruction) {
    scratch.set(JAVA_INT, 0, instruction);
    uc.tbFlush();
    lastInterrupt = -1;
    // The result is judged by what the hook saw, or by what the fault left behind.
    int ignored = uc.emuStart(CODE_PA, 0, 0, 0);
  }

  @Override
  public void interrupt(int number) {
    lastInterrupt = number;
    uc.emuStop();
  }
}
