package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // closing early, and twice, is what some tests are about
class UcTest {
  @Test
  void codeRunsAndRegistersAreSeen() {
    try (X86Machine m = new X86Machine().code("b805000000 ffc8 75fc f4")) { // mov; dec; jne; hlt
      m.uc.registers().write(X86Reg.RBX, 0x1234_5678_9abc_def0L);
      assertThat(m.run()).isZero();
      assertThat(m.uc.registers().read(X86Reg.RIP)).isEqualTo(X86Machine.CODE + 10);
      assertThat(m.uc.registers().read(X86Reg.RAX)).isZero();
      assertThat(m.uc.registers().read(X86Reg.RBX)).isEqualTo(0x1234_5678_9abc_def0L);
    }
  }

  @Test
  void eachControlShapeWorks() {
    try (X86Machine m = new X86Machine().code("90 90 75fc f4")) {
      assertThat(m.uc.getTcgBufferSize()).isPositive();
      TranslatedBlock block = m.uc.requestCache(X86Machine.CODE);
      assertThat(block).isEqualTo(new TranslatedBlock(X86Machine.CODE, 3, 4));
      m.uc.removeCache(X86Machine.CODE, X86Machine.CODE + 4096);
      m.uc.tbFlush();
      m.uc.tlbFlush();
      m.uc.tlbTypeCpu();
      m.uc.tlbTypeVirtual();
      assertThatThrownBy(() -> m.uc.cpuModel(1000))
          .isInstanceOf(UcException.class)
          .hasMessageContaining("uc_ctl");
    }
  }

