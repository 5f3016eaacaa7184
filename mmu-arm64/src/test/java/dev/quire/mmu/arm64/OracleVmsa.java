package dev.quire.mmu.arm64;

import dev.quire.mmu.PhysicalMemory;

/**
 * The obvious reading of the Arm ARM's pseudocode (DDI 0487, shared pseudocode,
 * aarch64/translation), kept slow on purpose: one method per pseudocode function, bit slices by
 * their numbers in the manual, nothing shared with the code under test but the memory it reads.
 *
 * <p>The implementation modelled: 4K, 16K and 64K granules, FEAT_PAN, FEAT_HPDS, FEAT_PAuth (TBID);
 * no LPA, LVA, TTST, HAFDBS, XNX, E0PD, BTI.
 */
final class OracleVmsa {
  enum Fault {
    NONE(-1),
    ADDRESS_SIZE(0b000000),
    TRANSLATION(0b000100),
    ACCESS_FLAG(0b001000),
    PERMISSION(0b001100),
    SYNC_EXTERNAL_ON_WALK(0b010100);

    final int code;

    Fault(int code) {
      this.code = code;
    }
  }

  enum Type {
    READ,
    WRITE,
    FETCH
  }

  record Registers(long sctlr, long tcr, long ttbr0, long ttbr1, int paMax) {}

  /** {@code vtcr == 0}: there is no stage 2. */
  record Stage2Registers(boolean enabled, long vtcr, long vttbr) {
    static final Stage2Registers NONE = new Stage2Registers(false, 0, 0);
  }

  record Request(long va, Type type, boolean el0, boolean pan) {}

  /** The answer; where {@code fault} is NONE the address and the rights, else where it failed. */
  static final class Answer {
    Fault fault = Fault.NONE;
    int level;
    boolean secondStage;
    boolean s2fs1walk;
    boolean misconfigured;
    long faultingIpa;
    long ipa;
    long pa;
    boolean r;
    boolean w;
    boolean x;
    boolean global;
    int attrIndex;
    int sh;
    int stage1Bits;
    int stage2Bits;
    int stage1References;
    int stage2References;

    int statusCode() {
      return fault.code + level;
    }
  }

  private final PhysicalMemory memory;
  private final Registers reg;
  private final Stage2Registers reg2;
  private Answer answer = new Answer();

  OracleVmsa(PhysicalMemory memory, Registers registers, Stage2Registers stage2) {
    this.memory = memory;
    this.reg = registers;
    this.reg2 = stage2;
  }

  boolean disabled() {
    return bits(reg.sctlr(), 0, 0) == 0;
  }

  /** AArch64.FullTranslate. */
  Answer translate(Request request) {
    answer = new Answer();
    if (!s1Translate(request)) {
      return answer;
    }
    if (!reg2.enabled()) {
      answer.pa = answer.ipa;
      answer.stage2Bits = 48;
      return answer;
    }
    Long pa = s2Translate(answer.ipa, request.type(), false, true);
    if (pa != null) {
      answer.pa = pa;
    }
    return answer;
  }

  /** Stage 1 alone, whatever the walk needs of stage 2. */
  Answer translateStage1(Request request) {
    answer = new Answer();
    s1Translate(request);
    return answer;
  }

  private boolean s1Translate(Request request) {
    if (disabled()) {
      return s1DisabledOutput(request);
    }
    return s1Walk(request);
  }

  private boolean s1DisabledOutput(Request request) {
    int addrTop = tagIgnored(request) ? 55 : 63;
    for (int bit = reg.paMax(); bit <= addrTop; bit++) {
      if (bits(request.va(), bit, bit) != 0) {
        return fail(Fault.ADDRESS_SIZE, 0);
      }
    }
    answer.ipa = bits(request.va(), reg.paMax() - 1, 0);
    answer.r = true;
    answer.w = true;
    answer.x = true;
    answer.global = true;
    answer.stage1Bits = reg.paMax();
    return true;
  }

  private boolean upperRange(Request request) {
    return bits(request.va(), 55, 55) == 1;
  }

