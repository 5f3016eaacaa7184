package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.UcArm64State.SystemRegister;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UcArm64StateTest {
  private static final long VECTORS = Arm64Machine.RAM + 0x200;

  @Test
  void theStateAndTheRegisterApiAreTheSameRegisters() {
    try (Arm64Machine m = new Arm64Machine()) {
      UcArm64State cpu = UcArm64State.of(m.uc);
      for (int i = 0; i < 31; i++) {
        cpu.setX(i, 0x1000L + i);
        assertThat(m.uc.registers().readX(i)).isEqualTo(0x1000L + i);
      }
      cpu.setSp(0x7770);
      assertThat(m.uc.registers().read(Arm64Reg.SP)).isEqualTo(0x7770);
      cpu.setPc(0x1234);
      assertThat(m.uc.registers().read(Arm64Reg.PC)).isEqualTo(0x1234);
      assertThat(cpu.el()).isEqualTo(1);
      for (long pstate : new long[] {0x3c5, 0xf00003c5L, 0x60400144, 0x80000c00L}) {
        cpu.setPstate(pstate);
        assertThat(m.uc.registers().read(Arm64Reg.PSTATE))
            .isEqualTo(pstate)
            .isEqualTo(cpu.pstate());
      }
      m.uc.registers().writeCp(2, 0, 3, 0, 0, 0x1234_5000);
      assertThat(cpu.systemRegister(SystemRegister.TTBR0_EL1)).isEqualTo(0x1234_5000);
      for (SystemRegister r : SystemRegister.values()) {
        assertThat(cpu.systemRegister(r))
            .as(r.name())
            .isEqualTo(m.uc.registers().readCp(r.crn, r.crm, r.op0, r.op1, r.op2));
      }
    }
  }

  /** The recipe of a real boot: EL1, ERET to EL0, SVC, exception entry by Java, ERET back. */
  @Test
  void aGuestGoesToUserModeAndBack() {
    try (Arm64Machine m =
        new Arm64Machine()
            .code(
                0xd5184000, // msr spsr_el1, x0
                0xd5184021, // msr elr_el1, x1
                0xd5184102, // msr sp_el0, x2
                0xd69f03e0, // eret
                0xd40000e1, // user: svc #7
                0xd53b4207, // mrs x7, nzcv
                0xf9400066, // ldr x6, [x3]
                Arm64Machine.WFI)) {
      m.ram.set(JAVA_INT, 0x600, 0xd2800025); // mov x5, #1
      m.ram.set(JAVA_INT, 0x604, 0xd5384028); // mrs x8, elr_el1
      m.ram.set(JAVA_INT, 0x608, 0xd69f03e0); // eret
      UcArm64State cpu = UcArm64State.of(m.uc);
      m.uc.registers().write(Arm64Reg.VBAR_EL1, VECTORS);
      cpu.setX(0, 0x6000_0000L); // EL0t with Z and C
      cpu.setX(1, Arm64Machine.RAM + 16);
      cpu.setX(2, 0x7000);
      cpu.setX(3, Arm64Machine.RAM + 0x1000);
      cpu.setSp(0x9990);
      m.ram.set(JAVA_LONG, 0x1000, 0x5a5a);
      List<String> seen = new ArrayList<>();
      m.uc
          .hooks()
          .interrupt(
              n -> {
                seen.add(n + " el" + cpu.el() + " " + Integer.toHexString(cpu.exceptionSyndrome()));
                assertThat(cpu.exceptionTargetEl()).isEqualTo(1);
                enterEl1(m.uc, cpu);
              });
      assertThat(m.run()).isZero();
      assertThat(seen).containsExactly("2 el0 56000007");
      assertThat(cpu.x(5)).isEqualTo(1);
      assertThat(cpu.x(8)).isEqualTo(Arm64Machine.RAM + 20);
      assertThat(cpu.x(7)).isEqualTo(0x6000_0000L);
      assertThat(cpu.x(6)).isEqualTo(0x5a5a);
      assertThat(cpu.el()).isZero();
      assertThat(cpu.sp()).isEqualTo(0x7000);
    }
  }

  /** Exception entry from EL0 (Arm ARM, AArch64.TakeException), as the emulator does it. */
  private static void enterEl1(Uc uc, UcArm64State cpu) {
    long pstate = cpu.pstate();
    uc.registers().writeCp(4, 0, 3, 0, 0, pstate);
    cpu.setElr(1, cpu.pc());
    cpu.setSpBank(0, cpu.sp());
    cpu.setPstate(0x3c5);
    cpu.setSp(cpu.spBank(1));
    uc.registers().writeCp(5, 2, 3, 0, 0, cpu.exceptionSyndrome());
    cpu.setPc(VECTORS + 0x400);
  }

  @Test
  void aRefusedFillLeavesAPreciseAndRestartableState() {
    // ldp x1, x3, [x1]; str x0, [x2, #8]!; wfi
    try (Arm64Machine m = new Arm64Machine().code(0xa9400c21, 0xf8008c40, Arm64Machine.WFI)) {
      UcArm64State cpu = UcArm64State.of(m.uc);
      List<String> seen = new ArrayList<>();
      long[] refused = {Arm64Machine.RAM + 0x3000};
      m.uc
          .hooks()
          .tlbFill(
              (va, type) -> {
                seen.add("RWX".charAt(type) + " " + Long.toHexString(va));
                if (va == refused[0]) {
                  return TlbFillHook.REFUSED;
                }
                int rights = type == TlbFillHook.FETCH ? 5 : type == TlbFillHook.WRITE ? 3 : 1;
                return va | rights;
              });
      cpu.setX(1, Arm64Machine.RAM + 0x2ff8);
      cpu.setX(2, Arm64Machine.RAM + 0x4ff8);
      m.ram.set(JAVA_LONG, 0x2ff8, 11);
      m.ram.set(JAVA_LONG, 0x3000, 22);
      assertThat(m.run()).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.pc()).isEqualTo(Arm64Machine.RAM);
      assertThat(cpu.x(1)).isEqualTo(Arm64Machine.RAM + 0x2ff8);
      assertThat(cpu.invalidAddr()).isEqualTo(Arm64Machine.RAM + 0x3000);

      refused[0] = Arm64Machine.RAM + 0x5000;
      assertThat(m.run()).isEqualTo(UcError.EXCEPTION);
      assertThat(cpu.pc()).isEqualTo(Arm64Machine.RAM + 4);
      assertThat(cpu.x(1)).isEqualTo(11);
      assertThat(cpu.x(3)).isEqualTo(22);
      assertThat(cpu.x(2)).as("no write-back").isEqualTo(Arm64Machine.RAM + 0x4ff8);

      refused[0] = -1;
      assertThat(m.uc.emuStart(cpu.pc(), 0, 0, 0)).isZero();
      assertThat(cpu.x(2)).isEqualTo(Arm64Machine.RAM + 0x5000);
      assertThat(seen).contains("X 40000000", "W 40005000");
    }
  }

  @Test
  void everyEngineOfTheProcessHasItsOwnState() {
    try (Arm64Machine a = new Arm64Machine();
        Arm64Machine b = new Arm64Machine()) {
      UcArm64State.of(a.uc).setX(0, 1);
      UcArm64State.of(b.uc).setX(0, 2);
      assertThat(a.uc.registers().readX(0)).isEqualTo(1);
      assertThat(b.uc.registers().readX(0)).isEqualTo(2);
    }
  }
}
