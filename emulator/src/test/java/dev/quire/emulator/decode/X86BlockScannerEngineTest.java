package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.TranslatedBlock;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcConst;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random code translated by the engine: it says how many instructions it put into a block of how
 * many bytes, and the scanner must count the same in these bytes.
 */
class X86BlockScannerEngineTest {
  private static final int RUNS = 8_000 * Integer.getInteger("quire.test.scale", 1);
  private static final long BASE = 0x1_0000;
  private static final int BYTES = 0x4000;
  private static final int[] PREFIXES = {
    0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x65, 0x48, 0x4c
  };

  private final X86BlockScanner scanner = new X86BlockScanner();

  private static byte[] code(Random random) {
    byte[] code = new byte[64];
    random.nextBytes(code);
    for (int at = 0; at < code.length - 1; at += 3 + random.nextInt(4)) {
      switch (random.nextInt(6)) {
        case 0 -> code[at] = 0x0f;
        case 1 -> code[at] = (byte) PREFIXES[random.nextInt(PREFIXES.length)];
        // Short and harmless instructions make blocks of more than one or two.
        case 2, 3 -> code[at] = (byte) (0x8b & ~random.nextInt(4) | random.nextInt(4));
        default -> {}
      }
    }
    return code;
  }

  private static int engineMode(CodeMode mode) {
    return switch (mode) {
      case BITS_16 -> UcConst.MODE_16;
      case BITS_32 -> UcConst.MODE_32;
      case BITS_64 -> UcConst.MODE_64;
    };
  }

  @ParameterizedTest
  @EnumSource(CodeMode.class)
  void theEngineCountsTheSame(CodeMode mode) {
    Random random = new Random(mode.ordinal() + 30);
    int instructions = 0;
    try (Arena arena = Arena.ofConfined();
        Uc uc = Uc.open(UcConst.ARCH_X86, engineMode(mode))) {
      uc.cpuModel(UcConst.CPU_X86_SKYLAKE_SERVER);
      MemorySegment memory = arena.allocate(BYTES, 4096);
      uc.memMapPtr(BASE, BYTES, 7, memory);
      long va = BASE + 0x100;
      for (int run = 0; run < RUNS; run++) {
        byte[] code = code(random);
        if (X86FatalEncodings.find(code, 0, code.length) >= 0) {
          // The engine would end the process.
          continue;
        }
        MemorySegment.copy(code, 0, memory, ValueLayout.JAVA_BYTE, 0x100, code.length);
        uc.removeCache(BASE, BASE + BYTES);
        TranslatedBlock block = uc.requestCache(va);
        int size = Math.min(block.size(), code.length);
        if (block.size() > code.length) {
          continue;
        }
        int count = scanner.scan(Arrays.copyOf(code, size), size, mode);
        assertThat(count)
            .as("%s, %d bytes", HexFormat.of().formatHex(code), size)
            .isEqualTo(block.icount());
        instructions += count;
      }
    }
    assertThat(instructions).isGreaterThan(3 * RUNS / 2);
  }
}
