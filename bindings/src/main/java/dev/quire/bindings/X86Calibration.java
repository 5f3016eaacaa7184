package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quire.bindings.UcX86State.MsrField;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Finds the raw CPU state's layout in the running library and proves it before anyone uses it, on
 * an engine of its own: every field is written through the public API and seen in memory, or
 * written in memory and seen to act.
 */
final class X86Calibration implements InterruptHook {
  private static final long MAGIC = 0x51a1_7e5d_c0de_0000L;
  private static final long CODE_PA = 0x10_0000;
  private static final long BITMAP_PA = CODE_PA + 0x1000;
  private static final int SCRATCH_BYTES = 0x4000;
  private static final int MSR_EFER = 0xc0000080;
  private static final int RBX = 3;

  // Where Unicorn 2.1.4 keeps things: looked at first, proven like anywhere else.
  private static final StateSearch.Place KNOWN_PLACE = new StateSearch.Place(440, 0x8a50);
  private static final int[] KNOWN_MSR_OFFSETS = {
    4800, 4808, 4816, 4824, 4840, 4848, 4856, 4864, 4896, 5280
  };

  private static X86Layout known;

  private final Uc uc;
  private final StateSearch search;
  private final MemorySegment scratch;
  private UcX86State state;
  private int lastInterrupt;
  private int lastErrorCode;
  private int lastIsInt;
  private long lastNextEip;
  private long lastRip;

  private X86Calibration(Uc uc, StateSearch search, MemorySegment scratch) {
    this.uc = uc;
    this.search = search;
    this.scratch = scratch;
  }

