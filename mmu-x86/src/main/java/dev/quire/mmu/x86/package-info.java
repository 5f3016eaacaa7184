/** x86-64 paging: stage-1 walks (4 and 5 levels), EPT, nested walks. */
package dev.quire.mmu.x86;
