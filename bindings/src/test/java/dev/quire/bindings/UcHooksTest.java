package dev.quire.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class UcHooksTest {
  private static final class Boom extends RuntimeException {
    Boom(String message) {
      super(message);
    }
  }

  /** Installs a hook that throws, runs, and expects the exception after the run. */
  private static void expectParked(String code, Consumer<UcHooks> hook) {
    try (X86Machine m = new X86Machine().code(code)) {
      hook.accept(m.uc.hooks());
      assertThatThrownBy(m::run).isInstanceOf(UpcallException.class).hasCauseInstanceOf(Boom.class);
      // The engine is still usable and the exception is reported once.
      m.code("f4");
      m.uc.tbFlush();
      m.uc.registers().read(X86Reg.RAX);
    }
  }

  private static <T> T boom() {
    throw new Boom("from a hook");
  }

  @Test
  void aThrowableOfAnyHookIsParkedAndRethrownAfterTheRun() {
    expectParked("90 f4", h -> h.tlbFill((va, type) -> UcHooksTest.<Long>boom()));
    expectParked("cd42 f4", h -> h.interrupt(n -> boom()));
    expectParked("0f0b f4", h -> h.invalidInsn(UcHooksTest::<Boolean>boom));
    expectParked("e480 f4", h -> h.portIn((port, size) -> UcHooksTest.<Integer>boom()));
    expectParked("e680 f4", h -> h.portOut((port, size, value) -> boom()));
    expectParked("0f05 f4", h -> h.syscall(UcHooksTest::boom));
    expectParked("0f34 f4", h -> h.sysenter(UcHooksTest::boom));
    expectParked("0fa2 f4", h -> h.cpuid(UcHooksTest::<Boolean>boom));
    expectParked("0f31 f4", h -> h.rdtsc(UcHooksTest::<Boolean>boom));
    expectParked("0f01f9 f4", h -> h.rdtscp(UcHooksTest::<Boolean>boom));
    expectParked("90 f4", h -> h.block((address, size) -> boom()));
    expectParked("90 f4", h -> h.code((address, size) -> boom()));
    expectParked("eb00 f4", h -> h.translation((pc, icount, size) -> boom()));
    expectParked(
        "8b042500000070 f4", h -> h.memUnmapped((t, pa, size, v) -> UcHooksTest.<Boolean>boom()));
  }

  @Test
  void errorsAreParkedToo() {
    try (X86Machine m = new X86Machine().code("cd42 f4")) {
      m.uc
          .hooks()
          .interrupt(
              n -> {
                throw new StackOverflowError();
              });
      assertThatThrownBy(m::run).hasCauseInstanceOf(StackOverflowError.class);
    }
  }

  @Test
  void ofSeveralThrowablesTheFirstIsReported() {
    try (X86Machine m = new X86Machine().code("90 f4")) {
      m.uc
          .hooks()
          .block(
              (address, size) -> {
                throw new Boom("first");
              });
      m.uc
          .hooks()
          .block(
              (address, size) -> {
                throw new Boom("second");
              });
      assertThatThrownBy(m::run).cause().hasMessage("first");
    }
  }

  @Test
  void aHundredParkedExceptionsInTurnLeaveTheEngineSound() {
    try (X86Machine m = new X86Machine().code("cd42 ffc0 f4")) {
      int[] calls = {0};
      m.uc
          .hooks()
          .interrupt(
              n -> {
                if (calls[0]++ % 2 == 0) {
                  throw new Boom("odd run");
                }
              });
      for (int i = 0; i < 100; i++) {
        assertThatThrownBy(m::run).isInstanceOf(UpcallException.class);
        m.uc.registers().write(X86Reg.RAX, 0);
        assertThat(m.run()).isZero();
        assertThat(m.uc.registers().read(X86Reg.RAX)).isEqualTo(1);
      }
    }
  }

  @Test
  void aHookMayNeitherCloseNorRunItsEngine() {
    try (X86Machine m = new X86Machine().code("cd42 f4")) {
      List<String> messages = new ArrayList<>();
      m.uc
          .hooks()
          .interrupt(
              n -> {
                assertThatThrownBy(m.uc::close).isInstanceOf(IllegalStateException.class);
                assertThatThrownBy(m::run).isInstanceOf(IllegalStateException.class);
                messages.add("refused");
              });
      assertThat(m.run()).isZero();
      assertThat(messages).hasSize(1);
    }
  }

  @Test
  void portHooksSeePortSizeAndValue() {
    // mov dx, 0x3f8; in al, dx; out 0x80, eax; hlt
    try (X86Machine m = new X86Machine().code("66baf803 ec e780 f4")) {
      List<String> seen = new ArrayList<>();
      m.uc
          .hooks()
          .portIn(
              (port, size) -> {
                seen.add("in " + port + " " + size);
                return 0x5a;
              });
      m.uc
          .hooks()
          .portOut((port, size, value) -> seen.add("out " + port + " " + size + " " + value));
      assertThat(m.run()).isZero();
      assertThat(seen).containsExactly("in 1016 1", "out 128 4 90");
    }
  }

  @Test
  void skippableInstructionsAreSkippedOnlyWhenTheHookSaysSo() {
    try (X86Machine m = new X86Machine().code("0fa2 f4")) {
      boolean[] skip = {true};
      m.uc.hooks().cpuid(() -> skip[0]);
      m.uc.registers().write(X86Reg.RBX, 77);
      m.run();
      assertThat(m.uc.registers().read(X86Reg.RBX)).isEqualTo(77);
      skip[0] = false;
      m.run();
      assertThat(m.uc.registers().read(X86Reg.RBX)).isNotEqualTo(77);
    }
  }

  @Test
  void anInvalidInstructionGoesOnOrEndsTheRun() {
    try (X86Machine m = new X86Machine().code("0f0b ffc0 f4")) {
      UcX86State cpu = UcX86State.of(m.uc);
      boolean[] goOn = {true};
      m.uc
          .hooks()
          .invalidInsn(
              () -> {
                assertThat(cpu.rip()).isEqualTo(X86Machine.CODE);
                cpu.setRip(X86Machine.CODE + (goOn[0] ? 2 : 0));
                return goOn[0];
              });
      assertThat(m.run()).isZero();
      assertThat(cpu.gpr(0)).isEqualTo(1);
      goOn[0] = false;
      assertThat(m.run()).isEqualTo(UcError.INSN_INVALID);
    }
  }

  @Test
  void unmappedAndProtectedPhysicalAddressesAreReported() {
    // mov [0x70000010], eax ; hlt
    try (X86Machine m = new X86Machine().code("89042510000070 f4")) {
      m.uc.registers().write(X86Reg.RAX, 0x1234);
      List<String> seen = new ArrayList<>();
      m.uc
          .hooks()
          .memUnmapped(
              (type, pa, size, value) -> {
                seen.add(type + " " + Long.toHexString(pa) + " " + size + " " + value);
                return false;
              });
      assertThat(m.run()).isEqualTo(UcError.WRITE_UNMAPPED);
      assertThat(seen).containsExactly("20 70000010 4 4660");
      assertThat(m.uc.registers().read(X86Reg.RIP)).isEqualTo(X86Machine.CODE);
      m.uc.memMapPtr(0x7000_0000L, 4096, UcConst.PERM_READ, m.ram);
      m.uc
          .hooks()
          .memProtected(
              (type, pa, size, value) -> {
                seen.add("protected " + type);
                return false;
              });
      m.uc.tlbFlush();
      assertThat(m.run()).isEqualTo(UcError.WRITE_PROT);
      assertThat(seen).endsWith("protected 22");
    }
  }

  @Test
  void translationsAreReportedWithTheirInstructionCount() {
    // jmp a; a: inc eax; nop; jmp b; b: hlt
    try (X86Machine m = new X86Machine().code("eb00 ffc0 90 eb00 f4")) {
      List<TranslatedBlock> seen = new ArrayList<>();
      m.uc
          .hooks()
          .translation((pc, icount, size) -> seen.add(new TranslatedBlock(pc, icount, size)));
      m.run();
      m.run();
      assertThat(seen)
          .containsExactly(
              new TranslatedBlock(X86Machine.CODE + 2, 3, 5),
              new TranslatedBlock(X86Machine.CODE + 7, 1, 1));
    }
  }

  @Test
  void aFillAllocatesNothing() {
    // mov ecx, 20000; again: mov eax, [rbx]; add rbx, 0x1000; and ebx, 0x3fffff; dec ecx; jnz again
    try (X86Machine m =
        new X86Machine().code("b9204e0000 8b03 4881c300100000 81e3ffff3f00 ffc9 75ed f4")) {
      int[] fills = {0};
      m.uc
          .hooks()
          .tlbFill(
              (va, type) -> {
                fills[0]++;
                return va | (type == TlbFillHook.FETCH ? 5 : 3);
              });
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      for (int warmUp = 0; warmUp < 10; warmUp++) {
        assertThat(m.run()).isZero();
      }
      fills[0] = 0;
      long before = threads.getCurrentThreadAllocatedBytes();
      m.run();
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertThat(fills[0]).isGreaterThan(10_000);
      assertThat(allocated).isLessThan(fills[0]);
    }
  }

  @Test
  void aDeletedHookIsCalledNoMore() {
    try (X86Machine m = new X86Machine().code("cd42 f4")) {
      int[] calls = {0};
      long id = m.uc.hooks().interrupt(n -> calls[0]++);
      m.uc.hooks().interrupt(n -> {});
      m.run();
      m.uc.hooks().delete(id);
      m.run();
      assertThat(calls[0]).isEqualTo(1);
    }
  }

  /** Machine code that counts its calls in its user data. */
  private static byte[] countingHook() {
    // inc dword [rcx] ; ret - or - ldr w9, [x3] ; add w9, w9, #1 ; str w9, [x3] ; ret
    return java.util.HexFormat.of()
        .parseHex(
            NativeStub.Host.current() == NativeStub.Host.X86_64
                ? "ff01c3"
                : "690040b929050011690000b9c0035fd6");
  }

  @Test
  void aNativeHookIsCalledWithItsUserData() {
    try (NativeStub stub = NativeStub.of(countingHook());
        NativeMemory cell = NativeMemory.reserve(4096);
        X86Machine m = new X86Machine().code("eb00 eb00 f4")) {
      m.uc.hooks().nativeHook(UcConst.HOOK_BLOCK, stub.address(), cell.hva());
      m.run();
      assertThat(RawMemory.getInt(cell.hva())).isEqualTo(3);
    }
  }

  /** Unicorn names a hook by its address, which any later hook may get when it has been freed. */
  @Test
  void deletingByTheIdOfAReplacedHookSparesTheHookInItsPlace() {
    try (NativeStub stub = NativeStub.of(countingHook());
        NativeMemory cells = NativeMemory.reserve(4096);
        X86Machine m = new X86Machine().code("eb00 eb00 f4")) {
      long inPlace = cells.hva() + 8;
      long id = m.uc.hooks().nativeHook(UcConst.HOOK_BLOCK, stub.address(), cells.hva());
      m.uc.hooks().wrapNativeBlock(stub.address(), inPlace);
      m.run();
      m.uc.hooks().delete(id);
      m.uc.tbFlush();
      m.run();
      assertThat(RawMemory.getInt(cells.hva())).isZero();
      assertThat(RawMemory.getInt(inPlace)).isEqualTo(6);
      m.uc.hooks().deleteNativeBlock();
      m.uc.tbFlush();
      m.run();
      assertThat(RawMemory.getInt(inPlace)).isEqualTo(6);
    }
  }

  @Test
  void arm64SystemRegisterHooksSeeTheirEncodingAndMayReplaceTheValue() {
    // mrs x3, cntvct_el0 ; msr tpidr_el1, x3 ; tlbi vae1, x3 ; mrs x4, midr_el1 ; wfi
    try (Arm64Machine m =
        new Arm64Machine().code(0xd53be043, 0xd518d083, 0xd5088723, 0xd5380004, Arm64Machine.WFI)) {
      List<String> seen = new ArrayList<>();
      m.uc
          .hooks()
          .mrs(
              (rt, value, crn, crm, op0, op1, op2) -> {
                seen.add("mrs x" + rt + " " + crn + " " + crm + " " + op0 + " " + op1 + " " + op2);
                if (crn != 14) {
                  return false;
                }
                m.uc.registers().writeX(rt, 0x77);
                return true;
              });
      m.uc
          .hooks()
          .msr(
              (rt, value, crn, crm, op0, op1, op2) -> {
                seen.add("msr x" + rt + " = " + value);
                return false;
              });
      m.uc
          .hooks()
          .sys(
              (rt, value, crn, crm, op0, op1, op2) -> {
                seen.add("sys " + op1 + " " + crn + " " + crm + " " + op2 + " = " + value);
                return true;
              });
      assertThat(m.run()).isZero();
      assertThat(seen)
          .containsExactly(
              "mrs x3 14 0 3 3 2", "msr x3 = 119", "sys 0 8 7 1 = 119", "mrs x4 0 0 3 0 0");
      assertThat(m.uc.registers().read(Arm64Reg.TPIDR_EL1)).isEqualTo(0x77);
      assertThat(m.uc.registers().readX(4)).isEqualTo(0x000f_0510);
    }
  }
}