  /** AddrTop: TBI0/TBI1, and TBID0/TBID1 for instruction fetches. */
  private boolean tagIgnored(Request request) {
    boolean tbi = bits(reg.tcr(), upperRange(request) ? 38 : 37) == 1;
    boolean tbid = bits(reg.tcr(), upperRange(request) ? 52 : 51) == 1;
    return tbi && !(tbid && request.type() == Type.FETCH);
  }

  private int granuleBits(boolean upper) {
    if (upper) {
      return switch ((int) bits(reg.tcr(), 31, 30)) {
        case 0b01 -> 14;
        case 0b11 -> 16;
        default -> 12; // 0b10; 0b00 is reserved, 4K is our choice
      };
    }
    return switch ((int) bits(reg.tcr(), 15, 14)) {
      case 0b00 -> 12;
      case 0b10 -> 14;
      default -> 16; // 0b01; 0b11 is reserved, 64K is our choice
    };
  }

  private int ipsBits() {
    int ips =
        switch ((int) bits(reg.tcr(), 34, 32)) {
          case 0 -> 32;
          case 1 -> 36;
          case 2 -> 40;
          case 3 -> 42;
          case 4 -> 44;
          default -> 48;
        };
    return Math.min(ips, reg.paMax());
  }

  private boolean s1Walk(Request request) {
    boolean upper = upperRange(request);
    int txsz = (int) (upper ? bits(reg.tcr(), 21, 16) : bits(reg.tcr(), 5, 0));
    txsz = Math.max(16, Math.min(39, txsz));
    int iasize = 64 - txsz;
    // AArch64.VAIsOutOfRange
    int top = tagIgnored(request) ? 55 : 63;
    for (int bit = iasize; bit <= top; bit++) {
      if (bits(request.va(), bit) != (upper ? 1 : 0)) {
        return fail(Fault.TRANSLATION, 0);
      }
    }
    if (bits(reg.tcr(), upper ? 23 : 7) == 1) { // EPD
      return fail(Fault.TRANSLATION, 0);
    }
    int granulebits = granuleBits(upper);
    int stride = granulebits - 3;
    int startlevel = 3 - ((iasize - 1) - granulebits) / stride;
    // AArch64.S1TTBaseAddress
    int levels = 3 - startlevel;
    int tsize = iasize - (levels * stride + granulebits) + 3;
    long ttbr = upper ? reg.ttbr1() : reg.ttbr0();
    long base = bits(ttbr, 47, 1) << 1;
    base = bits(base, 63, tsize) << tsize;
    if (oaOutOfRange(base, ipsBits())) {
      return fail(Fault.ADDRESS_SIZE, 0);
    }
    boolean apTable0 = false;
    boolean apTable1 = false;
    boolean pxnTable = false;
    boolean uxnTable = false;
    boolean hpd = bits(reg.tcr(), upper ? 42 : 41) == 1;
    for (int level = startlevel; ; level++) {
      // AArch64.TTEntryAddress
      int lsb = (3 - level) * stride + granulebits;
      int msb = level == startlevel ? iasize - 1 : lsb + stride - 1;
      long entry = base + 8 * bits(request.va(), msb, lsb);
      Long fetched = fetchDescriptor(entry, level);
      if (fetched == null) {
        return false;
      }
      long descriptor = fetched;
      // AArch64.DecodeDescriptorType
      boolean valid = bits(descriptor, 0) == 1;
      boolean bit1 = bits(descriptor, 1) == 1;
      boolean page = valid && bit1 && level == 3;
      boolean table = valid && bit1 && level < 3;
      boolean blockLevel = granulebits == 12 ? level == 1 || level == 2 : level == 2;
      boolean block = valid && !bit1 && blockLevel;
      if (!page && !table && !block) {
        return fail(Fault.TRANSLATION, level);
      }
      if (table) {
        base = bits(descriptor, 47, granulebits) << granulebits;
        if (oaOutOfRange(base, ipsBits())) {
          return fail(Fault.ADDRESS_SIZE, level);
        }
        if (!hpd) {
          apTable1 |= bits(descriptor, 62) == 1;
          apTable0 |= bits(descriptor, 61) == 1;
          uxnTable |= bits(descriptor, 60) == 1;
          pxnTable |= bits(descriptor, 59) == 1;
        }
        continue;
      }
      long oa = bits(descriptor, 47, lsb) << lsb;
      if (oaOutOfRange(oa, ipsBits())) {
        return fail(Fault.ADDRESS_SIZE, level);
      }
      if (bits(descriptor, 10) == 0) {
        return fail(Fault.ACCESS_FLAG, level);
      }
      s1Permissions(request, descriptor, apTable0, apTable1, pxnTable, uxnTable);
      answer.global = bits(descriptor, 11) == 0;
      answer.attrIndex = (int) bits(descriptor, 4, 2);
      answer.sh = (int) bits(descriptor, 9, 8);
      if (!allowed(request.type())) {
        return fail(Fault.PERMISSION, level);
      }
      answer.ipa = oa | bits(request.va(), lsb - 1, 0);
      answer.stage1Bits = lsb;
      return true;
    }
  }

