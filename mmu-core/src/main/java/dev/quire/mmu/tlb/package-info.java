/**
 * The measured TLB model: what a core's caches of translations would do with a stream of accesses,
 * as plain data and counts. It watches; what the guest sees comes from {@link
 * dev.quire.mmu.ArchitecturalTlb}.
 */
package dev.quire.mmu.tlb;
