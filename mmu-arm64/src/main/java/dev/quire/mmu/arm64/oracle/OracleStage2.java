package dev.quire.mmu.arm64.oracle;

import static dev.quire.mmu.arm64.oracle.OracleFormat.bits;
import static dev.quire.mmu.arm64.oracle.OracleFormat.oaOutOfRange;

import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.arm64.oracle.OracleVmsa.Answer;
import dev.quire.mmu.arm64.oracle.OracleVmsa.Fault;
import dev.quire.mmu.arm64.oracle.OracleVmsa.Stage2Registers;
import dev.quire.mmu.arm64.oracle.OracleVmsa.Type;

/** AArch64.S2Translate of {@link OracleVmsa}. One thread. */
final class OracleStage2 {
  private final PhysicalMemory memory;
  private final Stage2Registers registers;
  private final OracleFormat format;

  OracleStage2(PhysicalMemory memory, Stage2Registers registers, OracleFormat format) {
    this.memory = memory;
    this.registers = registers;
    this.format = format;
  }

  /** AArch64.S2StartLevel; null where S2InvalidSL says so. */
  private Integer s2StartLevel(int granulebits, boolean ds) {
    int sl0 = (int) bits(registers.vtcr(), 7, 6);
    boolean sl2 = ds && bits(registers.vtcr(), 33) == 1;
    if (granulebits == 12) {
      if (sl2) {
        return sl0 == 0 ? -1 : null;
      }
      return switch (sl0) {
        case 0 -> 2;
        case 1 -> 1;
        case 2 -> format.paMax() < 44 ? null : 0;
        default -> null;
      };
    }
    if (granulebits == 14) {
      return switch (sl0) {
        case 0 -> 3;
        case 1 -> 2;
        case 2 -> format.paMax() < 42 ? null : 1;
        default -> ds ? 0 : null;
      };
    }
    return switch (sl0) {
      case 0 -> 3;
      case 1 -> 2;
      case 2 -> format.paMax() < 44 ? null : 1;
      default -> null;
    };
  }

  Long translate(Answer answer, long ipa, Type type, boolean s1walk, boolean last) {
    int granulebits =
        switch ((int) bits(registers.vtcr(), 15, 14)) {
          case 0b00 -> 12;
          case 0b10 -> 14;
          default -> 16; // 0b01; 0b11 is reserved, 64K is our choice
        };
    boolean ds = format.ds(bits(registers.vtcr(), 32) == 1, granulebits);
    boolean wide = ds || format.lpa(granulebits);
    int t0sz = Math.max(wide ? 12 : 16, Math.min(39, (int) bits(registers.vtcr(), 5, 0)));
    int iasize = 64 - t0sz;
    int ps = (int) bits(registers.vtcr(), 18, 16);
    int oasize = format.physicalAddressSize(ps, wide);
    Integer start = s2StartLevel(granulebits, ds);
    // An input size beyond PAMax, or 48 bits of it: we fault.
    if (start == null || iasize > Math.min(format.paMax(), wide ? 52 : 48)) {
      return fail(answer, Fault.TRANSLATION, 0, ipa, s1walk, true);
    }
    int stride = granulebits - 3;
    // AArch64.S2InconsistentSL
    int levels = 3 - start;
    int slMinIasize = levels * stride + granulebits + 1;
    int slMaxIasize = slMinIasize + (stride - 1) + 4;
    if (iasize < slMinIasize || iasize > slMaxIasize) {
      return fail(answer, Fault.TRANSLATION, 0, ipa, s1walk, true);
    }
    if (bits(ipa, 55, iasize) != 0) { // AArch64.IPAIsOutOfRange
      return fail(answer, Fault.TRANSLATION, 0, ipa, s1walk, false);
    }
    int tsize = iasize - (levels * stride + granulebits) + 3;
    long base = format.tableBase(registers.vttbr(), granulebits, ds, ps, tsize);
    if (oaOutOfRange(base, oasize)) {
      return fail(answer, Fault.ADDRESS_SIZE, 0, ipa, s1walk, true);
    }
    for (int level = start; ; level++) {
      int lsb = (3 - level) * stride + granulebits;
      int msb = level == start ? iasize - 1 : lsb + stride - 1;
      long entry = base + 8 * bits(ipa, msb, lsb);
      answer.stage2References++;
      if (!memory.contains(entry, 8)) {
        return fail(answer, Fault.SYNC_EXTERNAL_ON_WALK, level, ipa, s1walk, false);
      }
      long descriptor = memory.readLong(entry);
      boolean valid = bits(descriptor, 0) == 1;
      boolean bit1 = bits(descriptor, 1) == 1;
      boolean table = valid && bit1 && level < 3;
      boolean page = valid && bit1 && level == 3;
      boolean block = valid && !bit1 && format.blockDescSupported(granulebits, ds, level);
      if (!table && !page && !block) {
        return fail(answer, Fault.TRANSLATION, level, ipa, s1walk, false);
      }
      long address =
          format.descriptorAddress(descriptor, granulebits, ds, table ? granulebits : lsb);
      if (oaOutOfRange(address, oasize)) {
        return fail(answer, Fault.ADDRESS_SIZE, level, ipa, s1walk, true);
      }
      if (table) {
        base = address;
        continue;
      }
      return s2Leaf(
          answer,
          entry,
          descriptor,
          address | bits(ipa, lsb - 1, 0),
          level,
          lsb,
          ipa,
          type,
          s1walk,
          last);
    }
  }

  private Long s2Leaf(
      Answer answer,
      long entry,
      long descriptor,
      long pa,
      int level,
      int lsb,
      long ipa,
      Type type,
      boolean s1walk,
      boolean last) {
    boolean ha = format.features().hafdbs() && bits(registers.vtcr(), 21) == 1;
    boolean hd = ha && bits(registers.vtcr(), 22) == 1;
    if (bits(descriptor, 10) == 0 && !ha) {
      return fail(answer, Fault.ACCESS_FLAG, level, ipa, s1walk, false);
    }
    boolean managed = hd && bits(descriptor, 51) == 1;
    boolean r = bits(descriptor, 6) == 1;
    boolean w = bits(descriptor, 7) == 1 || managed;
    boolean x = bits(descriptor, 54) == 0;
    boolean permitted =
        switch (type) {
          case READ -> r;
          case WRITE -> w;
          case FETCH -> x;
        };
    if (!permitted) {
      return fail(answer, Fault.PERMISSION, level, ipa, s1walk, false);
    }
    long updated = ha ? descriptor | 0x400 : descriptor;
    if (managed && type == Type.WRITE) {
      updated |= 0x80;
    }
    memory.writeLong(entry, updated);
    answer.flagsSet += Long.bitCount(descriptor ^ updated);
    if (last) {
      answer.r &= r;
      answer.w &= bits(updated, 7) == 1; // granted once the page is dirty
      answer.x &= x;
      answer.stage2Bits = lsb;
    }
    return pa;
  }

  private static Long fail(
      Answer answer, Fault fault, int level, long ipa, boolean s1walk, boolean misconfigured) {
    answer.fault = fault;
    answer.level = level;
    answer.secondStage = true;
    answer.s2fs1walk = s1walk;
    answer.misconfigured = misconfigured;
    answer.faultingIpa = ipa;
    return null;
  }
}
