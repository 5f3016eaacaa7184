/**
 * The manual read a second time, to check the walkers against: slow, obvious, with an own copy of
 * memory. No machine uses it; {@code quire bench fuzz-mmu} and the tests do. {@link
 * dev.quire.mmu.arm64.oracle.OracleVmsa} uses nothing of the code it judges.
 */
package dev.quire.mmu.arm64.oracle;
