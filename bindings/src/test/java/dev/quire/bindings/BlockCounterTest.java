package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The block hook in real runs of both guests. */
@SuppressWarnings("try") // closing early, and twice, is what some tests are about
class BlockCounterTest {
  /**
   * REP in every shape: 5 iterations, none, cmps to the end (3) and to the first hit (1), a 32-bit
   * counter under garbage (3), a single one; a loop of 4; push, pop, hlt.
   */
  private static final String REPS =
      "b905000000 bf00800000 f3aa 31c9 f3aa b903000000 be00800000 bf02800000 f3a6"
          + "b904000000 be00800000 bf00800000 f2a6 48ffc0 4883f804 75f7"
          + "48b90300000001000000 bf00800000 67f3aa 48c7c101000000 f3ac 50 5b f4";

  private static final int REPS_INSTRUCTIONS =
      2 + 5 + 1 + 1 + 3 + 3 + 3 + 1 + 12 + 2 + 3 + 1 + 1 + 3;

  /** An x86 machine with a counter whose scanner asks Capstone. */
  private static final class Counted implements AutoCloseable, BlockScanner {
    final X86Machine machine = new X86Machine();
    final UcX86State cpu = UcX86State.of(machine.uc);
    final Capstone capstone = Capstone.open(Capstone.Mode.X86_64);
    final BlockCounter counter;
    final List<Long> scanned = new ArrayList<>();
    boolean outIsSensitive = true;

    Counted(String code) {
      this(code, true);
    }

    Counted(String code, boolean blocksMayTell) {
      counter =
          blocksMayTell
              ? BlockCounter.forX86(machine.uc, cpu, this)
              : BlockCounter.forX86(machine.uc, cpu, this, null);
      machine.code(code);
      cpu.setGpr(4, 0x20000);
    }

    @Override
    public int scan(long address, int sizeBytes) {
      scanned.add(address);
      byte[] bytes = machine.ram.asSlice(address, sizeBytes).toArray(JAVA_BYTE);
      List<DisassembledInstruction> block = capstone.disassemble(bytes, address, 1000);
      DisassembledInstruction last = block.getLast();
      int info = block.size();
      if (last.mnemonic().startsWith("rep")) {
        boolean addr32 = last.bytes() == 3;
        info |= (addr32 ? REP32 : REP64) | last.bytes() << REP_LENGTH_SHIFT;
      }
      boolean sensitive =
          outIsSensitive && block.stream().anyMatch(i -> i.mnemonic().equals("out"));
      return sensitive ? info | SENSITIVE : info;
    }

    int run() {
      return machine.uc.emuStart(cpu.rip(), 0, 0, 0);
    }

    /** Runs one instruction, which the caller counts. */
    void step() {
      cpu.setHflags(cpu.hflags() | UcX86State.HF_INHIBIT_IRQ);
      counter.step(true);
      int code = run();
      assertThat(code).isZero();
      counter.step(false);
      counter.setIcount(counter.icount() + 1);
      counter.takeReason();
    }

    boolean halted() {
      return cpu.rip() == X86Machine.CODE + 0x59;
    }

    List<Long> state() {
      return List.of(
          cpu.rip(),
          cpu.gpr(0),
          cpu.gpr(1),
          cpu.gpr(3),
          cpu.gpr(4),
          cpu.gpr(6),
          cpu.gpr(7),
          cpu.rflags() & ~0x10000L);
    }

    @Override
    public void close() {
      capstone.close();
      machine.close();
      counter.close();
    }
  }

  private static Counted reps() {
    Counted counted = new Counted(REPS);
    counted.cpu.setRip(X86Machine.CODE);
    return counted;
  }

