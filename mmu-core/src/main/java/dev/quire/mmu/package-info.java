/**
 * The vocabulary shared by both MMUs and the kernel model: access and translation codecs, the ports
 * {@link dev.quire.mmu.PhysicalMemory}, {@link dev.quire.mmu.SecondStage}, {@link
 * dev.quire.mmu.PteFormat} and {@link dev.quire.mmu.FillCache}, and the architectural TLB.
 *
 * <p>Nothing here knows an architecture. Addresses are raw longs whose names say the space: {@code
 * va} guest virtual, {@code gpa} guest physical (Arm: IPA), {@code pa} host physical; {@code pfn}
 * is {@code pa >> 12} whatever the granule.
 */
package dev.quire.mmu;
