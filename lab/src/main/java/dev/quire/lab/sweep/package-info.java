/** Grids of runs in parallel processes, into one file of results that survives a kill. */
package dev.quire.lab.sweep;
