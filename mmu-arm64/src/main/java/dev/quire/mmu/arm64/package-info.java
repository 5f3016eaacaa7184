/** Arm VMSAv8-64: stage-1 walks (4K, 16K, 64K granules), stage 2, TLBI. */
package dev.quire.mmu.arm64;
