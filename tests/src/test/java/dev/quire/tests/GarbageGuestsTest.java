package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Guests made of garbage: whatever they do ends in a status and a line, never in a Java exception,
 * a crash or a hang. Half of each is plain noise, half is noise rich in instructions that touch the
 * machine's own state.
 */
class GarbageGuestsTest {
  private static final int GUESTS = 1_000;

  /** The full profile stops here: pages of garbage are stepped through, which takes time. */
  private static final int MOST_GUESTS = 5_000;

  private static final long MEMORY_BYTES = 4L << 20;
  private static final long INSTRUCTIONS = 20_000;
  private static final int CODE_BYTES = 16_384;

  /** Privileged and awkward x86 encodings; operands are whatever follows. */
  private static final String[] X86_NASTY = {
    "0f22d8",
    "0f22c0",
    "0f22e0",
    "440f22c0",
    "0f20c0",
    "0f30",
    "0f32",
    "0f01d0",
    "0f01d1",
    "0f0110",
    "0f0118",
    "0f0138",
    "0f01f8",
    "0f00d8",
    "0f00d0",
    "48cf",
    "cf",
    "cb",
    "cd80",
    "cc",
    "f1",
    "ce",
    "e621",
    "e464",
    "66ef",
    "ec",
    "6c",
    "f36d",
    "f36f",
    "fa",
    "fb",
    "f4",
    "9c",
    "9d",
    "0f05",
    "0f07",
    "0f34",
    "0f35",
    "8ed8",
    "8ed0",
    "8ee0",
    "0fa2",
    "0f31",
    "0f01f9",
    "f0480fc70f",
    "f3a4",
    "f348ab",
    "48f7f0",
    "0f01d8",
    "0f01d9",
    "660f388200",
    "0f09",
    "0f08",
    "0fc7f0",
    "0f01c1",
    "ea",
    "ff28",
    "ff18",
    "0fae00",
    "0fae08",
    "0fae20",
    "d9ff",
    "0f23f8",
    "0f21f8",
    "8f00"
  };

  @Test
  void x86() {
    run(true, 42);
  }

  @Test
  void arm64() {
    run(false, 43);
  }

  private static void run(boolean x86, long seed) {
    int scale = Integer.getInteger("quire.test.scale", 1);
    int guests = Math.min(GUESTS * scale, MOST_GUESTS);
    Map<dev.quire.emulator.machine.RunStatus, Integer> endings =
        new EnumMap<>(dev.quire.emulator.machine.RunStatus.class);
    for (int index = 0; index < guests; index++) {
      Random random = new Random(seed * 1_000_003 + index);
      byte[] file = x86 ? x86Elf(random) : arm64Image(random);
      try {
        RunResult result = boot(file, index);
        assertThat(result.reason()).isNotBlank();
        assertThat(result.instructions()).isLessThanOrEqualTo(INSTRUCTIONS);
        endings.merge(result.status(), 1, Integer::sum);
      } catch (RuntimeException | Error e) {
        fail("garbage guest %d of seed %d".formatted(index, seed), e);
      }
    }
    // Arm has no triple fault: garbage there spins on its vectors or runs into the limit.
    assertThat(endings.size()).as("different endings: %s", endings).isGreaterThan(1);
  }

  private static RunResult boot(byte[] file, int index) {
    GuestFile guest = new GuestFile("garbage-" + index, file);
    BootPlan plan =
        BootLoader.plan(new BootRequest(guest, null, "", MEMORY_BYTES, 1 + index % 2, null));
    MachineConfig config = new MachineConfig(HostPagePolicy.BASE, 1, INSTRUCTIONS, value -> {});
    try (VirtualMachine machine = VirtualMachine.create(config, plan, Pacing.STANDARD)) {
      return machine.run();
    }
  }

  private static byte[] x86Elf(Random random) {
    ByteBuffer file = ByteBuffer.allocate(0x1000 + CODE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}).putLong(0);
    file.putShort((short) 2).putShort((short) 62).putInt(1);
    file.putLong(0x10_0000 + random.nextInt(CODE_BYTES / 2)).putLong(64).putLong(0).putInt(0);
    file.putShort((short) 64).putShort((short) 56).putShort((short) 1).putShort((short) 0);
    file.putShort((short) 0).putShort((short) 0);
    file.putInt(1).putInt(7).putLong(0x1000).putLong(0x10_0000).putLong(0x10_0000);
    file.putLong(CODE_BYTES).putLong(CODE_BYTES).putLong(0x1000);
    byte[] code = new byte[CODE_BYTES];
    random.nextBytes(code);
    if (random.nextBoolean()) {
      for (int at = 0; at + 16 < code.length; at += 3 + random.nextInt(14)) {
        String hex = X86_NASTY[random.nextInt(X86_NASTY.length)];
        for (int i = 0; i < hex.length(); i += 2) {
          code[at + i / 2] = (byte) Integer.parseInt(hex.substring(i, i + 2), 16);
        }
      }
    }
    file.position(0x1000);
    file.put(code);
    return file.array();
  }

  private static byte[] arm64Image(Random random) {
    ByteBuffer file = ByteBuffer.allocate(64 + CODE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0x1400_0010).putInt(0).putLong(0x8_0000).putLong(64 + CODE_BYTES).putLong(0);
    file.putLong(0).putLong(0).putLong(0).putInt(0x644d_5241).putInt(0);
    // VBAR_EL1 = an address within the image, so that an exception has garbage to go on with.
    file.putInt(0xd281_0000).putInt(0xf2a8_0100).putInt(0xd518_c000);
    // Three in four get no trap at what is a quarter of all words: CPACR_EL1.FPEN = 3.
    if (random.nextInt(4) > 0) {
      file.putInt(0xd2a0_0600).putInt(0xd518_1040);
    }
    boolean nasty = random.nextBoolean();
    while (file.remaining() >= 4) {
      file.putInt(nasty && random.nextInt(3) > 0 ? nastyArm(random) : random.nextInt());
    }
    return file.array();
  }

  /** System registers and instructions, exceptions, exclusives and atomics, near branches. */
  private static int nastyArm(Random random) {
    int bits = random.nextInt();
    return switch (random.nextInt(8)) {
      case 0 -> 0xd510_0000 | bits & 0x002f_ffff;
      case 1 -> 0xd500_0000 | bits & 0x003f_ffff;
      case 2 -> 0xd400_0000 | bits & 0x00ff_001f;
      case 3 -> 0x0800_0000 | bits & 0xf0ff_ffff;
      case 4 -> 0xf820_0000 | bits & 0x00df_ffff;
      case 5 -> 0x1400_0000 | bits & 0x3ff;
      case 6 -> 0xd69f_03e0;
      default -> 0xf900_0000 | bits & 0x007f_ffff;
    };
  }
}
