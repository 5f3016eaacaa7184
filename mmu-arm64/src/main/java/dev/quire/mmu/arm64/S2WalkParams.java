package dev.quire.mmu.arm64;

/**
 * What a stage-2 walk needs to know of VTCR_EL2 and VTTBR_EL2, decoded when they are written:
 * AArch64.GetS2TTWParams, S2StartLevel, S2InvalidSL, S2InconsistentSL and S2TTBaseAddress of the
 * Arm ARM's pseudocode. Immutable.
 *
 * @param form where descriptors keep their addresses
 * @param invalid T0SZ, SL0 and the machine's addresses disagree: every walk faults at level 0
 * @param startLevel of the (concatenated) tables at {@code tablePa}
 * @param accessFlag hardware sets the access flag
 * @param dirtyState and the dirty state
 * @param shareability SH0, which takes the place of the descriptors' SH with DS
 */
record S2WalkParams(
    Granule granule,
    AddressForm form,
    boolean invalid,
    int inputBits,
    int outputBits,
    int startLevel,
    long tablePa,
    boolean accessFlag,
    boolean dirtyState,
    int shareability) {

  static S2WalkParams decode(long vtcr, long vttbr, Arm64Features features, int implementedBits) {
    Granule granule = VtcrEl2.granule(vtcr);
    boolean ds = features.lpa2() && VtcrEl2.ds(vtcr) && granule != Granule.SIZE_64K;
    AddressForm form = AddressForm.of(granule, ds, features, implementedBits);
    int inputBits = VtcrEl2.inputBits(vtcr, form.isWide());
    int startLevel = VtcrEl2.startLevel(vtcr, granule, ds);
    boolean invalid =
        VtcrEl2.invalidStart(granule, ds, startLevel, implementedBits)
            || VtcrEl2.inconsistent(granule, startLevel, inputBits)
            || inputBits > Math.min(implementedBits, form.bits());
    boolean wideBase =
        form == AddressForm.LPA2
            || form == AddressForm.LPA && VtcrEl2.encodedOutputBits(vtcr) == TcrEl1.OUTPUT_52;
    long tablePa = 0;
    if (!invalid) {
      int log2Bytes = granule.log2StartTableBytes(inputBits, startLevel);
      tablePa = AddressForm.tableBase(vttbr, log2Bytes, wideBase);
    }
    boolean accessFlag = features.hafdbs() && (vtcr & VtcrEl2.HA) != 0;
    return new S2WalkParams(
        granule,
        form,
        invalid,
        inputBits,
        Math.min(VtcrEl2.outputBits(vtcr, implementedBits), form.bits()),
        startLevel,
        tablePa,
        accessFlag,
        accessFlag && (vtcr & VtcrEl2.HD) != 0,
        VtcrEl2.sh0(vtcr));
  }

  /** The SH of a leaf. */
  int shareability(long descriptor) {
    return form == AddressForm.LPA2 ? shareability : VmsaDescriptor.shareability(descriptor);
  }
}
