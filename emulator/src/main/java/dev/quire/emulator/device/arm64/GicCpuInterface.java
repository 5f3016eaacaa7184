package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.WordMmioDevice;
import dev.quire.emulator.device.arm64.GicState.Bits;

/**
 * One CPU interface of a GICv2 without the Security Extensions (Arm IHI 0048B, "CPU interface
 * register descriptions"): both groups are visible, group 1 also through the aliased registers.
 *
 * <p>Priorities: lower values come first. A pending interrupt is signalled when its group is
 * enabled on both sides, its priority is below the mask, and its group priority below the running
 * priority. Ties go to the lowest interrupt id. A priority drop ends the most urgent active
 * priority of the interrupt's group.
 */
final class GicCpuInterface implements WordMmioDevice {
  static final int SPURIOUS = 1023;

  private static final int OTHER_GROUP = 1022;
  private static final int IDLE_PRIORITY = 0x100;
  private static final int IIDR = 0x0202_143b; // GIC-400 r0p1
  private static final int ACK_CTL = 1 << 2;
  private static final int FIQ_EN = 1 << 3;
  private static final int CBPR = 1 << 4;
  private static final int EOI_MODE = 1 << 9;
  private static final int CONTROL_BITS = 0x7ff;

  private final GicState state;
  private final GicDistributor distributor;
  private final int cpu;
  private final Runnable changed;
  private final int priorityMask;
  private final int minBinaryPoint;

  private int control;
  private int mask;
  private int binaryPoint;
  private int aliasedBinaryPoint;

  /** [group]: a bit for each active group priority; bit n is priority n << (minBinaryPoint + 1). */
  private final long[][] active = new long[2][2];

  GicCpuInterface(
      GicState state, GicDistributor distributor, int cpu, int priorityBits, Runnable changed) {
    this.state = state;
    this.distributor = distributor;
    this.cpu = cpu;
    this.changed = changed;
    priorityMask = 0xff << (8 - priorityBits) & 0xff;
    minBinaryPoint = Math.max(0, 7 - priorityBits);
    binaryPoint = minBinaryPoint;
    aliasedBinaryPoint = minBinaryPoint + 1;
  }

  // ---- Selection ------------------------------------------------------------------------------

  /** The pending interrupt of highest priority in an enabled group, or {@link #SPURIOUS}. */
  int highestPending() {
    int best = SPURIOUS;
    int bestPriority = IDLE_PRIORITY;
    for (int word = 0; word < state.words(); word++) {
      int candidates = state.forwardable(cpu, word);
      if (candidates == 0) {
        continue;
      }
      candidates &= enabledGroups(word);
      while (candidates != 0) {
        int intid = word * 32 + Integer.numberOfTrailingZeros(candidates);
        candidates &= candidates - 1;
        int priority = state.priority(cpu, intid);
        if (priority < bestPriority) {
          best = intid;
          bestPriority = priority;
        }
      }
    }
    return best;
  }

  private int enabledGroups(int word) {
    int group1 = state.word(Bits.GROUP1, cpu, word);
    return (groupEnabled(0) ? ~group1 : 0) | (groupEnabled(1) ? group1 : 0);
  }

  private boolean groupEnabled(int group) {
    return distributor.forwardsGroup(group) && (control >>> group & 1) != 0;
  }

  /** The interrupt that asserts a wire now, or {@link #SPURIOUS}. */
  int signalled() {
    int intid = highestPending();
    if (intid == SPURIOUS) {
      return SPURIOUS;
    }
    int priority = state.priority(cpu, intid);
    boolean urgent = (priority & groupMask(group(intid))) < runningPriority();
    return priority < mask && urgent ? intid : SPURIOUS;
  }

  /** Whether a signalled interrupt goes to nFIQ: group 0 with FIQEn. */
  boolean isFiq(int intid) {
    return (control & FIQ_EN) != 0 && group(intid) == 0;
  }

  private int group(int intid) {
    return state.has(Bits.GROUP1, cpu, intid) ? 1 : 0;
  }

  /** Group priority field: bits 7..BPR+1 of group 0, bits 7..ABPR of group 1 unless CBPR. */
  private int groupMask(int group) {
    boolean own = group == 1 && (control & CBPR) == 0;
    return 0xff << (own ? aliasedBinaryPoint : binaryPoint + 1) & 0xff;
  }

  private int runningPriority() {
    return Math.min(highestActive(0), highestActive(1));
  }

  private int highestActive(int group) {
    long[] words = active[group];
    if (words[0] == 0 && words[1] == 0) {
      return IDLE_PRIORITY;
    }
    int level =
        words[0] != 0
            ? Long.numberOfTrailingZeros(words[0])
            : 64 + Long.numberOfTrailingZeros(words[1]);
    return level << (minBinaryPoint + 1);
  }

  // ---- Acknowledge and completion -------------------------------------------------------------