  /** Data access permissions by AP[2:1], {EL1, EL0}, and what APTable leaves of them. */
  private static final String[][] AP = {{"RW", ""}, {"RW", "RW"}, {"R", ""}, {"R", "R"}};

  private void s1Permissions(
      Request request,
      long descriptor,
      boolean noEl0,
      boolean noWrite,
      boolean pxnT,
      boolean uxnT) {
    String[] permissions = AP[(int) bits(descriptor, 7, 6)];
    String privileged = permissions[0];
    String unprivileged = permissions[1];
    if (noEl0) {
      unprivileged = "";
    }
    if (noWrite) {
      privileged = privileged.replace("W", "");
      unprivileged = unprivileged.replace("W", "");
    }
    boolean wxn = bits(reg.sctlr(), 19) == 1;
    String own = request.el0() ? unprivileged : privileged;
    boolean executeNever;
    if (request.el0()) {
      executeNever = bits(descriptor, 54) == 1 || uxnT;
    } else {
      executeNever = bits(descriptor, 53) == 1 || pxnT || unprivileged.contains("W");
    }
    answer.x = !executeNever && !(wxn && own.contains("W"));
    boolean panApplies = request.pan() && !request.el0() && unprivileged.contains("R");
    answer.r = own.contains("R") && !panApplies;
    answer.w = own.contains("W") && !panApplies;
  }

  private boolean allowed(Type type) {
    return switch (type) {
      case READ -> answer.r;
      case WRITE -> answer.w;
      case FETCH -> answer.x;
    };
  }

  private Long fetchDescriptor(long ipa, int level) {
    long pa = ipa;
    if (reg2.enabled()) {
      Long translated = s2Translate(ipa, Type.READ, true, false);
      if (translated == null) {
        return null;
      }
      pa = translated;
    }
    answer.stage1References++;
    if (!memory.contains(pa, 8)) {
      fail(Fault.SYNC_EXTERNAL_ON_WALK, level);
      answer.faultingIpa = ipa;
      return null;
    }
    long word = memory.readLong(pa);
    return bits(reg.sctlr(), 25) == 1 ? Long.reverseBytes(word) : word;
  }

  private static boolean oaOutOfRange(long address, int oasize) {
    for (int bit = oasize; bit < 56; bit++) {
      if (bits(address, bit) == 1) {
        return true;
      }
    }
    return false;
  }

