package dev.quire.emulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.ElfBuilder;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two functions in one page are run, both are changed, and both are run again, over and over. The
 * second store finds the page's fill in place; the core must still notice that it changes code.
 */
class SelfModifyingCodeTest {
  private static final int EXTRA_BITS = 2;
  private static final int ALIAS_BASE = 28;
  private static final int ROUNDS = 38;

  /**
   *
   *
   * <pre>
   *   movabs $EXTRA_BITS, %rcx       mov $0xb003, %eax      or %rcx, %rax
   *   mov %rax, 0xa020               # the PDPT entry of 4 GiB: the first GiB once more
   *   movabs $ALIAS_BASE, %rbx       mov $ROUNDS, %r13d     mov $0x101000, %ebp
   *   lea 0x40(%rbp), %r12           call *%rbp             call *%r12
   *   1: mov %r13b, 1(%rbx,%rbp)     mov %r13b, 0x41(%rbx,%rbp)
   *   call *%rbp                     mov %eax, %esi         call *%r12
   *   cmp %r13d, %esi                jne 2f
   *   cmp %r13d, %eax                jne 2f
   *   dec %r13d                      jnz 1b
   *   2: mov %r13d, %eax             out %eax, $0xf4        3: hlt    jmp 3b
   * </pre>
   */
  private static final byte[] MAIN =
      HexFormat.of()
          .parseHex(
              "48b90000000000000000b803b000004809c84889042520a0000048"
                  + "bb000000000000000041bdc8000000bd001010004c8d6540ffd541"
                  + "ffd444886c2b0144886c2b41ffd589c641ffd44439ee750a4439e8"
                  + "750541ffcd75e04489e8e7f4f4ebfd");

  /** Instructions from the first to the last round, set-up and end included. */
  private static final long INSTRUCTIONS_BEFORE = 10 + 4;

  private static final long INSTRUCTIONS_PER_ROUND = 11 + 4;
  private static final long INSTRUCTIONS_AFTER = 2;

  /** {@code mov $1, %eax; ret}, twice, 64 bytes apart; then room for the main program. */
  private static byte[] functions(byte[] behind) {
    byte[] page = new byte[0x80 + behind.length];
    byte[] function = HexFormat.of().parseHex("b801000000c3");
    System.arraycopy(function, 0, page, 0, function.length);
    System.arraycopy(function, 0, page, 0x40, function.length);
    System.arraycopy(behind, 0, page, 0x80, behind.length);
    return page;
  }

  private static BootPlan plan(long aliasBase, long extraBits, int rounds, boolean samePage) {
    byte[] main = MAIN.clone();
    ByteBuffer.wrap(main)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(EXTRA_BITS, extraBits)
        .putLong(ALIAS_BASE, aliasBase)
        .putInt(ROUNDS, rounds);
    byte[] functions = functions(samePage ? main : new byte[0]);
    ElfBuilder elf =
        ElfBuilder.elf64(62)
            .entry(samePage ? 0x101080 : 0x100000)
            .segment(0x101000, functions.length, functions);
    if (!samePage) {
      elf.segment(0x100000, main.length, main);
    }
    return BootLoader.plan(BootRequest.of(elf.file(), 16 << 20));
  }

  @ParameterizedTest(name = "stores through {0}, {3} rounds, from the page itself: {4}")
  @CsvSource({
    "the page itself,                0,          0,                    1,   false",
    "another address of the frame,   4294967296, 0,                    1,   false",
    "an address that cannot execute, 4294967296, -9223372036854775808, 1,   false",
    "the page itself,                0,          0,                    120, false",
    "another address of the frame,   4294967296, 0,                    120, false",
    "an address that cannot execute, 4294967296, -9223372036854775808, 120, false",
    "the page itself,                0,          0,                    120, true",
    "an address that cannot execute, 4294967296, -9223372036854775808, 120, true",
  })
  void everyStoreToExecutedCodeTakesEffect(
      String ignored, long aliasBase, long extraBits, int rounds, boolean samePage) {
    MachineConfig config = new MachineConfig(HostPagePolicy.BASE, 0, 1_000_000, value -> {});
    BootPlan plan = plan(aliasBase, extraBits, rounds, samePage);
    try (VirtualMachine machine = VirtualMachine.create(config, plan)) {
      RunResult result = machine.run();
      assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
      assertThat(result.instructions())
          .isEqualTo(INSTRUCTIONS_BEFORE + rounds * INSTRUCTIONS_PER_ROUND + INSTRUCTIONS_AFTER);
    }
  }

  /** A frame that held the code before comes to hold it again, changed meanwhile. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void storesTakeEffectWhileTheHostMovesTheCode(long seed) {
    int rounds = 120;
    MachineConfig config =
        new MachineConfig(HostPagePolicy.BASE, 0, 1_000_000, value -> {})
            .withHostEvents(HostEventPlan.parse(seed + ":50000:migrate"));
    try (VirtualMachine machine = VirtualMachine.create(config, plan(0, 0, rounds, false))) {
      RunResult result = machine.run();
      assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
      assertThat(result.instructions())
          .isEqualTo(INSTRUCTIONS_BEFORE + rounds * INSTRUCTIONS_PER_ROUND + INSTRUCTIONS_AFTER);
      assertThat(result.hostEvents().get("migrate")).isGreaterThan(20);
    }
  }
}
