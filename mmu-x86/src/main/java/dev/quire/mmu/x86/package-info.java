/**
 * x86-64 paging, from SDM (order number 325384) volumes 3A chapter 4 and 3C chapter 28, which the
 * section numbers in this package mean.
 *
 * <p>Read in this order:
 *
 * <ol>
 *   <li>{@link dev.quire.mmu.x86.X86Mmu}: the entry: TLB, control-register writes, invalidations
 *   <li>{@link dev.quire.mmu.x86.ControlRegisters} and {@link dev.quire.mmu.x86.PagingMode}: what
 *       the registers mean and what may be written to them
 *   <li>{@link dev.quire.mmu.x86.Ia32eWalker}: the walk, its fault and its flags
 *   <li>{@link dev.quire.mmu.x86.EptWalker}: the second stage under it
 *   <li>the codecs, one class per register or entry: {@link dev.quire.mmu.x86.Cr0}, {@link
 *       dev.quire.mmu.x86.Cr3}, {@link dev.quire.mmu.x86.Cr4}, {@link dev.quire.mmu.x86.Efer},
 *       {@link dev.quire.mmu.x86.Ia32ePte}, {@link dev.quire.mmu.x86.PageFaultCode}, {@link
 *       dev.quire.mmu.x86.Eptp}, {@link dev.quire.mmu.x86.EptEntry}, {@link
 *       dev.quire.mmu.x86.ExitQualification}
 * </ol>
 *
 * <p>Not there: protection keys, shadow stacks, linear-address masking, mode-based execute control,
 * page-modification logging, sub-page permissions; CPUID enumerates none of them. Paging-structure
 * caches are not modelled: every TLB miss walks from the root, which the manual allows.
 */
package dev.quire.mmu.x86;
