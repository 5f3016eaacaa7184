package dev.quire.emulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/**
 * A guest that reads every arm64 system register there could be, at EL1, and folds what it got into
 * one number: nothing of the host's time or randomness is in it, and nothing of how it was run.
 */
class SystemRegisterDeterminismTest {
  private static final int MRS = 0xd530_0000;
  private static final int REGISTERS = 1 << 15;
  private static final int FIRST = 0x1000;
  private static final int IMAGE_BYTES = FIRST + REGISTERS * 12 + 0x100;

  /**
   *
   *
   * <pre>
   *   adr x0,+0x7c0 ; msr vbar_el1,x0 ; mov x0,#3<<20 ; msr cpacr_el1,x0 ; isb ; mov x1,#0 ; b main
   * </pre>
   */
  private static final int[] START = {
    0x10003e00, 0xd518c000, 0xd2a00600, 0xd5181040, 0xd5033fdf, 0xd2800001, 0x140003ea
  };

  /** {@code mrs x9,elr_el1 ; add x9,x9,#4 ; msr elr_el1,x9 ; eret}. */
  private static final int[] UNDEFINED = {0xd5384029, 0x91001129, 0xd5184029, 0xd69f03e0};

  private static final int MOV_X0_1 = 0xd2800020;

  /** {@code eor x1,x0,x1,ror #7}. */
  private static final int FOLD = 0xcac11c01;

  /** {@code eor x0,x1,x1,lsr #32 ; movz x2,#0x090f,lsl #16 ; str w0,[x2]}. */
  private static final int[] END = {0xca418020, 0xd2a121e2, 0xb9000040};

  private static BootPlan plan() {
    ByteBuffer image = ByteBuffer.allocate(IMAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0, 0x14000010).putLong(16, IMAGE_BYTES).putLong(24, 2).putInt(56, 0x644d5241);
    put(image.position(0x40), START);
    put(image.position(0xa00), UNDEFINED);
    image.position(FIRST);
    for (int register = 0; register < REGISTERS; register++) {
      image.putInt(MOV_X0_1).putInt(MRS | register << 5).putInt(FOLD);
    }
    put(image, END);
    return BootLoader.plan(BootRequest.of(new GuestFile("Image", image.array()), 16 << 20));
  }

  private static void put(ByteBuffer image, int[] words) {
    for (int word : words) {
      image.putInt(word);
    }
  }

  private static RunResult run(Pacing pacing) {
    MachineConfig config = new MachineConfig(HostPagePolicy.BASE, 1, 10_000_000, ignored -> {});
    try (VirtualMachine machine = VirtualMachine.create(config, plan(), pacing)) {
      return machine.run();
    }
  }

  @Test
  void readingEveryRegisterGivesTheSameHoweverLongItTakes() {
    RunResult quick = run(Pacing.ALONE);
    RunResult slow = run(Pacing.even(997));
    assertThat(quick.status()).as(quick.reason()).isEqualTo(RunStatus.FAIL);
    assertThat(quick.reason()).contains("debug-exit");
    assertThat(slow.reason()).isEqualTo(quick.reason());
    assertThat(slow.instructions()).isEqualTo(quick.instructions());
    assertThat(quick.vcpus().getFirst().exceptions().get("undefined")).isGreaterThan(20_000);
  }
}
