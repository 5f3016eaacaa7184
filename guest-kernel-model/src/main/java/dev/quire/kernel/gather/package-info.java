/** What an unmapping collects before it flushes translations and frees (mm/mmu_gather.c). */
package dev.quire.kernel.gather;
