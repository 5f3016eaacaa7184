package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.MmioDevice;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.arm64.GicState.Bits;
import java.util.function.IntSupplier;

/**
 * The register file of a GICv2 distributor without the Security Extensions (Arm IHI 0048B,
 * "Distributor register descriptions"): one security state that sees both groups.
 *
 * <p>All registers may be accessed by byte, half word or word; a byte of a set-enable or similar
 * register acts on its eight interrupts.
 */
final class GicDistributor implements MmioDevice {
  private static final int IIDR = 0x0200_143b; // GIC-400 r0p1
  private static final int[] IDS = {
    0x04, 0x00, 0x00, 0x00, 0x90, 0xb4, 0x2b, 0x00, 0x0d, 0xf0, 0x05, 0xb1
  };

  private final GicState state;
  private final int priorityMask;
  private final IntSupplier currentCpu;
  private final Runnable changed;
  private int control;

  GicDistributor(GicState state, int priorityBits, IntSupplier currentCpu, Runnable changed) {
    this.state = state;
    this.priorityMask = 0xff << (8 - priorityBits) & 0xff;
    this.currentCpu = currentCpu;
    this.changed = changed;
  }

  boolean forwardsGroup(int group) {
    return (control >>> group & 1) != 0;
  }

  @Override
  public long read(long offsetBytes, int bytes) {
    int cpu = currentCpu.getAsInt();
    int offset = (int) offsetBytes;
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      int at = offset + i;
      value |= (readWord(cpu, at & ~3) >>> (8 * (at & 3)) & 0xffL) << (8 * i);
    }
    return value;
  }

  @Override
  public void write(long offsetBytes, int bytes, long value) {
    int cpu = currentCpu.getAsInt();
    int offset = (int) offsetBytes;
    int done = 0;
    while (done < bytes) {
      int at = offset + done;
      int lane = at & 3;
      int count = Math.min(4 - lane, bytes - done);
      int mask = (int) ((1L << (8 * count)) - 1) << (8 * lane);
      int word = (int) (value >>> (8 * done)) << (8 * lane);
      writeWord(cpu, at & ~3, word & mask, mask);
      done += count;
    }
    changed.run();
  }

  /** A register as one CPU sees it. */
  int readWord(int cpu, int offset) {
    int index = offset & 0x7f;
    return switch (offset >>> 7) {
      case 0x00 -> readHeader(offset);
      case 0x01 -> bitWord(Bits.GROUP1, cpu, index);
      case 0x02, 0x03 -> bitWord(Bits.ENABLED, cpu, index);
      case 0x04, 0x05 -> index / 4 < state.words() ? state.pending(cpu, index / 4) : 0;
      case 0x06, 0x07 -> bitWord(Bits.ACTIVE, cpu, index);
      case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f -> readBytes(cpu, offset - 0x400, false);
      case 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17 -> readBytes(cpu, offset - 0x800, true);
      case 0x18, 0x19 -> readConfiguration(cpu, (offset - 0xc00) * 4);
      case 0x1e -> readSgiPending(cpu, offset);
      case 0x1f -> offset >= 0xfd0 && offset < 0x1000 ? IDS[offset - 0xfd0 >>> 2] : 0;
      default -> 0;
    };
  }

  private int readHeader(int offset) {
    return switch (offset) {
      case 0x00 -> control;
      case 0x04 -> state.words() - 1 | state.cpus - 1 << 5;
      case 0x08 -> IIDR;
      default -> 0;
    };
  }

  private int bitWord(Bits kind, int cpu, int index) {
    return index / 4 < state.words() ? state.word(kind, cpu, index / 4) : 0;
  }

  private int readBytes(int cpu, int firstIntid, boolean targets) {
    int value = 0;
    for (int i = 0; i < 4 && firstIntid + i < state.interrupts; i++) {
      int intid = firstIntid + i;
      value |= (targets ? state.targets(cpu, intid) : state.priority(cpu, intid)) << (8 * i);
    }
    return value;
  }

  /** Two bits an interrupt, of which the upper is "edge-triggered" and the lower is RAZ. */
  private int readConfiguration(int cpu, int firstIntid) {
    if (firstIntid >= state.interrupts) {
      return 0;
    }
    int edges = state.word(Bits.EDGE, cpu, firstIntid >>> 5) >>> (firstIntid & 16) & 0xffff;
    int value = 0;
    for (int i = 0; i < 16; i++) {
      value |= (edges >>> i & 1) << (2 * i + 1);
    }
    return value;
  }

  /** GICD_CPENDSGIR at 0xf10 and GICD_SPENDSGIR at 0xf20: a byte of source CPUs per SGI. */
  private int readSgiPending(int cpu, int offset) {
    if (offset < 0xf10 || offset >= 0xf30) {
      return 0;
    }
    int value = 0;
    for (int i = 0; i < 4; i++) {
      value |= state.sgiSources(cpu, (offset & 0xf) + i) << (8 * i);
    }
    return value;
  }

  /** {@code mask} has the bits that are written; the others of {@code value} are 0. */
  void writeWord(int cpu, int offset, int value, int mask) {
    int word = (offset & 0x7f) / 4;
    switch (offset >>> 7) {
      case 0x00 -> {
        if (offset == 0) {
          control = control & ~mask | value & 3;
        }
      }
      case 0x01 -> replace(Bits.GROUP1, cpu, word, value, mask);
      case 0x02 -> replace(Bits.ENABLED, cpu, word, value, value);
      case 0x03 -> replace(Bits.ENABLED, cpu, word, word == 0 ? value & 0xffff : 0, value);
      case 0x04 -> setPending(cpu, word, value, true);
      case 0x05 -> setPending(cpu, word, value, false);
      case 0x06 -> replace(Bits.ACTIVE, cpu, word, value, value);
      case 0x07 -> replace(Bits.ACTIVE, cpu, word, 0, value);
      case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f ->
          writeBytes(cpu, offset - 0x400, value, mask, false);
      case 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17 ->
          writeBytes(cpu, offset - 0x800, value, mask, true);
      case 0x18, 0x19 -> writeConfiguration(cpu, (offset - 0xc00) * 4, value, mask);
      case 0x1e -> writeSgi(cpu, offset, value, mask);
      default -> {
        // Read-only, reserved, or the non-secure access controls.
      }
    }
  }

  private void replace(Bits kind, int cpu, int word, int value, int mask) {
    if (word < state.words()) {
      state.setWord(kind, cpu, word, state.word(kind, cpu, word) & ~mask | value & mask);
    }
  }

  /** GICD_ISPENDR and ICPENDR act on the latch; those of the SGIs are read-only. */
  private void setPending(int cpu, int word, int value, boolean pending) {
    int bits = word == 0 ? value & ~0xffff : value;
    replace(Bits.LATCH, cpu, word, pending ? bits : 0, bits);
  }

  private void writeBytes(int cpu, int firstIntid, int value, int mask, boolean targets) {
    for (int i = 0; i < 4 && firstIntid + i < state.interrupts; i++) {
      if ((mask >>> (8 * i) & 0xff) == 0) {
        continue;
      }
      int part = value >>> (8 * i) & 0xff;
      if (targets) {
        state.setTargets(firstIntid + i, part);
      } else {
        state.setPriority(cpu, firstIntid + i, part & priorityMask);
      }
    }
  }

  private void writeConfiguration(int cpu, int firstIntid, int value, int mask) {
    for (int i = firstIntid < GicState.SGIS ? 16 : 0; i < 16; i++) {
      int intid = firstIntid + i;
      int bit = 2 * i + 1;
      if (intid < state.interrupts && (mask >>> bit & 1) != 0) {
        state.put(Bits.EDGE, cpu, intid, (value >>> bit & 1) != 0);
      }
    }
  }

  private void writeSgi(int cpu, int offset, int value, int mask) {
    if (offset == 0xf00) {
      if (mask == -1) {
        generateSgi(cpu, value);
      }
      return;
    }
    if (offset < 0xf10 || offset >= 0xf30) {
      return;
    }
    boolean set = offset >= 0xf20;
    for (int i = 0; i < 4; i++) {
      int sgi = (offset & 0xf) + i;
      int sources = value >>> (8 * i) & 0xff;
      int old = state.sgiSources(cpu, sgi);
      state.setSgiSources(cpu, sgi, set ? old | sources : old & ~sources);
    }
  }

  /** GICD_SGIR: filter in bits 25..24, target list in 23..16, SGI number in 3..0. */
  private void generateSgi(int cpu, int value) {
    int all = (1 << state.cpus) - 1;
    int targets =
        switch (value >>> 24 & 3) {
          case 0 -> value >>> 16 & 0xff;
          case 1 -> all & ~(1 << cpu);
          case 2 -> 1 << cpu;
          default -> 0;
        };
    int sgi = value & 15;
    for (int target = 0; target < state.cpus; target++) {
      if ((targets >>> target & 1) != 0) {
        state.setSgiSources(target, sgi, state.sgiSources(target, sgi) | 1 << cpu);
      }
    }
  }

  void save(StateWriter writer) {
    writer.putByte(control);
  }

  void load(StateReader reader) {
    control = reader.getInt8(0, 3, "GICD_CTLR");
  }
}