  private Long s2Translate(long ipa, Type type, boolean s1walk, boolean last) {
    int t0sz = Math.max(16, Math.min(39, (int) bits(reg2.vtcr(), 5, 0)));
    int iasize = 64 - t0sz;
    int oasize =
        switch ((int) bits(reg2.vtcr(), 18, 16)) {
          case 0 -> 32;
          case 1 -> 36;
          case 2 -> 40;
          case 3 -> 42;
          case 4 -> 44;
          default -> 48;
        };
    oasize = Math.min(oasize, reg.paMax());
    int sl0 = (int) bits(reg2.vtcr(), 7, 6);
    int startlevel = 2 - sl0;
    // S2InvalidSL, S2InconsistentSL, and an input size beyond PAMax (we fault)
    boolean bad = sl0 == 3 || sl0 == 2 && reg.paMax() < 44 || iasize > reg.paMax();
    int levels = 3 - startlevel;
    int slMinIasize = levels * 9 + 12 + 1;
    int slMaxIasize = slMinIasize + (9 - 1) + 4;
    bad = bad || iasize < slMinIasize || iasize > slMaxIasize;
    if (bad) {
      return fail2(Fault.TRANSLATION, 0, ipa, s1walk, true);
    }
    if (iasize < 48 && bits(ipa, 47, iasize) != 0) {
      return fail2(Fault.TRANSLATION, 0, ipa, s1walk, false);
    }
    int tsize = iasize - (levels * 9 + 12) + 3;
    long base = bits(bits(reg2.vttbr(), 47, 1) << 1, 63, tsize) << tsize;
    if (oaOutOfRange(base, oasize)) {
      return fail2(Fault.ADDRESS_SIZE, 0, ipa, s1walk, true);
    }
    for (int level = startlevel; ; level++) {
      int lsb = (3 - level) * 9 + 12;
      int msb = level == startlevel ? iasize - 1 : lsb + 8;
      long entry = base + 8 * bits(ipa, msb, lsb);
      answer.stage2References++;
      if (!memory.contains(entry, 8)) {
        return fail2(Fault.SYNC_EXTERNAL_ON_WALK, level, ipa, s1walk, false);
      }
      long descriptor = memory.readLong(entry);
      boolean valid = bits(descriptor, 0) == 1;
      boolean bit1 = bits(descriptor, 1) == 1;
      if (!valid || level == 3 && !bit1 || level == 0 && !bit1) {
        return fail2(Fault.TRANSLATION, level, ipa, s1walk, false);
      }
      boolean table = bit1 && level < 3;
      int addressLsb = table ? 12 : lsb;
      long address = bits(descriptor, 47, addressLsb) << addressLsb;
      if (oaOutOfRange(address, oasize)) {
        return fail2(Fault.ADDRESS_SIZE, level, ipa, s1walk, true);
      }
      if (table) {
        base = address;
        continue;
      }
      if (bits(descriptor, 10) == 0) {
        return fail2(Fault.ACCESS_FLAG, level, ipa, s1walk, false);
      }
      boolean r = bits(descriptor, 6) == 1;
      boolean w = bits(descriptor, 7) == 1;
      boolean x = bits(descriptor, 54) == 0;
      boolean permitted =
          switch (type) {
            case READ -> r;
            case WRITE -> w;
            case FETCH -> x;
          };
      if (!permitted) {
        return fail2(Fault.PERMISSION, level, ipa, s1walk, false);
      }
      if (last) {
        answer.r &= r;
        answer.w &= w;
        answer.x &= x;
        answer.stage2Bits = lsb;
      }
      return address | bits(ipa, lsb - 1, 0);
    }
  }

  private boolean fail(Fault fault, int level) {
    answer.fault = fault;
    answer.level = level;
    return false;
  }

  private Long fail2(Fault fault, int level, long ipa, boolean s1walk, boolean misconfigured) {
    fail(fault, level);
    answer.secondStage = true;
    answer.s2fs1walk = s1walk;
    answer.misconfigured = misconfigured;
    answer.faultingIpa = ipa;
    return null;
  }

  /** {@code value<hi:lo>}. */
  static long bits(long value, int hi, int lo) {
    if (hi < lo) {
      return 0;
    }
    int width = hi - lo + 1;
    long mask = width == 64 ? -1L : (1L << width) - 1;
    return value >>> lo & mask;
  }

  private static long bits(long value, int bit) {
    return bits(value, bit, bit);
  }
}