  @Test
  void theTcgBufferCanBeMadeSmallForManyInstances() {
    try (Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64)) {
      uc.setTcgBufferSize(32 << 20);
      assertThat(uc.getTcgBufferSize()).isBetween(16 << 20, 64 << 20);
    }
  }

  @Test
  void javaWritesToCodeAreSeenAfterRemoveCache() {
    try (X86Machine m = new X86Machine().code("b801000000 f4")) {
      m.run();
      m.code("b802000000 f4");
      m.uc.removeCache(X86Machine.CODE, X86Machine.CODE + 4096);
      m.run();
      assertThat(m.uc.registers().read(X86Reg.RAX)).isEqualTo(2);
    }
  }

  @Test
  void registersOfEveryWidthRoundTrip() {
    try (X86Machine m = new X86Machine()) {
      long[] half = new long[2];
      for (int i = 0; i < 16; i++) {
        m.uc.registers().write128(X86Reg.xmm(i), 0x1111L * i, ~0x2222L * i);
      }
      for (int i = 0; i < 16; i++) {
        m.uc.registers().read128(X86Reg.xmm(i), half);
        assertThat(half).containsExactly(0x1111L * i, ~0x2222L * i);
      }
      X86Mmr gdt = new X86Mmr(0, 0xffff_8000_0000_1000L, 0x7f, 0);
      m.uc.registers().writeMmr(X86Reg.GDTR, gdt);
      assertThat(m.uc.registers().readMmr(X86Reg.GDTR)).isEqualTo(gdt);
      m.uc.registers().writeMsr(0xc0000082, 0xffff_ffff_8100_0000L);
      assertThat(m.uc.registers().readMsr(0xc0000082)).isEqualTo(0xffff_ffff_8100_0000L);
      int[] registers = {X86Reg.R8, X86Reg.R15, X86Reg.RSP};
      m.uc.registers().writeBatch(registers, new long[] {-1, 15, 1L << 63});
      long[] values = new long[3];
      m.uc.registers().readBatch(registers, values);
      assertThat(values).containsExactly(-1, 15, 1L << 63);
      assertThatThrownBy(() -> m.uc.registers().readBatch(registers, new long[1]))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void arm64RegistersRoundTrip() {
    try (Arm64Machine m = new Arm64Machine()) {
      long[] half = new long[2];
      for (int i = 0; i < 32; i++) {
        m.uc.registers().write128(Arm64Reg.v(i), 0x3333L * i, ~0x4444L * i);
        m.uc.registers().writeX(i, 0x5555L * i);
      }
      for (int i = 0; i < 32; i++) {
        m.uc.registers().read128(Arm64Reg.v(i), half);
        assertThat(half).containsExactly(0x3333L * i, ~0x4444L * i);
        assertThat(m.uc.registers().readX(i)).isEqualTo(i == 31 ? 0 : 0x5555L * i);
      }
      m.uc.registers().writeCp(13, 0, 3, 0, 4, 0xdead_beefL); // TPIDR_EL1
      assertThat(m.uc.registers().readCp(13, 0, 3, 0, 4)).isEqualTo(0xdead_beefL);
      assertThat(m.uc.registers().read(Arm64Reg.TPIDR_EL1)).isEqualTo(0xdead_beefL);
    }
  }

  @Test
  void aContextBringsTheWholeCpuBack() {
    try (X86Machine m = new X86Machine().code("ffc0 f4");
        UcContext context = m.uc.contextAlloc()) {
      m.uc.registers().write(X86Reg.RAX, 41);
      m.uc.registers().write128(X86Reg.xmm(3), 1, 2);
      context.save();
      m.run();
      m.uc.registers().write128(X86Reg.xmm(3), 3, 4);
      assertThat(m.uc.registers().read(X86Reg.RAX)).isEqualTo(42);
      context.restore();
      assertThat(m.uc.registers().read(X86Reg.RAX)).isEqualTo(41);
      long[] half = new long[2];
      m.uc.registers().read128(X86Reg.xmm(3), half);
      assertThat(half).containsExactly(1, 2);
      context.close();
      context.close();
      assertThatThrownBy(context::save).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void theEnginesOwnWalkerTranslates() {
    try (X86Machine m = new X86Machine()) {
      m.uc.tlbTypeCpu();
      assertThat(m.uc.vmemTranslate(0x3456, UcConst.PERM_READ)).isEqualTo(0x3456);
    }
  }

  @Test
  void mappingIsBoundedAndUnmappingTakesEffect() {
    try (X86Machine m = new X86Machine().code("8b042500100000 f4"); // mov eax, [0x1000]
        Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(4096, 4096);
      assertThatThrownBy(() -> m.uc.memMapPtr(1L << 30, 8192, 7, page))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> m.uc.memMapPtr(1L << 30, 4096, 7, MemorySegment.ofArray(new int[1])))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> m.uc.memMapPtr(0, 4096, 7, page)).isInstanceOf(UcException.class);
      m.uc.memMapPtr(1L << 30, 4096, 7, page);
      m.uc.memUnmap(1L << 30, 4096);
      assertThat(m.run()).isZero();
      m.uc.memUnmap(0, X86Machine.RAM_BYTES);
      assertThat(m.run()).isEqualTo(UcError.FETCH_UNMAPPED);
    }
  }

  @Test
  void aRunIsRefusedOnceMemoryLentToTheGuestWasReleased() {
    try (X86Machine m = new X86Machine().code("f4")) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment page = arena.allocate(4096, 4096);
        m.uc.memMapPtr(1L << 30, 4096, UcConst.PERM_ALL, page);
        page.set(JAVA_INT, 0, 1);
        assertThat(m.run()).isZero();
      }
      assertThatThrownBy(m::run)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("released");
      m.uc.memUnmap(1L << 30, 4096);
      assertThat(m.run()).isZero();
    }
  }

  @Test
  void everyCallFromAnotherThreadIsRefusedButStop() {
    try (X86Machine m = new X86Machine().code("f4")) {
      assertThat(messageOnAnotherThread(() -> m.uc.registers().read(X86Reg.RAX)))
          .contains("belongs to");
      assertThat(messageOnAnotherThread(m::run)).contains("belongs to");
      assertThat(messageOnAnotherThread(m.uc::tlbFlush)).contains("belongs to");
      assertThat(messageOnAnotherThread(m.uc::close)).contains("belongs to");
      assertThat(messageOnAnotherThread(() -> m.uc.hooks().interrupt(n -> {})))
          .contains("belongs to");
      assertThat(messageOnAnotherThread(m.uc::emuStop)).isNull();
      assertThat(m.run()).isZero();
    }
  }

  private static String messageOnAnotherThread(Runnable action) {
    try {
      CompletableFuture.runAsync(action).join();
      return null;
    } catch (CompletionException e) {
      assertThat(e.getCause()).isInstanceOf(IllegalStateException.class);
      return e.getCause().getMessage();
    }
  }

  @Test
  void anotherThreadStopsAnEndlessLoop() throws InterruptedException {
    try (X86Machine m = new X86Machine().code("ebfe")) {
      Thread stopper =
          new Thread(
              () -> {
                // Repeated: a request that comes before the run has begun is lost.
                for (int i = 0; i < 500; i++) {
                  m.uc.emuStop();
                  Thread.onSpinWait();
                  java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
                }
              });
      stopper.start();
      assertThat(m.run()).isZero();
      assertThat(m.uc.registers().read(X86Reg.RIP)).isEqualTo(X86Machine.CODE);
      m.uc.close();
      stopper.join();
    }
  }

  @Test
  void closingTwiceIsHarmlessAndUseAfterwardsRefused() {
    Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
    uc.close();
    uc.close();
    assertThatThrownBy(() -> uc.registers().read(Arm64Reg.PC))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> uc.emuStart(0, 0, 0, 0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(uc::hooks).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(uc::handle).isInstanceOf(IllegalStateException.class);
    uc.emuStop();
  }

  @Test
  void anArchitectureThatDoesNotExistIsAnException() {
    assertThatThrownBy(() -> Uc.open(99, 0))
        .isInstanceOf(UcException.class)
        .hasMessageContaining("ARCH");
  }

  @Test
  void twoHundredEnginesLeaveNoMemoryBehind() throws IOException {
    Assumptions.assumeTrue(Files.exists(Path.of("/proc/self/statm")));
    for (int i = 0; i < 60; i++) {
      openRunClose(i);
    }
    long before = residentBytes();
    for (int i = 0; i < 200; i++) {
      openRunClose(i);
    }
    assertThat(residentBytes() - before).isLessThan(48L << 20);
  }

  private static void openRunClose(int i) {
    if (i % 2 == 0) {
      try (X86Machine m = new X86Machine().code("ffc0 cd42 f4")) {
        m.uc.hooks().tlbFill((va, type) -> va | UcConst.PERM_ALL);
        m.uc.hooks().interrupt(n -> {});
        UcX86State.of(m.uc);
        assertThat(m.run()).isZero();
      }
    } else {
      try (Arm64Machine m = new Arm64Machine().code(Arm64Machine.WFI)) {
        m.uc.hooks().tlbFill((va, type) -> va | UcConst.PERM_ALL);
        UcArm64State.of(m.uc);
        assertThat(m.run()).isZero();
      }
    }
  }

  private static long residentBytes() throws IOException {
    System.gc();
    return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * 4096;
  }
}
