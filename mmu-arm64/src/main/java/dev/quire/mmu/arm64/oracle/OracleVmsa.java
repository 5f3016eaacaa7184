package dev.quire.mmu.arm64.oracle;

import static dev.quire.mmu.arm64.oracle.OracleFormat.bits;
import static dev.quire.mmu.arm64.oracle.OracleFormat.oaOutOfRange;

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
    int stage1Bits;
    int stage2Bits;
    int stage1References;
    int stage2References;
    int flagsSet;

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
  private final OracleFormat format;
  private final OracleStage2 stage2;
  private Answer answer = new Answer();

  public OracleVmsa(PhysicalMemory memory, Registers stage1, Stage2Registers stage2) {
    this.memory = memory;
    this.reg = stage1;
    this.reg2 = stage2;
    this.format = new OracleFormat(stage1.features(), stage1.paMax());
    this.stage2 = new OracleStage2(memory, stage2, format);
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
    Long pa = stage2.translate(answer, answer.ipa, request.type(), false, true);
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

  /** Null if a descriptor changed under the walk. */
  private Boolean s1Walk(Request request) {
    boolean upper = upperRange(request);
    int granulebits = granuleBits(upper);
    boolean ds = format.ds(bits(reg.tcr(), 59) == 1, granulebits);
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
    int oasize = format.physicalAddressSize(ps, ds || format.lpa(granulebits));
    long base = format.tableBase(upper ? reg.ttbr1() : reg.ttbr0(), granulebits, ds, ps, tsize);
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
      boolean block = valid && !bit1 && format.blockDescSupported(granulebits, ds, level);
      if (!page && !table && !block) {
        return fail(Fault.TRANSLATION, level);
      }
      if (table) {
        base = format.descriptorAddress(descriptor, granulebits, ds, granulebits);
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
      long oa = format.descriptorAddress(descriptor, granulebits, ds, lsb);
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
      Long translated = stage2.translate(answer, ipa, Type.READ, true, false);
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
      Long translated = stage2.translate(answer, ipa, Type.WRITE, true, false);
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

  private boolean fail(Fault fault, int level) {
    answer.fault = fault;
    answer.level = level;
    return false;
  }
}
