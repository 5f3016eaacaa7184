package dev.quire.mmu.arm64;

import dev.quire.mmu.TlbInvalidation;

/**
 * The TLBI instructions of EL1, with range (FEAT_TLBIRANGE) and outer-shareable (FEAT_TLBIOS)
 * forms. Source: Arm ARM DDI 0487, C5.5 and the pseudocode functions TLBI_*, TLBIRange.
 *
 * <pre>
 *  by VA     63      48 47 44 43                         0
 *           +----------+-----+----------------------------+
 *           |   ASID   | TTL |         VA[55:12]          |
 *           +----------+-----+----------------------------+
 *  by range  63      48 47 46 45 44 43 39 38 37 36       0
 *           +----------+-----+-----+-----+-----+----------+
 *           |   ASID   | TG  |SCALE| NUM | TTL | BaseADDR |
 *           +----------+-----+-----+-----+-----+----------+
 * </pre>
 *
 * TTL is a hint; every level is searched. Address bits below the granule are ignored, since an
 * entry is hit by any address it translates.
 */
public enum TlbiOp {
  VMALLE1OS(1, 0, Kind.ALL, false),
  VAE1OS(1, 1, Kind.PAGE, false),
  ASIDE1OS(1, 2, Kind.ASID, false),
  VAAE1OS(1, 3, Kind.PAGE_EVERY_ASID, false),
  VALE1OS(1, 5, Kind.PAGE, true),
  VAALE1OS(1, 7, Kind.PAGE_EVERY_ASID, true),
  RVAE1IS(2, 1, Kind.RANGE, false),
  RVAAE1IS(2, 3, Kind.RANGE_EVERY_ASID, false),
  RVALE1IS(2, 5, Kind.RANGE, true),
  RVAALE1IS(2, 7, Kind.RANGE_EVERY_ASID, true),
  VMALLE1IS(3, 0, Kind.ALL, false),
  VAE1IS(3, 1, Kind.PAGE, false),
  ASIDE1IS(3, 2, Kind.ASID, false),
  VAAE1IS(3, 3, Kind.PAGE_EVERY_ASID, false),
  VALE1IS(3, 5, Kind.PAGE, true),
  VAALE1IS(3, 7, Kind.PAGE_EVERY_ASID, true),
  RVAE1OS(5, 1, Kind.RANGE, false),
  RVAAE1OS(5, 3, Kind.RANGE_EVERY_ASID, false),
  RVALE1OS(5, 5, Kind.RANGE, true),
  RVAALE1OS(5, 7, Kind.RANGE_EVERY_ASID, true),
  RVAE1(6, 1, Kind.RANGE, false),
  RVAAE1(6, 3, Kind.RANGE_EVERY_ASID, false),
  RVALE1(6, 5, Kind.RANGE, true),
  RVAALE1(6, 7, Kind.RANGE_EVERY_ASID, true),
  VMALLE1(7, 0, Kind.ALL, false),
  VAE1(7, 1, Kind.PAGE, false),
  ASIDE1(7, 2, Kind.ASID, false),
  VAAE1(7, 3, Kind.PAGE_EVERY_ASID, false),
  VALE1(7, 5, Kind.PAGE, true),
  VAALE1(7, 7, Kind.PAGE_EVERY_ASID, true);

  private enum Kind {
    ALL,
    ASID,
    PAGE,
    PAGE_EVERY_ASID,
    RANGE,
    RANGE_EVERY_ASID
  }

  private static final int CRN = 8;
  private static final int CRM_NON_SHAREABLE = 7;
  private static final int CRM_RANGE_NON_SHAREABLE = 6;
  private static final int FIELD_VALUES = 8;
  private static final int FIELD_LIMIT = 16;
  private static final int VA_BITS = 44;
  private static final int PAGE_SHIFT = 12;

  private static final int TG_SHIFT = 46;
  private static final int SCALE_SHIFT = 44;
  private static final int NUM_SHIFT = 39;
  private static final int NUM_MASK = 0x1f;
  private static final int BASE_BITS = 37;

