package dev.quire.mmu.arm64.oracle;

import dev.quire.mmu.PhysicalMemory;

/**
 * The obvious reading of the Arm ARM's pseudocode (DDI 0487, shared pseudocode,
 * aarch64/translation), kept slow on purpose: one method per pseudocode function, bit slices by
 * their numbers in the manual, nothing shared with the code under test. It sets access flags and
 * dirty state in the memory it is given, which is to be a copy of its own. One thread.
 *
 * <p>The implementation modelled: 4K, 16K and 64K granules, FEAT_PAN, FEAT_HPDS, FEAT_PAuth (TBID),
 * and what {@link Features} says; no TTST, XNX, E0PD, BTI, S2FWB. The contiguous bit is ignored.
 */
public final class OracleVmsa {
  /** The kinds of fault. */
  public enum Fault {
    NONE(-1),
    ADDRESS_SIZE(0b000000),
    TRANSLATION(0b000100),
    ACCESS_FLAG(0b001000),
    PERMISSION(0b001100),
    SYNC_EXTERNAL_ON_WALK(0b010100);

    private final int code;

    Fault(int code) {
      this.code = code;
    }
  }

  /** The kinds of access. */
  public enum Type {
    READ,
    WRITE,
    FETCH
  }

  /** FEAT_HAFDBS, FEAT_LVA, FEAT_LPA and FEAT_LPA2. */
  public record Features(boolean hafdbs, boolean lva, boolean lpa, boolean lpa2) {
    public static final Features NONE = new Features(false, false, false, false);
  }

  /** The registers of stage 1, and the machine's address bits. */
  public record Registers(
      long sctlr, long tcr, long ttbr0, long ttbr1, int paMax, Features features) {}

  /** The registers of stage 2, if there is one. */
  public record Stage2Registers(boolean enabled, long vtcr, long vttbr) {
    public static final Stage2Registers NONE = new Stage2Registers(false, 0, 0);
  }

  /** One access. */
  public record Request(long va, Type type, boolean el0, boolean pan) {}

  /** The answer; where {@code fault} is NONE the address and the rights, else where it failed. */
  public static final class Answer {
    private Fault fault = Fault.NONE;
    private int level;
    private boolean secondStage;
    private boolean s2fs1walk;
    private boolean misconfigured;
    private long faultingIpa;
    private long ipa;
    private long pa;
    private boolean r;
    private boolean w;
    private boolean x;
    private int stage1Bits;
    private int stage2Bits;
    private int stage1References;
    private int stage2References;
    private int flagsSet;

    public Fault fault() {
      return fault;
    }

    public int level() {
      return level;
    }

    /** Whether the second stage refused. */
    public boolean secondStage() {
      return secondStage;
    }

    /** Whether it refused a descriptor of stage 1. */
    public boolean s2fs1walk() {
      return s2fs1walk;
    }

    /** Whether it did so by what no host resolves. */
    public boolean misconfigured() {
      return misconfigured;
    }

    public long faultingIpa() {
      return faultingIpa;
    }

    public long pa() {
      return pa;
    }

    public boolean readable() {
      return r;
    }

    public boolean writable() {
      return w;
    }

    public boolean executable() {
      return x;
    }

    /** The log2 of the bytes of stage 1's page. */
    public int stage1Bits() {
      return stage1Bits;
    }

    /** The log2 of the bytes of stage 2's page. */
    public int stage2Bits() {
      return stage2Bits;
    }

    public int stage1References() {
      return stage1References;
    }

    public int stage2References() {
      return stage2References;
    }

    /** Access flags and dirty states set. */
    public int flagsSet() {
      return flagsSet;
    }

    /** EncodeLDFSC. */
    public int statusCode() {
      if (level == -1) {
        return switch (fault) {
          case ADDRESS_SIZE -> 0b101001;
          case TRANSLATION -> 0b101011;
          case SYNC_EXTERNAL_ON_WALK -> 0b010011;
          default -> throw new IllegalStateException(fault + " at level -1");
        };
      }
      return fault.code + level;
    }
  }

  private final PhysicalMemory memory;
  private final Registers reg;
  private final Stage2Registers reg2;
  private Answer answer = new Answer();

  public OracleVmsa(PhysicalMemory memory, Registers registers, Stage2Registers stage2) {
    this.memory = memory;
    this.reg = registers;
    this.reg2 = stage2;
  }

