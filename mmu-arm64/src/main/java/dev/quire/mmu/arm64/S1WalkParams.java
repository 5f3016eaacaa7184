package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;

/**
 * What a walk needs to know of one half (TTBR0 or TTBR1) of the EL1&0 regime, decoded when a
 * register is written: AArch64.GetS1TTWParams and S1TTBaseAddress of the Arm ARM's pseudocode.
 */
final class S1WalkParams {
  private static final int TOP_BYTE_SHIFT = 56;

  private final int half;
  private Granule granule = Granule.SIZE_4K;
  private int inputBits;
  private int outputBits;
  private int startLevel;
  private long tableIpa;
  private AddressForm form = AddressForm.BITS_48;
  private int shareability;
  private boolean disabled;
  private boolean tbi;
  private boolean tbiOfFetch;
  private boolean hpd;

  S1WalkParams(int half) {
    this.half = half;
  }

  void decode(long tcr, long ttbr, int implementedBits, Arm64Features features) {
    granule = TcrEl1.granule(tcr, half);
    boolean ds = (tcr & TcrEl1.DS) != 0 && granule != Granule.SIZE_64K;
    form = AddressForm.of(granule, ds, features, implementedBits);
    shareability = TcrEl1.shareability(tcr, half);
    inputBits = TcrEl1.inputBits(tcr, half, ds || features.lva() && granule == Granule.SIZE_64K);
    outputBits = Math.min(TcrEl1.outputBits(tcr, implementedBits), form.bits());
    startLevel = granule.startLevel(inputBits);
    boolean wideBase =
        ds || form == AddressForm.LPA && TcrEl1.encodedOutputBits(tcr) == TcrEl1.OUTPUT_52;
    int log2TableBytes = granule.log2StartTableBytes(inputBits, startLevel);
    tableIpa = AddressForm.tableBase(ttbr, log2TableBytes, wideBase);
    disabled = TcrEl1.epd(tcr, half);
    tbi = TcrEl1.tbi(tcr, half);
    tbiOfFetch = tbi && !TcrEl1.tbid(tcr, half);
    hpd = TcrEl1.hpd(tcr, half);
  }

  /** The address without a tag that this access may carry. */
  long withoutTag(long va, int access) {
    boolean ignored = Access.isFetch(access) ? tbiOfFetch : tbi;
    return ignored ? va << Byte.SIZE >> Byte.SIZE : va;
  }

  /** AArch64.VAIsOutOfRange of an address without its tag: a bit above the input is not bit 55. */
  boolean outOfRange(long untaggedVa) {
    return untaggedVa >> inputBits != -half;
  }

  /** AArch64.OAOutOfRange. */
  boolean addressTooLarge(long address) {
    return address >>> outputBits != 0;
  }

  /** For a disabled stage 1: whether bits of the address above {@code implementedBits} are set. */
  boolean flatAddressTooLarge(long va, int access, int implementedBits) {
    boolean ignored = Access.isFetch(access) ? tbiOfFetch : tbi;
    long considered = ignored ? va & (1L << TOP_BYTE_SHIFT) - 1 : va;
    return considered >>> implementedBits != 0;
  }

  /** Where descriptors keep their addresses. */
  AddressForm form() {
    return form;
  }

  /** The SH of a leaf. */
  int shareability(long descriptor) {
    return form == AddressForm.LPA2 ? shareability : VmsaDescriptor.shareability(descriptor);
  }

  Granule granule() {
    return granule;
  }

  int inputBits() {
    return inputBits;
  }

  int startLevel() {
    return startLevel;
  }

  long tableIpa() {
    return tableIpa;
  }

  /** EPD: no walks for this half. */
  boolean disabled() {
    return disabled;
  }

  boolean hpd() {
    return hpd;
  }
}