  /** GICC_IAR, and GICC_AIAR for group 1. */
  private int acknowledge(boolean aliased) {
    int intid = signalled();
    int visible = visible(intid, aliased);
    if (visible != intid || intid == SPURIOUS) {
      return visible;
    }
    int group = group(intid);
    int level = (state.priority(cpu, intid) & groupMask(group)) >>> (minBinaryPoint + 1);
    active[group][level >>> 6] |= 1L << level;
    state.put(Bits.ACTIVE, cpu, intid, true);
    int result = intid;
    if (intid < GicState.SGIS) {
      int source = Integer.numberOfTrailingZeros(state.sgiSources(cpu, intid));
      state.setSgiSources(cpu, intid, state.sgiSources(cpu, intid) & ~(1 << source));
      result |= source << 10;
    } else {
      state.put(Bits.LATCH, cpu, intid, false);
    }
    changed.run();
    return result;
  }

  /** Which id a read may show: 1022 for group 1 without AckCtl, 1023 for group 0 by alias. */
  private int visible(int intid, boolean aliased) {
    if (intid == SPURIOUS) {
      return SPURIOUS;
    }
    if (aliased) {
      return group(intid) == 1 ? intid : SPURIOUS;
    }
    return group(intid) == 0 || (control & ACK_CTL) != 0 ? intid : OTHER_GROUP;
  }

  private int highestPendingRegister(boolean aliased) {
    int intid = visible(highestPending(), aliased);
    if (intid < GicState.SGIS) {
      return intid | Integer.numberOfTrailingZeros(state.sgiSources(cpu, intid)) << 10;
    }
    return intid;
  }

  /** GICC_EOIR and AEOIR: priority drop, and without EOImode also deactivation. */
  private void endOfInterrupt(int value) {
    int intid = value & 0x3ff;
    if (intid >= state.interrupts) {
      return; // the special ids are ignored
    }
    long[] words = active[group(intid)];
    if (words[0] != 0) {
      words[0] &= words[0] - 1;
    } else {
      words[1] &= words[1] - 1;
    }
    if ((control & EOI_MODE) == 0) {
      state.put(Bits.ACTIVE, cpu, intid, false);
    }
  }

  private void deactivate(int value) {
    int intid = value & 0x3ff;
    if (intid < state.interrupts && (control & EOI_MODE) != 0) {
      state.put(Bits.ACTIVE, cpu, intid, false);
    }
  }

  // ---- Registers ------------------------------------------------------------------------------

  @Override
  public int readWord(long offsetBytes) {
    int offset = (int) offsetBytes;
    return switch (offset) {
      case 0x00 -> control;
      case 0x04 -> mask;
      case 0x08 -> binaryPoint;
      case 0x0c -> acknowledge(false);
      case 0x14 -> Math.min(runningPriority(), 0xff);
      case 0x18 -> highestPendingRegister(false);
      case 0x1c -> aliasedBinaryPoint;
      case 0x20 -> acknowledge(true);
      case 0x28 -> highestPendingRegister(true);
      case 0xd0, 0xd4, 0xd8, 0xdc -> activeWord(0, offset - 0xd0 >>> 2);
      case 0xe0, 0xe4, 0xe8, 0xec -> activeWord(1, offset - 0xe0 >>> 2);
      case 0xfc -> IIDR;
      default -> 0;
    };
  }

  @Override
  public void writeWord(long offsetBytes, int value) {
    int offset = (int) offsetBytes;
    switch (offset) {
      case 0x00 -> control = value & CONTROL_BITS;
      case 0x04 -> mask = value & priorityMask;
      case 0x08 -> binaryPoint = Math.max(value & 7, minBinaryPoint);
      case 0x10, 0x24 -> endOfInterrupt(value);
      case 0x1c -> aliasedBinaryPoint = Math.max(value & 7, minBinaryPoint + 1);
      case 0xd0, 0xd4, 0xd8, 0xdc -> setActiveWord(0, offset - 0xd0 >>> 2, value);
      case 0xe0, 0xe4, 0xe8, 0xec -> setActiveWord(1, offset - 0xe0 >>> 2, value);
      case 0x1000 -> deactivate(value);
      default -> {
        // Read-only or reserved.
      }
    }
    changed.run();
  }

  private int activeWord(int group, int index) {
    return (int) (active[group][index >>> 1] >>> (32 * (index & 1)));
  }

  private void setActiveWord(int group, int index, int value) {
    int shift = 32 * (index & 1);
    long kept = active[group][index >>> 1] & ~(0xffff_ffffL << shift);
    active[group][index >>> 1] = kept | (value & 0xffff_ffffL) << shift;
    dropImpossibleLevels();
  }

  /** With few priority bits there are fewer levels than bits: the rest is RAZ/WI. */
  private void dropImpossibleLevels() {
    int levels = 128 >>> minBinaryPoint;
    for (long[] words : active) {
      words[0] &= levels >= 64 ? -1L : (1L << levels) - 1;
      words[1] &= levels >= 128 ? -1L : 0;
    }
  }

  void save(StateWriter writer) {
    writer.putInt(control).putByte(mask).putByte(binaryPoint).putByte(aliasedBinaryPoint);
    writer.putLongs(active[0]).putLongs(active[1]);
  }

  void load(StateReader reader) {
    control = reader.getInt(0, CONTROL_BITS, "GICC_CTLR");
    mask = reader.getByte() & priorityMask;
    binaryPoint = reader.getInt8(minBinaryPoint, 7, "GICC_BPR");
    aliasedBinaryPoint = reader.getInt8(minBinaryPoint + 1, 7, "GICC_ABPR");
    reader.getLongs(active[0]);
    reader.getLongs(active[1]);
    dropImpossibleLevels();
  }
}