  /** Whether stage 1 is off. */
  public boolean disabled() {
    return bits(reg.sctlr(), 0, 0) == 0;
  }

  /** AArch64.FullTranslate. */
  public Answer translate(Request request) {
    answer = new Answer();
    if (!s1Translate(request)) {
      return answer;
    }
    if (!reg2.enabled()) {
      answer.pa = answer.ipa;
      answer.stage2Bits = 52;
      return answer;
    }
    Long pa = s2Translate(answer.ipa, request.type(), false, true);
    if (pa != null) {
      answer.pa = pa;
    }
    return answer;
  }

  private boolean s1Translate(Request request) {
    if (disabled()) {
      return s1DisabledOutput(request);
    }
    Boolean done = s1Walk(request);
    while (done == null) {
      done = s1Walk(request);
    }
    return done;
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

  /** AArch64.PhysicalAddressSize, of IPS and of PS; 0b111 is reserved, 52 is our choice. */
  private int physicalAddressSize(int encoded, boolean wide) {
    int size =
        switch (encoded) {
          case 0 -> 32;
          case 1 -> 36;
          case 2 -> 40;
          case 3 -> 42;
          case 4 -> 44;
          case 5 -> 48;
          default -> 52;
        };
    return Math.min(Math.min(size, reg.paMax()), wide ? 52 : 48);
  }

  /** TCR_EL1.DS or VTCR_EL2.DS, which the 64K granule ignores. */
  private boolean ds(boolean bit, int granulebits) {
    return reg.features().lpa2() && bit && granulebits != 16;
  }

  private boolean lpa(int granulebits) {
    return granulebits == 16 && reg.features().lpa() && reg.paMax() == 52;
  }

  /** AArch64.BlockDescSupported. */
  private boolean blockDescSupported(int granulebits, boolean ds, int level) {
    return switch (granulebits) {
      case 12 -> level == 0 && ds || level == 1 || level == 2;
      case 14 -> level == 1 && ds || level == 2;
      default -> level == 1 && lpa(granulebits) || level == 2;
    };
  }

  /** AArch64.NextTableBase and AArch64.LeafBase: bits 51:48 of the address and those from lsb. */
  private long descriptorAddress(long descriptor, int granulebits, boolean ds, int lsb) {
    long base = bits(descriptor, 47, lsb) << lsb;
    if (lpa(granulebits)) {
      base += bits(descriptor, 15, 12) << 48;
    } else if (ds) {
      base += bits(descriptor, 49, 48) << 48;
      base += bits(descriptor, 9, 8) << 50;
    }
    return base;
  }

  /** AArch64.S1TTBaseAddress and S2TTBaseAddress. */
  private long tableBase(long ttbr, int granulebits, boolean ds, int ps, int tsize) {
    if (ds || lpa(granulebits) && ps == 6) {
      int aligned = Math.max(tsize, 6);
      long base = (bits(ttbr, 5, 2) << 48) + (bits(ttbr, 47, 6) << 6);
      return bits(base, 63, aligned) << aligned;
    }
    return bits(bits(ttbr, 47, 1) << 1, 63, tsize) << tsize;
  }

  /** Null if a descriptor changed under the walk. */
  private Boolean s1Walk(Request request) {
    boolean upper = upperRange(request);
    int granulebits = granuleBits(upper);
    boolean ds = ds(bits(reg.tcr(), 59) == 1, granulebits);
    int txsz = (int) (upper ? bits(reg.tcr(), 21, 16) : bits(reg.tcr(), 5, 0));
    int mintxsz = ds || granulebits == 16 && reg.features().lva() ? 12 : 16;
    txsz = Math.max(mintxsz, Math.min(39, txsz));
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
    int stride = granulebits - 3;
    int startlevel = 3 - ((iasize - 1) - granulebits) / stride;
    int levels = 3 - startlevel;
    int tsize = iasize - (levels * stride + granulebits) + 3;
    int ps = (int) bits(reg.tcr(), 34, 32);
    int oasize = physicalAddressSize(ps, ds || lpa(granulebits));
    long base = tableBase(upper ? reg.ttbr1() : reg.ttbr0(), granulebits, ds, ps, tsize);
    if (oaOutOfRange(base, oasize)) {
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
      boolean block = valid && !bit1 && blockDescSupported(granulebits, ds, level);
      if (!page && !table && !block) {
        return fail(Fault.TRANSLATION, level);
      }
      if (table) {
        base = descriptorAddress(descriptor, granulebits, ds, granulebits);
        if (oaOutOfRange(base, oasize)) {
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
      long oa = descriptorAddress(descriptor, granulebits, ds, lsb);
      if (oaOutOfRange(oa, oasize)) {
        return fail(Fault.ADDRESS_SIZE, level);
      }
      boolean[] denials = {apTable0, apTable1, pxnTable, uxnTable};
      return s1Leaf(request, entry, descriptor, oa, level, lsb, denials);
    }
  }

  /** What follows S1Walk in AArch64.S1Translate; null if the descriptor changed meanwhile. */
  private Boolean s1Leaf(
      Request request,
      long entry,
      long descriptor,
      long oa,
      int level,
      int lsb,
      boolean[] tableDenials) {
    boolean ha = reg.features().hafdbs() && bits(reg.tcr(), 39) == 1;
    boolean hd = ha && bits(reg.tcr(), 40) == 1;
    if (bits(descriptor, 10) == 0 && !ha) {
      return fail(Fault.ACCESS_FLAG, level);
    }
    boolean managed = hd && bits(descriptor, 51) == 1;
    long permitted = managed ? descriptor & ~0x80 : descriptor;
    s1Permissions(request, permitted, tableDenials);
    if (!allowed(request.type())) {
      return fail(Fault.PERMISSION, level);
    }
    long updated = ha ? descriptor | 0x400 : descriptor;
    if (managed && request.type() == Type.WRITE) {
      updated &= ~0x80;
    }
    if (updated != descriptor) {
      Boolean swapped = memSwapTableDesc(entry, descriptor, updated);
      if (swapped == null || !swapped) {
        return swapped == null ? false : null;
      }
    }
    if (managed && bits(updated, 7) == 1) {
      answer.w = false; // granted once the page is dirty
    }
    answer.ipa = oa | bits(request.va(), lsb - 1, 0);
    answer.stage1Bits = lsb;
    return true;
  }

  /** Data access permissions by AP[2:1], {EL1, EL0}, and what APTable leaves of them. */
  private static final String[][] AP = {{"RW", ""}, {"RW", "RW"}, {"R", ""}, {"R", "R"}};

  private void s1Permissions(Request request, long descriptor, boolean[] tableDenials) {
    boolean noEl0 = tableDenials[0];
    boolean noWrite = tableDenials[1];
    boolean pxnT = tableDenials[2];
    boolean uxnT = tableDenials[3];
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
    return swapped(memory.readLong(pa));
  }

  private long swapped(long word) {
    return bits(reg.sctlr(), 25) == 1 ? Long.reverseBytes(word) : word;
  }

  /** AArch64.MemSwapTableDesc: whether memory held the old value; null if stage 2 refuses. */
  private Boolean memSwapTableDesc(long ipa, long old, long updated) {
    long pa = ipa;
    if (reg2.enabled()) {
      Long translated = s2Translate(ipa, Type.WRITE, true, false);
      if (translated == null) {
        return null;
      }
      pa = translated;
    }
    if (swapped(memory.readLong(pa)) != old) {
      return false;
    }
    memory.writeLong(pa, swapped(updated));
    answer.flagsSet += Long.bitCount(old ^ updated);
    return true;
  }

  private static boolean oaOutOfRange(long address, int oasize) {
    for (int bit = oasize; bit < 56; bit++) {
      if (bits(address, bit) == 1) {
        return true;
      }
    }
    return false;
  }

  /** AArch64.S2StartLevel; null where S2InvalidSL says so. */
  private Integer s2StartLevel(int granulebits, boolean ds) {
    int sl0 = (int) bits(reg2.vtcr(), 7, 6);
    boolean sl2 = ds && bits(reg2.vtcr(), 33) == 1;
    if (granulebits == 12) {
      if (sl2) {
        return sl0 == 0 ? -1 : null;
      }
      return switch (sl0) {
        case 0 -> 2;
        case 1 -> 1;
        case 2 -> reg.paMax() < 44 ? null : 0;
        default -> null;
      };
    }
    if (granulebits == 14) {
      return switch (sl0) {
        case 0 -> 3;
        case 1 -> 2;
        case 2 -> reg.paMax() < 42 ? null : 1;
        default -> ds ? 0 : null;
      };
    }
    return switch (sl0) {
      case 0 -> 3;
      case 1 -> 2;
      case 2 -> reg.paMax() < 44 ? null : 1;
      default -> null;
    };
  }

  private Long s2Translate(long ipa, Type type, boolean s1walk, boolean last) {
    int granulebits =
        switch ((int) bits(reg2.vtcr(), 15, 14)) {
          case 0b00 -> 12;
          case 0b10 -> 14;
          default -> 16; // 0b01; 0b11 is reserved, 64K is our choice
        };
    boolean ds = ds(bits(reg2.vtcr(), 32) == 1, granulebits);
    boolean wide = ds || lpa(granulebits);
    int t0sz = Math.max(wide ? 12 : 16, Math.min(39, (int) bits(reg2.vtcr(), 5, 0)));
    int iasize = 64 - t0sz;
    int ps = (int) bits(reg2.vtcr(), 18, 16);
    int oasize = physicalAddressSize(ps, wide);
    Integer start = s2StartLevel(granulebits, ds);
    // An input size beyond PAMax, or 48 bits of it: we fault.
    if (start == null || iasize > Math.min(reg.paMax(), wide ? 52 : 48)) {
      return fail2(Fault.TRANSLATION, 0, ipa, s1walk, true);
    }
    int stride = granulebits - 3;
    // AArch64.S2InconsistentSL
    int levels = 3 - start;
    int slMinIasize = levels * stride + granulebits + 1;
    int slMaxIasize = slMinIasize + (stride - 1) + 4;
    if (iasize < slMinIasize || iasize > slMaxIasize) {
      return fail2(Fault.TRANSLATION, 0, ipa, s1walk, true);
    }
    if (bits(ipa, 55, iasize) != 0) { // AArch64.IPAIsOutOfRange
      return fail2(Fault.TRANSLATION, 0, ipa, s1walk, false);
    }
    int tsize = iasize - (levels * stride + granulebits) + 3;
    long base = tableBase(reg2.vttbr(), granulebits, ds, ps, tsize);
    if (oaOutOfRange(base, oasize)) {
      return fail2(Fault.ADDRESS_SIZE, 0, ipa, s1walk, true);
    }
    for (int level = start; ; level++) {
      int lsb = (3 - level) * stride + granulebits;
      int msb = level == start ? iasize - 1 : lsb + stride - 1;
      long entry = base + 8 * bits(ipa, msb, lsb);
      answer.stage2References++;
      if (!memory.contains(entry, 8)) {
        return fail2(Fault.SYNC_EXTERNAL_ON_WALK, level, ipa, s1walk, false);
      }
      long descriptor = memory.readLong(entry);
      boolean valid = bits(descriptor, 0) == 1;
      boolean bit1 = bits(descriptor, 1) == 1;
      boolean table = valid && bit1 && level < 3;
      boolean page = valid && bit1 && level == 3;
      boolean block = valid && !bit1 && blockDescSupported(granulebits, ds, level);
      if (!table && !page && !block) {
        return fail2(Fault.TRANSLATION, level, ipa, s1walk, false);
      }
      long address = descriptorAddress(descriptor, granulebits, ds, table ? granulebits : lsb);
      if (oaOutOfRange(address, oasize)) {
        return fail2(Fault.ADDRESS_SIZE, level, ipa, s1walk, true);
      }
      if (table) {
        base = address;
        continue;
      }
      return s2Leaf(
          entry, descriptor, address | bits(ipa, lsb - 1, 0), level, lsb, ipa, type, s1walk, last);
    }
  }

  private Long s2Leaf(
      long entry,
      long descriptor,
      long pa,
      int level,
      int lsb,
      long ipa,
      Type type,
      boolean s1walk,
      boolean last) {
    boolean ha = reg.features().hafdbs() && bits(reg2.vtcr(), 21) == 1;
    boolean hd = ha && bits(reg2.vtcr(), 22) == 1;
    if (bits(descriptor, 10) == 0 && !ha) {
      return fail2(Fault.ACCESS_FLAG, level, ipa, s1walk, false);
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
      return fail2(Fault.PERMISSION, level, ipa, s1walk, false);
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
