package dev.quire.emulator.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Code that would end the engine's process raises #UD like anything undefined. */
class CodeVettingTest {
  private static final int BASE = 0x10_0000;

  /**
   * Ring 0 code at 0x100000, its #UD handler at 0x101000, a function at 0x102000, bytes across a
   * page end at 0x103ffe, an IDT at 0x105000.
   *
   * <pre>
   *   lidt [idtr] ; xor ebx,ebx ; mov ecx,9
   *   lock btc eax,ecx                            #UD 1
   *   mov esi,0x102000 ; call rsi                 nop nop nop nop ret
   *   mov dword ptr [rsi],0xc8bb0ff0 ; call rsi   #UD 2: the same page, now "lock btc eax,ecx"
   *   mov esi,0x103ffe ; call rsi                 #UD 3: f0 0f | bb c8, then ret
   *   lock bts [0x106000],ecx                     legal
   *   xor eax,eax ; cmp ebx,3 ; setne al ; mov dx,0xf4 ; out dx,eax
   * idtr: .word 0x7f ; .quad 0x105000
   * </pre>
   */
  private static final String MAIN =
      "0f011c254000100031dbb909000000f00fbbc8be00201000ffd6c706f00fbbc8ffd6befe3f1000ffd6"
          + "f00fab0c250060100031c083fb030f95c066baf400eff47f000050100000000000";

  /** {@code add qword ptr [rsp],4 ; inc ebx ; iretq}. */
  private static final String HANDLER = "4883042404ffc348cf";

  private static final String FUNCTION = "90909090c3";
  private static final String ACROSS = "f00fbbc8c3";
  private static final long UD_GATE = 0x0010_8e00_0010_1000L;

  /** What retires: 3, then 3 a handler run, 2 to call, the functions, and 7 to the end. */
  private static final int INSTRUCTIONS = 3 + 3 + 2 + 5 + 2 + 3 + 1 + 2 + 3 + 1 + 6;

  private static byte[] guest() {
    ByteBuffer image = ByteBuffer.allocate(0x6100).order(ByteOrder.LITTLE_ENDIAN);
    put(image, 0, MAIN);
    put(image, 0x1000, HANDLER);
    put(image, 0x2000, FUNCTION);
    put(image, 0x3ffe, ACROSS);
    image.putLong(0x5000 + 6 * 16, UD_GATE);

    int header = 64 + 56;
    ByteBuffer elf = ByteBuffer.allocate(header + image.capacity()).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0x464c_457f).put((byte) 2).put((byte) 1).put((byte) 1).position(16);
    elf.putShort((short) 2).putShort((short) 62).putInt(1).putLong(BASE).putLong(64).putLong(0);
    elf.putInt(0).putShort((short) 64).putShort((short) 56).putShort((short) 1).position(64);
    elf.putInt(1).putInt(7).putLong(header).putLong(BASE).putLong(BASE);
    elf.putLong(image.capacity()).putLong(image.capacity()).putLong(0x1000);
    elf.put(image.array());
    return elf.array();
  }

  private static void put(ByteBuffer image, int at, String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    image.put(at, bytes);
  }

  private static RunResult run(long maxInstructions) {
    BootRequest request = BootRequest.of(new GuestFile("vetting", guest()), 16 << 20);
    MachineConfig config =
        new MachineConfig(HostPagePolicy.BASE, 1, maxInstructions, ignored -> {});
    try (VirtualMachine machine = VirtualMachine.create(config, BootLoader.plan(request))) {
      return machine.run();
    }
  }

  @Test
  void lockedBitTestsOfRegistersAreUndefinedWhereverTheyStandAndHoweverTheyGotThere() {
    RunResult result = run(10_000);
    assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
    assertThat(result.instructions()).isEqualTo(INSTRUCTIONS);
  }

  @Test
  void everyBoundOnTheInstructionsIsExactThroughStepsAndFirstFetchesOfPages() {
    for (int bound = 0; bound < INSTRUCTIONS; bound++) {
      RunResult result = run(bound);
      assertThat(result.status()).isEqualTo(RunStatus.LIMIT);
      assertThat(result.instructions()).isEqualTo(bound);
    }
  }
}
