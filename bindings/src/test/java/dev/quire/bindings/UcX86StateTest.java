package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.bindings.UcX86State.MsrField;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UcX86StateTest {
  private static final int RAX = 0;
  private static final int RBX = 3;

  /** Identity fills, except where the test forbids. */
  private static final class Fills implements TlbFillHook {
    final List<String> seen = new ArrayList<>();
    long refusedPage = -1;
    int dataRights = UcConst.PERM_READ | UcConst.PERM_WRITE;

    @Override
    public long fill(long va, int type) {
      seen.add("RWX".charAt(type) + " " + Long.toHexString(va));
      if (va == refusedPage) {
        return REFUSED;
      }
      return va | (type == FETCH ? UcConst.PERM_EXEC | UcConst.PERM_READ : dataRights);
    }
  }

  @Test
  void theStateAndTheRegisterApiAreTheSameRegisters() {
    try (X86Machine m = new X86Machine()) {
      UcX86State cpu = UcX86State.of(m.uc);
      for (int i = 0; i < 16; i++) {
        cpu.setGpr(i, 0x1000L + i);
        assertThat(m.uc.registers().read(X86Reg.gpr(i))).isEqualTo(0x1000L + i);
      }
      cpu.setRip(0x1234);
      assertThat(m.uc.registers().read(X86Reg.RIP)).isEqualTo(0x1234);
      cpu.setRflags(0x246);
      assertThat(cpu.rflags()).isEqualTo(0x246);
      assertThat(cpu.eflags() & 0x200).isEqualTo(0x200);
      cpu.setCr(2, 0x5555);
      assertThat(m.uc.registers().read(X86Reg.CR2)).isEqualTo(0x5555);
      cpu.setGdt(0x8000, 0x2f);
      cpu.setIdt(0x9000, 0xfff);
      assertThat(m.uc.registers().readMmr(X86Reg.GDTR)).isEqualTo(new X86Mmr(0, 0x8000, 0x2f, 0));
      assertThat(m.uc.registers().readMmr(X86Reg.IDTR)).isEqualTo(new X86Mmr(0, 0x9000, 0xfff, 0));
      cpu.setSegment(UcX86State.TR, 0x40, 0xa000, 0x67, 0x8b00);
      assertThat(m.uc.registers().readMmr(X86Reg.TR))
          .isEqualTo(new X86Mmr(0x40, 0xa000, 0x67, 0x8b00));
      cpu.setSegmentBase(UcX86State.GS, 0x7000);
      assertThat(m.uc.registers().read(X86Reg.GS_BASE)).isEqualTo(0x7000);
      assertThat(cpu.oldException()).isEqualTo(-1);
    }
  }

  @Test
  void everyMsrFieldIsTheMsr() {
    try (X86Machine m = new X86Machine()) {
      UcX86State cpu = UcX86State.of(m.uc);
      for (MsrField field : MsrField.values()) {
        long value = field == MsrField.SYSENTER_CS ? 0x10 + field.ordinal() : 0x0007040600070406L;
        cpu.setMsrField(field, value + field.ordinal());
        assertThat(m.uc.registers().readMsr(field.msr()))
            .as(field.name())
            .isEqualTo(value + field.ordinal())
            .isEqualTo(cpu.msrField(field));
      }
    }
  }

  @Test
  void everyEngineOfTheProcessHasItsOwnState() {
    try (X86Machine a = new X86Machine();
        X86Machine b = new X86Machine()) {
      UcX86State first = UcX86State.of(a.uc);
      UcX86State second = UcX86State.of(b.uc);
      first.setGpr(RAX, 1);
      second.setGpr(RAX, 2);
      assertThat(a.uc.registers().read(X86Reg.RAX)).isEqualTo(1);
      assertThat(b.uc.registers().read(X86Reg.RAX)).isEqualTo(2);
    }
  }

  @Test
  void privilegeIsSwitchedByWritingTheState() {
    // cli (a privileged instruction at IOPL 0); hlt
    try (X86Machine m = new X86Machine().code("fa f4")) {
      UcX86State cpu = UcX86State.of(m.uc);
      List<Integer> vectors = new ArrayList<>();
      m.uc
          .hooks()
          .interrupt(
              n -> {
                vectors.add(n);
                assertThat(cpu.errorCode()).isZero();
                assertThat(cpu.exceptionIsInt()).isZero();
                assertThat(cpu.rip()).isEqualTo(X86Machine.CODE);
                m.uc.emuStop();
              });
      assertThat(m.run()).isZero();
      assertThat(vectors).isEmpty();
      cpu.setSegment(UcX86State.CS, 0x33, 0, -1, 0x00a0fb00);
      cpu.setSegment(UcX86State.SS, 0x2b, 0, -1, 0x00c0f300);
      cpu.setHflags(cpu.hflags() | 3);
      m.run();
      assertThat(vectors).containsExactly(13);
    }
  }

  @Test
  void aRefusedFillLeavesAPreciseAndRestartableState() {
    // inc eax; mov rcx, [rbx]; push [rbx]; rep movsb; lock inc [rbx]; hlt
    try (X86Machine m = new X86Machine().code("ffc0 488b0b ff33 f3a4 f048ff03 f4")) {
      UcX86State cpu = UcX86State.of(m.uc);
      Fills fills = new Fills();
      m.uc.hooks().tlbFill(fills);
      cpu.setGpr(RBX, 0x9000 + 0x123);
      cpu.setGpr(4, 0x20000);
      m.ram.set(JAVA_LONG_UNALIGNED, 0x9123, 16);

      fills.refusedPage = 0x9000;
      assertThat(m.run()).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.rip()).isEqualTo(X86Machine.CODE + 2);
      assertThat(cpu.gpr(RAX)).isEqualTo(1);
      assertThat(cpu.invalidAddr()).isEqualTo(0x9123);

      fills.refusedPage = 0x1f000; // where push writes
      assertThat(m.uc.emuStart(cpu.rip(), 0, 0, 0)).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.rip()).isEqualTo(X86Machine.CODE + 5);
      assertThat(cpu.gpr(1)).isEqualTo(16);
      assertThat(cpu.gpr(4)).isEqualTo(0x20000);
      assertThat(cpu.invalidAddr()).isEqualTo(0x1fff8);

      fills.refusedPage = 0x31000; // in the middle of the copy
      cpu.setGpr(6, 0x9000);
      cpu.setGpr(7, 0x30ff8);
      assertThat(m.uc.emuStart(cpu.rip(), 0, 0, 0)).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.rip()).isEqualTo(X86Machine.CODE + 7);
      assertThat(cpu.gpr(1)).isEqualTo(8);
      assertThat(cpu.gpr(6)).isEqualTo(0x9008);
      assertThat(cpu.invalidAddr()).isEqualTo(0x31000);

      fills.refusedPage = -1;
      assertThat(m.uc.emuStart(cpu.rip(), 0, 0, 0)).isZero();
      assertThat(cpu.gpr(1)).isZero();
      assertThat(m.ram.get(JAVA_LONG_UNALIGNED, 0x9123)).isEqualTo(17);
      assertThat(cpu.gpr(RAX)).isEqualTo(1);
    }
  }

  @Test
  void anAccessAcrossPagesNamesTheFirstByteItCannotReach() {
    // mov rcx, [rbx]; hlt
    try (X86Machine m = new X86Machine().code("488b0b f4")) {
      UcX86State cpu = UcX86State.of(m.uc);
      Fills fills = new Fills();
      m.uc.hooks().tlbFill(fills);
      cpu.setGpr(RBX, 0x9ffc);
      fills.refusedPage = 0xa000;
      assertThat(m.run()).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.invalidAddr()).isEqualTo(0xa000);
      fills.refusedPage = 0x9000;
      m.uc.tlbFlush();
      assertThat(m.run()).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.invalidAddr()).isEqualTo(0x9ffc);
    }
  }

  @Test
  void theFirstStoreToAPageGrantedForReadingAsksAgain() {
    // mov rcx, [rbx]; mov [rbx], rcx; mov [rbx], rcx; hlt
    try (X86Machine m = new X86Machine().code("488b0b 48890b 48890b f4")) {
      UcX86State cpu = UcX86State.of(m.uc);
      Fills fills = new Fills();
      fills.dataRights = UcConst.PERM_READ;
      m.uc.hooks().tlbFill(fills);
      cpu.setGpr(RBX, 0x9000);
      assertThat(m.run()).isEqualTo(UcError.EXCEPTION);
      assertThat(fills.seen).containsExactly("X 1000", "R 9000", "W 9000");
      fills.dataRights = UcConst.PERM_READ | UcConst.PERM_WRITE;
      assertThat(m.uc.emuStart(cpu.rip(), 0, 0, 0)).isZero();
      assertThat(fills.seen).endsWith("W 9000").hasSize(4);
    }
  }

  @Test
  void interceptionReportsTheInstructionWithoutExecutingIt() {
    // mov cr3, rax; cpuid; hlt
    try (X86Machine m = new X86Machine().code("0f22d8 0fa2 f4")) {
      UcX86State cpu = UcX86State.of(m.uc);
      cpu.setGpr(RAX, 0x7000);
      cpu.setGpr(RBX, 99);
      List<String> seen = new ArrayList<>();
      m.uc
          .hooks()
          .interrupt(
              n -> {
                seen.add(Integer.toHexString(n) + " at " + (cpu.rip() - X86Machine.CODE));
                cpu.setRip(cpu.rip() + (n == 0x113 ? 3 : 2));
                cpu.setOldException(-1);
                cpu.setExceptionIsInt(0);
              });
      cpu.setHflags(cpu.hflags() | UcX86State.HF_GUEST);
      cpu.setInterceptCrWrite(1 << 3);
      cpu.setIntercept(1L << (0x72 - 0x60));
      assertThat(m.run()).isZero();
      assertThat(seen).containsExactly("113 at 0", "172 at 3");
      assertThat(cpu.cr(3)).isZero();
      assertThat(cpu.gpr(RBX)).isEqualTo(99);
    }
  }

  @Test
  void theStateOfAClosedEngineIsRefused() {
    X86Machine x86 = new X86Machine();
    UcX86State cpu = UcX86State.of(x86.uc);
    x86.close();
    assertThatThrownBy(cpu::rip).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(cpu::invalidAddr).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> cpu.setOldException(0)).isInstanceOf(IllegalStateException.class);
    Arm64Machine arm64 = new Arm64Machine();
    UcArm64State arm = UcArm64State.of(arm64.uc);
    arm64.close();
    assertThatThrownBy(arm::pc).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(arm::invalidAddr).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void anEngineOfTheWrongKindIsRefused() {
    try (Arm64Machine m = new Arm64Machine()) {
      assertThatThrownBy(() -> UcX86State.of(m.uc)).isInstanceOf(IllegalArgumentException.class);
    }
    try (X86Machine m = new X86Machine()) {
      assertThatThrownBy(() -> UcArm64State.of(m.uc)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void anEngineNotAtRestIsRefused() {
    try (X86Machine m = new X86Machine()) {
      UcX86State.of(m.uc).setOldException(14);
      assertThatThrownBy(() -> UcX86State.of(m.uc))
          .isInstanceOf(NativeLibraryException.class)
          .hasMessageContaining("old_exception");
    }
  }

  @Test
  void anUnknownLayoutIsRefusedByTheSearch() {
    try (X86Machine m = new X86Machine();
        StateSearch search = new StateSearch(m.uc)) {
      m.uc.registers().read(X86Reg.RAX);
      assertThatThrownBy(
              () ->
                  search.findCpu(
                      new long[] {0x7e57, 0x1234567, 3, 4}, 0, new StateSearch.Place(0, 0)))
          .isInstanceOf(NativeLibraryException.class)
          .hasMessageContaining("registers were not found")
          .hasMessageContaining("install libunicorn 2.1.4");
    }
    ByteBuffer one = words(5, 7, 7);
    ByteBuffer two = words(5, 8, 8);
    assertThatThrownBy(() -> StateSearch.follow("a field", one, 7, two, 8, 8))
        .hasMessageContaining("ambiguous");
    assertThatThrownBy(() -> StateSearch.follow("a field", one, 9, two, 8, 8))
        .hasMessageContaining("not found");
    assertThat(StateSearch.follow("a field", words(1, 7), 7, words(1, 8), 8, 8)).isEqualTo(8);
  }

  private static ByteBuffer words(long... values) {
    ByteBuffer buffer = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      buffer.putLong(value);
    }
    return buffer.flip();
  }

  @Test
  void theSearchFindsTheStateOfALibraryNotKnownBefore() {
    try (X86Machine m = new X86Machine();
        StateSearch search = new StateSearch(m.uc)) {
      long[] pattern = {0x7e57_0001_0000_0001L, 0x7e57_0002_0000_0002L, 3, 4};
      for (int i = 0; i < pattern.length; i++) {
        m.uc.registers().write(X86Reg.gpr(i), pattern[i]);
      }
      StateSearch.Place found = search.findCpu(pattern, 0, new StateSearch.Place(0, 0));
      X86Layout layout = X86Calibration.layout();
      assertThat(found).isEqualTo(new StateSearch.Place(layout.cpuInEngine(), layout.envInCpu()));
    }
  }

  @Test
  void anObjectBelowTheCpuOnTheHeapIsNotTakenForIt() {
    try (X86Machine m = new X86Machine();
        StateSearch search = new StateSearch(m.uc);
        NativeMemory memory = NativeMemory.reserve(0x10000)) {
      long[] pattern = {0x7e57_0001_0000_0001L, 0x7e57_0002_0000_0002L, 3, 4};
      long neighbour = memory.hva() + 0x2000;
      long cpu = memory.hva() + 0x3000;
      memory.segment().set(JAVA_LONG_UNALIGNED, 64, neighbour);
      memory.segment().set(JAVA_LONG_UNALIGNED, 440, cpu);
      for (int i = 0; i < pattern.length; i++) {
        memory.segment().set(JAVA_LONG_UNALIGNED, 0x3000 + 0x8a50 + 8L * i, pattern[i]);
      }
      assertThat(search.findCpu(memory.hva(), pattern, 0))
          .isEqualTo(new StateSearch.Place(440, 0x8a50));
    }
  }

  @Test
  void aWrongPointerIsAnAnswerNotACrash() {
    try (ProcessMemory memory = ProcessMemory.open();
        NativeMemory mapped = NativeMemory.reserve(4096)) {
      mapped.segment().set(JAVA_LONG_UNALIGNED, 0, 77);
      assertThat(memory.readLong(mapped.hva())).isEqualTo(77);
      assertThat(memory.readLong(8)).isZero();
      assertThat(memory.readLong(-8)).isZero();
      assertThat(memory.read(0x10, 64).limit()).isZero();
    }
  }
}