  private static final TlbiOp[] BY_ENCODING = new TlbiOp[FIELD_LIMIT * FIELD_VALUES];

  static {
    for (TlbiOp op : values()) {
      BY_ENCODING[op.crm * FIELD_VALUES + op.op2] = op;
    }
  }

  private final int crm;
  private final int op2;
  private final Kind kind;
  private final boolean lastLevelOnly;

  TlbiOp(int crm, int op2, Kind kind, boolean lastLevelOnly) {
    this.crm = crm;
    this.op2 = op2;
    this.kind = kind;
    this.lastLevelOnly = lastLevelOnly;
  }

  /** The instruction SYS #op1, crn, crm, #op2, or null if that is not a TLBI of EL1. */
  public static TlbiOp decode(int op1, int crn, int crm, int op2) {
    boolean known =
        op1 == 0 && crn == CRN && crm >= 0 && crm < FIELD_LIMIT && op2 >= 0 && op2 < FIELD_VALUES;
    return known ? BY_ENCODING[crm * FIELD_VALUES + op2] : null;
  }

  /** Whether it also acts on the other vCPUs of the (inner or outer) shareable domain. */
  public boolean broadcast() {
    return crm != CRM_NON_SHAREABLE && crm != CRM_RANGE_NON_SHAREABLE;
  }

  /** Whether it needs FEAT_TLBIRANGE: the engine's core takes it as undefined. */
  public boolean isRange() {
    return kind == Kind.RANGE || kind == Kind.RANGE_EVERY_ASID;
  }

  /**
   * What it drops, or null for a range whose TG is reserved, which drops nothing.
   *
   * @param operand the value of Xt
   * @param tcr TCR_EL1 of the vCPU that executes it: AS gives the width of its ASIDs, DS the unit
   *     of a range's base
   */
  public TlbInvalidation invalidation(long operand, long tcr) {
    int asid = TtbrEl1.asid(operand, TcrEl1.as(tcr));
    return switch (kind) {
      case ALL -> new TlbInvalidation.AllStage1();
      case ASID -> new TlbInvalidation.Asid(asid);
      case PAGE -> new TlbInvalidation.Page(pageVa(operand), asid, true, lastLevelOnly);
      case PAGE_EVERY_ASID -> new TlbInvalidation.PageEveryAsid(pageVa(operand), lastLevelOnly);
      case RANGE -> range(operand, asid, (tcr & TcrEl1.DS) != 0);
      case RANGE_EVERY_ASID -> range(operand, -1, (tcr & TcrEl1.DS) != 0);
    };
  }

  /** VA[55:12], extended from bit 55 to the untagged form of the address. */
  private static long pageVa(long operand) {
    return signExtend(operand, VA_BITS) << PAGE_SHIFT;
  }

  /**
   * TLBIRange: (NUM + 1) * 2^(5 * SCALE + 1) granules from BaseADDR, which counts granules, or 64
   * KiB with TCR_EL1.DS.
   */
  private TlbInvalidation range(long operand, int asid, boolean ds) {
    int log2Granule;
    switch ((int) (operand >>> TG_SHIFT) & 3) {
      case 1 -> log2Granule = Granule.SIZE_4K.log2Bytes();
      case 2 -> log2Granule = Granule.SIZE_16K.log2Bytes();
      case 3 -> log2Granule = Granule.SIZE_64K.log2Bytes();
      default -> {
        return null;
      }
    }
    int scale = (int) (operand >>> SCALE_SHIFT) & 3;
    long num = operand >>> NUM_SHIFT & NUM_MASK;
    long bytes = num + 1 << 5 * scale + 1 + log2Granule;
    int baseShift = ds ? Granule.SIZE_64K.log2Bytes() : log2Granule;
    long va = signExtend(operand, BASE_BITS) << baseShift;
    return new TlbInvalidation.Range(va, bytes, asid, lastLevelOnly);
  }

  private static long signExtend(long value, int bits) {
    return value << Long.SIZE - bits >> Long.SIZE - bits;
  }
}
