package dev.quire.mmu.arm64;

/**
 * The registers of the EL1&0 translation regime and what walks derive from them. Owned by the
 * vCPU's thread. Every setter says whether the new value can change a translation or the ASID.
 */
final class TranslationRegime {
  private static final int REGION_BIT = 55;

  private final int implementedBits;
  private final Arm64Features features;
  private final S1WalkParams[] halves = {new S1WalkParams(0), new S1WalkParams(1)};
  private final long[] ttbr = new long[2];
  private long tcr;
  private long sctlr;
  private long mair;
  private int asid;

  /**
   * @param implementedBits bits of a physical address, ID_AA64MMFR0_EL1.PARange
   */
  TranslationRegime(int implementedBits, Arm64Features features) {
    features.checkPhysicalBits(implementedBits);
    this.implementedBits = implementedBits;
    this.features = features;
    decode();
  }

  /**
   * @return whether the current ASID changed
   */
  boolean setTtbr(int half, long value) {
    ttbr[half] = value;
    int before = asid;
    decode();
    return asid != before;
  }

  boolean setTcr(long value) {
    boolean changed = tcr != value;
    tcr = features.lpa2() ? value : value & ~TcrEl1.DS;
    decode();
    return changed;
  }

  boolean setSctlr(long value) {
    boolean changed = ((sctlr ^ value) & SctlrEl1.TRANSLATION) != 0;
    sctlr = value;
    return changed;
  }

  void setMair(long value) {
    mair = value;
  }

  private void decode() {
    halves[0].decode(tcr, ttbr[0], implementedBits, features);
    halves[1].decode(tcr, ttbr[1], implementedBits, features);
    asid = TtbrEl1.asid(ttbr[TcrEl1.a1(tcr) ? 1 : 0], TcrEl1.as(tcr));
  }

  /** The half that translates {@code va}: bit 55, tagged or not. */
  S1WalkParams half(long va) {
    return halves[(int) (va >>> REGION_BIT) & 1];
  }

  long ttbr(int half) {
    return ttbr[half];
  }

  long tcr() {
    return tcr;
  }

  long sctlr() {
    return sctlr;
  }

  long mair() {
    return mair;
  }

  /** TCR_EL1.HA: walks set the access flag. */
  boolean setsAccessFlag() {
    return features.hafdbs() && (tcr & TcrEl1.HA) != 0;
  }

  /** TCR_EL1.HD with HA: walks for a write set the dirty state of leaves with DBM. */
  boolean setsDirtyState() {
    return setsAccessFlag() && (tcr & TcrEl1.HD) != 0;
  }

  int asid() {
    return asid;
  }

  int implementedBits() {
    return implementedBits;
  }

  /** An ASID from an instruction's operand: its upper bits are ignored if TCR_EL1.AS is 0. */
  int asidOf(int operandAsid) {
    return TcrEl1.as(tcr) ? operandAsid : operandAsid & 0xff;
  }
}
