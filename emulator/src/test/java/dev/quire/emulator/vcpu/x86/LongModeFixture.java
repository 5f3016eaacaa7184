package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;

/**
 * A vCPU in 64-bit mode with an IDT, a GDT and a TSS.
 *
 * <pre>
 * 0x1000 IDT   0x3000 GDT: 08 code 0, 10 data 0, 18 code 3, 20 data 3, 28 code 0 (32-bit),
 *                          30 conforming code 0, 38 code 0 not present, 40 code 3 (64-bit)
 * 0x4000 TSS   stacks end at 0x8000 (RSP0), 0x9000 (RSP1), 0xa000 (IST1), 0x6000 (current)
 * </pre>
 */
final class LongModeFixture {
  static final long IDT = 0x1000;
  static final long GDT = 0x3000;
  static final long TSS = 0x4000;
  static final long HANDLER = 0xffff_8000_1234_5678L;
  static final int INTERRUPT_GATE = 14;
  static final int TRAP_GATE = 15;

  final FakeX86CpuState state = new FakeX86CpuState();
  final FakeLinearMemory memory = new FakeLinearMemory();
  final X86ExceptionInjector injector = new X86ExceptionInjector(state, memory);

  LongModeFixture() {
    state.idtBase = IDT;
    state.idtLimit = 0xfff;
    state.gdtBase = GDT;
    state.gdtLimit = 0x5f;
    state.trSelector = 0x50;
    state.trBase = TSS;
    state.trLimit = 0x67;
    state.rip = 0x40_0000;
    state.gpr[X86RegisterView.RSP] = 0x6000;
    state.rflags = 0x246;
    descriptor(0x08, 0x00af_9b00_0000_ffffL);
    descriptor(0x10, 0x00cf_9300_0000_ffffL);
    descriptor(0x18, 0x00af_fb00_0000_ffffL);
    descriptor(0x20, 0x00cf_f300_0000_ffffL);
    descriptor(0x28, 0x00cf_9b00_0000_ffffL);
    descriptor(0x30, 0x00af_9f00_0000_ffffL);
    descriptor(0x38, 0x00af_1b00_0000_ffffL);
    descriptor(0x40, 0x00af_fb00_0000_ffffL);
    memory.poke(TSS + 4, 8, 0x8000);
    memory.poke(TSS + 12, 8, 0x9000);
    memory.poke(TSS + 36, 8, 0xa000);
    for (int vector = 0; vector < 256; vector++) {
      gate(vector, 0x08, INTERRUPT_GATE, 0, 0, true);
    }
  }

  void descriptor(int selector, long value) {
    memory.poke(GDT + (selector & 0xfff8), 8, value);
  }

  void gate(int vector, int selector, int type, int dpl, int ist, boolean present) {
    gateTo(vector, selector, type, dpl, ist, present, HANDLER + vector);
  }

  void gateTo(int vector, int selector, int type, int dpl, int ist, boolean present, long target) {
    long low =
        target & 0xffff
            | (long) selector << 16
            | (long) ist << 32
            | (long) type << 40
            | (long) dpl << 45
            | (present ? 1L << 47 : 0)
            | (target & 0xffff_0000L) << 32;
    memory.poke(IDT + 16L * vector, 8, low);
    memory.poke(IDT + 16L * vector + 8, 8, target >>> 32);
  }

  /** Runs user code: CPL 3, CS 0x1b, SS 0x23. */
  void userMode() {
    state.loadCodeSegment(0x1b, 0, -1, 0x00a0_fb00, 3);
    state.loadSegment(X86RegisterView.SS, 0x23, 0, -1, 0x00c0_f300);
  }

  /** Slot of the frame on top of the stack: 0 is what RSP points to. */
  long frame(int slot) {
    return memory.peek(state.gpr[X86RegisterView.RSP] + 8L * slot, 8);
  }
}
