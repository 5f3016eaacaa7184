/** The reverse map: who maps a folio, counted as Linux counts it (mm/rmap.c). */
package dev.quire.kernel.rmap;