  /** The layout, calibrated at the first call. */
  static synchronized X86Layout layout() {
    if (known == null) {
      try (NativeMemory memory = NativeMemory.reserve(SCRATCH_BYTES);
          Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);
          StateSearch search = new StateSearch(uc)) {
        uc.tlbTypeVirtual();
        uc.useExits(true);
        uc.memMapPtr(CODE_PA, SCRATCH_BYTES, UcConst.PERM_ALL, memory.segment());
        known = new X86Calibration(uc, search, memory.segment()).run();
      } catch (UcException e) {
        throw StateSearch.unknown(e.getMessage());
      }
    }
    return known;
  }

  /** Two cheap questions to each new engine: is this pointer its state, and is it at rest? */
  static void verifyInstance(Uc uc, UcX86State state) {
    long before = uc.registers().read(X86Reg.RAX);
    uc.registers().write(X86Reg.RAX, MAGIC);
    StateSearch.expect("RAX", state.gpr(0), MAGIC);
    uc.registers().write(X86Reg.RAX, before);
    StateSearch.expect("old_exception", state.oldException(), -1);
  }

  private X86Layout run() {
    int end = contextLength();
    long[] pattern = new long[4];
    for (int i = 0; i < pattern.length; i++) {
      pattern[i] = MAGIC + i;
      uc.registers().write(X86Reg.gpr(i), pattern[i]);
    }
    StateSearch.Place place = search.findCpu(pattern, 0, KNOWN_PLACE);
    int[] msrOffsets = new int[MsrField.values().length];
    X86Layout partial = new X86Layout(place.cpuInEngine(), place.envInCpu(), end, 0, msrOffsets);
    long env = partial.envOf(uc);
    for (MsrField field : MsrField.values()) {
      msrOffsets[field.ordinal()] = findMsr(field, env, end);
    }
    state = new UcX86State(uc, partial);
    checkRegisters();
    checkSystemRegisters();
    checkEnd();
    uc.hooks().interrupt(this);
    checkExceptions();
    int invalidAddr = search.findInvalidAddress(this::loadFrom);
    checkInterception();
    return new X86Layout(place.cpuInEngine(), place.envInCpu(), end, invalidAddr, msrOffsets);
  }

  private int contextLength() {
    try (UcContext context = uc.contextAlloc()) {
      long length = context.stateBytes();
      if (length < 4096 || length > 16384) {
        throw StateSearch.unknown("a context of " + length + " bytes");
      }
      return (int) length;
    }
  }

  private int findMsr(MsrField field, long env, int end) {
    // SYSENTER_CS keeps 16 bits, TSC_AUX and STAR all they get.
    long mask = field.bytes == 4 ? 0xfffc : 0x0007_0707_0707_0707L;
    long value1 = 0x0005_0304_0206_0104L & mask | 0x100;
    long value2 = value1 ^ 0x0002_0103_0501_0200L & mask | 0x404;
    long expected = env + KNOWN_MSR_OFFSETS[field.ordinal()];
    uc.registers().writeMsr(field.msr, value1);
    boolean follows = search.isAt(expected, field.bytes, value1);
    uc.registers().writeMsr(field.msr, value2);
    if (follows && search.isAt(expected, field.bytes, value2)) {
      uc.registers().writeMsr(field.msr, 0);
      return KNOWN_MSR_OFFSETS[field.ordinal()];
    }
    uc.registers().writeMsr(field.msr, value1);
    ByteBuffer first = search.read(env, end);
    uc.registers().writeMsr(field.msr, value2);
    ByteBuffer second = search.read(env, end);
    uc.registers().writeMsr(field.msr, 0);
    return StateSearch.follow(field.name(), first, value1, second, value2, field.bytes);
  }

  private void checkRegisters() {
    for (int i = 0; i < 16; i++) {
      uc.registers().write(X86Reg.gpr(i), MAGIC ^ i * 0x101L);
      StateSearch.expect("a general register", state.gpr(i), MAGIC ^ i * 0x101L);
    }
    uc.registers().write(X86Reg.RIP, MAGIC);
    StateSearch.expect("RIP", state.rip(), MAGIC);
    long flags = 1 << 21 | 1 << 18 | 1 << 9;
    uc.registers().write(X86Reg.RFLAGS, flags | 2);
    StateSearch.expect("EFLAGS", state.eflags() & flags, flags);
    uc.registers().write(X86Reg.RFLAGS, 2);
    StateSearch.expect("EFLAGS", state.eflags() & flags, 0);
    int mode = UcX86State.HF_PE | UcX86State.HF_LMA | UcX86State.HF_CS64 | UcX86State.HF_CPL_MASK;
    StateSearch.expect("hflags", state.hflags() & mode, mode & ~UcX86State.HF_CPL_MASK);
  }

  private void checkSystemRegisters() {
    int[] selectors = {X86Reg.ES, X86Reg.CS, X86Reg.SS, X86Reg.DS};
    for (int i = 0; i < selectors.length; i++) {
      uc.registers().write(selectors[i], 0x1230 + 8L * i);
      StateSearch.expect("a selector", state.segmentSelector(i), 0x1230 + 8L * i);
    }
    uc.registers().write(X86Reg.FS_BASE, MAGIC + 1);
    uc.registers().write(X86Reg.GS_BASE, MAGIC + 2);
    StateSearch.expect("FS.base", state.segmentBase(UcX86State.FS), MAGIC + 1);
    StateSearch.expect("GS.base", state.segmentBase(UcX86State.GS), MAGIC + 2);
    checkTable(X86Reg.LDTR, UcX86State.LDT);
    checkTable(X86Reg.TR, UcX86State.TR);
    uc.registers().writeMmr(X86Reg.GDTR, new X86Mmr(0, MAGIC + 3, 0x7e3, 0));
    StateSearch.expect("GDTR.base", state.gdtBase(), MAGIC + 3);
    StateSearch.expect("GDTR.limit", state.gdtLimit(), 0x7e3);
    uc.registers().writeMmr(X86Reg.GDTR, new X86Mmr(0, 0, 0, 0));
    uc.registers().writeMmr(X86Reg.IDTR, new X86Mmr(0, MAGIC + 4, 0x6c1, 0));
    StateSearch.expect("IDTR.base", state.idtBase(), MAGIC + 4);
    StateSearch.expect("IDTR.limit", state.idtLimit(), 0x6c1);
    uc.registers().write(X86Reg.CR2, MAGIC + 5);
    StateSearch.expect("CR2", state.cr(2), MAGIC + 5);
    uc.registers().write(X86Reg.CR3, 0x7e5_d000);
    StateSearch.expect("CR3", state.cr(3), 0x7e5_d000);
    uc.registers().write(X86Reg.CR4, 0x20);
    StateSearch.expect("CR4", state.cr(4), uc.registers().read(X86Reg.CR4));
    StateSearch.expect("CR4.PAE", state.cr(4) & 0x20, 0x20);
    StateSearch.expect("CR0", state.cr(0), uc.registers().read(X86Reg.CR0));
    StateSearch.expect("EFER", state.efer(), uc.registers().readMsr(MSR_EFER));
    uc.registers().writeMsr(MSR_EFER, state.efer() ^ 1);
    StateSearch.expect("EFER.SCE", state.efer(), uc.registers().readMsr(MSR_EFER));
    StateSearch.expect("EFER.SCE", state.efer() & 1, 1);
  }

  private void checkTable(int register, int index) {
    uc.registers().writeMmr(register, new X86Mmr(0x58, MAGIC + register, 0x3f67, 0x8b00));
    StateSearch.expect("a table's selector", state.segmentSelector(index), 0x58);
    StateSearch.expect("a table's base", state.segmentBase(index), MAGIC + register);
    StateSearch.expect("a table's limit", state.segmentLimit(index), 0x3f67);
    StateSearch.expect("a table's flags", state.segmentFlags(index), 0x8b00);
  }

  private void checkEnd() {
    for (int i = 0; i < 4; i++) {
      uc.registers().write(X86Reg.DR0 + i, MAGIC + 16 + i);
      StateSearch.expect("a debug register", state.dr(i), MAGIC + 16 + i);
      uc.registers().write(X86Reg.DR0 + i, 0);
    }
    StateSearch.expect("old_exception", state.oldException(), -1);
  }

  private void checkExceptions() {
    // int 0x42
    runCode(0xcd, 0x42);
    StateSearch.expect("a software interrupt", lastInterrupt, 0x42);
    StateSearch.expect("exception_is_int", lastIsInt, 1);
    StateSearch.expect("exception_next_eip", lastNextEip, CODE_PA + 2);
    // mov ds, eax with a selector beyond the (empty) GDT: #GP(selector)
    state.setGpr(0, 0x1238);
    runCode(0x8e, 0xd8);
    StateSearch.expect("a general protection fault", lastInterrupt, 13);
    StateSearch.expect("error_code", lastErrorCode, 0x1238);
    StateSearch.expect("exception_is_int", lastIsInt, 0);
    StateSearch.expect("RIP at a fault", lastRip, CODE_PA);
  }

  /** mov rax, [rbx] where nothing is mapped. */
  private void loadFrom(long va) {
    state.setGpr(RBX, va);
    runCode(0x48, 0x8b, 0x03);
  }

  /** Turns on SVM interception without a VMRUN and sees that each word acts. */
  private void checkInterception() {
    state.setHflags(state.hflags() | UcX86State.HF_GUEST);
    state.setIntercept(1L << (0x72 - 0x60));
    runCode(0x0f, 0xa2); // cpuid
    StateSearch.expect("an intercepted CPUID", lastInterrupt, 0x172);
    StateSearch.expect("RIP at an intercept", lastRip, CODE_PA);
    state.setIntercept(0);
    state.setInterceptCrWrite(1 << 3);
    runCode(0x0f, 0x22, 0xd8); // mov cr3, rax
    StateSearch.expect("an intercepted CR3 write", lastInterrupt, 0x113);
    state.setInterceptCrWrite(0);
    scratch.set(JAVA_LONG, BITMAP_PA - CODE_PA + 0x48, BITMAP_PA + 0x1000);
    scratch.asSlice(BITMAP_PA + 0x1000 - CODE_PA, 0x1000).fill((byte) 0xff);
    state.setVmVmcb(BITMAP_PA);
    state.setIntercept(1L << (0x7c - 0x60));
    state.setGpr(1, 0x10);
    runCode(0x0f, 0x32); // rdmsr
    StateSearch.expect("an intercepted RDMSR", lastInterrupt, 0x17c);
    state.setIntercept(0);
    state.setTscOffset(1L << 62);
    runCode(0x0f, 0x31, 0xf4); // rdtsc; hlt
    StateSearch.expect("tsc_offset", state.gpr(2) >>> 30 & 1, 1);
  }

  private void runCode(int... code) {
    for (int i = 0; i < code.length; i++) {
      scratch.set(JAVA_BYTE, i, (byte) code[i]);
    }
    uc.tbFlush();
    lastInterrupt = -1;
    // The result is judged by what the hook saw, or by what the fault left behind.
    int ignored = uc.emuStart(CODE_PA, 0, 0, 0);
    state.setOldException(-1);
    state.setExceptionIsInt(0);
  }

  @Override
  public void interrupt(int number) {
    lastInterrupt = number;
    lastErrorCode = state.errorCode();
    lastIsInt = state.exceptionIsInt();
    lastNextEip = state.exceptionNextEip();
    lastRip = state.rip();
    uc.emuStop();
  }
}
