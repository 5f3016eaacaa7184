package dev.quire.emulator.decode;

import java.util.Random;

/** Registers with random values, also by their assembler names. */
final class FixedRegisters implements X86RegisterView {
  private static final String[] NAMES = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};

  final long[] gpr = new long[16];
  final long[] bases = new long[6];

  FixedRegisters(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < gpr.length; i++) {
      gpr[i] = random.nextLong();
    }
    for (int i = 0; i < bases.length; i++) {
      bases[i] = random.nextInt() & 0xffff_fff0L;
    }
  }

  @Override
  public long gpr(int index) {
    return gpr[index];
  }

  @Override
  public long segmentBase(int segment) {
    return bases[segment];
  }

  /** The value of an address register; {@code riz}, {@code eiz} and no name are zero. */
  long named(String name) {
    if (name.isEmpty() || name.endsWith("iz")) {
      return 0;
    }
    if (Character.isDigit(name.charAt(1))) {
      boolean dword = name.endsWith("d");
      int number = Integer.parseInt(name.substring(1, name.length() - (dword ? 1 : 0)));
      return dword ? gpr[number] & 0xffff_ffffL : gpr[number];
    }
    String stem = name.length() == 3 ? name.substring(1) : name;
    for (int i = 0; i < NAMES.length; i++) {
      if (NAMES[i].equals(stem)) {
        return switch (name.charAt(0)) {
          case 'r' -> gpr[i];
          case 'e' -> gpr[i] & 0xffff_ffffL;
          default -> gpr[i] & 0xffff;
        };
      }
    }
    throw new IllegalArgumentException("register " + name);
  }
}
