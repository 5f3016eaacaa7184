/**
 * {@code quire bench fuzz-mmu}: random translations through both MMUs, judged by a second, slow
 * reading of the manuals and by Unicorn's own MMU where that can judge. One seed is one round of
 * fresh tables, so that a seed reproduces what it found.
 */
package dev.quire.lab.fuzz;
