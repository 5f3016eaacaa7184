package dev.quire.kernel.kvm;

import dev.quire.mmu.TlbInvalidation;

/**
 * Hears of second-stage entries that are gone; a machine passes this on to the MMU of every vCPU,
 * which drops its translations and its engine's fills before the call returns. Frames are given
 * back only afterwards.
 */
public interface Stage2Listener {
  void invalidated(TlbInvalidation.GuestPhysical range);
}