  @Test
  void repInstructionsCountOncePerFinishedIteration() {
    try (Counted c = reps()) {
      assertThat(c.run()).isZero();
      assertThat(c.halted()).isTrue();
      assertThat(c.counter.icount()).isEqualTo(REPS_INSTRUCTIONS);
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_NONE);
    }
  }

  @Test
  void stoppingAtAnyInstructionLeavesTheStateOfSoManySingleSteps() {
    List<List<Long>> afterSteps = new ArrayList<>();
    try (Counted c = reps()) {
      afterSteps.add(c.state());
      while (!c.halted()) {
        c.step();
        afterSteps.add(c.state());
      }
    }
    assertThat(afterSteps).hasSize(REPS_INSTRUCTIONS + 1);
    for (int stop = 0; stop < REPS_INSTRUCTIONS; stop++) {
      try (Counted c = reps()) {
        c.counter.setDeadline(stop);
        while (c.counter.icount() < stop || c.counter.reason() == BlockCounter.REASON_NONE) {
          assertThat(c.run()).isZero();
          assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_DEADLINE);
          if (c.counter.icount() == stop) {
            break;
          }
          c.step();
        }
        assertThat(c.counter.icount()).isEqualTo(stop);
        assertThat(c.state()).as("after %d instructions", stop).isEqualTo(afterSteps.get(stop));
      }
    }
  }

  @Test
  void anInterruptWaitsForTheEndOfTheShadowOfSti() {
    try (Counted c = new Counted("fb 90 90 ffc0 f4")) {
      c.cpu.setRip(X86Machine.CODE);
      c.counter.setIrqPending(true);
      assertThat(c.run()).isZero();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_IRQ_WINDOW);
      assertThat(c.cpu.rip()).isEqualTo(X86Machine.CODE + 2);
      assertThat(c.counter.icount()).isEqualTo(2);
      c.counter.setIrqPending(false);
      assertThat(c.run()).isZero();
      assertThat(c.counter.icount()).isEqualTo(5);
    }
  }

  @Test
  void anInterruptDoesNotSeparateTheLastIterationFromTheEndOfARep() {
    try (Counted c = new Counted("fb b902000000 bf00800000 f3aa 90 f4")) {
      c.cpu.setRip(X86Machine.CODE);
      c.counter.setDeadline(5); // sti, mov, mov and both iterations
      assertThat(c.run()).isZero();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_DEADLINE);
      assertThat(c.counter.icount()).isEqualTo(5);
      assertThat(c.cpu.rip()).as("behind the rep, not at it").isEqualTo(X86Machine.CODE + 13);
    }
  }

  @Test
  void aSensitiveBlockIsLeftToStepping() {
    try (Counted c = new Counted("ffc0 e680 ffc0 f4")) {
      List<Integer> ports = new ArrayList<>();
      c.machine.uc.hooks().portOut((port, size, value) -> ports.add(port));
      c.cpu.setRip(X86Machine.CODE);
      assertThat(c.run()).isZero();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_SENSITIVE);
      assertThat(c.cpu.rip()).isEqualTo(X86Machine.CODE);
      c.step();
      assertThat(ports).isEmpty();
      c.step();
      assertThat(ports).containsExactly(0x80);
      assertThat(c.cpu.rip()).isEqualTo(X86Machine.CODE + 4);
      assertThat(c.run()).isZero();
      assertThat(c.counter.icount()).isEqualTo(4);
    }
  }

  @Test
  void aStopRequestedByAHookCountsNothingThatIsNotRun() {
    // inc; out; inc; mov [0x9000], eax; inc; jmp next; next: inc ebx; hlt
    try (Counted c = new Counted("ffc0 e680 ffc0 89042500900000 ffc0 eb00 ffc3 f4")) {
      c.outIsSensitive = false;
      c.machine.uc.hooks().portOut((port, size, value) -> c.counter.requestStop());
      c.cpu.setRip(X86Machine.CODE);
      assertThat(c.run()).isZero();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_REQUEST);
      assertThat(c.cpu.rip()).isEqualTo(X86Machine.CODE + 0x11);
      assertThat(c.cpu.gpr(0)).isEqualTo(3);
      assertThat(c.counter.icount()).isEqualTo(6);
      assertThat(c.run()).isZero();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_NONE);
      assertThat(c.counter.icount()).isEqualTo(8);
    }
  }

  @Test
  void aKickFromAnotherThreadStopsAnEndlessLoop() throws InterruptedException {
    try (Counted c = new Counted("ffc0 ebfc")) {
      c.cpu.setRip(X86Machine.CODE);
      Thread kicker =
          new Thread(
              () -> {
                try {
                  Thread.sleep(20);
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
                c.counter.kick();
              });
      kicker.start();
      assertThat(c.run()).isZero();
      kicker.join();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_KICK);
      assertThat(c.cpu.rip()).isEqualTo(X86Machine.CODE);
      assertThat(c.counter.icount()).isEqualTo(2 * (c.cpu.gpr(0) & 0xffffffffL)).isPositive();
      c.run();
      assertThat(c.counter.reason()).as("until withdrawn").isEqualTo(BlockCounter.REASON_KICK);
      c.counter.clearKick();
      c.counter.close();
      c.counter.kick();
    }
  }

  @Test
  void aBlockOfTheTableIsScannedOnceUntilForgotten() {
    try (Counted c = new Counted("b903000000 ffc8 e2fc f4", false)) {
      for (int round = 0; round < 2; round++) {
        c.cpu.setRip(X86Machine.CODE);
        c.run();
      }
      int blocks = c.scanned.size();
      assertThat(blocks).isEqualTo(3);
      c.counter.clearPage(0x7000);
      c.cpu.setRip(X86Machine.CODE);
      c.run();
      assertThat(c.scanned).hasSize(blocks);
      c.counter.clearPage(X86Machine.CODE + 5);
      c.cpu.setRip(X86Machine.CODE);
      c.run();
      assertThat(c.scanned).hasSize(2 * blocks);
      c.counter.clearBlocks();
      c.cpu.setRip(X86Machine.CODE);
      c.run();
      assertThat(c.scanned).hasSize(3 * blocks);
      c.counter.forgetBlock(X86Machine.CODE);
      c.cpu.setRip(X86Machine.CODE);
      c.run();
      assertThat(c.scanned).hasSize(3 * blocks + 1);
    }
  }

  @Test
  void clearingManyTimesNeverRevivesAnOldBlock() {
    try (Counted c = new Counted("90 f4", false)) {
      for (int i = 0; i < 140_000; i++) {
        c.counter.clearBlocks();
        if (i % 20_000 == 0) {
          c.cpu.setRip(X86Machine.CODE);
          c.run();
        }
      }
      assertThat(c.scanned).hasSize(7);
    }
  }

  @Test
  void aBlockThatTellsItselfIsScannedOncePerTranslation() {
    assumeTrue(blocksCanBeRewritten());
    try (Counted c = new Counted("b903000000 ffc8 e2fc f4")) {
      for (int round = 0; round < 3; round++) {
        c.cpu.setRip(X86Machine.CODE);
        c.run();
        c.counter.clearBlocks();
      }
      assertThat(c.scanned).hasSize(3);
      assertThat(c.counter.icount()).isEqualTo(3 * 8);
      assertThat(c.counter.lastPc()).isEqualTo(X86Machine.CODE + 9);
      assertThat(c.counter.lastSize()).isEqualTo(1);
      assertThat(c.counter.lastCount()).isEqualTo(1);
      // The same bytes long, but four instructions where there were two.
      c.machine.code("b903000000 9090 90 eb00 f4");
      c.machine.uc.tbFlush();
      c.counter.setIcount(0);
      c.cpu.setRip(X86Machine.CODE);
      c.run();
      assertThat(c.counter.icount()).isEqualTo(6);
    }
  }

  private static boolean blocksCanBeRewritten() {
    try (BlockCallPatch patch = BlockCallPatch.open()) {
      return patch != null;
    }
  }

  @Test
  void repsAndSensitiveBlocksAreTheSameFromTheTable() {
    try (Counted c = new Counted(REPS, false)) {
      c.cpu.setRip(X86Machine.CODE);
      assertThat(c.run()).isZero();
      assertThat(c.counter.icount()).isEqualTo(REPS_INSTRUCTIONS);
    }
    try (Counted c = new Counted("ffc0 e680 ffc0 f4", false)) {
      c.cpu.setRip(X86Machine.CODE);
      assertThat(c.run()).isZero();
      assertThat(c.counter.takeReason()).isEqualTo(BlockCounter.REASON_SENSITIVE);
    }
  }

  /** lea rdi; mov esi; mov edx, 15; lea rcx; call: as a library made it, at 0x7000_0000. */
  private static final String CALL =
      "488d3dde673a69 bed71c1000 ba0f000000 488d0d5d7d226d e8581d826d";

  private static final int CALL_BYTES = 29;

  private static HookCall decode(String code) {
    byte[] bytes = HexFormat.of().parseHex(code.replace(" ", ""));
    ByteBuffer window = ByteBuffer.allocate(bytes.length).order(ByteOrder.LITTLE_ENDIAN).put(bytes);
    return HookCall.endingAt(window, bytes.length, 0x7000_0000L);
  }

  @Test
  void aCallOfTheHookIsReadToItsLastByte() {
    HookCall call = decode("c78580000000d71c1000" + CALL);
    assertThat(call.firstHva()).isEqualTo(0x7000_000aL);
    assertThat(call.argument(HookCall.ENGINE)).isEqualTo(0x7000_000aL + 7 + 0x693a67deL);
    assertThat(call.argument(HookCall.PC)).isEqualTo(0x101cd7);
    assertThat(call.argument(HookCall.SIZE)).isEqualTo(15);
    assertThat(call.argument(HookCall.STATE)).isEqualTo(0x7000_000aL + 24 + 0x6d227d5dL);
    assertThat(call.targetHva()).isEqualTo(0x7000_000aL + CALL_BYTES + 0x6d821d58L);
    assertThat(call.sizeImmediateHva()).isEqualTo(0x7000_000aL + 13);
    HookCall far =
        decode("48bf8877665544332211 48c7c6001000ff 33d2 48b91122334455667788 ff1500010000");
    assertThat(far.argument(HookCall.ENGINE)).isEqualTo(0x1122334455667788L);
    assertThat(far.argument(HookCall.PC)).isEqualTo(0xffff_ffff_ff00_1000L);
    assertThat(far.argument(HookCall.SIZE)).isZero();
    assertThat(far.sizeImmediateHva()).isZero();
    assertThat(far.targetHva()).isZero();
    assertThat(far.pointerHva()).isEqualTo(0x7000_0000L + 35 + 0x100);
  }

  private static int exitCheckBytes(String code) {
    byte[] bytes = HexFormat.of().parseHex(code.replace(" ", ""));
    ByteBuffer window = ByteBuffer.allocate(bytes.length).order(ByteOrder.LITTLE_ENDIAN).put(bytes);
    return HookCall.exitCheckBytes(window, 0, 0x7000_0000L, 0x7000_1007L);
  }

  @Test
  void theLookForAStopRequestIsToldFromAnythingElse() {
    assertThat(exitCheckBytes("488d3d00100000 33f6 e80ad70010 4889")).isEqualTo(14);
    assertThat(exitCheckBytes("48bf0710007000000000 33f6 ff1500010000")).isEqualTo(18);
    assertThat(exitCheckBytes("488d3d01100000 33f6 e80ad70010")).as("of another engine").isZero();
    assertThat(exitCheckBytes("488d3d00100000 be01000000 e80ad70010")).as("not zero").isZero();
    assertThat(exitCheckBytes("488d3d00100000 33f6 90")).as("no call").isZero();
  }

  @Test
  void anythingElseIsNotACallOfTheHook() {
    assertThat(decode(CALL.replace("ba0f", "bb0f"))).as("another register").isNull();
    assertThat(decode(CALL.replace("ba0f", "be0f"))).as("a register twice").isNull();
    assertThat(decode(CALL.replace("e858", "e958"))).as("a jump").isNull();
    assertThat(decode(CALL + "90")).as("a byte between call and return").isNull();
    assertThat(decode(CALL.substring(17))).as("an argument missing").isNull();
  }

  @Test
  void whatDoesNotFitIsNotPacked() {
    assertThat(BlockCallPatch.pack(5, 17)).isEqualTo(5 << 21 | 17);
    assertThat(BlockCallPatch.pack(1 | BlockScanner.SENSITIVE, 2)).isEqualTo(1 << 21 | 1 << 13 | 2);
    assertThat(BlockCallPatch.pack(2047, 8191)).isEqualTo(-1 & ~(0xff << 13));
    assertThat(BlockCallPatch.pack(2048, 8191)).isZero();
    assertThat(BlockCallPatch.pack(2, 8192)).isZero();
    assertThat(BlockCallPatch.pack(0, 1)).isZero();
    assertThat(BlockCallPatch.pack(1 | 1 << 25, 1)).isZero();
  }

  @Test
  void aScannerThatThrowsEndsTheRunWithItsException() {
    try (X86Machine machine = new X86Machine().code("90 f4")) {
      UcX86State cpu = UcX86State.of(machine.uc);
      BlockScanner broken =
          (address, size) -> {
            throw new IllegalArgumentException("no decoder");
          };
      try (BlockCounter counter = BlockCounter.forX86(machine.uc, cpu, broken)) {
        assertThatThrownBy(machine::run)
            .isInstanceOf(UpcallException.class)
            .hasCauseInstanceOf(IllegalArgumentException.class);
        assertThat(counter.takeReason()).isEqualTo(BlockCounter.REASON_SCAN);
        assertThat(cpu.rip()).isEqualTo(X86Machine.CODE);
        machine.uc.close();
      }
    }
  }

  @Test
  void arm64InstructionsAreCountedAndStopAtTheDeadline() {
    // mov w0, #10; loop: sub w0, w0, #1; cbnz w0, loop; wfi
    try (Arm64Machine machine =
        new Arm64Machine().code(0x52800140, 0x51000400, 0x35ffffe0, Arm64Machine.WFI)) {
      BlockCounter counter = BlockCounter.forArm64(machine.uc);
      assertThat(machine.run()).isZero();
      assertThat(counter.icount()).isEqualTo(1 + 20 + 1);
      counter.setIcount(0);
      counter.setDeadline(8);
      assertThat(machine.run()).isZero();
      assertThat(counter.takeReason()).isEqualTo(BlockCounter.REASON_DEADLINE);
      // mov+sub+cbnz, then pairs: 3, 5, 7; the next does not fit
      assertThat(counter.icount()).isEqualTo(7);
      assertThat(machine.uc.registers().readX(0)).isEqualTo(7);
      assertThat(machine.uc.registers().read(Arm64Reg.PC)).isEqualTo(Arm64Machine.RAM + 4);
      assertThat(counter.lastPc()).isEqualTo(Arm64Machine.RAM + 4);
      assertThat(counter.lastCount()).isEqualTo(2);
      counter.step(true);
      assertThat(machine.uc.emuStart(Arm64Machine.RAM + 4, 0, 0, 0)).isZero();
      assertThat(counter.takeReason()).isEqualTo(BlockCounter.REASON_STEP);
      assertThat(counter.icount()).isEqualTo(7);
      assertThat(machine.uc.registers().readX(0)).isEqualTo(6);
      machine.uc.close();
      counter.close();
      counter.close();
    }
  }

  @Test
  void theCounterOutlivesItsEngineAndTheEngineItsCounter() {
    Arm64Machine first = new Arm64Machine().code(Arm64Machine.WFI);
    BlockCounter counter = BlockCounter.forArm64(first.uc);
    first.run();
    first.close();
    assertThat(counter.icount()).isEqualTo(1);
    counter.close();
    assertThatThrownBy(counter::icount).isInstanceOf(IllegalStateException.class);
    counter.kick();

    Arm64Machine second = new Arm64Machine().code(Arm64Machine.WFI);
    BlockCounter closedEarly = BlockCounter.forArm64(second.uc);
    closedEarly.close();
    assertThat(second.run()).as("the hook's code is still there").isZero();
    assertThat(closedEarly.icount()).isEqualTo(1);
    second.close();
    assertThatThrownBy(closedEarly::icount).isInstanceOf(IllegalStateException.class);
  }
}
