/**
 * The manual read a second time, to check the walkers against: slow, obvious, with an own copy of
 * memory. No machine uses it; {@code quire bench fuzz-mmu} and the tests do. The oracles use
 * nothing of the code they judge.
 */
package dev.quire.mmu.x86.oracle;
